"""The page as a person uses it, found by the names that assistive technology reads out."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from conftest import AlteredSite, Tab
from playwright.sync_api import expect


@pytest.mark.parametrize("source", ["Noisy clip", "Microphone"])
def test_start_listen_stop(open_tab: Callable[..., Tab], isolated: str, source: str) -> None:
    """Start, wait for the enhancer, switch it off and on, stop, start again."""
    tab = open_tab(isolated, path="")
    page = tab.page
    page.get_by_label(source).check()
    page.get_by_role("button", name="Start").click()
    status = page.get_by_role("status")
    status.filter(has_text="Enhancing.").wait_for()
    tab.wait("document.getElementById('latency').textContent === '70 ms'")
    # The far end is really heard: an element that plays a live track.
    tab.wait("document.getElementById('far-end').currentTime > 0.5")
    tab.wait("document.getElementById('after').value > -60")

    page.keyboard.press("e")
    expect(page.get_by_role("switch", name="Enhance")).not_to_be_checked()
    status.filter(has_text="Switched off").wait_for()
    page.get_by_role("switch", name="Enhance").check()
    status.filter(has_text="Enhancing.").wait_for()

    slider = page.get_by_role("slider", name="Lower noise by at most")
    slider.press("Home")
    assert tab.evaluate("demo.percepnet.attenuationLimit") == 0
    slider.press("End")
    assert tab.evaluate("demo.percepnet.attenuationLimit === Infinity")

    page.get_by_role("button", name="Stop").click()
    status.filter(has_text="Stopped.").wait_for()
    page.get_by_role("button", name="Start").click()
    status.filter(has_text="Enhancing.").wait_for()
    assert {urlsplit(request).netloc for request in tab.requests} == {urlsplit(isolated).netloc}
    assert tab.complaints == [] and tab.uncaught == []


def test_says_what_is_wrong_and_plays_on(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """Without the runtime the page explains, and the far end still hears the sound."""
    altered.remove("runtime/*")
    tab = open_tab(altered.url, path="")
    tab.page.get_by_role("button", name="Start").click()
    tab.page.get_by_role("status").filter(has_text="You hear the raw sound").wait_for()
    tab.page.get_by_role("status").filter(has_text="runtime folder").wait_for()
    tab.wait("document.getElementById('after').value > -50")


@pytest.mark.parametrize("width", [320, 1280])
def test_fits_the_screen(open_tab: Callable[..., Tab], isolated: str, width: int) -> None:
    """No sideways scrolling, and every control has a name and can be reached by keyboard."""
    tab = open_tab(isolated, path="")
    tab.page.set_viewport_size({"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    reached = set()
    for _ in range(12):
        tab.page.keyboard.press("Tab")
        reached.add(tab.evaluate("document.activeElement?.id || document.activeElement?.value"))
    assert {"start", "enabled", "audible", "limit", "clip"} <= reached
    assert tab.evaluate("[...document.querySelectorAll('input')].every((i) => i.labels.length > 0)")
    inline = "document.querySelectorAll('[style], script:not([src]), style, [onclick]').length"
    assert tab.evaluate(inline) == 0, "a strict content security policy would refuse it"


def test_an_early_click_cannot_reload_the_page(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """The button waits for its script: without one, a click would submit the form."""
    altered.remove("app.js")
    page = open_tab(altered.url, path="").page
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
