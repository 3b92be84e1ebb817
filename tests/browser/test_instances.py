"""Several instances in a page: one worker, one runtime, one copy of the weights; none disturbs another."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import ENGINES, SLOW, Tab
from spies import CONTEXTS, WORKERS

from percepnet_wasm.constants import LAG_MAX, LAG_MIN
from percepnet_wasm.signal.bands import BANDS

TWO = """async (engine) => {
    window.a = await harness.enhanceMicrophone({ engine });
    window.cleanA = window.clean;
    await harness.until(() => a.playing === 'enhanced' && a.state === 'ready' && !a.early);
    window.b = await harness.enhanceMicrophone({ engine, attenuationLimit: 12 });
    window.cleanB = window.clean;
    await harness.untilPlaying(b, 'enhanced');
}"""

everywhere = pytest.mark.parametrize("engine", ENGINES)
in_workers = pytest.mark.parametrize("engine", ["python", "worker"])
"""Engines for which all instances share a worker."""


def wheels(tab: Tab) -> int:
    """How often our wheel was requested: once for each runtime."""
    return sum("percepnet_wasm-" in request for request in tab.requests)


def images(tab: Tab) -> int:
    """The same for the default tier's image."""
    return sum(request.endswith("c20.pni") for request in tab.requests)


LIVE = "workers.filter(({ alive }) => alive).length"


RESTART = """async () => {
    const fallbacks = [];
    b.addEventListener('fallback', ({ detail }) => fallbacks.push(detail.code));
    a.restart(); // from 'ready': nothing is wrong with the worker
    await harness.untilState(a, 'ready');
    return [workers.filter(({ alive }) => alive).length, fallbacks];
}"""


@everywhere
def test_share_worker_runtime_and_weights(open_tab: Callable[..., Tab], isolated: str, engine: str) -> None:
    """The second instance loads nothing, and both are enhanced; restarted, one leaves the other without a gap."""
    tab = open_tab(isolated, init=WORKERS + CONTEXTS)
    tab.evaluate(TWO, engine)
    threads = 0 if engine == "worklet" else 1
    tab.wait(f"{LIVE} === {threads}")  # the one that enhanced while Python started goes after two seconds
    assert (wheels(tab), images(tab)) == (1 if engine == "python" else 0, 1)
    tab.wait("a.state === 'ready' && b.state === 'ready'")
    assert not any(event["bytes"] for event in tab.events("progress")), "the second one loaded something"
    workers, fallbacks = tab.evaluate(RESTART)
    assert workers == threads and set(fallbacks) <= set(SLOW)
    tab.wait("b.state === 'ready' && b.playing === 'enhanced'")
    assert tab.complaints == [] and tab.uncaught == []


DESTROY = """async () => {
    let stats;
    b.addEventListener('stats', ({ detail }) => (stats = detail));
    a.destroy();
    await harness.until(() => stats);
    const before = stats.frames;
    await harness.until(() => stats.frames > before + 100);
    return [cleanB.readyState, cleanA.readyState, b.attenuationLimit];
}"""


@in_workers
def test_the_death_of_the_shared_worker_reaches_every_instance_and_each_recovers(
    open_tab: Callable[..., Tab], isolated: str, engine: str
) -> None:
    """Restarted they meet again in one new worker; destroyed, one leaves the other its frames, track and settings."""
    tab = open_tab(isolated, init=WORKERS + CONTEXTS)
    tab.evaluate(TWO, engine)
    tab.wait(f"{LIVE} === 1")
    tab.evaluate("window.first = workers.find(({ alive }) => alive)")
    tab.evaluate("first.dispatchEvent(new ErrorEvent('error', { message: 'injected', cancelable: true }))")
    assert tab.evaluate("[a, b].map(({ state, reason }) => [state, reason?.code])") == [["fallback", "enhancer"]] * 2
    assert not tab.evaluate("first.alive")
    tab.evaluate("[a, b].forEach((each) => each.restart())")
    tab.wait("[a, b].every(({ playing, state, early }) => playing === 'enhanced' && state === 'ready' && !early)")
    tab.wait(f"{LIVE} === 1")
    assert tab.evaluate(DESTROY) == ["live", "ended", 12]
    tab.wait("b.state === 'ready' && b.playing === 'enhanced'")
    assert tab.evaluate(LIVE) == 1
    assert all("injected" in text for text in tab.complaints), "the console only says that the worker failed"
    assert tab.uncaught == []


RACES = """async ([engine, draws]) => {
    const random = () => draws.shift();
    const raw = await harness.microphone();
    const made = [];
    for (let round = 0; round < 20; round++) {
        const percepnet = await harness.PercepNet.create({ engine });
        const track = raw.clone();
        const processed = percepnet.processTrack(track);
        // The last ones live long enough to load, and to be enhanced.
        const life = [1000, 3000][19 - round] ?? random() * random() * 600;
        await new Promise((resolve) => setTimeout(resolve, life));
        if (random() < 0.3) percepnet.replaceInput(raw.clone());
        if (random() < 0.3) percepnet.restart();
        percepnet.destroy();
        if (random() < 0.5) percepnet.destroy();
        made.push({ percepnet, track, processed });
    }
    (await harness.PercepNet.create({ engine })).destroy(); // one that never had a track
    const outputs = await Promise.all(made.map(({ processed }) => processed));
    const left = () => [
        workers.filter(({ alive }) => alive).length,
        contexts.filter(({ state }) => state !== 'closed').length,
    ];
    for (let looks = 0; looks < 600 && left().some(Boolean); looks++) await new Promise((r) => setTimeout(r, 100));
    return {
        states: [...new Set(made.map(({ percepnet }) => percepnet.state))],
        left: left(),
        // Each output is the microphone itself, or has ended.
        outputs: outputs.every((output, i) => output === made[i].track || output.readyState === 'ended'),
        microphones: [raw, ...made.map(({ track }) => track)].every(({ readyState }) => readyState === 'live'),
    };
}"""


@everywhere
def test_twenty_races_leave_nothing_behind(open_tab: Callable[..., Tab], isolated: str, engine: str) -> None:
    """Created, given a track, perhaps another one, perhaps restarted, and destroyed at a random moment."""
    tab = open_tab(isolated, init=WORKERS + CONTEXTS)
    draws = np.random.default_rng(7).random(5 * 20).tolist()
    assert tab.evaluate(RACES, [engine, draws]) == {
        "states": ["destroyed"],
        "left": [0, 0],
        "outputs": True,
        "microphones": True,
    }
    assert tab.complaints == [] and tab.uncaught == []
    # And the page can start over.
    start = "async (engine) => harness.untilPlaying(await harness.enhanceMicrophone({ engine }), 'enhanced')"
    tab.evaluate(start, engine)


GROWTH = """async ([engine, rounds]) => {
    const first = await harness.enhanceMicrophone({ engine }); // keeps the worker
    await harness.until(() => first.playing === 'enhanced' && first.state === 'ready' && !first.early);
    const heap = async () => {
        let size;
        first.addEventListener('stats', ({ detail }) => (size = detail.heap), { once: true });
        await harness.until(() => size);
        return size;
    };
    const sizes = [];
    for (let round = 1; round <= rounds; round++) {
        const percepnet = await harness.PercepNet.create({ engine });
        await harness.untilState(percepnet, 'ready', 'fallback');
        if (percepnet.state !== 'ready') return percepnet.reason.message;
        percepnet.destroy();
        if (round === 10 || round === rounds) sizes.push(await heap());
    }
    return sizes;
}"""


@everywhere
def test_rounds_of_create_and_destroy_do_not_grow(open_tab: Callable[..., Tab], isolated: str, engine: str) -> None:
    """Every Python object of an instance goes with it: the heap stays as large as after the first rounds."""
    tab = open_tab(isolated)
    early, late = tab.evaluate(GROWTH, [engine, 30])
    assert early == late


ONCE = """async (engine) => {
    const errors = [];
    const note = (error) => errors.push(error.message);
    const percepnet = await harness.create({ engine });
    percepnet.restart(); // before it has begun
    const first = percepnet.processTrack(await harness.microphone());
    await percepnet.processTrack(await harness.microphone()).catch(note);
    const clean = await first;
    percepnet.restart(); // while it loads
    await percepnet.createNode(new AudioContext({ sampleRate: 48000 })).catch(note);
    await harness.untilPlaying(percepnet, 'enhanced');

    const other = await harness.PercepNet.create({ engine });
    const context = new AudioContext({ sampleRate: 48000 });
    const nodes = await Promise.allSettled([other.createNode(context), other.createNode(context)]);
    nodes.forEach(({ reason }) => reason && note(reason));
    return [clean.readyState, errors];
}"""


@everywhere
def test_once_is_enough(open_tab: Callable[..., Tab], isolated: str, engine: str) -> None:
    """A second track or node is an error that says what to do, and the first one keeps working."""
    tab = open_tab(isolated)
    track = "this instance already has a track: use replaceInput() or another instance"
    node = "this instance already has its node: create another instance"
    assert tab.evaluate(ONCE, engine) == ["live", [track, node, node]]
    tab.wait("percepnet.state === 'ready'")
    assert tab.failures() == [] and tab.uncaught == []


OBSERVED = """async (engine) => {
    const seen = [];
    const percepnet = await harness.PercepNet.create({ engine });
    const stop = percepnet.observe((frame) => seen.push(frame)); // before there is anything to be seen
    await percepnet.processTrack(await harness.microphone());
    await harness.until(() => seen.length >= 50);
    await harness.until(() => !percepnet.early && percepnet.info); // whose frames are counted anew
    seen.length = 0;
    await harness.until(() => seen.length >= 50);
    stop();
    await new Promise((resolve) => setTimeout(resolve, 500)); // those under way
    const { length } = seen;
    await new Promise((resolve) => setTimeout(resolve, 500));
    const silent = seen.length === length;
    const begun = performance.now();
    percepnet.observe((frame) => seen.push(frame));
    await harness.until(() => seen.length > length + 25);
    const interval = (performance.now() - begun) / 25;
    const plain = (frame) => ({ ...frame, gains: [...frame.gains], strengths: [...frame.strengths] });
    return [silent, interval, seen.map(plain)];
}"""


@everywhere
def test_what_the_enhancer_does_can_be_seen(open_tab: Callable[..., Tab], isolated: str, engine: str) -> None:
    """Gains, comb strengths, pitch and voice of the newest frame, while somebody looks."""
    tab = open_tab(isolated)
    silent, interval, seen = tab.evaluate(OBSERVED, engine)
    assert silent, "told to nobody"
    assert all(len(frame["gains"]) == len(frame["strengths"]) == BANDS for frame in seen)
    values = np.array([frame["gains"] + frame["strengths"] + [frame["voice"]] for frame in seen])
    assert values.min() >= 0 and values.max() <= 1 and values.std(axis=0).max() > 0.05
    pitches = [(frame["period"], frame["correlation"]) for frame in seen]
    analysed = [each for each in pitches if each != (0, 0)]  # as it is in a stream that has just begun
    assert len(analysed) > len(pitches) / 2
    assert [each for each in analysed if not LAG_MIN <= each[0] <= LAG_MAX or abs(each[1]) > 1.001] == []
    numbers = [frame["frame"] for frame in seen]
    assert (np.diff(numbers) > 0).all()
    assert interval > 35, "about 25 a second, not one for each of the 100 frames"
