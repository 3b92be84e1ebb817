"""Script tag, a call and every engine in Firefox, with its own microphone path. Skipped where it is not installed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from both import FirefoxWithSound
from clients import client_site
from conftest import Audio, decode
from firefox import Firefox, firefox, sound_card
from measure import align, not_cleaned, soon
from test_clients import CALL, HARNESS, check_far_end

from build_scripts.site.serve import serve
from percepnet_wasm.constants import SAMPLE_RATE

MISSING = [name for name in ("pulseaudio", "pactl", "paplay") if not shutil.which(name)]
FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")

pytestmark = [
    pytest.mark.firefox,
    pytest.mark.skipif(not FIREFOX, reason="no Firefox found (Debian: apt-get install firefox-esr)"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"no {', '.join(MISSING)} (Debian: apt-get install pulseaudio pulseaudio-utils)"
    ),
]

UNTIL_TOLD = """async () => {
    const media = await window.percepnet;
    if (told.length === 0) {
        await new Promise((resolve) => ['ready', 'fallback'].forEach((type) => media.addEventListener(type, resolve)));
    }
    return told;
}"""


@pytest.fixture(scope="module")
def folder(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with the clients."""
    return client_site(dist, tmp_path_factory.mktemp("firefox") / "site")


@pytest.fixture(params=[(48000, True), (44100, False)], ids=["isolated", "not isolated, sound card at 44.1 kHz"])
def tab(request: pytest.FixtureRequest, folder: Path, clip: Path, tmp_path: Path) -> Iterator[Firefox]:
    """A page of simple-peer, calling: with shared memory, and without at a rate that is not the enhancer's."""
    rate, isolated = request.param
    with (
        sound_card(clip, tmp_path, rate) as environment,
        firefox(str(FIREFOX), environment, tmp_path / "profile") as browser,
        serve(folder, isolated=isolated) as url,
    ):
        browser.open(url + "apps/simple-peer.html")
        assert browser.evaluate("() => crossOriginIsolated") is isolated
        browser.evaluate(HARNESS)
        browser.evaluate(CALL)
        yield browser


def test_far_end_of_a_call_in_firefox(tab: Firefox, clip: Path) -> None:
    """The far end hears less noise and the same speech; the app sees the microphone; hanging up lets it go."""
    assert tab.evaluate(UNTIL_TOLD) == ["ready"]
    check_far_end(tab, clip)
    assert tab.evaluate("() => call.sent.getAudioTracks()[0].label") == "Microphone"
    tab.evaluate("() => call.sent.getTracks().forEach((track) => track.stop())")
    assert tab.evaluate("() => media.instances.length") == 0
    assert tab.complaints == []


START = """async (engine) => {
    window.harness = await import('/tests/harness.js');
    await harness.enhanceMicrophone({ engine });
    await harness.untilPlaying(percepnet, 'enhanced');
    return [percepnet.state, percepnet.tier, percepnet.support.transport];
}"""

END = """async () => {
    percepnet.enabled = false;
    await harness.untilPlaying(percepnet, 'bypassed');
    percepnet.destroy();
    raw.stop();
    return [percepnet.state, clean.readyState, log.filter(({ type }) => ['fallback', 'error'].includes(type))];
}"""


@pytest.mark.parametrize(("engine", "transport"), [("worker", "shared"), ("worklet", "none")])
def test_without_python_in_firefox(
    firefox_with_sound: FirefoxWithSound, isolated: str, engine: str, transport: str
) -> None:
    """Enhanced, switched off, and over; what is raw then is compared in Chromium."""
    browser = firefox_with_sound.browser
    browser.complaints.clear()
    browser.open(isolated + "tests/empty.html")
    assert browser.evaluate(START, engine) == ["ready", "c20", transport]

    def recorded() -> tuple[Audio, Audio]:
        raw, clean = map(decode, browser.evaluate("() => harness.recordDropIn(8)"))
        return align(raw, clean, SAMPLE_RATE)

    soon(lambda: not_cleaned(*recorded()))
    assert browser.evaluate(END) == ["destroyed", "ended", []]
    assert browser.complaints == []
