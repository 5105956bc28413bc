"""The README's pictures, taken from the running product: `python -m tests.browser.screenshots`."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import FLAGS, PASSWORD, READY, ROOT, start_site, until_healthy

PICTURES = ROOT / ".readme"


def main() -> None:
    """Only what is real on any machine: the built-in model, with a rent for its price."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = {"APP_PASSWORD": PASSWORD, "GPU_USD_PER_HOUR": "0.25"}
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
        chromium.close()
        site.stop()


if __name__ == "__main__":
    main()
