"""Faults in the middle of a call, measured on the sample clock: the voice is raw within 100 ms, and the delay stays.

The two ends of the drop-in's graph are recorded on one clock. Raw output is the input bit for bit, 70 ms later, so that
any other sample, such as a gap or a click, would show.

Whatever else can go wrong with a page or its microphone is tested where its subject is:

test_pages_that_broke.py
    an import map below the tag                      ::test_an_import_map_below_the_tag
    constraints that change after the call           ::test_constraints_are_read_at_the_call
    one constraints object for all microphones       ::test_a_loop_over_all_microphones_with_one_object
    constraints in a Proxy, with functions or nodes  ::test_constraints_that_are_not_plain_objects
    a new stream that becomes inactive               ::test_a_new_stream_is_active_and_stays_so
    tracks that change places                        ::test_tracks_keep_their_order
test_track_members.py
    ended: listeners in Firefox                      ::test_a_microphone_unplugged_in_firefox
    applyConstraints: null, suppression required     ::test_optional_and_required_constraints_on_an_open_microphone
    members of the prototype, label of a clone       ::test_members_taken_from_the_prototype
    methods called on other objects                  ::test_foreign_receivers_get_the_browsers_own_errors
test_drop_in.py
    mute, unmute, ended in Chromium                  ::test_mute_and_unplug_are_reported
    attributes of other tools                        ::test_wrong_attributes_are_reported_and_harmless
test_frameworks.py
    constraints that a framework has wrapped         ::test_a_framework_gets_a_clean_microphone
test_suppression.py
    no enhancer, nor the browser's suppression       ::test_it_comes_back_when_the_enhancer_does_not_start
    no audio graph                                   ::test_without_an_audio_graph_the_microphone_is_as_asked
test_requests.py
    the sound of a screen or a tab                   ::test_the_sound_of_a_screen_or_a_tab_is_left_alone
    stereo, or another sample rate, required         ::test_a_requirement_that_a_clean_track_cannot_meet
    callbacks that are missing, or throw             ::test_the_interface_from_before_promises
    an empty request                                 ::test_an_empty_request_is_rejected_at_once
test_csp.py
    Trusted Types                                    ::test_the_script_tag_enhances_under_a_strict_policy
    WebAssembly forbidden                            ::test_a_policy_that_forbids_webassembly_leaves_the_raw_voice
test_slow_server.py
    a file that hangs                                ::test_a_file_that_hangs_keeps_no_page_waiting
    a file that comes late                           ::test_the_change_to_a_late_processor_is_a_cross_fade
test_failures.py
    a file that never comes                          ::test_a_start_without_progress_is_given_up
    files missing                                    ::test_missing_files
    files of another build                           ::test_a_file_that_is_not_from_the_build_is_refused
    an exception on the audio thread                 ::test_processor_exception
test_worklet_engine.py
    a frame that fails on the audio thread           ::test_a_frame_that_traps_is_raw_in_the_same_quantum
test_backlog.py
    sound that piles up in front of the graph        ::test_sound_that_piled_up_in_front_of_the_graph_is_skipped
test_end_to_end.py
    a dead channel, or an inverted one               ::test_a_stereo_microphone_keeps_its_voice_whole
test_devices.py
    microphones unplugged, replaced, muted           ::test_muted_or_unplugged_then_replaced
test_tiers.py
    a machine that is too slow                       ::test_steps_down_when_frames_keep_coming_late
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
    """Those with a worker that can fail."""
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
        made = record(tab, 0, 2)
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


STORM = """async () => {
    const end = performance.now() + 3000;
    while (performance.now() < end) {
        window.rubbish = Array.from({ length: 200000 }, (_, i) => ({ i, text: String(i) }));
        await new Promise((resolve) => setTimeout(resolve));
    }
    delete window.rubbish;
}"""


def test_what_passes_is_raw_while_it_lasts_and_leaves_no_delay(call: Tab) -> None:
    """No fallback, and nothing is lost permanently: one page sees a failed frame, stalls, and storms of garbage."""
    # The next frames are enhanced again; an error event counts the one.
    call.evaluate("log.length = 0")
    record(call, 1, 1, "once")
    call.wait("log.some(({ type }) => type === 'error')")
    assert_delay(call)
    assert call.failures() == []
    assert "1 frames failed" in call.events("error")[0]["message"]

    # In page and worker.
    call.evaluate("new BroadcastChannel('fault').postMessage('garbage')")
    call.evaluate(STORM)
    call.evaluate("new BroadcastChannel('fault').postMessage('')")
    assert_delay(call)
    assert call.failures() == []

    # From 20 ms, which the ring's depth covers, to 4 s, which is reported: then the same delay again, without help.
    for milliseconds in (20, 1000, 4000):
        made = record(call, 0.5, 0.5 + milliseconds / 1000, f"stall {milliseconds}")
        raw = slice(made.struck + LIMIT, made.struck + SAMPLE_RATE * milliseconds // 1000)
        np.testing.assert_array_equal(made.out[raw], made.dry[raw], str(milliseconds))
        assert_delay(call)
    assert call.failures() == []
    assert call.uncaught == []


@pytest.mark.parametrize("engine", ["worker"])
def test_a_reload_in_the_middle_of_a_call_leaves_nothing_behind(call: Tab) -> None:
    """The old page's worker is gone, and the new page enhances as the first did."""
    call.page.reload()
    call.evaluate("async () => { window.harness = await import('/tests/harness.js'); }")
    call.evaluate(BEGIN, "worker")
    assert_delay(call)
    one_worker(call)
    assert call.uncaught == []
