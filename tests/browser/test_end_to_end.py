"""A noisy recording as the microphone, through the worker and through a call: lags and levels, never times."""

from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import DEPTH, ENGINES, Audio, Tab, decode
from measure import ENOUGH, align, lag, not_cleaned, not_raw, pauses, power_db, similarity, soon, speech
from playwright.sync_api import Route

from percepnet_wasm.constants import DELAY, SAMPLE_RATE

everywhere = pytest.mark.parametrize("engine", ENGINES)

CALLS = """async (engine) => {
    const percepnet = await harness.create({ engine });
    await harness.untilState(percepnet, 'ready', 'fallback');
    const microphone = await harness.microphone();
    const context = new AudioContext({ sampleRate: 48000 });
    const source = context.createMediaStreamSource(new MediaStream([microphone]));
    const node = await percepnet.createNode(context);
    const sent = context.createMediaStreamDestination();
    source.connect(node).connect(sent);
    await harness.untilPlaying(percepnet, 'enhanced');
    const rawFar = await harness.call(microphone);
    const cleanFar = await harness.call(sent.stream.getAudioTracks()[0]);
    const nodes = [source, node, harness.player(context, rawFar), harness.player(context, cleanFar)];
    window.recordAll = () => harness.record(context, nodes, 8 * 48000);
}"""


# With shared memory and without, which is the same for Python and for what runs in the worker instead.
@pytest.mark.parametrize(
    ("engine", "where"), [("python", "isolated"), ("worker", "not_isolated"), ("worklet", "not_isolated")]
)
def test_far_end_of_a_call(
    open_tab: Callable[..., Tab], request: pytest.FixtureRequest, engine: str, where: str
) -> None:
    """Behind the microphone by exactly the depth + DELAY; at the far end less noise, the same speech."""
    anywhere: str = request.getfixturevalue(where)
    tab = open_tab(anywhere)
    tab.evaluate(CALLS, engine)

    def not_heard() -> str:
        tab.enhanced()
        microphone, tapped, raw_far, clean_far = map(decode, tab.evaluate("recordAll()"))
        assert lag(microphone, tapped) == DEPTH[engine] + DELAY
        settled = 3 * SAMPLE_RATE  # the receivers' jitter buffers have found their size
        spoken, raw = align(microphone, raw_far, settled)
        left_raw = power_db(raw, pauses(spoken))
        if similarity(spoken, raw, speech(spoken)) <= 0.8:
            return "the raw call itself is broken: nothing can be measured"
        spoken, clean = align(microphone, clean_far, settled)
        left_clean = power_db(clean, pauses(spoken))
        alike = similarity(spoken, clean, speech(spoken))
        print(told := f"noise at the far end: raw {left_raw:.1f} dB, clean {left_clean:.1f} dB, likeness {alike:.2f}")
        return "" if left_clean <= left_raw - 6 and alike > 0.7 else told

    soon(not_heard)
    last = tab.events("stats")[-1]
    print(last)
    shared = "shared" if tab.evaluate("crossOriginIsolated") else "port"
    assert last["transport"] == ("none" if engine == "worklet" else shared)
    assert last["underruns"] < 0.5 * last["quanta"], "mostly late: the machine is too loaded to measure anything"
    assert {urlsplit(request).netloc for request in tab.requests} == {urlsplit(anywhere).netloc}
    assert tab.complaints == [] and tab.uncaught == []


def recorded(tab: Tab) -> tuple[Audio, Audio]:
    """The drop-in's two tracks, aligned."""
    return align(*map(decode, tab.evaluate("(seconds) => harness.recordDropIn(seconds)", ENOUGH)), SAMPLE_RATE)


@everywhere
def test_drop_in_is_raw_while_loading_then_clean(open_tab: Callable[..., Tab], isolated: str, engine: str) -> None:
    """The output track carries the microphone from the first moment on; it is never silent and never replaced."""
    tab = open_tab(isolated)
    # Hold the weights back until the raw sound has been recorded: the machine's speed must not matter.
    held: list[Route] = []
    tab.page.route("**/c20.pni", lambda route: held.append(route))
    tab.evaluate("async (engine) => { await harness.enhanceMicrophone({ engine }); }", engine)
    soon(lambda: not_raw(*recorded(tab)))
    assert tab.evaluate("percepnet.state") == "loading"

    assert len(held) == 1
    held[0].continue_()

    def not_heard_cleaned() -> str:
        tab.enhanced()
        return not_cleaned(*recorded(tab))

    soon(not_heard_cleaned)
    assert tab.events("stats")[-1]["transport"] == ("none" if engine == "worklet" else "shared")
    assert tab.events("stats")[-1]["inputRate"] == tab.evaluate("raw.getSettings().sampleRate") > 0
    assert tab.failures() == [] and tab.events("error") == []
    assert tab.complaints == [] and tab.uncaught == []


STEREO = """async ([tones, gains, late]) => {
    // Both processors mix down in the class that they share: one engine is enough, and this one starts soon.
    const percepnet = await harness.create({ engine: 'worklet', enabled: false });
    const context = new AudioContext({ sampleRate: 48000 });
    const merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
    const oscillators = {};
    tones.forEach((frequency, channel) => {
        const tone = (oscillators[frequency] ??= new OscillatorNode(context, { frequency }));
        const level = tone.connect(new GainNode(context, { gain: gains[channel] }));
        level.connect(new DelayNode(context, { delayTime: channel * late })).connect(merger, 0, channel);
    });
    Object.values(oscillators).forEach((tone) => tone.start());
    const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 2 });
    merger.connect(destination);
    window.clean = await percepnet.processTrack(destination.stream.getAudioTracks()[0]);
}"""


MICROPHONES = {
    "two talkers": ([500, 1500], [0.4, 0.4], 0, {500: 0.4, 1500: 0.4}),
    "a dead channel": ([500, 500], [0.4, 0], 0, {500: 0.4}),
    "opposite phase": ([500, 500], [0.4, -0.4], 0, {500: 0.4}),
    "half the level": ([500, 500], [0.4, 0.2], 0, {500: 0.4}),
    "half a millisecond late": ([500, 500], [0.4, 0.4], 0.0005, {500: 0.4}),
}
"""Tones and gains of the two channels, seconds of the second's delay, and the amplitudes that should be heard."""


def test_a_stereo_microphone_keeps_its_voice_whole(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Different sounds in the channels are both heard, in full; the same sound is that of the better channel."""
    tab = open_tab(isolated)
    for name, (tones, gains, late, expected) in MICROPHONES.items():
        tab.evaluate(STEREO, [tones, gains, late])

        def not_all_of_each(name: str = name, expected: dict[int, float] = expected) -> str:
            (out,) = map(decode, tab.evaluate("() => harness.recordTracks([clean], 48000)"))
            spectrum = np.abs(np.fft.rfft(out[-24000:] * np.hanning(24000))) / 6000
            heard = {tone: spectrum[tone // 2 - 10 : tone // 2 + 10].max() for tone in expected}
            return "" if heard == pytest.approx(expected, abs=0.02) else f"{name}: amplitudes {heard}"

        soon(not_all_of_each)
        tab.evaluate("percepnet.destroy()")
