"""The demo page's controls, found by the names that assistive technology reads out."""

import re

from conftest import PATIENCE_MS, Tab
from playwright.sync_api import Page, expect

# The usual five seconds are not enough where Python is being loaded on a busy machine.
expect.set_options(timeout=PATIENCE_MS)

RUNNING = re.compile(r"^Enhancing\.")


def start(tab: Tab, source: str = "Sample") -> None:
    """Choose a sound, press Start, wait for the enhancer."""
    choose(tab.page, source)
    tab.page.get_by_role("button", name="Start", exact=True).click()
    expect(tab.page.get_by_role("status")).to_have_text(RUNNING)
    tab.wait("demo.percepnet?.playing === 'enhanced'")


def choose(page: Page, name: str) -> None:
    """Choose the radio button of that name, as a key would: the label lies over it."""
    page.get_by_role("radio", name=name, exact=True).check(force=True)
