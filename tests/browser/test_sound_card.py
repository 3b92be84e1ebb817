"""A sound card of its own, PulseAudio's null sink, whose microphone the system can mute. Skipped without PulseAudio."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ALLOW_MICROPHONE, Tab
from firefox import sound_card
from playwright.sync_api import Browser

MISSING = [name for name in ("pulseaudio", "pactl", "paplay") if not shutil.which(name)]

pytestmark = [
    pytest.mark.firefox,
    pytest.mark.skipif(
        bool(MISSING), reason=f"no {', '.join(MISSING)} (Debian: apt-get install pulseaudio pulseaudio-utils)"
    ),
]

START = """async (engine) => {
    const { wrapGetUserMedia } = await import('/worklet/clean-media.js');
    const media = wrapGetUserMedia({ engine });
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const [track] = stream.getAudioTracks();
    const [percepnet] = media.instances;
    const events = [];
    for (const type of ['mute', 'unmute']) track.addEventListener(type, () => events.push(type));
    const frames = () => new Promise((resolve) =>
        percepnet.addEventListener('stats', ({ detail }) => resolve(detail.frames), { once: true }));
    Object.assign(window, { media, track, percepnet, events, frames });
    await harness.untilPlaying(percepnet, 'enhanced');
}"""


@pytest.fixture
def system(clip: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment with the sound card."""
    with sound_card(clip, tmp_path) as environment:
        yield environment


@pytest.fixture
def browser(chromium: Callable[..., Browser], system: dict[str, str]) -> Iterator[Browser]:
    """Chromium with that sound card, and with sound."""
    started = chromium(ALLOW_MICROPHONE, env=system, ignore_default_args=["--mute-audio"])
    yield started
    started.close()


@pytest.mark.parametrize("engine", ["python", "worklet"])
def test_a_microphone_that_the_system_mutes_costs_nothing(
    browser: Browser, system: dict[str, str], isolated: str, engine: str
) -> None:
    """The browser's own mute and unmute reach the page's track; no frame is computed in between."""
    tab = Tab(browser.new_page(), isolated)
    tab.page.goto(isolated + "tests/empty.html")
    tab.evaluate("async () => { window.harness = await import('/tests/harness.js'); }")
    tab.evaluate(START, engine)
    for number in (1, 2):
        subprocess.run(["pactl", "set-source-mute", "microphone", "1"], env=system, check=True)
        tab.wait("track.muted && percepnet.playing === 'resting'")
        # A first count may have been on its way already, and another engine that takes over counts from 0.
        tab.wait("frames().then(async (count) => (await frames()) === count)")
        before, after = tab.evaluate("async () => [await frames(), await frames()]")
        assert after <= before, "frames are computed of a muted microphone"
        subprocess.run(["pactl", "set-source-mute", "microphone", "0"], env=system, check=True)
        tab.wait("!track.muted && percepnet.playing === 'enhanced'")
        tab.wait(f"frames().then((now) => now > {after})")
        assert tab.evaluate("events") == ["mute", "unmute"] * number
    tab.wait("percepnet.state === 'ready'")
