"""The worklet and the worker on a deterministic clock: an OfflineAudioContext that waits for the worker."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Tab, decode, encode, shifted
from spies import WORKERS

import percepnet_wasm
from percepnet_wasm.constants import DELAY, HOP

DEPTH = 1920
QUANTUM = 128
SETTLE = DELAY + HOP

READY = "async (options) => harness.untilState(await harness.create(options), 'ready', 'fallback')"


@pytest.mark.parametrize("engine", ["python", "worker"])
def test_equals_the_enhancer_in_cpython(
    open_tab: Callable[..., Tab], isolated: str, noisy: np.ndarray, engine: str
) -> None:
    """Raw at first, then what CPython computes, in one cross-fade and without one late quantum."""
    tab = open_tab(isolated)
    assert tab.evaluate(READY, {"engine": engine}) == "ready"
    result = tab.evaluate("(input) => harness.renderOffline(percepnet, input)", encode(noisy))
    output, start = decode(result["output"]), result["start"]
    assert result["underruns"] == 0
    assert result["quanta"] > 0

    begun = start + SETTLE + DEPTH
    dry = shifted(noisy, DEPTH + DELAY)
    assert 0 <= start < 2048, "the worker began late"
    np.testing.assert_array_equal(output[:begun], dry[:begun])

    enhancer = percepnet_wasm.Enhancer()
    heard = noisy[start:][: (noisy.size - start) // HOP * HOP]
    frames = [np.array(enhancer.process(frame)) for frame in heard.reshape(-1, HOP)]
    enhanced = np.concatenate([np.zeros(start + DEPTH, np.float32), *frames])[: noisy.size]
    settled = begun + 3 * QUANTUM
    n = min(enhanced.size, output.size)
    # The browser may use relaxed SIMD, whose 8-bit activations and rounding are the processor's: close, not equal. That
    # plain SIMD and NumPy are equal to 1e-4 is tested with the wheel in Pyodide.
    difference = output[settled:n] - enhanced[settled:n]
    assert np.abs(difference).max() < 5e-3
    assert np.sum(difference**2) < 1e-3 * np.sum(enhanced[settled:n] ** 2), "more than 30 dB below the speech"
    assert np.abs(output[settled:n] - dry[settled:n]).max() > 0.01, "the enhancer changed nothing: nothing was tested"
    assert tab.complaints == [] and tab.uncaught == []


def test_no_attenuation_is_the_input_at_the_same_delay(
    open_tab: Callable[..., Tab], isolated: str, noisy: np.ndarray
) -> None:
    """A limit of 0 dB, set from outside, reaches the enhancer: what is played through it is the microphone."""
    tab = open_tab(isolated)
    assert tab.evaluate(READY, {"engine": "worker", "attenuationLimit": 0}) == "ready"
    result = tab.evaluate("(input) => harness.renderOffline(percepnet, input)", encode(noisy))
    assert result["quanta"] > 0
    np.testing.assert_allclose(decode(result["output"]), shifted(noisy, DEPTH + DELAY), atol=1e-5)


def test_switching_off_cross_fades_at_the_same_delay(
    open_tab: Callable[..., Tab], isolated: str, noisy: np.ndarray
) -> None:
    """After ``enabled = false`` the rest is the microphone, delayed as before."""
    tab = open_tab(isolated)
    assert tab.evaluate(READY, {"engine": "worker"}) == "ready"
    script = """async (input) => harness.renderOffline(percepnet, input, {
        sample: 48000,
        run: async (percepnet) => {
            percepnet.enabled = false;
            // The message has arrived when the worklet, which is suspended now, is known to have handled a later one.
            await new Promise((resolve) => setTimeout(resolve, 100));
            return false;
        },
    })"""
    output = decode(tab.evaluate(script, encode(noisy))["output"])
    dry = shifted(noisy, DEPTH + DELAY)
    assert np.abs(output[40000:48000] - dry[40000:48000]).max() > 0.01
    off = 48000 + 8 * 512
    np.testing.assert_array_equal(output[off:], dry[off:])


def test_a_dead_worker_leaves_the_microphone_within_100_ms(
    open_tab: Callable[..., Tab], isolated: str, noisy: np.ndarray
) -> None:
    """The worker is killed behind the drop-in's back; the worklet notices without help."""
    tab = open_tab(isolated, init=WORKERS)
    assert tab.evaluate(READY, {"engine": "worker"}) == "ready"
    script = """async (input) => harness.renderOffline(percepnet, input, {
        sample: 48000,
        run: async (percepnet) => {
            for (const worker of workers) worker.terminate();
            // Dead once the output stops growing.
            const { ring } = percepnet;
            for (let done; done !== ring.load(harness.WORD.DONE); await new Promise((r) => setTimeout(r, 200))) {
                done = ring.load(harness.WORD.DONE);
            }
            return false;
        },
    })"""
    output = decode(tab.evaluate(script, encode(noisy))["output"])
    dry = shifted(noisy, DEPTH + DELAY)
    assert np.abs(output[40000:48000] - dry[40000:48000]).max() > 0.01
    died = 48000 + 512  # suspension takes place at the first multiple of 512 from there on
    np.testing.assert_array_equal(output[died + 4800 :], dry[died + 4800 :])
    # What had been computed before is still played: the change comes with the cross-fade, not with a gap.
    step = np.abs(np.diff(output - dry))[48000:]
    assert step.max() <= 2 * np.abs(np.diff(output - dry))[20000:48000].max()


def test_the_worker_engine_downloads_no_python(open_tab: Callable[..., Tab], isolated: str, site: Path) -> None:
    """Kernel, list of models and one image; and it says what runs."""
    requested: list[str] = []
    tab = open_tab(isolated)
    tab.page.context.on("request", lambda request: requested.append(request.url.partition("/runtime/")[2]))
    assert tab.evaluate(READY, {"engine": "worker"}) == "ready"
    files = {name for name in requested if name}
    assert files == {"kernel/relaxed.wasm", "kernel/simd.wasm", "models.json", "models/c20.pni", "sizes.json"}
    assert tab.evaluate("percepnet.info.tier") == "c20"
    progress = tab.events("progress")
    total = sum(json.loads((site / "runtime" / "sizes.json").read_text())["runner"].values())
    # It is known late, or never if all else is faster.
    assert {event.get("total") for event in progress} <= {None, total}
    assert 0 < progress[-1]["bytes"] <= total, progress[-1]
