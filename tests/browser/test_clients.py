"""Third-party clients with their calls unchanged: one script tag, and the far end hears less noise."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from clients import client_site, peer_server
from conftest import Audio, Tab, decode
from firefox import Firefox
from measure import pauses, power_db, similarity, soon, speech
from scipy.io import wavfile

from build_scripts.site.serve import serve
from percepnet_wasm.constants import SAMPLE_RATE

SETTLED = 3 * SAMPLE_RATE
"""Samples after which the receiver's jitter buffer has found its size."""

ALIKE = 0.35
"""Least likeness of the speech sent and heard. Echo cancellation and gain control, which the clients leave on, a
receiver's stretching of time and a sound card's clock cost likeness; speech that has nothing to do with it has 0.1."""

HARNESS = "async () => { window.harness = await import('/tests/harness.js'); window.log = []; }"

CALL = """async () => {
    window.media = await window.percepnet;
    window.told = [];
    for (const type of ['ready', 'fallback', 'error']) {
        media.addEventListener(type, ({ detail }) => told.push(detail.message ?? type));
    }
    window.call = await call();
}"""

RECORD = """async ({ enabled, seconds }) => {
    media.enabled = enabled;
    await harness.untilPlaying(media.instances[0], enabled ? 'enhanced' : 'bypassed');
    return harness.recordTracks([call.received.getAudioTracks()[0]], seconds * 48000);
}"""


@pytest.fixture(scope="module")
def address(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the site with the clients."""
    with serve(client_site(dist, tmp_path_factory.mktemp("clients") / "site")) as url:
        yield url


@pytest.fixture
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Port of PeerJS's server."""
    with peer_server() as number:
        yield number


def spoken_during(heard: Audio, clip: Path) -> Audio:
    """What was spoken into the microphone: the browser plays the clip over and over, so where it was is sought.

    The cross-correlation is whitened: the browser's gain control and the codec colour what is heard.
    """
    _, once = wavfile.read(clip)
    spoken = np.tile(once.astype(np.float32) / 32768, 2 + len(heard) // len(once))
    size = len(spoken) + len(heard)
    product = np.fft.rfft(spoken, size) * np.conj(np.fft.rfft(heard, size))
    start = int(np.argmax(np.fft.irfft(product / (np.abs(product) + 1e-9))[: len(once)]))
    return spoken[start : start + len(heard)]


def improvement(tab: Tab | Firefox, clip: Path, enabled: bool) -> tuple[float, float]:
    """Record the far end: by how many dB more speech stands out from pauses than in the clip; how similar it is."""
    (heard,) = map(decode, tab.evaluate(RECORD, {"enabled": enabled, "seconds": 11}))
    heard = heard[SETTLED:]
    spoken = spoken_during(heard, clip)
    talk, rest = speech(spoken), pauses(spoken)
    contrast = [power_db(sound, talk) - power_db(sound, rest) for sound in (heard, spoken)]
    return contrast[0] - contrast[1], similarity(spoken, heard, talk)


def start_call(tab: Tab) -> None:
    """Let the page call, and wait for the enhancer."""
    tab.evaluate(HARNESS)
    tab.evaluate(CALL)
    tab.wait("told.length > 0")
    assert tab.evaluate("told") == ["ready"]


def check_far_end(tab: Tab | Firefox, clip: Path) -> None:
    """At the far end the noise in pauses is lower by 6 dB at least, and the speech is the same."""

    def too_noisy() -> str:
        lower, likeness = improvement(tab, clip, enabled=True)
        print(told := f"noise in pauses is lower by {lower:.1f} dB, likeness {likeness:.2f}")
        return "" if lower >= 6 and likeness > ALIKE else told

    soon(too_noisy)


def check_hanging_up(tab: Tab) -> None:
    """The app sees the microphone, not a graph's output, and stopping its tracks turns the microphone off."""
    assert "Fake" in tab.evaluate("call.sent.getAudioTracks()[0].label")
    tab.evaluate("() => call.sent.getTracks().forEach((track) => track.stop())")
    assert tab.evaluate("media.instances.length") == 0
    assert tab.complaints == [] and tab.uncaught == []


def test_peerjs(open_tab: Callable[..., Tab], address: str, port: int, clip: Path) -> None:
    """PeerJS with its own server."""
    tab = open_tab(address, f"apps/peerjs.html?port={port}")
    start_call(tab)
    check_far_end(tab, clip)
    check_hanging_up(tab)


def test_simple_peer(open_tab: Callable[..., Tab], address: str, clip: Path) -> None:
    """simple-peer, signalling within the page. With enhancement off the noise is back, so it was our doing."""
    tab = open_tab(address, "apps/simple-peer.html")
    start_call(tab)
    check_far_end(tab, clip)
    raw, _ = improvement(tab, clip, enabled=False)
    assert raw < 3
    check_hanging_up(tab)
