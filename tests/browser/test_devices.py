"""Microphones of every rate, unplugged and exchanged; sound that pauses; pages that are blocked, frozen or hidden."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import DEPTH, Tab, decode, encode
from measure import ENOUGH, align, lag, not_cleaned, soon
from spies import CONTEXTS

from percepnet_wasm.constants import DELAY, SAMPLE_RATE

THREADS = ["worker", "worklet"]
"""Engine 'python' is 'worker' with another program, which starts seconds later: it runs where that is what matters."""

in_both_threads = pytest.mark.parametrize("engine", THREADS)

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


RATES = (8000, 16000, 44100, 96000, 192000)
"""Of microphones; 48 kHz is what all other tests have."""


def test_devices_of_all_rates_one_after_the_other(start: Callable[[], Tab]) -> None:
    """Each is enhanced, at the stated delay, in the same output track; mono and stereo take turns."""
    tab = start()
    create = """async ([engines, rate]) => {
        window.raw = await device(rate, 1, clip);
        const instances = await harness.createEach(engines);
        window.clean = await Promise.all(instances.map((percepnet) => percepnet.processTrack(raw)));
        await harness.untilEachEnhanced();
    }"""
    tab.evaluate(create, [THREADS, RATES[0]])
    latencies = tab.evaluate("each.map(({ latency }) => latency)")
    assert latencies == [DEPTH[engine] + DELAY for engine in THREADS]
    for number, rate in enumerate(RATES):
        if number:
            tab.evaluate(
                """async ([rate, channels]) => {
                    window.raw = await device(rate, channels, clip);
                    for (const percepnet of each) percepnet.replaceInput(raw);
                }""",
                [rate, 1 + number % 2],
            )

        left = dict(zip(THREADS, latencies, strict=True))

        def wrong(rate: int = rate, left: dict[str, int] = left) -> str:
            tab.evaluate("harness.untilEachEnhanced()")  # after an overload an enhancer rests, longer each time
            raw, *outs = map(
                decode, tab.evaluate("(seconds) => harness.recordTracks([raw, ...clean], seconds * 48000)", ENOUGH)
            )
            complaints = []
            for engine, out in zip(THREADS, outs, strict=True):
                if engine not in left:
                    continue
                behind = lag(raw[SAMPLE_RATE:], out[SAMPLE_RATE:])
                print(told := f"{rate} Hz, {engine}: {behind} samples behind")
                # Between tracks the browser has buffers of its own, tens of ms on a busy machine. From node to node the
                # delay is exact (below).
                if abs(behind - left[engine]) < 0.1 * SAMPLE_RATE:
                    told = not_cleaned(*align(raw, out, SAMPLE_RATE))
                if told:
                    complaints.append(f"{engine}: {told}")
                else:
                    del left[engine]
            if complaints:
                tab.evaluate("each.forEach((percepnet) => percepnet.replaceInput(raw))")  # a full buffer stays full
            return "; ".join(complaints)

        soon(wrong)
    assert tab.evaluate("clean.every(({ readyState }) => readyState === 'live')")
    assert tab.complaints == [] and tab.uncaught == []


def test_another_microphone_while_the_graph_is_made(start: Callable[[], Tab]) -> None:
    """The last one given is heard."""
    tab = start()
    create = """async (engines) => {
        const [first, second] = [await device(48000, 1, tone(500)), await device(44100, 2, tone(1500))];
        const processed = (await harness.createEach(engines, { enabled: false })).map((percepnet) => {
            const clean = percepnet.processTrack(first);
            percepnet.replaceInput(second);
            return clean;
        });
        window.clean = await Promise.all(processed);
    }"""
    tab.evaluate(create, THREADS)

    def the_first_is_heard() -> str:
        outs = map(decode, tab.evaluate("() => harness.recordTracks(clean, 48000)"))
        heard = [[level(out, frequency) for frequency in (500, 1500)] for out in outs]
        return "" if all(first < 0.01 and second > 0.5 for first, second in heard) else f"amplitudes {heard}"

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
    create = """async (engines) => {
        window.context = new AudioContext({ sampleRate: 44100 });
        window.before = await clip(context);
        const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
        before.connect(out);
        const [track] = out.stream.getAudioTracks();
        const refused = async (percepnet) => {
            const refusal = await percepnet.createNode(context).catch((error) => error.message);
            const mediaStream = new MediaStream([await percepnet.processTrack(track)]);
            return [refusal, new MediaStreamAudioSourceNode(context, { mediaStream })];
        };
        const found = await Promise.all((await harness.createEach(engines)).map(refused));
        window.refusals = found.map(([refusal]) => refusal);
        window.after = found.map(([, node]) => node);
    }"""
    tab.evaluate(create, THREADS)
    assert all("MediaStreamAudioDestinationNode" in refusal for refusal in tab.evaluate("refusals"))
    left = set(THREADS)

    def not_heard_cleaned() -> str:
        tab.evaluate("() => harness.untilEachEnhanced()")
        raw, *outs = map(
            decode, tab.evaluate("(seconds) => harness.record(context, [before, ...after], seconds * 44100)", ENOUGH)
        )
        heard = {engine: not_cleaned(*align(raw, out, 44100)) for engine, out in zip(THREADS, outs, strict=True)}
        left.difference_update(engine for engine, complaint in heard.items() if not complaint)
        return "; ".join(f"{engine}: {heard[engine]}" for engine in left)

    soon(not_heard_cleaned)
    assert tab.uncaught == []


PAUSES = {
    "switched-off": ("percepnet.enabled = false", "percepnet.enabled = true"),
    "suspended": ("context.suspend()", "context.resume()"),
    "node-disconnected": ("source.disconnect(), node.disconnect()", "source.connect(node).connect(sent)"),
}


@pytest.mark.parametrize("engine", ["python", "worklet"])
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
    shared = tab.evaluate("crossOriginIsolated")
    tab.evaluate(f"() => {{ {DEVICES} }}")
    create = """async (engines) => {
        window.context = new AudioContext({ sampleRate: 48000 });
        window.source = context.createMediaStreamSource(new MediaStream([await harness.microphone()]));
        const instances = await harness.createEach(engines);
        window.nodes = await Promise.all(instances.map((percepnet) => percepnet.createNode(context)));
        const destination = context.createMediaStreamDestination();
        for (const node of nodes) source.connect(node).connect(destination);
        await harness.untilEachEnhanced();
    }"""
    tab.evaluate(create, THREADS)
    # A blocked or hidden page concerns neither of the two threads: with messages they pass it by as well.
    for name in ("blocked", "suspended", "hidden", "frozen") if shared else ("suspended", "frozen"):
        disturb(tab, name)
        tab.evaluate("() => harness.untilEachEnhanced()")
        raw, *outs = map(decode, tab.evaluate("() => harness.record(context, [source, ...nodes], 2 * 48000)"))
        for engine, out in zip(THREADS, outs, strict=True):
            delay = DEPTH[engine] + DELAY
            assert lag(raw, out) == delay, f"{name}, {engine}"
            assert np.abs(out[delay:] - raw[:-delay]).max() > 0.01, f"{name}, {engine}: raw to the end"
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
    """From nothing to everything, in a loud low tone, which hides no step."""
    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    noisy = (0.5 * np.sin(2 * np.pi * 60 * t)).astype(np.float32)
    tab = open_tab(isolated)
    script = """async ([engine, input]) => {
        const percepnet = await harness.create({ engine, attenuationLimit: 0 });
        await harness.untilState(percepnet, 'ready');
        return harness.renderOffline(percepnet, input, {
            sample: 48000,
            run: async (percepnet) => {
                percepnet.attenuationLimit = Infinity;
                await percepnet.setModel('c20'); // when this is answered, the other has arrived
                return true;
            },
        });
    }"""
    for engine in ("python", "worker"):  # test_worklet_engine.py has the third
        result = tab.evaluate(script, [engine, encode(noisy)])
        output = decode(result["output"])
        assert result["underruns"] == 0
        before, after = np.abs(output[30000:48000]).max(), np.abs(output[100000:]).max()
        print(f"{engine}: amplitude {before:.2f} before, {after:.2f} after")
        assert after < 0.7 * before, "the limit made no difference: nothing was tested"
        # In a step the second difference is as large as the step itself; in the tone it is 3e-5.
        assert np.abs(np.diff(output, 2))[30000:].max() < 2e-3
