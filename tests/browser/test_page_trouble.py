"""The demo page where something is missing, slow or refused: it says what, in plain words, and keeps playing."""

import contextlib
import re
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from conftest import DENY_MICROPHONE, PATIENCE_MS, AlteredSite, Tab
from demo_page import RUNNING, choose, start
from playwright.sync_api import expect
from slow_machine import RECOVERED, SLOW_NOW, slow_down

from build_scripts.site.serve import Handler, serve


def test_a_denied_microphone(open_tab: Callable[..., Tab], demo: str) -> None:
    """The page says so, and offers the clip instead."""
    tab = open_tab(demo, path="", permission=DENY_MICROPHONE)
    choose(tab.page, "Microphone")
    tab.page.get_by_role("button", name="Start").click()
    expect(tab.page.get_by_role("status")).to_contain_text("not allowed")
    start(tab)


def test_a_microphone_that_goes_away(open_tab: Callable[..., Tab], demo: str) -> None:
    """No microphone, or one that is unplugged in the middle."""
    absent = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError'))"
    tab = open_tab(demo, path="", init=absent)
    choose(tab.page, "Microphone")
    tab.page.get_by_role("button", name="Start").click()
    expect(tab.page.get_by_role("status")).to_contain_text("No microphone was found")

    tab = open_tab(demo, path="")
    start(tab, "Microphone")
    tab.evaluate("demo.session.microphone.dispatchEvent(new Event('ended'))")
    expect(tab.page.get_by_role("status")).to_contain_text("The microphone was disconnected")
    expect(tab.page.get_by_role("button", name="Start")).to_be_enabled()


@pytest.mark.parametrize(
    ("missing", "words"), [("AudioContext", "no Web Audio"), ("AudioWorkletNode", "You hear the raw sound")]
)
def test_an_old_browser(open_tab: Callable[..., Tab], isolated: str, missing: str, words: str) -> None:
    """The page says what is missing; without worklets the raw sound plays."""
    tab = open_tab(isolated, path="", init=f"delete window.{missing}")
    tab.page.get_by_role("button", name="Start").click()
    expect(tab.page.get_by_role("status")).to_contain_text(words)
    expect(tab.page.get_by_role("button", name="Start the enhancer again")).to_be_hidden()
    assert tab.uncaught == []


def test_says_what_is_wrong_and_plays_on(open_tab: Callable[..., Tab], altered: AlteredSite, dist: Path) -> None:
    """Without the weights the page explains and plays the sound; once the file is there, one button fixes it."""
    altered.remove("runtime/models/c20.pni")
    tab = open_tab(altered.url, path="")
    page = tab.page
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("status")).to_contain_text("You hear the raw sound")
    expect(page.locator("#reason")).to_contain_text("runtime folder")
    expect(page.locator("#after-level")).to_have_text(re.compile("dBFS$"))

    name = "runtime/models/c20.pni"
    (altered.folder / name).write_bytes((dist / name).read_bytes())
    page.get_by_role("button", name="Start the enhancer again").click()
    expect(page.get_by_role("status")).to_have_text(RUNNING)


def test_on_a_slow_line_the_sound_comes_first_and_the_bytes_as_they_arrive(
    open_tab: Callable[..., Tab], site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample plays during the download of the runtime; what the page says about both is true; Stop ends it."""
    released = threading.Event()
    chunk = 200_000

    def trickle(handler: Handler, source: BinaryIO, target: BinaryIO) -> None:
        """Send the first parts of a large file, then nothing until the test has seen them."""
        slow = handler.path.endswith((".wasm", ".whl", ".zip"))
        with contextlib.suppress(ConnectionError):
            for part in range(10**9):
                if not (data := source.read(chunk)):
                    break
                target.write(data)
                if slow and part > 2:
                    released.wait(PATIENCE_MS / 1000)
                elif slow:
                    time.sleep(0.3)

    monkeypatch.setattr(Handler, "copyfile", trickle)
    with serve(site) as url:
        tab = open_tab(url, path="")
        status, size = tab.page.get_by_role("status"), tab.page.locator("#bytes")
        tab.page.get_by_role("button", name="Start", exact=True).click()
        expect(status).to_contain_text("You hear the raw sound until it is ready")
        assert tab.evaluate("demo.session.heard")
        expect(tab.page.locator("#after-level")).to_have_text(re.compile("dBFS$"))
        # No large file is whole: of each of the four only the beginning has arrived, and is counted.
        expect(size).to_have_text(re.compile(r"^[3-9]\.\d of "))
        tab.page.get_by_role("switch", name="Loudspeaker on").uncheck()
        tab.page.get_by_role("button", name="Stop", exact=True).click()
        expect(status).to_have_text("Stopped.")
        tab.wait("demo.percepnet === undefined")
        tab.page.get_by_role("button", name="Start", exact=True).click()
        expect(status).to_have_text(re.compile(r"^Loading[^.]*\.$"))
        released.set()
        expect(status).to_have_text(RUNNING)


def test_offline_before_the_first_start(open_tab: Callable[..., Tab], demo: str) -> None:
    """Plain words for the sample and for the enhancer, and everything works once there is a network."""
    tab = open_tab(demo, path="")
    status = tab.page.get_by_role("status")
    tab.page.context.set_offline(True)
    tab.page.get_by_role("button", name="Start", exact=True).click()
    expect(status).to_have_text("The sound could not be downloaded. Check your connection and try again.")
    choose(tab.page, "Microphone")
    tab.page.get_by_role("button", name="Start", exact=True).click()
    expect(status).to_contain_text("You are offline, and the enhancer has not been downloaded yet")
    tab.page.context.set_offline(False)
    tab.page.get_by_role("button", name="Start the enhancer again").click()
    expect(status).to_have_text(RUNNING)


def test_a_recording_of_two_hours_is_refused_before_it_is_decoded(
    open_tab: Callable[..., Tab], isolated: str, tmp_path: Path
) -> None:
    """The message has its length and the limit; the current sound keeps playing."""
    seconds = 2 * 3600
    with wave.open(str(tmp_path / "interview.wav"), "wb") as file:
        file.setparams((1, 1, 4000, 0, "NONE", ""))
        file.writeframes(bytes(seconds * 4000))
    tab = open_tab(isolated, path="")
    tab.evaluate(
        """() => {
          window.decoded = 0;
          const { decodeAudioData } = BaseAudioContext.prototype;
          BaseAudioContext.prototype.decodeAudioData = function (...all) {
            decoded += 1;
            return decodeAudioData.apply(this, all);
          };
        }"""
    )
    tab.page.get_by_label("Sound file").set_input_files(tmp_path / "interview.wav")
    status = tab.page.get_by_role("status")
    expect(status).to_contain_text("interview.wav lasts 2 hours. This page accepts recordings of up to 30 minutes")
    assert tab.evaluate("decoded") == 0


def test_overload_is_reported(open_tab: Callable[..., Tab], demo: str) -> None:
    """What the drop-in does about it, in words; the model chosen is the one that runs."""
    tab = open_tab(demo, path="")
    start(tab)
    tell = "detail => demo.percepnet.dispatchEvent(new CustomEvent('overload', { detail }))"
    tab.evaluate(tell, {"action": "wait"})
    expect(tab.page.get_by_role("status")).to_contain_text("cannot keep up")
    tab.evaluate(tell, {"action": "step-down", "tier": "c10", "from": "c20"})
    expect(tab.page.get_by_role("status")).to_contain_text("the smaller model c10")
    expect(tab.page.get_by_label("Model")).to_have_value("c10")


def test_a_machine_that_is_too_slow_is_not_called_a_muted_microphone(
    open_tab: Callable[..., Tab], altered: AlteredSite
) -> None:
    """Under load the enhancer is bypassed: the page says so while the noisy clip plays, and says when it recovers."""
    slow_down(altered, "js.slow")
    tab = open_tab(altered.url, path="")
    said = "new MutationObserver(() => said.push(document.getElementById('state').textContent))"
    tab.evaluate(
        f"() => {{ window.said = []; {said}.observe(document.getElementById('state'), {{ childList: true }}); }}"
    )
    tab.page.get_by_label("Model").select_option("c10")
    tab.page.get_by_role("button", name="Start", exact=True).click()
    tab.wait("demo.percepnet?.state === 'ready' && !demo.percepnet.early && demo.percepnet.playing === 'enhanced'")
    tab.evaluate(SLOW_NOW)
    tab.wait("demo.percepnet?.playing === 'bypassed'")
    expect(tab.page.get_by_role("status")).to_contain_text("currently too slow")
    expect(tab.page.locator("#playing")).to_have_text("raw: bypassed")
    expect(tab.page.locator("#before-level")).to_have_text(re.compile("dBFS$"))
    tab.evaluate(RECOVERED)
    expect(tab.page.get_by_role("status")).to_have_text(RUNNING)
    assert not [text for text in tab.evaluate("said") if "microphone" in text or "Silence" in text]


def test_an_early_click_cannot_reload_the_page(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """The button waits for its script: without one, a click would submit the form."""
    altered.remove("app.js")
    page = open_tab(altered.url, path="").page
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
