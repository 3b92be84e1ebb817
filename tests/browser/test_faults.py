"""Faults in the middle of a call, measured on the sample clock: the voice is raw within 100 ms, and the delay stays.

The two ends of the drop-in's graph are recorded on one clock. What is put out raw is the input bit for bit, 70 ms
later, so that any other sample, a gap or a click among them, would be seen.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import HERE, AlteredSite, Audio, Tab, decode
from measure import lag
from spies import GRAPH, WORKERS

from percepnet_wasm.constants import DELAY, HOP, SAMPLE_RATE

TOTAL_DELAY = 1920 + DELAY

LIMIT = SAMPLE_RATE // 10
"""Samples until the voice must be raw."""

RECORD = """async ([before, after, fault]) => {
    await ours.audioWorklet.addModule('/tests/recorder.js');
    const recorder = new AudioWorkletNode(ours, 'recorder', {
        numberOfInputs: 2,
        numberOfOutputs: 0,
        channelCount: 1,
        channelCountMode: 'explicit',
        processorOptions: { samples: Math.round((before + after) * 48000) },
    });
    const full = new Promise((resolve) => (recorder.port.onmessage = ({ data }) => resolve(data)));
    source.connect(recorder, 0, 0);
    node.connect(recorder, 0, 1);
    await new Promise((resolve) => setTimeout(resolve, 1000 * before));
    const told = new Promise((resolve) => (new BroadcastChannel('struck').onmessage = ({ data }) => resolve(data)));
    let struck = new Float32Array(480);
    if (fault === 'terminate') {
        percepnet.ring.readInput(percepnet.ring.load(harness.WORD.WRITTEN) - 480, struck);
        workers.at(-1).terminate();
    } else if (fault) {
        new BroadcastChannel('fault').postMessage(fault);
    }
    const recordings = await full;
    if (fault && fault !== 'terminate') struck = await told;
    source.disconnect(recorder);
    node.disconnect(recorder);
    return [struck, ...recordings].map(harness.encode);
}"""


@pytest.fixture
def call(open_tab: Callable[..., Tab], altered: AlteredSite) -> Tab:
    """A page in the middle of a call, whose enhancer can be made to fail."""
    real = (altered.folder / "runtime/pyodide.mjs").read_text()
    (altered.folder / "runtime/real.mjs").write_text(real)
    altered.write("runtime/pyodide.mjs", lambda _: (HERE / "faulty_pyodide.js").read_text())
    tab = open_tab(altered.url, init=WORKERS + GRAPH)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); window.far = await harness.call(clean); }")
    enhanced(tab)
    return tab


def enhanced(tab: Tab) -> None:
    """Wait until enhanced sound is heard."""
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced'")


def record(tab: Tab, before: float, after: float, fault: str = "") -> tuple[int, Audio, Audio]:
    """Record around a fault: its sample, what goes in by then (delayed as it must come out), what comes out.

    The sample is where the input has what the ring held at the moment when the fault struck.
    """
    struck, raw, out = map(decode, tab.evaluate(RECORD, [before, after, fault]))
    dry = np.concatenate([np.zeros(TOTAL_DELAY, np.float32), raw[:-TOTAL_DELAY]])
    if not struck.any():
        return 0, dry[TOTAL_DELAY:], out[TOTAL_DELAY:]
    starts = [i for i in np.flatnonzero(raw == struck[0]) if np.array_equal(raw[i : i + HOP], struck)]
    assert len(starts) == 1, f"{fault}: struck outside of the recording"
    return int(starts[0]) + HOP - TOTAL_DELAY, dry[TOTAL_DELAY:], out[TOTAL_DELAY:]


def assert_delay(tab: Tab) -> None:
    """Enhanced sound, at the stated delay to the sample."""
    enhanced(tab)
    _, dry, out = record(tab, 0, 2.5)
    assert lag(dry, out) == 0
    assert np.abs(out - dry).max() > 0.01, "raw to the end"


FATAL = {
    "terminate": ("stalled", "stopped keeping up"),
    "hang": ("stalled", "stopped keeping up"),
    "throw": ("enhancer", "injected fault"),
    "always": ("enhancer", "RuntimeError: injected fault"),
    "memory": ("enhancer", "MemoryError"),
    "abort": ("enhancer", ""),
}
"""What is done to the worker, and what is told of it."""


def test_the_voice_is_raw_within_100_ms_whatever_fails_and_can_be_restarted(call: Tab) -> None:
    """The worker killed, hanging, throwing; the enhancer failing, out of memory, aborted: one event each says why."""
    for fault, (code, message) in FATAL.items():
        call.evaluate("log.length = 0")
        at, dry, out = record(call, 0.7, 2, fault)
        assert np.abs(out[:at] - dry[:at]).max() > 0.01, f"{fault}: was not enhanced before"
        np.testing.assert_array_equal(out[at + LIMIT :], dry[at + LIMIT :], fault)
        call.wait("percepnet.state === 'fallback'")
        if code == "stalled":
            assert call.events("overload")[0]["action"] == "wait"
            assert "restart()" in call.events("fallback")[-1]["message"]
        # A busy machine may have been too slow before: that is another event.
        events = [event for event in call.events("fallback") if event["code"] != "overload"]
        assert [event["code"] for event in events] == [code], fault
        assert message in events[0]["message"]
        assert call.evaluate("clean.readyState") == "live"
        call.evaluate("percepnet.restart()")
        enhanced(call)
    assert_delay(call)
    assert call.uncaught == []
    assert len(call.page.workers) == 1, "workers are left behind"


def test_one_failed_frame_is_raw_and_the_next_ones_are_not(call: Tab) -> None:
    """No fallback; an error event counts it."""
    call.evaluate("log.length = 0")
    _, dry, out = record(call, 1, 2, "once")
    assert np.abs(out[-SAMPLE_RATE // 2 :] - dry[-SAMPLE_RATE // 2 :]).max() > 0.01
    call.wait("log.some(({ type }) => type === 'error')")
    assert call.events("fallback") == []
    assert "1 frames failed" in call.events("error")[0]["message"]


def test_a_stall_is_raw_while_it_lasts_and_leaves_no_delay(call: Tab) -> None:
    """From 20 ms, which the ring's depth covers, to 4 s, which is told: the same delay afterwards, by itself."""
    for milliseconds in (20, 1000, 4000):
        at, dry, out = record(call, 0.5, 0.5 + milliseconds / 1000, f"stall {milliseconds}")
        end = at + SAMPLE_RATE * milliseconds // 1000
        np.testing.assert_array_equal(out[at + LIMIT : end], dry[at + LIMIT : end], str(milliseconds))
        assert_delay(call)
    codes: list[Any] = [event["code"] for event in call.events("fallback")]
    assert set(codes) <= {"stalled", "overload"}, codes
    assert call.uncaught == []


STORM = """async () => {
    const end = performance.now() + 3000;
    while (performance.now() < end) {
        window.rubbish = Array.from({ length: 200000 }, (_, i) => ({ i, text: String(i) }));
        await new Promise((resolve) => setTimeout(resolve));
    }
    delete window.rubbish;
}"""


def test_storms_of_garbage_in_page_and_worker(call: Tab) -> None:
    """Nothing is lost for good, and the delay stays."""
    call.evaluate("new BroadcastChannel('fault').postMessage('garbage')")
    call.evaluate(STORM)
    call.evaluate("new BroadcastChannel('fault').postMessage('')")
    assert_delay(call)
    assert [event["code"] for event in call.events("fallback") if event["code"] not in ("stalled", "overload")] == []


def test_a_reload_in_the_middle_of_a_call_leaves_nothing_behind(call: Tab) -> None:
    """The old page's worker is gone, and the new page enhances as the first did."""
    call.page.reload()
    call.evaluate("async () => { window.harness = await import('/tests/harness.js'); }")
    call.evaluate("async () => { await harness.enhanceMicrophone(); window.far = await harness.call(clean); }")
    assert_delay(call)
    assert len(call.page.workers) == 1
    assert call.uncaught == []
