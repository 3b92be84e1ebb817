"""The demo page as a person uses it."""

import io
import json
import re
import wave
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import Audio, Tab
from demo_page import RUNNING, choose, start
from measure import ATTEMPTS, soon
from playwright.sync_api import Download, expect

from build_scripts.bench.sizes import wire_sizes

WIRE_BUDGET = 8_000_000
"""Bytes of a first visit, in brotli: page, modules, runtime and the default tier."""


def test_a_first_visit_stays_within_its_budget(open_tab: Callable[..., Tab], isolated: str, site: Path) -> None:
    """All that is fetched until the page enhances, but for the sample, as a server would send it at best."""
    tab = open_tab(isolated, path="")
    fetched: set[str] = set()
    tab.page.context.on("request", lambda request: fetched.add(urlsplit(request.url).path))
    tab.page.reload()
    start(tab)
    # A machine that is too slow loads a smaller tier as well.
    other = ("/samples/", "/runtime/models/c10.")
    files = [site / (path.lstrip("/") or "index.html") for path in sorted(fetched) if not path.startswith(other)]
    assert {"pyodide.asm.wasm", "python_stdlib.zip"} <= {file.name for file in files}
    total = sum(size["brotli"] for size in wire_sizes(files).values())
    print(f"{len(files)} files, {total / 1e6:.2f} MB")
    assert total < WIRE_BUDGET


def read_wav(download: Download) -> Audio:
    """Samples of a recording, full scale 1."""
    with wave.open(io.BytesIO(Path(download.path()).read_bytes())) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 48000, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def record(tab: Tab, seconds: int = 2, take: int = 1) -> dict[str, Audio]:
    """Record this many whole seconds of both signals, and download them."""
    page = tab.page
    button = page.get_by_role("button", name=re.compile("^(Record both|Stop recording)"))
    button.click()
    expect(button).to_have_text(re.compile(rf"\(0:0[{seconds}-9]\)"))
    button.click()
    signals = {}
    for which in ("before", "after"):
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Download Take {take}, {which}").click()
        signals[which] = read_wav(download.value)
    return signals


@pytest.mark.parametrize("source", ["Sample", "Microphone"])
def test_start_listen_stop(open_tab: Callable[..., Tab], isolated: str, source: str) -> None:
    """Start, watch the figures come, switch between before and after, through a call, stop, start again."""
    tab = open_tab(isolated, path="")
    page = tab.page
    start(tab, source)
    # Beside a microphone the loudspeaker waits for headphones.
    loudspeaker = page.get_by_role("switch", name="Loudspeaker on")
    expect(loudspeaker).to_be_checked(checked=source == "Sample")
    loudspeaker.check()
    expect(page.locator("#latency")).to_have_text("70 ms")
    expect(page.locator("#load")).to_have_text(re.compile(r"^\d+\.\d %$"))
    expect(page.locator("#gains-now")).to_have_text(re.compile(r"^mean [01]\.\d\d$"))
    expect(page.locator("#before-level")).to_have_text(re.compile("dBFS$"))
    # The pictures are filled: each has opaque pixels. Copies are read: the browser warns of many reads of one canvas.
    filled = """(() => {{
        const copy = new OffscreenCanvas(300, 30).getContext('2d');
        copy.drawImage(document.querySelector('#{} canvas'), 0, 0);
        return copy.getImageData(0, 0, 300, 30).data.some(Boolean);
    }})()"""
    for picture in ("before", "after", "gains", "strengths", "voice"):
        tab.wait(filled.format(picture))

    choose(page, "Before")
    tab.wait("demo.sound.after.gain.value === 0")
    page.keyboard.press("b")
    tab.wait("demo.sound.after.gain.value === 1")
    assert tab.evaluate("demo.percepnet.enabled"), "listening to the one must not stop the other"

    slider = page.get_by_role("slider", name="Reduce noise by at most")
    slider.press("Home")
    assert tab.evaluate("demo.percepnet.attenuationLimit") == 0
    slider.press("End")
    assert tab.evaluate("demo.percepnet.attenuationLimit === Infinity")

    # The far end of the call is really heard: an element that plays a live track.
    page.get_by_role("switch", name="Send it through a call to this page").check()
    tab.wait("document.getElementById('far-end').currentTime > 0.5")
    # Measured: a machine that is busy may send fewer packets than it should.
    expect(page.locator("#call-facts")).to_have_text(
        re.compile(r"^WebRTC, Opus \d+ kbit/s, \d+0 ms packets, \d+ lost$")
    )
    page.get_by_role("switch", name="Send it through a call to this page").uncheck()
    expect(page.locator("#call-facts")).to_be_empty()
    tab.wait("document.getElementById('far-end').srcObject === null")

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Stopped.")
    start(tab, source)
    assert {urlsplit(request).netloc for request in tab.requests if not request.startswith("blob:")} == {
        urlsplit(isolated).netloc
    }
    assert tab.complaints == [] and tab.uncaught == []


def test_both_signals_are_aligned_to_the_sample(open_tab: Callable[..., Tab], demo: str) -> None:
    """With no attenuation allowed the enhancer passes its input on: then both recordings are one and the same."""
    tab = open_tab(demo, path="")
    tab.page.get_by_role("slider", name="Reduce noise by at most").press("Home")
    start(tab)
    signals = record(tab)
    before, after = signals["before"], signals["after"]
    assert len(before) == len(after) > 24000
    assert np.sqrt(np.mean(before**2)) > 0.01
    # Late frames are played raw, at the same delay: they change nothing here. One step of 16 bits is 3e-5.
    assert np.max(np.abs(before - after)) < 2e-4


def test_recordings_are_before_and_after(open_tab: Callable[..., Tab], demo: str) -> None:
    """The enhanced recording is quieter where nobody speaks, and can be deleted."""
    tab = open_tab(demo, path="")
    start(tab)
    takes = iter(range(1, ATTEMPTS + 1))

    def louder() -> str:
        signals = record(tab, seconds=4, take=(take := next(takes)))
        quietest = {
            name: min(np.mean(part**2) for part in np.array_split(signal, len(signal) // 4800))
            for name, signal in signals.items()
        }
        tab.page.get_by_role("button", name=f"Delete Take {take}").click()
        expect(tab.page.locator("#takes")).to_be_empty()
        return "" if quietest["after"] < quietest["before"] / 10 else str(quietest)

    soon(louder)


def test_another_model_takes_over_while_it_plays(open_tab: Callable[..., Tab], demo: str, site: Path) -> None:
    """Each tier of the runtime folder can be chosen."""
    tiers = json.loads((site / "runtime" / "models.json").read_text())
    other = next(name for name, entry in tiers.items() if not entry["default"])
    tab = open_tab(demo, path="")
    start(tab)
    assert tab.evaluate("demo.percepnet.tier") == next(name for name in tiers if tiers[name]["default"])
    tab.page.get_by_label("Model").select_option(other)
    tab.wait(f"demo.percepnet.tier === '{other}'")
    expect(tab.page.get_by_role("status")).to_have_text(RUNNING)


def test_a_file_of_ones_own(open_tab: Callable[..., Tab], demo: str, clip: Path) -> None:
    """Picked, dropped, or refused with a reason while the last sound plays on."""
    tab = open_tab(demo, path="")
    page = tab.page
    choose(page, "Your file")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a sound file").click()
    chooser.value.set_files(clip)
    expect(page.get_by_role("status")).to_have_text(RUNNING)
    expect(page.get_by_role("radio", name=clip.name)).to_be_checked()
    for figure in ("load", "latency", "late", "gains-now", "strengths-now", "voice-now", "before-level", "after-level"):
        expect(page.locator(f"#{figure}")).to_have_text(re.compile(r"\d"))
    page.get_by_role("switch", name="Send it through a call to this page").check()
    tab.wait("document.getElementById('far-end').currentTime > 0.5")

    drop = """name => {
      const files = new DataTransfer();
      files.items.add(new File(['this is text'], name, { type: 'text/plain' }));
      for (const type of ['dragover', 'drop']) {
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }));
      }
    }"""
    page.evaluate(drop, "letter.txt")
    expect(page.get_by_role("status")).to_contain_text("letter.txt contains no sound")
    assert tab.evaluate("demo.sound.context.state") == "running"
    assert tab.complaints == [] and tab.uncaught == []


def test_stop_and_start_load_nothing_again(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Python stays for as long as the page, even after the time for which an unused worker is kept."""
    tab = open_tab(isolated, path="")
    start(tab)
    loaded = len(tab.requests)
    tab.page.get_by_role("button", name="Stop", exact=True).click()
    tab.page.wait_for_timeout(3000)
    start(tab)
    again = [request for request in tab.requests[loaded:] if "/samples/" not in request]
    assert again == []


def test_samples_to_choose_from(open_tab: Callable[..., Tab], demo: str, site: Path) -> None:
    """Each can be decoded, is played at once when chosen, and is credited with its licence."""
    samples = json.loads((site / "samples" / "samples.json").read_text())["samples"]
    tab = open_tab(demo, path="")
    start(tab)
    tab.page.get_by_text("About this sample").click()
    for sample in samples:
        choose(tab.page, sample["title"])
        tab.wait(f"performance.getEntriesByName(new URL('samples/{sample['id']}.opus', location).href).length > 0")
        expect(tab.page.locator("#sample-about")).to_contain_text(sample["about"])
        expect(tab.page.locator("#sample-credits")).to_contain_text(re.compile(r"\((CC BY 4\.0|free with notice)\)"))
        expect(tab.page.get_by_role("button", name="Stop", exact=True)).to_be_enabled()
    expect(tab.page.get_by_role("status")).to_have_text(RUNNING)


def test_older_safaris_get_the_other_format(open_tab: Callable[..., Tab], demo: str) -> None:
    """Whatever cannot play Ogg is given MP3."""
    tab = open_tab(demo, path="", init="HTMLMediaElement.prototype.canPlayType = () => ''")
    start(tab)
    assert [request.rsplit("/", 1)[1] for request in tab.requests if "/samples/cafe" in request] == ["cafe.mp3"]


def test_testing_the_microphone(open_tab: Callable[..., Tab], demo: str) -> None:
    """Five seconds raw and enhanced, a pause, five with the browser's own suppression, and a verdict on the level."""
    tab = open_tab(demo, path="")
    tab.evaluate(
        """window.seen = [];
        const [state, meter] = ['test-state', 'test-level'].map((id) => document.getElementById(id));
        new MutationObserver(() => seen.push([state.textContent, meter.hidden])).observe(state, { childList: true });"""
    )
    tab.page.get_by_role("button", name="Record 2 × 5 seconds").click()
    expect(tab.page.locator("#test-state")).to_contain_text(re.compile(r"^Peak −\d+ dBFS: a good level\."))
    prompts = ("Speak now", "Next, the browser’s own suppression", "Now say it again")
    seen = tab.evaluate("seen")
    metered = [{not hidden for text, hidden in seen if text.startswith(prompt)} for prompt in prompts]
    assert metered == [{True}, {False}, {True}]
    for which in ("raw", "enhanced", "browser"):
        with tab.page.expect_download() as download:
            tab.page.get_by_role("link", name=f"Download Test 1, {which}").click()
        sound = read_wav(download.value)
        assert 5 * 48000 <= len(sound) < 8 * 48000 and np.abs(sound).max() > 0.01, which
    expect(tab.page.get_by_role("status")).to_have_text("Stopped.")  # the microphone is released
    assert tab.uncaught == []


def test_an_snr_is_shown_once_there_are_speech_and_noise(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Silence and steady noise have none."""
    tab = open_tab(isolated, path="")
    shown = "async () => [0, -60, 60, -5.4, 12].map((await import('./facts.js')).describeSnr)"
    assert tab.evaluate(shown) == ["–", "–", "–", "−5 dB", "12 dB"]


def test_loading_is_shown_in_bytes(open_tab: Callable[..., Tab], isolated: str, site: Path) -> None:
    """Of a known total, which is reached."""
    total = sum(json.loads((site / "runtime" / "sizes.json").read_text())["python"].values())
    tab = open_tab(isolated, path="")
    tab.evaluate(
        """window.seen = [];
        new MutationObserver(() => seen.push(document.getElementById('bytes').textContent))
          .observe(document.getElementById('bytes'), { childList: true });"""
    )
    start(tab)
    last = tab.evaluate("seen.at(-1)")
    assert last == f"{total / 1e6:.1f} of {total / 1e6:.1f} MB"
    expect(tab.page.get_by_role("progressbar")).to_be_hidden()


def test_freezing_the_pictures(open_tab: Callable[..., Tab], demo: str) -> None:
    """Nothing moves any more, the sound continues, and single keys can be switched off."""
    tab = open_tab(demo, path="")
    page = tab.page
    start(tab)
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Freeze the pictures")).to_have_attribute("aria-pressed", "true")
    picture = "document.querySelector('#before canvas').toDataURL()"
    page.wait_for_timeout(100)
    frozen = tab.evaluate(picture)
    page.wait_for_timeout(500)
    assert tab.evaluate(picture) == frozen
    page.get_by_text("Keys", exact=True).click()
    page.get_by_role("checkbox", name="Use single keys").uncheck()
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Freeze the pictures")).to_have_attribute("aria-pressed", "true")
