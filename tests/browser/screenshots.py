"""The README's pictures, taken from the running product: `python -m tests.browser.screenshots`."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import FLAGS, PASSWORD, READY, ROOT, start_site, until_healthy

PICTURES = ROOT / ".readme"


def main() -> None:
    """Only what is real on any machine: the built-in model, with a rent for its price."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = {
            "APP_PASSWORD": PASSWORD, "GPU_USD_PER_HOUR": "0.25", "MONTHLY_BUDGET_USD": "10",
        }  # fmt: skip
        site = until_healthy(start_site(Path(folder), **settings))
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = chromium.new_page(viewport={"width": 1000, "height": 640})
        page.goto(f"{site.url}/login")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_selector(READY)
        box = page.get_by_test_id("stChatInputTextArea")
        box.fill("What is the capital of France?")
        box.press("Enter")
        expect(page.get_by_test_id("stChatMessage").last).to_contain_text("tok/s", timeout=30_000)
        page.mouse.click(5, 5)
        page.wait_for_timeout(1000)
        page.screenshot(path=PICTURES / "chat.png")
        page.set_viewport_size({"width": 1200, "height": 760})
        page.goto(f"{site.url}/estimate")
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)
        page.wait_for_timeout(1500)
        page.screenshot(path=PICTURES / "estimate.png")
        save_plan(page)
        page.goto(f"{site.url}/classify")
        classify(page)
        page.screenshot(path=PICTURES / "classify.png")
        page.goto(f"{site.url}/usage?side=Calls+to+own+models")
        expect(page.get_by_text("calls of this month to own models")).to_be_visible(timeout=30_000)
        page.wait_for_timeout(1500)
        page.screenshot(path=PICTURES / "usage.png")
        page.goto(f"{site.url}/models")
        measure(page)
        page.screenshot(path=PICTURES / "models.png")
        chromium.close()
        site.stop()


def save_plan(page: Page) -> None:
    """For the usage page to hold the month against."""
    page.get_by_role("button", name="Save as a plan").click()
    page.get_by_label("Name", exact=True).fill("This winter")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("«This winter» is saved")).to_be_visible()


def classify(page: Page) -> None:
    """The sample, labelled by the built-in model with two examples of each label."""
    page.get_by_role("button", name="Use sample reviews").click()
    page.get_by_role("button", name="Take 2 examples per label").click()
    expect(page.get_by_text("Examples (6)")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Run as a job").click()
    expect(page.get_by_text("400 of 400 rows")).to_be_visible(timeout=900_000)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)
    page.set_viewport_size({"width": 1200, "height": 1080})
    page.wait_for_timeout(2000)


def measure(page: Page) -> None:
    """How fast the built-in model is here, in front of what the servers say."""
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_role("link", name="Use the result")).to_be_visible(timeout=300_000)
    page.reload()  # with the test in its address the section comes first
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)
    page.set_viewport_size({"width": 1200, "height": 1180})
    page.wait_for_timeout(2000)


if __name__ == "__main__":
    main()
