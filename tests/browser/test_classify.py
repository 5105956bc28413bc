"""Journeys through the classify page in a real Chromium."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
OLLAMA = "/classify?cls_model=ollama%2Fgemma3%3A4b"
DONE = "[data-test-script-state=notRunning]"


def rows(count: int, pace: str = "") -> bytes:
    """Rows whose text holds their label; every tenth says another one than its gold."""
    lines = ["text,mood"]
    for n in range(count):
        mood = ("good", "bad")[n % 2]
        said = "bad" if n % 10 == 0 else mood
        lines.append(f"row {n} is {said}{pace},{mood}")
    return "\n".join(lines).encode()


def prepare(page: Page, data: bytes, name: str) -> None:
    """Upload, choose the gold column, take the labels from it."""
    file = {"name": name, "mimeType": "text/csv", "buffer": data}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(page.get_by_text("2 columns: text, mood")).to_be_visible()
    choose(page, "cls_gold", "mood")
    page.get_by_role("button", name="Take labels from «mood»").click()
    expect(page.get_by_text("rows have one of these labels")).to_be_visible()


def choose(page: Page, key: str, option: str) -> None:
    page.locator(f".st-key-{key}").get_by_role("combobox").click()
    page.get_by_role("option", name=option, exact=True).click()
    page.wait_for_selector(DONE)


def run(page: Page) -> str:
    """Start the job; the address of its page."""
    page.get_by_role("button", name="Run as a job").click()
    page.wait_for_url(re.compile("job="))
    return page.url


def test_upload_try_run_and_read_the_file_back(visit: Visit, tmp_path: Path) -> None:
    """From a file to its labels: trial, estimate, job, accuracy, a cell's rows, the download."""
    page = visit(OLLAMA)
    prepare(page, rows(60), "sixty.csv")
    page.get_by_role("button", name="Try 20 rows").click()
    expect(page.get_by_text("90% of 20 rows right")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("All 60 rows")).to_be_visible()

    run(page)
    expect(page.get_by_text("60 of 60 rows")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("90.0%", exact=True)).to_be_visible()
    expect(page.get_by_text("Took")).to_be_visible()
    page.wait_for_selector(DONE)
    cell = page.locator(".js-plotly-plot .scatterlayer .point").nth(1)  # gold good, said bad
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    given = page.locator(".st-key-cls_cell_given").get_by_role("combobox")
    expect(given).to_have_value("bad")
    expect(page.get_by_role("region", name="Rows with their labels")).to_be_visible()

    page.get_by_role("tab", name="Rows").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV", exact=True).click()
    waiting.value.save_as(tmp_path / "results.csv")
    found = list(
        csv.DictReader((tmp_path / "results.csv").read_text(encoding="utf-8").splitlines())
    )
    assert [row["label"] for row in found[:4]] == ["bad", "bad", "good", "bad"]
    assert len(found) == 60
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Manifest").click()
    waiting.value.save_as(tmp_path / "manifest.json")
    assert json.loads((tmp_path / "manifest.json").read_text())["spec"]["gold_column"] == "mood"


def test_reload_pause_and_resume_in_mid_run(visit: Visit) -> None:
    """A running job is seen again after a reload and by a second tab, and stops when told to."""
    page = visit(OLLAMA)
    prepare(page, rows(120, " #slow=0.3"), "slow.csv")
    link = run(page)
    expect(page.get_by_text(re.compile(r"^[1-9]\d* of 120 rows"))).to_be_visible(timeout=30_000)
    page.reload()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    other = page.context.new_page()
    other.goto(link)
    expect(other.get_by_role("button", name="Pause")).to_be_visible()

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(other.get_by_role("button", name="Resume")).to_be_visible()
    other.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("120 of 120 rows")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Took")).to_be_visible()


def test_an_answered_question_leaves_no_other_behind(visit: Visit) -> None:
    """«Cancel» goes when the job is cancelled; a second click must not delete the job."""
    page = visit(OLLAMA)
    prepare(page, rows(60, " #slow=0.3"), "cancelled.csv")
    run(page)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_role("button", name="End it")).to_have_count(0)

    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Delete it")).to_have_count(0)


def test_a_reload_keeps_the_task(visit: Visit) -> None:
    """File, gold column and labels stand again after a reload."""
    page = visit(OLLAMA)
    prepare(page, rows(30), "thirty.csv")
    page.get_by_label("Instruction", exact=True).fill("Mood of the row")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(DONE)
    page.reload()

    expect(page.get_by_text("30 rows have one of these labels")).to_be_visible()
    expect(page.get_by_label("Instruction", exact=True)).to_have_value("Mood of the row")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_phone_width(visit: Visit, dark: bool) -> None:
    """At 390 px a draft and a finished job are readable, and nothing is wider than the screen."""
    page = visit(OLLAMA, width=390, dark=dark)
    page.get_by_role("button", name="Use sample reviews").click()
    expect(page.get_by_text("CSV, 400 rows, 3 columns")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    run(page)
    expect(page.get_by_text("400 of 400 rows")).to_be_visible(timeout=60_000)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
