"""Faults in the middle of a call, measured on the sample clock: the voice is raw within 100 ms, and the delay stays.

The two ends of the drop-in's graph are recorded on one clock. Raw output is the input bit for bit, 70 ms later, so that
any other sample, such as a gap or a click, would show.

Other faults that can be injected are tested next door:

- an enhancer or a graph that cannot run, and what becomes of the browser's own suppression: ``test_suppression.py``
- missing, damaged, useless files: ``test_failures.py``, ``test_drop_in.py``; files that hang: ``test_slow_server.py``
- policies that forbid what we need: ``test_csp.py`` and ``test_hosts.py``
- import maps, constraints that change or are Proxies, listeners to a new stream: ``test_pages_that_broke.py``
- frameworks that do the same: ``test_frameworks.py``
- members, events, clones and constraints of the track: ``test_track_members.py``
- requirements we cannot meet, the sound of screens, empty requests, callbacks: ``test_requests.py``
- microphones unplugged, replaced, muted: ``test_devices.py``; with dead or inverted channels: ``test_end_to_end.py``
- machines that are too slow: ``test_tiers.py``
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import HERE, PATIENCE_MS, AlteredSite, Audio, Tab, decode
from measure import ATTEMPTS, lag, soon
from spies import GRAPH, WORKERS

from percepnet_wasm.constants import DELAY, HOP, SAMPLE_RATE

TOTAL_DELAY = 1920 + DELAY

LIMIT = SAMPLE_RATE // 10
"""Samples until the voice must be raw."""

RECORD = """async ([before, after, fault]) => {
    const recorder = await harness.startRecording(ours, [source, node], 60 * 48000);
    // Seconds of sound, not of a clock that a busy machine outruns.
    const flow = (seconds) => {
        const until = ours.currentTime + seconds;
        return harness.until(() => ours.currentTime >= until);
    };
    await flow(before);
    let heard = 0;
    percepnet.addEventListener('fallback', () => (heard ||= Math.round(ours.currentTime * 48000)));
    const told = new Promise((resolve) => (new BroadcastChannel('struck').onmessage = ({ data }) => resolve(data)));
    let struck = new Float32Array(480);
    if (fault === 'terminate') {
        percepnet.ring.readInput(percepnet.ring.load(harness.WORD.WRITTEN) - 480, struck);
        workers.at(-1).terminate();
    } else if (fault) {
        new BroadcastChannel('fault').postMessage(fault);
    }
    if (fault && fault !== 'terminate') struck = await told;
    await flow(after);
    const recordings = await recorder.stop();
    return [heard && heard - recordings.start, ...[struck, ...recordings].map(harness.encode)];
}"""


@pytest.fixture(params=["python", "worker"])
def engine(request: pytest.FixtureRequest) -> str:
    """Those with a worker that can fail; test_worklet_engine.py has what fails on the audio thread."""
    return str(request.param)


@pytest.fixture
def call(open_tab: Callable[..., Tab], altered: AlteredSite, engine: str) -> Tab:
    """A page in the middle of a call, whose enhancer can be made to fail."""
    if engine == "worker":
        altered.write("worklet/runner-worker.js", lambda _: (HERE / "faulty_runner.js").read_text())
    else:
        make_python_faulty(altered)
    tab = open_tab(altered.url, init=WORKERS + GRAPH)
    tab.evaluate(BEGIN, engine)
    enhanced(tab)
    return tab


BEGIN = """async (engine) => {
    await harness.enhanceMicrophone({ engine });
    window.far = await harness.call(clean);
}"""


def make_python_faulty(altered: AlteredSite) -> None:
    """Put faulty_pyodide.js before the real one."""
    real = (altered.folder / "runtime/pyodide.mjs").read_text()
    (altered.folder / "runtime/real.mjs").write_text(real)
    altered.write("runtime/pyodide.mjs", lambda _: (HERE / "faulty_pyodide.js").read_text())


def enhanced(tab: Tab) -> None:
    """Wait until sound is heard that Python enhances."""
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced' && !percepnet.early")


@dataclass
class Recording:
    """Recordings from around a fault, with a common index."""

    struck: int
    """Where the input has what the ring held at the moment when the fault struck."""
    heard: int
    """Sample at which the page received the fallback event."""
    dry: Audio
    """The input, delayed as the output must be."""
    out: Audio


def record(tab: Tab, before: float, after: float, fault: str = "") -> Recording:
    """Record seconds of sound before and after a fault."""
    heard, *recorded = tab.evaluate(RECORD, [before, after, fault])
    struck, raw, out = map(decode, recorded)
    heard, start = heard - TOTAL_DELAY, 0
    dry = np.concatenate([np.zeros(TOTAL_DELAY, np.float32), raw[:-TOTAL_DELAY]])
    if struck.any():
        starts = [i for i in np.flatnonzero(raw == struck[0]) if np.array_equal(raw[i : i + HOP], struck)]
        assert len(starts) == 1, f"{fault}: struck outside of the recording"
        start = int(starts[0]) + HOP - TOTAL_DELAY
    return Recording(start, heard, dry[TOTAL_DELAY:], out[TOTAL_DELAY:])


def strike(tab: Tab, fault: str) -> Recording:
    """Record a fault that strikes while the sound is enhanced; on a machine that is late just then, try again."""
    for _ in range(ATTEMPTS):
        tab.evaluate("log.length = 0")
        made = record(tab, 0.7, 2, fault)
        before = slice(0, made.struck)
        if np.abs(made.out[before] - made.dry[before]).max(initial=0) > 0.01:
            return made
        tab.wait("percepnet.state === 'fallback'")
        tab.evaluate("percepnet.restart()")
        enhanced(tab)
    raise AssertionError(f"{fault}: was never enhanced before")


def assert_delay(tab: Tab) -> None:
    """Enhanced sound, at the stated delay to the sample."""

    def complaint() -> str:
        enhanced(tab)
        made = record(tab, 0, 2.5)
        if lag(made.dry, made.out) != 0:
            return f"{lag(made.dry, made.out)} samples late"
        return "" if np.abs(made.out - made.dry).max() > 0.01 else "raw to the end"

    soon(complaint)


def one_worker(tab: Tab) -> None:
    """Wait until the present one is the only one: one that hangs takes a while to end."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while len(tab.page.workers) > 1:
        assert time.monotonic() < deadline, "workers are left behind"
        tab.page.wait_for_timeout(100)
    assert len(tab.page.workers) == 1


FATAL = {
    "python": {
        "terminate": ("stalled", "stopped keeping up"),
        "hang": ("stalled", "stopped keeping up"),
        "throw": ("enhancer", "injected fault"),
        "always": ("enhancer", "RuntimeError: injected fault"),
        "memory": ("enhancer", "MemoryError"),
        "abort": ("enhancer", ""),
    },
    "worker": {
        "terminate": ("stalled", "stopped keeping up"),
        "hang": ("stalled", "stopped keeping up"),
        "throw": ("enhancer", "injected fault"),
        "always": ("enhancer", "injected fault"),
        "trap": ("enhancer", "unreachable"),
    },
}
"""What is done to the worker, and what the page reports."""


def test_the_voice_is_raw_within_100_ms_whatever_fails_and_can_be_restarted(call: Tab, engine: str) -> None:
    """The worker killed, hanging, throwing; the enhancer failing, out of memory, aborted: one event each says why."""
    for fault, (code, message) in FATAL[engine].items():
        made = strike(call, fault)
        # A worker that has thrown keeps enhancing until the page, which is notified, ends it.
        raw = slice((made.heard if fault == "throw" else made.struck) + LIMIT, None)
        assert made.out[raw].size > 0, f"{fault}: nothing was recorded after it"
        np.testing.assert_array_equal(made.out[raw], made.dry[raw], fault)
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
    one_worker(call)


def test_one_failed_frame_is_raw_and_the_next_ones_are_not(call: Tab) -> None:
    """No fallback; an error event counts it."""
    call.evaluate("log.length = 0")
    record(call, 1, 1, "once")
    call.wait("log.some(({ type }) => type === 'error')")
    assert_delay(call)
    assert call.failures() == []
    assert "1 frames failed" in call.events("error")[0]["message"]


def test_a_stall_is_raw_while_it_lasts_and_leaves_no_delay(call: Tab) -> None:
    """From 20 ms, which the ring's depth covers, to 4 s, which is reported: then the same delay again, without help."""
    for milliseconds in (20, 1000, 4000):
        made = record(call, 0.5, 0.5 + milliseconds / 1000, f"stall {milliseconds}")
        raw = slice(made.struck + LIMIT, made.struck + SAMPLE_RATE * milliseconds // 1000)
        np.testing.assert_array_equal(made.out[raw], made.dry[raw], str(milliseconds))
        assert_delay(call)
    assert call.failures() == []
    assert call.uncaught == []


STORM = """async () => {
    const end = performance.now() + 3000;
    while (performance.now() < end) {
        window.rubbish = Array.from({ length: 200000 }, (_, i) => ({ i, text: String(i) }));
        await new Promise((resolve) => setTimeout(resolve));
    }
    delete window.rubbish;
}"""


@pytest.mark.parametrize("engine", ["python"])
def test_storms_of_garbage_in_page_and_worker(call: Tab) -> None:
    """Nothing is lost permanently, and the delay stays."""
    call.evaluate("new BroadcastChannel('fault').postMessage('garbage')")
    call.evaluate(STORM)
    call.evaluate("new BroadcastChannel('fault').postMessage('')")
    assert_delay(call)
    assert call.failures() == []


@pytest.mark.parametrize("engine", ["python"])
def test_a_reload_in_the_middle_of_a_call_leaves_nothing_behind(call: Tab) -> None:
    """The old page's worker is gone, and the new page enhances as the first did."""
    call.page.reload()
    call.evaluate("async () => { window.harness = await import('/tests/harness.js'); }")
    call.evaluate(BEGIN, "python")
    assert_delay(call)
    one_worker(call)
    assert call.uncaught == []
