"""The same page in Chromium and in Firefox, which is left out where it or its sound card is not installed."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from firefox import Firefox, firefox, sound_card

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")

MISSING = [name for name in ("pulseaudio", "pactl", "paplay") if not shutil.which(name)]

TAG = """<!doctype html><title>test</title><link rel="icon" href="/icon.svg">
<script src="/worklet/drop-in.js" data-engine="worker"></script>"""
"""The beginning of a page that has the drop-in. What these tests ask lies in front of the enhancer: they spare Python's
start, which takes seconds of processor time and never ends before they do."""

SOUNDING = """async () => {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 2048 });
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(2048);
    do {
        await new Promise((resolve) => setTimeout(resolve, 50));
        analyser.getFloatTimeDomainData(samples);
    } while (samples.every((sample) => Math.abs(sample) <= 0.01));
    await context.close();
    return true;
}"""
"""Wait until the page's ``stream`` is heard."""


@dataclass
class FirefoxWithSound:
    """A Firefox, and the environment for programs that talk to its sound card."""

    browser: Firefox
    environment: dict[str, str]


@pytest.fixture(scope="session")
def firefox_with_sound(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirefoxWithSound]:
    """One for all tests; each opens a page of its own in it."""
    if not FIREFOX or MISSING:
        pytest.skip("no Firefox with PulseAudio (Debian: apt-get install firefox-esr pulseaudio pulseaudio-utils)")
    folder = tmp_path_factory.mktemp("firefox")
    with sound_card(clip, folder) as environment, firefox(FIREFOX, environment, folder / "profile") as browser:
        yield FirefoxWithSound(browser, environment)


IN_FIREFOX = pytest.param("firefox", marks=pytest.mark.firefox)
"""A value for ``visit``, of tests that are for Firefox alone."""


@pytest.fixture(params=["chromium", IN_FIREFOX])
def visit(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Open ``path`` of the test's own site, whose files it may write first: ``visit(path, {path: text})``."""
    altered = request.getfixturevalue("altered")

    def open_page(path: str, files: dict[str, str] | None = None) -> Any:
        for name, text in (files or {}).items():
            (altered.folder / name).write_text(text)
        if request.param == "chromium":
            return request.getfixturevalue("open_tab")(altered.url, path, allowed=("microphone", "camera"))
        browser: Firefox = request.getfixturevalue("firefox_with_sound").browser
        browser.complaints.clear()
        browser.open(altered.url + path)
        return browser

    return open_page
