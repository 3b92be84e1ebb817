"""The article's page as a visitor uses it: listens to the steps, adds noise, edits the code, breaks and fixes it.

One visit, in order: Python is loaded once.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import workshop
from conftest import PATIENCE_MS, Audio, Tab, decode
from playwright.sync_api import Page, expect

ROWS = workshop.STAGES[:-1]

expect.set_options(timeout=PATIENCE_MS)

Scores = dict[str, list[float]]


def scores(page: Page) -> Scores:
    """SI-SDR and STOI by stage, as the table shows them."""
    table = {}
    for name in ROWS:
        cells = page.locator(f"#scores tr[data-row='{name}'] td:visible").all_inner_texts()
        table[name] = [float(cell.replace("−", "-")) for cell in cells]
    return table


def expected(dist: Path, snr_db: float, edits: dict[str, str] | None = None) -> Scores:
    """The same by CPython."""
    clean, noise = (sf.read(dist / name, dtype="float32")[0] for name in ("samples/voice.opus", "clips/room.wav"))
    result = workshop.run(clean, noise, snr_db, edits or {}, lambda *_: None)
    return {name: [result["stages"][name][score] for score in ("si_sdr", "stoi")] for name in ROWS}


def agree(shown: Scores, computed: Scores) -> None:
    """What the page shows is what CPython computes, to the digits shown and a little rounding."""
    for name, (si_sdr, stoi) in computed.items():
        assert shown[name][0] == pytest.approx(si_sdr, abs=0.1), name
        assert shown[name][-1] == pytest.approx(stoi, abs=0.002), name


def ready(page: Page, text: str = "Ready") -> None:
    page.get_by_role("status").filter(has_text=text).wait_for(timeout=PATIENCE_MS)


def peak(tab: Tab, stage: str, version: str = "original") -> float:
    samples = f"article.results['{version}'].stages['{stage}'].samples"
    return tab.evaluate(f"{samples}.reduce((most, x) => Math.max(most, x), 0)")


def likeness(whole: Audio, part: Audio) -> float:
    """Largest correlation coefficient of ``part`` with any equally long stretch of ``whole``."""
    size = len(whole)
    products = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: size - len(part)]
    energies = np.cumsum(np.concatenate([[0.0], whole.astype(np.float64) ** 2]))
    energies = energies[len(part) :] - energies[: -len(part)]
    return float(np.max(products / np.sqrt(energies[: len(products)] * np.sum(part**2) + 1e-12)))


def test_a_visit(open_tab: Callable[..., Tab], isolated: str, dist: Path) -> None:
    """Listen, change the noise, change the code, break it, reset it; reload."""
    tab = open_tab(isolated, path="article.html")
    page = tab.page
    expect(page.get_by_role("button", name="Play")).to_be_disabled()
    ready(page)
    # The clip begins in silence, which would leave the plots empty.
    expect(page.locator("#pitch")).to_contain_text(re.compile(r"Pitch \d+ Hz"))

    # The ladder, as CPython climbs it.
    first = scores(page)
    agree(first, expected(dist, 5.0))
    noisy, _, gains, comb, _, network = (first[name][0] for name in ROWS)
    assert noisy < gains < comb and network > noisy
    assert first["1-magnitudes"][1] > first["2-gains"][1] > first["noisy"][1]

    # Each stage is heard at the same place; the picture follows.
    page.get_by_role("button", name="Hear the noisy voice").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    tab.wait("article.player.position > 0.3")
    page.keyboard.press("3")
    expect(page.get_by_role("radio", name="Comb")).to_be_checked()
    here = tab.evaluate("article.player.position")
    tab.wait(f"article.player.position > {here} || article.player.position < 0.2")
    assert tab.evaluate("article.player.playing")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("slider", name="Position").fill("2.5")
    comb_text = page.locator("#pitch")
    page.locator("#comb").scroll_into_view_if_needed()
    expect(comb_text).to_contain_text(re.compile(r"Pitch \d+ Hz, a period of \d+ samples"))
    drawn = "[...document.querySelectorAll('canvas[data-picture], canvas[data-map]')].map((c) => c.width)"
    assert set(tab.evaluate(drawn)) == {tab.evaluate("article.results.original.frames")}

    # More noise: every score of the noisy voice falls, and CPython agrees again.
    tab.evaluate("window.last = article.results.original")
    page.get_by_role("slider", name="Speech over noise (SNR)").fill("-2")
    tab.wait("article.results.original !== last")
    ready(page)
    louder = scores(page)
    agree(louder, expected(dist, -2.0))
    assert all(louder[name][0] < first[name][0] for name in ROWS)

    # Another postfilter, by hand.
    editor, fault = page.get_by_role("textbox", name="Python source"), page.get_by_role("alert")
    page.get_by_role("button", name="postfilter.py").click()
    source = editor.input_value()
    assert source == workshop.sources()["signal.postfilter"]
    changed = source.replace("BETA = 0.02", "BETA = 5.0")
    editor.fill(changed)
    editor.press("Control+Enter")
    ready(page, "your version")
    expect(page.locator("#state")).to_be_in_viewport()
    expect(page.get_by_role("radio", name="Yours")).to_be_checked()
    marked = "[...document.querySelectorAll('.scores:has(.mark)')].map(({ dataset }) => dataset.scores)"
    assert tab.evaluate(marked) == ["4-postfilter", "network"]
    line = page.locator("[data-scores='4-postfilter']")
    expect(line).to_contain_text("changed")
    expect(line).to_contain_text("Yours: SI-SDR")
    own = {name: [cells[1], cells[3]] for name, cells in scores(page).items()}
    agree(own, expected(dist, -2.0, {"signal.postfilter": changed}))
    assert own["noisy"] == louder["noisy"] and own["4-postfilter"] != louder["4-postfilter"]
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("v")
    expect(page.get_by_role("radio", name="Original")).to_be_checked()
    expect(line).to_contain_text("Original: SI-SDR")

    # Broken code: the error appears in its place, the last good sound stays.
    kept = peak(tab, "4-postfilter", "yours")
    editor.fill(changed.replace("warped = gains", "warped = gians"))
    page.get_by_role("button", name="Run", exact=True).click()
    number = source[: source.index("warped = gains")].count("\n") + 1
    expect(fault).to_contain_text(f"postfilter.py, line {number}: NameError: name 'gians' is not defined")
    expect(page.locator("#gutter .wrong")).to_have_text(str(number))
    editor.fill("def envelope_postfilter(:\n")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(fault).to_contain_text("postfilter.py, line 1: SyntaxError")
    assert peak(tab, "4-postfilter", "yours") == kept

    # An endless loop is stopped; the page keeps working.
    editor.fill(f"{source}\nwhile True: pass\n")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Stop").click()
    ready(page, "Stopped")

    # A suggestion, then all as it was.
    page.get_by_label("File", exact=True).select_option("signal.coherence")
    page.get_by_role("button", name="Reset all").click()
    ready(page, "Ready.")
    page.get_by_role("button", name="Full comb, always").click()
    ready(page, "your version")
    expect(page.get_by_role("radio", name="Comb")).to_be_checked()
    page.reload()
    ready(page, "your version")
    expect(page.get_by_label("File", exact=True)).to_have_value("signal.coherence")
    page.get_by_role("button", name="Reset this file").click()
    expect(page.get_by_role("radio", name="Yours")).to_be_hidden()
    assert tab.evaluate(marked) == []
    assert editor.input_value() == workshop.sources()["signal.coherence"]
    assert tab.complaints == [] and tab.uncaught == []


def test_own_files(open_tab: Callable[..., Tab], isolated: str, tmp_path: Path) -> None:
    """Stereo at another rate is accepted, long files are cut; a file without sound is refused, the last sound kept."""
    tab = open_tab(isolated, path="article.html")
    page = tab.page
    seconds = np.arange(12 * 44100) / 44100
    tone = 0.1 * np.sin(2 * np.pi * 220 * seconds) * (np.sin(2 * np.pi * seconds) > 0)
    sf.write(tmp_path / "long.wav", np.stack([tone, tone], axis=1), 44100)
    (tmp_path / "text.wav").write_text("no sound")
    page.get_by_label("Speech", exact=True).select_option("file")
    page.get_by_label("File of clean speech").set_input_files(tmp_path / "long.wav")
    ready(page)
    assert tab.evaluate("article.player.duration") == 10
    page.get_by_label("Noise", exact=True).select_option("file")
    page.get_by_label("File of noise").set_input_files(tmp_path / "text.wav")
    page.get_by_role("status").filter(has_text="text.wav contains no sound").wait_for()
    assert tab.evaluate("article.player.duration") == 10


def test_own_voice(open_tab: Callable[..., Tab], isolated: str, clip: Path) -> None:
    """The microphone is recorded, released and used as the speech; if refused, the last sound stays as it was."""
    remember = """const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await ask(wanted));
      const { start, stop } = MediaRecorder.prototype;
      MediaRecorder.prototype.start = function () { window.begun = performance.now(); start.call(this); };
      MediaRecorder.prototype.stop = function () { window.took = performance.now() - begun; stop.call(this); };"""
    tab = open_tab(isolated, path="article.html", init=remember)
    page = tab.page
    ready(page)
    page.get_by_label("Speech", exact=True).select_option("microphone")
    page.get_by_role("button", name="Hear the noisy voice").click()
    page.get_by_role("button", name="Record 6 s").click()
    page.get_by_role("status").filter(has_text="Recording: speak now").wait_for()
    assert not tab.evaluate("article.player.playing"), "what plays would be recorded too"
    expect(page.get_by_role("button", name="Speak:")).to_be_disabled()
    ready(page)
    expect(page.get_by_role("button", name="Record 6 s")).to_be_enabled()
    assert tab.evaluate("stream.getTracks().every((track) => track.readyState === 'ended')")
    heard = decode(
        tab.evaluate(
            """() => {
              const { samples } = article.results.original.stages.clean;
              const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
              return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
            }"""
        )
    )
    # The browser plays the clip into its microphone; what it recorded went through a lossy coder. Others reach 0.2.
    assert 4 < len(heard) / 48000 < 2 + tab.evaluate("took") / 1000
    sound, _ = sf.read(clip, dtype="float32")
    # A machine that stands still costs sound, and the second in which it did its likeness.
    parts = heard[: len(heard) // 48000 * 48000].reshape(-1, 48000)[1:]
    assert max(likeness(np.concatenate([sound, sound]), part) for part in parts) > 0.5

    before = tab.evaluate("article.player.duration")
    tab.evaluate(
        """() => {
          const refusal = new DOMException('denied', 'NotAllowedError');
          navigator.mediaDevices.getUserMedia = () => Promise.reject(refusal);
        }"""
    )
    page.get_by_role("button", name="Record 6 s").click()
    page.get_by_role("status").filter(has_text="not allowed to use the microphone").wait_for()
    assert tab.evaluate("article.player.duration") == before
    assert tab.complaints == [] and tab.uncaught == []


@pytest.mark.parametrize("width", [320, 1280])
def test_fits_the_screen_and_the_keyboard(open_tab: Callable[..., Tab], isolated: str, width: int) -> None:
    """No sideways scrolling; every control has a name; nothing inline."""
    tab = open_tab(isolated, path="article.html")
    tab.page.set_viewport_size({"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    named = "[...document.querySelectorAll('input, select, textarea')].every((i) => i.labels.length || i.ariaLabel)"
    assert tab.evaluate(named)
    assert tab.evaluate("[...document.querySelectorAll('canvas')].every((c) => c.ariaLabel && c.role === 'img')")
    inline = "[style]:not(.playhead, .tick, .time), script:not([src]), style"
    assert tab.evaluate(f"document.querySelectorAll('{inline}').length") == 0
