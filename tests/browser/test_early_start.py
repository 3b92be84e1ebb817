"""Engine 'python' enhances from the first moment: another worker does, until Python has started and heard enough."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import AlteredSite, Audio, Tab, decode, encode
from spies import WORKERS

import percepnet_wasm
from percepnet_wasm.constants import DELAY, HOP, SAMPLE_RATE
from percepnet_wasm.files.audio import read_mono

DEPTH = 1920
QUANTUM = 128
SETTLE = DELAY + HOP
HEARD = 3 * SAMPLE_RATE
"""Samples that Python hears before it takes over, as in blend.js."""

PAST = DEPTH + SETTLE
"""Samples from before its start that an enhancer hears first."""

HOLD = 4 * SAMPLE_RATE
"""Where the sound stands still until Python has started."""

RINGS = """
window.buffers = [];
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...others) {
    if (message?.type === 'connect') buffers.push(message.buffer);
    return post.call(this, message, ...others);
};
"""
"""``buffers``: of the rings in the order in which workers were connected to them."""

RENDER = """async ([input, hold]) => {
    const percepnet = await harness.create();
    await harness.until(() => percepnet.early);
    const rings = () => buffers.map((shared) => new harness.Ring(shared));
    // What both enhancers make of the same sound, shortly before one takes over from the other.
    const last = () => {
        const end = Math.min(...rings().map((ring) => ring.load(harness.WORD.DONE)));
        return rings().map((ring) => {
            const output = new Float32Array(14400);
            ring.readOutput(end - output.length, output);
            return harness.encode(output);
        });
    };
    let both;
    let ended = 0;
    const output = await harness.renderInSteps(percepnet, input, async (sample) => {
        if (sample === hold) await harness.until(() => percepnet.info);
        if (!ended && !percepnet.early) {
            ended = sample;
            both = last();
        }
        await harness.until(() => !percepnet.early || rings().every(harness.drained));
        // A ring that Python has taken over from is not written to any more.
        await harness.until(() => rings().slice(percepnet.early ? 0 : 1).every(harness.drained));
    });
    return {
        output,
        validFrom: rings().map((ring) => ring.load(harness.WORD.VALID_FROM)),
        rings: buffers.length,
        ended,
        both,
        underruns: percepnet.ring.load(harness.WORD.UNDERRUNS),
        states: log.filter(({ type }) => type === 'playing').map(({ state }) => state),
    };
}"""


def tone() -> np.ndarray:
    """A gliding tone in noise that comes and goes, 12 s."""
    random = np.random.default_rng(7)
    t = np.arange(12 * SAMPLE_RATE) / SAMPLE_RATE
    sound = np.sin(2 * np.pi * (150 * t + 20 * t**2)) * (np.sin(2 * np.pi * 2 * t) > 0)
    return (0.2 * sound + 0.02 * random.standard_normal(t.size)).astype(np.float32)


def speech(clip: Path) -> np.ndarray:
    """The page's own recording, over and over, 12 s."""
    return np.resize(read_mono(clip)[0], 12 * SAMPLE_RATE).astype(np.float32)


@pytest.mark.parametrize("kind", ["tone", "speech"])
def test_not_one_raw_quantum_until_python_has_taken_over_and_nobody_hears_it(
    open_tab: Callable[..., Tab], isolated: str, clip: Path, kind: str
) -> None:
    sound = tone() if kind == "tone" else speech(clip)
    hold = HOLD // 512 * 512
    tab = open_tab(isolated, init=RINGS)
    result = tab.evaluate(RENDER, [encode(sound), hold])
    assert result["rings"] == 2
    assert result["underruns"] == 0
    assert set(result["states"]) <= {"waiting", "enhanced"}, result["states"]
    output = decode(result["output"])
    start, python_start = (position - SETTLE for position in result["validFrom"])
    assert 0 <= start < 2048
    assert hold <= python_start + PAST < hold + 2048
    assert result["ended"] > python_start + HEARD, "Python took over before it had heard enough"
    dry = np.concatenate([np.zeros(DEPTH + DELAY, np.float32), sound])[: sound.size]
    begun = (start + SETTLE + DEPTH) // QUANTUM * QUANTUM + 2 * QUANTUM
    np.testing.assert_array_equal(output[: begun - 3 * QUANTUM], dry[: begun - 3 * QUANTUM])
    quanta = slice(begun, sound.size // QUANTUM * QUANTUM)
    apart = np.abs(output - dry)[quanta].reshape(-1, QUANTUM).max(axis=1)
    loud = np.abs(dry)[quanta].reshape(-1, QUANTUM).max(axis=1) > 1e-3
    assert apart[loud].min() > 0, "a raw quantum"

    # Both run the same kernel; what differs is how much of the past each has heard.
    before, after = map(decode, result["both"])
    apart, level = np.abs(before - after), np.sqrt(np.mean(sound**2))
    rms, peak = np.sqrt(np.mean(apart**2)) / level, apart.max()
    print(f"{kind}: Python differs by {20 * np.log10(rms):.1f} dB of the input, at most {peak:.5f}")
    assert np.abs(before).max() > 0.01, "nothing was heard: nothing was measured"
    assert rms < 0.05, "26 dB below the input"
    assert peak < 0.02

    # Each plays what CPython computes of what it has heard, but for the rounding of relaxed SIMD, which CPython lacks.
    until, taken = slice(begun, hold), slice(result["ended"] + HOP, sound.size)
    for heard_from, played in ((start, until), (python_start, taken)):
        expected = enhanced(sound, heard_from)
        assert np.abs((output - expected)[played]).max() < 5e-3


def enhanced(sound: Audio, start: int) -> Audio:
    """What the node plays if its enhancer hears ``sound`` from a given sample on; as long as ``sound``."""
    enhancer = percepnet_wasm.Enhancer()
    heard = sound[start:][: (sound.size - start) // HOP * HOP]
    frames = [np.array(enhancer.process(frame)) for frame in heard.reshape(-1, HOP)]
    return np.concatenate([np.zeros(start + DEPTH, np.float32), *frames])[: sound.size]


def test_kernel_and_image_come_first_and_once_and_enhance_until_python_does(
    open_tab: Callable[..., Tab], not_isolated: str
) -> None:
    """By messages, in real time, so that a busy machine may be late; Python reads the weights from the same image."""
    requested: list[str] = []
    tab = open_tab(not_isolated, init=WORKERS)
    tab.page.context.on("request", lambda request: requested.append(request.url.partition("/runtime/")[2]))
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    tab.wait("percepnet.early && percepnet.playing === 'enhanced'")
    assert tab.evaluate("[percepnet.state, percepnet.info]") == ["loading", None], "Python cannot have started yet"
    tab.wait("percepnet.state === 'ready' && !percepnet.early && percepnet.playing === 'enhanced'")
    assert tab.failures() == []
    assert tab.events("limited") == []
    files = [name for name in requested if name and name != "sizes.json"]
    first = {"kernel/relaxed.wasm", "kernel/simd.wasm", "models.json", "models/c20.pni"}
    assert set(files[:4]) == first, files
    assert [files.count(name) for name in first] == [1] * len(first), files
    assert not [name for name in files if name.endswith(".pnw")]
    assert tab.evaluate("percepnet.info.tier") == "c20"
    last = tab.events("progress")[-1]
    assert last["bytes"] == last["total"]
    # The worker that is not needed any more is gone.
    tab.wait("workers.filter(({ alive }) => alive).length === 1")
    assert tab.complaints == [] and tab.uncaught == []


def test_without_python_it_stays_enhanced(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """One event says so, no fallback; restart() finds the file that has been put back."""
    (file,) = altered.folder.glob("runtime/python_stdlib.zip")
    content = file.read_bytes()
    file.unlink()
    tab = open_tab(altered.url)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    tab.wait("log.some(({ type }) => type === 'limited')")
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced'")
    (event,) = tab.events("limited")
    assert event["code"] == "boot" and "python_stdlib.zip" in event["message"]
    assert tab.events("fallback") == []
    assert [text for text in tab.complaints if "enhanced without Python" in text]
    tab.wait("log.some(({ type, frames }) => type === 'stats' && frames > 100)")
    assert tab.events("error") == []
    file.write_bytes(content)
    tab.evaluate("percepnet.restart()")
    tab.wait("percepnet.early && percepnet.playing === 'enhanced'")
    tab.wait("percepnet.state === 'ready' && !percepnet.early && percepnet.playing === 'enhanced'")
    assert len(tab.events("limited")) == 1
