"""Take the picture of a report that the README shows: ``python docs/images/take.py`` after ``make audit``."""

from pathlib import Path

from playwright.sync_api import sync_playwright

REPORT = Path("xent-audit/report.html").resolve()
OUT = Path(__file__).with_name("report.png")

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.goto(REPORT.as_uri())
    page.wait_for_timeout(500)
    page.screenshot(path=OUT)
    browser.close()
