"""``engine: 'worklet'``: the enhancer on the audio thread, on a page that has neither isolation nor a worker."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import AlteredSite, Tab, decode, encode, shifted

import percepnet_wasm
from percepnet_wasm.constants import DELAY, HOP, SAMPLE_RATE

LATENCY = DELAY + HOP
QUANTUM = 128

READY = """async (options) =>
    harness.untilState(await harness.create({ engine: 'worklet', ...options }), 'ready', 'fallback')"""

# 'stats' comes for the first time when the program has been loaded, which needs no quantum in a suspended context.
RENDER = """async ({ input, change, model }) => {
    const samples = harness.decode(input);
    const context = new OfflineAudioContext(1, samples.length, 48000);
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: 48000 });
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    const loaded = new Promise((resolve) => percepnet.addEventListener('stats', resolve, { once: true }));
    const node = await percepnet.createNode(context);
    await loaded;
    source.connect(node).connect(context.destination);
    source.start();
    if (change) context.suspend(1).then(async () => {
        Object.assign(percepnet, change);
        await new Promise((resolve) => setTimeout(resolve, 100));
        await context.resume();
    });
    if (model) context.suspend(1).then(() => percepnet.setModel(model)).then(() => context.resume());
    const started = performance.now();
    const rendered = await context.startRendering();
    const frames = samples.length / 480;
    return { output: harness.encode(rendered.getChannelData(0)), perFrame: (performance.now() - started) / frames };
}"""


def test_is_40_ms_late_and_needs_neither_isolation_nor_worker(
    open_tab: Callable[..., Tab], not_isolated: str, noisy: np.ndarray
) -> None:
    """A limit of 0 dB shows the delay: what is played is the input. Nothing of Python is downloaded."""
    requested: list[str] = []
    tab = open_tab(not_isolated, init="delete window.Worker;")
    tab.page.context.on("request", lambda request: requested.append(request.url.partition("/runtime/")[2]))
    assert tab.evaluate("crossOriginIsolated") is False
    assert tab.evaluate(READY, {"attenuationLimit": 0}) == "ready"
    result = tab.evaluate(RENDER, {"input": encode(noisy)})
    np.testing.assert_allclose(decode(result["output"]), shifted(noisy, LATENCY), atol=1e-5)
    assert tab.evaluate("[percepnet.latency, percepnet.support.transport]") == [LATENCY, "none"]
    stats = tab.evaluate("log.findLast(({ type }) => type === 'stats')")
    assert stats["latency"] == 1000 * LATENCY / 48000
    assert {name for name in requested if name} == {
        *("kernel/relaxed.wasm", "kernel/simd.wasm", "models.json", "models/c20.pni"),
    }
    assert tab.complaints == [] and tab.uncaught == []


def test_equals_the_enhancer_in_cpython(open_tab: Callable[..., Tab], not_isolated: str, noisy: np.ndarray) -> None:
    """Enhanced from the first frame that can be, and within the budget of the audio thread on average."""
    tab = open_tab(not_isolated)
    assert tab.evaluate(READY, {}) == "ready"
    result = tab.evaluate(RENDER, {"input": encode(noisy)})
    output = decode(result["output"])
    enhancer = percepnet_wasm.Enhancer()
    heard = noisy[: noisy.size // HOP * HOP]
    frames = [np.array(enhancer.process(frame)) for frame in heard.reshape(-1, HOP)]
    enhanced = np.concatenate([np.zeros(HOP, np.float32), *frames])[: noisy.size]
    settled = DELAY + HOP + HOP + 3 * 128
    n = min(enhanced.size, output.size)
    difference = output[settled:n] - enhanced[settled:n]
    assert np.abs(difference).max() < 5e-3
    assert np.sum(difference**2) < 1e-3 * np.sum(enhanced[settled:n] ** 2), "more than 30 dB below the speech"
    dry = shifted(noisy, LATENCY)
    assert np.abs(output[settled:n] - dry[settled:n]).max() > 0.01, "the enhancer changed nothing: nothing was tested"
    assert tab.complaints == [] and tab.uncaught == []


def test_switching_off_cross_fades_at_the_same_delay(
    open_tab: Callable[..., Tab], not_isolated: str, noisy: np.ndarray
) -> None:
    """After ``enabled = false`` the rest is the microphone, delayed as before."""
    tab = open_tab(not_isolated)
    assert tab.evaluate(READY, {}) == "ready"
    output = decode(tab.evaluate(RENDER, {"input": encode(noisy), "change": {"enabled": False}})["output"])
    dry = shifted(noisy, LATENCY)
    assert np.abs(output[40000:48000] - dry[40000:48000]).max() > 0.01
    off = 48000 + 8 * 128
    np.testing.assert_array_equal(output[off:], dry[off:])


def test_the_attenuation_limit_changes_without_a_click(open_tab: Callable[..., Tab], not_isolated: str) -> None:
    """From everything to nothing, in a loud low tone, which hides no step."""
    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    sound = (0.5 * np.sin(2 * np.pi * 60 * t)).astype(np.float32)
    tab = open_tab(not_isolated)
    assert tab.evaluate(READY, {}) == "ready"
    output = decode(tab.evaluate(RENDER, {"input": encode(sound), "change": {"attenuationLimit": 0}})["output"])
    before, after = np.abs(output[30000:48000]).max(), np.abs(output[100000:]).max()
    print(f"amplitude {before:.2f} before, {after:.2f} after")
    assert before < 0.7 * after, "the limit made no difference: nothing was tested"
    assert np.abs(np.diff(output, 2))[30000:].max() < 2e-3, "a step"


def test_switching_to_another_model_leaves_no_gap(open_tab: Callable[..., Tab], not_isolated: str) -> None:
    """The other model listens for a second, then takes over: the output has no step, and no quantum is raw."""
    t = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.2 * np.sin(2 * np.pi * (150 * t + 50 * t**2))
    noisy = (tone + 0.001 * np.random.default_rng(5).standard_normal(t.size)).astype(np.float32)
    tab = open_tab(not_isolated)
    # So that a model that takes the tone for noise leaves half of it: a step in it would be seen.
    assert tab.evaluate(READY, {"attenuationLimit": 6}) == "ready"
    output = decode(tab.evaluate(RENDER, {"input": encode(noisy), "model": "c10"})["output"])
    assert tab.evaluate("percepnet.tier") == "c10"
    tab.wait("log.some(({ type, tier }) => type === 'stats' && tier === 'c10')")
    assert tab.evaluate("log.findLast(({ type }) => type === 'stats').underruns") == 0
    assert np.abs(output[SAMPLE_RATE:]).max() > 0.05, "nothing in which a step would be seen"
    # Each model's own output has smaller steps; one in the tone would be ten times larger.
    assert np.abs(np.diff(output, 2))[20000:].max() < 0.01
    dry = shifted(noisy, LATENCY)
    assert np.abs(output[150000:] - dry[150000:]).max() > 0.005, "enhanced to the end"


def test_a_track_is_enhanced(open_tab: Callable[..., Tab], not_isolated: str) -> None:
    """From the microphone to a track, with what the enhancer does shown, and another model in between."""
    tab = open_tab(not_isolated)
    tab.evaluate(
        """async () => {
            await harness.enhanceMicrophone({ engine: 'worklet' });
            window.frames = [];
            percepnet.observe((frame) => frames.push(frame.gains.length));
        }"""
    )
    tab.wait("percepnet.playing === 'enhanced' && frames.length > 5")
    assert tab.evaluate("frames.every((bands) => bands === 34)")
    assert tab.evaluate("percepnet.setModel('c10').then(({ tier }) => tier)") == "c10"
    tab.wait("log.some(({ type, tier }) => type === 'stats' && tier === 'c10')")
    assert tab.evaluate("percepnet.playing") == "enhanced"
    assert tab.evaluate("log.filter(({ type }) => type === 'fallback' || type === 'error')") == []


FAULT = """if (currentFrame >= 48000 && (globalThis.failures ??= 0) < TIMES) {
    failures++;
    throw new WebAssembly.RuntimeError('unreachable');
}
"""
"""For the middle of processor.js, in its global scope."""


@pytest.mark.parametrize("times", [1, 3])
def test_a_frame_that_traps_is_raw_in_the_same_quantum(
    open_tab: Callable[..., Tab], altered: AlteredSite, noisy: np.ndarray, times: int
) -> None:
    """With a fade. One such frame is counted, and the sound is enhanced again; after several in a row it stays raw."""
    step = "enhancer.step();\n      let output"
    altered.write("worklet/processor.js", lambda text: text.replace(step, FAULT.replace("TIMES", str(times)) + step))
    tab = open_tab(altered.url)
    assert tab.evaluate(READY, {}) == "ready"
    output = decode(tab.evaluate(RENDER, {"input": encode(noisy)})["output"])
    dry = shifted(noisy, LATENCY)
    first = (48000 + HOP) // QUANTUM * QUANTUM  # the quantum that completes the first frame to fail
    raw = slice(first + 3 * QUANTUM, 48000 + times * HOP + LATENCY)
    assert np.abs(output[40000:first] - dry[40000:first]).max() > 0.01
    np.testing.assert_array_equal(output[raw], dry[raw])
    step_sizes = np.abs(np.diff(output - dry))
    assert step_sizes[first:].max() <= 2 * step_sizes[20000:first].max()
    if times == 1:
        tab.wait("log.some(({ type }) => type === 'error')")
        assert "1 frames failed" in tab.events("error")[0]["message"]
        assert np.abs(output[60000:] - dry[60000:]).max() > 0.01
        assert tab.failures() == []
    else:
        np.testing.assert_array_equal(output[raw.start :], dry[raw.start :])
        tab.wait("percepnet.state === 'fallback'")
        (event,) = tab.events("fallback")
        assert event["code"] == "enhancer" and "unreachable" in event["message"]
