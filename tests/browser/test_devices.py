"""Microphones of every rate, unplugged and exchanged; sound that pauses; pages that are blocked, frozen or hidden."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import Tab, decode, encode
from measure import align, lag, not_cleaned, soon
from spies import CONTEXTS

from percepnet_wasm.constants import DELAY, SAMPLE_RATE

DEPTH = 1920

in_both_threads = pytest.mark.parametrize("engine", ["python", "worklet"])
"""Engine 'worker' is 'python' with another program in the worker."""

DEVICES = """
// A microphone of any rate and number of channels: the track that a context of that rate plays something into.
window.device = async (sampleRate, channelCount, sound) => {
    const context = new AudioContext({ sampleRate });
    const destination = new MediaStreamAudioDestinationNode(context, { channelCount });
    (await sound(context)).connect(destination);
    return destination.stream.getAudioTracks()[0];
};
window.clip = async (context) => {
    const buffer = await context.decodeAudioData(await (await fetch('/clips/noisy.wav')).arrayBuffer());
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    source.start();
    return source;
};
window.tone = (frequency) => (context) => {
    const source = new OscillatorNode(context, { frequency });
    source.start();
    return source;
};
window.sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Frames computed by now, as the next statistics say.
window.frames = () => new Promise((resolve) =>
    percepnet.addEventListener('stats', ({ detail }) => resolve(detail.frames), { once: true }));
// The same once it has stood still for 1.5 s: what was under way may still come.
window.framesAtRest = async () => {
    for (let looks = 0, still = 0, last; looks < 60; looks++) {
        const count = await frames();
        still = count === last ? still + 1 : 0;
        if (still === 3) return count;
        last = count;
    }
    throw new Error('frames are computed that nobody hears');
};
"""


def level(samples: np.ndarray, frequency: int) -> float:
    """Amplitude of a tone in the last half second."""
    n = SAMPLE_RATE // 2
    spectrum = np.abs(np.fft.rfft(samples[-n:] * np.hanning(n))) / (n / 4)
    at = frequency * n // SAMPLE_RATE
    return float(spectrum[at - 3 : at + 4].max())


@pytest.fixture
def start(open_tab: Callable[..., Tab], isolated: str) -> Callable[[], Tab]:
    """Open a tab that knows devices."""

    def opened() -> Tab:
        tab = open_tab(isolated, init=CONTEXTS)
        tab.evaluate(f"() => {{ {DEVICES} }}")
        return tab

    return opened


@pytest.mark.parametrize(
    ("engine", "rates"), [("python", (8000, 16000, 44100, 96000, 192000)), ("worklet", (8000, 44100))]
)  # 48 kHz is what all other tests have.
def test_devices_of_all_rates_one_after_the_other(
    start: Callable[[], Tab], engine: str, rates: tuple[int, ...]
) -> None:
    """Each is enhanced, at the stated delay, by the same output track; mono and stereo take turns."""
    tab = start()
    create = """async (engine) => {
        const percepnet = await harness.create({ engine });
        window.raw = await device(8000, 1, clip);
        window.clean = await percepnet.processTrack(raw);
        await harness.untilPlaying(percepnet, 'enhanced');
    }"""
    tab.evaluate(create, engine)
    latency = tab.evaluate("percepnet.latency")
    for number, rate in enumerate(rates):
        if number:
            exchange = (
                "async ([rate, channels]) => percepnet.replaceInput(window.raw = await device(rate, channels, clip))"
            )
            tab.evaluate(exchange, [rate, 1 + number % 2])

        def wrong(rate: int = rate) -> str:
            raw, out = map(decode, tab.evaluate("() => harness.recordDropIn(5)"))
            behind = lag(raw[SAMPLE_RATE:], out[SAMPLE_RATE:])
            print(f"{rate} Hz: {behind} samples behind")
            # Between tracks the browser has buffers of its own, tens of ms on a busy machine. From node to node the
            # delay is exact (below).
            if abs(behind - latency) < 0.1 * SAMPLE_RATE:
                return not_cleaned(*align(raw, out, SAMPLE_RATE))
            tab.evaluate("percepnet.replaceInput(raw)")  # a buffer filled by a standstill stays full
            return f"{rate} Hz: {behind} samples behind"

        soon(wrong)
    assert tab.evaluate("[clean.readyState, percepnet.state]") == ["live", "ready"]
    assert tab.complaints == [] and tab.uncaught == []


def test_another_microphone_while_the_graph_is_made(start: Callable[[], Tab]) -> None:
    """The last one given is heard."""
    tab = start()
    tab.evaluate("""async () => {
        const percepnet = await harness.create({ enabled: false });
        const [first, second] = [await device(48000, 1, tone(500)), await device(44100, 2, tone(1500))];
        const processed = percepnet.processTrack(first);
        percepnet.replaceInput(second);
        window.clean = await processed;
    }""")

    def the_first_is_heard() -> str:
        out = decode(*tab.evaluate("() => harness.recordTracks([clean], 48000)"))
        levels = {frequency: level(out, frequency) for frequency in (500, 1500)}
        return "" if levels[1500] > 0.5 and levels[500] < 0.01 else f"amplitudes {levels}"

    soon(the_first_is_heard)


@in_both_threads
def test_muted_or_unplugged_then_replaced(start: Callable[[], Tab], engine: str) -> None:
    """Nothing is computed for the old one; with a new one the same output track is enhanced again."""
    tab = start()
    tab.evaluate(
        "async (engine) => harness.untilPlaying(await harness.enhanceMicrophone({ engine }), 'enhanced')", engine
    )
    for leave in ("raw.enabled = false", "raw.stop()"):
        tab.evaluate(f"() => {{ {leave}; }}")
        tab.wait("percepnet.playing === 'resting'")
        count = tab.evaluate("framesAtRest()")
        assert tab.evaluate("clean.readyState") == "live"
        tab.evaluate("percepnet.replaceInput(raw)")  # one that has ended already: an app cannot exclude that
        tab.evaluate("async () => percepnet.replaceInput(window.raw = await harness.microphone())")
        tab.wait("percepnet.playing === 'enhanced'")
        tab.wait(f"frames().then((now) => now > {count})")
    assert tab.complaints == [] and tab.uncaught == []


def test_a_graph_at_another_rate_goes_through_tracks(start: Callable[[], Tab]) -> None:
    """createNode refuses a context that is not at 48 kHz; the way that its message names enhances in that context."""
    tab = start()
    tab.evaluate("""async () => {
        const percepnet = await harness.create();
        window.context = new AudioContext({ sampleRate: 44100 });
        window.refusal = await percepnet.createNode(context).catch((error) => error.message);
        window.before = await clip(context);
        const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
        before.connect(out);
        const [track] = out.stream.getAudioTracks();
        window.after = new MediaStreamAudioSourceNode(context, {
            mediaStream: new MediaStream([await percepnet.processTrack(track)]),
        });
        await harness.untilPlaying(percepnet, 'enhanced');
    }""")
    assert "MediaStreamAudioDestinationNode" in tab.evaluate("refusal")

    def not_heard_cleaned() -> str:
        tab.enhanced()
        recorded = tab.evaluate("() => harness.record(context, [before, after], 5 * 44100)")
        return not_cleaned(*align(*map(decode, recorded), 44100))

    soon(not_heard_cleaned)
    assert tab.uncaught == []


PAUSES = {
    "switched-off": ("percepnet.enabled = false", "percepnet.enabled = true"),
    "suspended": ("context.suspend()", "context.resume()"),
    "node-disconnected": ("source.disconnect(), node.disconnect()", "source.connect(node).connect(sent)"),
}


@in_both_threads
def test_no_frame_is_computed_that_nobody_hears(start: Callable[[], Tab], engine: str) -> None:
    """Switched off, with a suspended context, or with a node without input: the counter stands still."""
    tab = start()
    create = """async (engine) => {
        const percepnet = await harness.create({ engine });
        window.raw = await harness.microphone();
        window.context = new AudioContext({ sampleRate: 48000 });
        window.source = context.createMediaStreamSource(new MediaStream([raw]));
        window.node = await percepnet.createNode(context);
        window.sent = context.createMediaStreamDestination();
        source.connect(node).connect(sent);
        await harness.untilPlaying(percepnet, 'enhanced');
    }"""
    tab.evaluate(create, engine)
    for name, (pause, resume) in PAUSES.items():
        if (name, engine) == ("suspended", "worklet"):
            continue  # frames are computed and counted on the audio thread, which stands still
        tab.evaluate(f"async () => {{ await ({pause}); }}")
        count = tab.evaluate("framesAtRest()")
        tab.evaluate(f"async () => {{ await ({resume}); }}")
        print(name, count)
        tab.wait(f"frames().then((now) => now >= {count} + 50)")
    tab.wait("percepnet.playing === 'enhanced'")
    tab.wait("percepnet.state === 'ready'")


def disturb(tab: Tab, name: str) -> None:
    """Disturb the page as pages are disturbed in practice."""
    if name == "blocked":
        tab.evaluate("() => { const end = performance.now() + 3000; while (performance.now() < end); }")
    elif name == "suspended":
        tab.evaluate("async () => { await context.suspend(); await sleep(2000); await context.resume(); }")
    elif name == "hidden":
        other = tab.page.context.new_page()
        other.bring_to_front()
        other.wait_for_timeout(3000)
        other.close()
    elif name == "frozen":
        session = tab.page.context.new_cdp_session(tab.page)
        session.send("Page.setWebLifecycleState", {"state": "frozen"})
        tab.page.wait_for_timeout(3000)
        session.send("Page.setWebLifecycleState", {"state": "active"})


def test_the_delay_is_the_stated_one_after_every_disturbance(open_tab: Callable[..., Tab], anywhere: str) -> None:
    """Nothing that was late becomes latency."""
    tab = open_tab(anywhere)
    tab.evaluate(f"() => {{ {DEVICES} }}")
    tab.evaluate("""async () => {
        const percepnet = await harness.create();
        const raw = await harness.microphone();
        window.context = new AudioContext({ sampleRate: 48000 });
        window.source = context.createMediaStreamSource(new MediaStream([raw]));
        window.node = await percepnet.createNode(context);
        source.connect(node).connect(context.createMediaStreamDestination());
        await harness.untilPlaying(percepnet, 'enhanced');
    }""")
    # A blocked or hidden page concerns neither of the two threads: with messages they pass it by as well.
    shared = tab.evaluate("crossOriginIsolated")
    for name in ("blocked", "suspended", "hidden", "frozen") if shared else ("suspended", "frozen"):
        disturb(tab, name)
        tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced'")
        raw, out = map(decode, tab.evaluate("() => harness.record(context, [source, node], 3 * 48000)"))
        assert lag(raw, out) == DEPTH + DELAY, name
        assert np.abs(out[DEPTH + DELAY :] - raw[: -DEPTH - DELAY]).max() > 0.01, f"{name}: raw to the end"
    assert tab.uncaught == []


@in_both_threads
def test_a_context_that_is_suspended_from_outside(start: Callable[[], Tab], engine: str) -> None:
    """It is resumed at once; if the browser forbids that, one event says so, and a click is enough."""
    tab = start()
    tab.evaluate(
        "async (engine) => harness.untilPlaying(await harness.enhanceMicrophone({ engine }), 'enhanced')", engine
    )
    took = tab.evaluate("""async () => {
        await contexts[0].suspend();
        const begun = performance.now();
        await harness.until(() => contexts[0].state === 'running');
        return performance.now() - begun;
    }""")
    # A browser that takes longer than a moment leaves silence, which is reported.
    assert tab.failures() == [] or took > 900
    tab.wait("percepnet.state === 'ready'")
    tab.evaluate("log.length = 0")
    tab.evaluate("""() => {
        contexts[0].resume = () => new Promise(() => {});
        return contexts[0].suspend();
    }""")
    tab.wait("percepnet.reason?.code === 'suspended'")
    assert tab.failures() == ["suspended"]
    tab.evaluate("delete contexts[0].resume")
    tab.page.mouse.click(10, 10)
    tab.wait("percepnet.state === 'ready' && contexts[0].state === 'running'")
    assert tab.uncaught == []


def test_the_attenuation_limit_changes_without_a_click(open_tab: Callable[..., Tab], isolated: str) -> None:
    """From nothing to everything and back, in a loud low tone, which hides no step."""
    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    noisy = (0.5 * np.sin(2 * np.pi * 60 * t)).astype(np.float32)
    tab = open_tab(isolated)
    assert (
        tab.evaluate(
            "async () => harness.untilState(await harness.create({ attenuationLimit: 0 }), 'ready', 'fallback')"
        )
        == "ready"
    )
    script = """async (input) => harness.renderOffline(percepnet, input, {
        sample: 48000,
        run: async (percepnet) => {
            percepnet.attenuationLimit = Infinity;
            await percepnet.setModel('c20'); // when this is answered, the other has arrived
            return true;
        },
    })"""
    result = tab.evaluate(script, encode(noisy))
    output = decode(result["output"])
    assert result["underruns"] == 0
    before, after = np.abs(output[30000:48000]).max(), np.abs(output[100000:]).max()
    print(f"amplitude {before:.2f} before, {after:.2f} after")
    assert after < 0.7 * before, "the limit made no difference: nothing was tested"
    # In a step the second difference is as large as the step itself; in the tone it is 3e-5.
    assert np.abs(np.diff(output, 2))[30000:].max() < 2e-3
