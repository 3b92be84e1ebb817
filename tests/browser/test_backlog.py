"""After the audio graph has stood still the voice is not late for the rest of the call."""

from collections.abc import Callable

from conftest import Tab, decode
from measure import lag, soon
from spies import CONTEXTS

from percepnet_wasm.constants import SAMPLE_RATE

OURS = 70
"""Milliseconds of the enhancer: its algorithm and the ring."""

SETUP = """async () => {
    // What the graph skips does not depend on the engine: this one starts sooner than the default.
    const percepnet = await harness.enhanceMicrophone({ engine: 'worker', enabled: false });
    await harness.untilState(percepnet, 'ready');
    await harness.untilPlaying(percepnet, 'bypassed');
    // An empty graph beside ours, to compare with.
    const bare = new AudioContext({ sampleRate: 48000 });
    const destination = bare.createMediaStreamDestination();
    bare.createMediaStreamSource(new MediaStream([raw])).connect(destination);
    window.tracks = [raw, clean, ...destination.stream.getAudioTracks()];
    window.graphs = [contexts[0], bare];
}"""

SOURCES = (
    CONTEXTS
    + """
const make = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (...args) {
    if (this === contexts[0]) window.sources++;
    return make.apply(this, args);
};
"""
)
"""``sources``: how many the drop-in's graph has been given."""

INTERRUPT = """async () => {
    const stats = () => new Promise((resolve) => {
        percepnet.addEventListener('stats', ({ detail }) => resolve(detail), { once: true });
    });
    do {
        percepnet.enabled = true;
        while ((await stats()).voiceActivity < 0.5);
        percepnet.enabled = false;
        await harness.untilPlaying(percepnet, 'bypassed');
        await stats();
    } while ((await stats()).voiceActivity < 0.5);
}"""
"""Switch the enhancer off in the middle of a word, which is the last that it hears."""

STAND_STILL = """async () => {
    // As when the system suspends them, so that no call of resume() helps.
    for (const graph of graphs) graph.resume = async () => {};
    await Promise.all(graphs.map((graph) => graph.suspend()));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await Promise.all(graphs.map((graph) => delete graph.resume && graph.resume()));
}"""


def delays(tab: Tab) -> tuple[float, float]:
    """Milliseconds by which the clean track and the empty graph's are behind the microphone."""
    raw, clean, bare = map(decode, tab.evaluate("() => harness.recordTracks(tracks, 96000)"))
    return 1000 * lag(raw, clean) / SAMPLE_RATE, 1000 * lag(raw, bare) / SAMPLE_RATE


def too_late(tab: Tab, usual: float) -> str:
    """What is wrong, if the clean track is later than the enhancer makes it; an empty graph, ``usual`` at first, is."""
    ours, bare = delays(tab)
    told = f"{ours:.0f} ms late; an empty graph was {usual:.0f} ms late and is {bare:.0f}"
    return "" if ours < usual + OURS + 40 and bare > usual + 50 else told


def test_sound_that_piled_up_in_front_of_the_graph_is_skipped(open_tab: Callable[..., Tab], anywhere: str) -> None:
    """In the next pause the delay is what it should be; an empty graph's is longer from then on."""
    tab = open_tab(anywhere, init=CONTEXTS)
    tab.evaluate(SETUP)
    _, usual = delays(tab)
    tab.evaluate(STAND_STILL)
    soon(lambda: too_late(tab, usual))
    assert tab.evaluate("clean.readyState") == "live"
    assert tab.uncaught == []


def test_sound_that_piles_up_again_at_once_is_skipped_again(open_tab: Callable[..., Tab], anywhere: str) -> None:
    """What made the graph stand still may do so again before the new queue has been measured."""
    tab = open_tab(anywhere, init=SOURCES)
    tab.evaluate(SETUP)
    _, usual = delays(tab)
    tab.evaluate("() => (window.sources = 0)")
    tab.evaluate(STAND_STILL)
    tab.wait("sources > 0")
    tab.evaluate(STAND_STILL)
    soon(lambda: too_late(tab, usual))
    assert tab.uncaught == []


def test_an_enhancer_that_is_off_does_not_wait_for_a_pause(open_tab: Callable[..., Tab], isolated: str) -> None:
    """It would not notice any."""
    tab = open_tab(isolated, init=CONTEXTS)
    tab.evaluate(SETUP)
    _, usual = delays(tab)
    tab.evaluate(INTERRUPT)
    tab.evaluate(STAND_STILL)
    soon(lambda: too_late(tab, usual))
    assert tab.uncaught == []
