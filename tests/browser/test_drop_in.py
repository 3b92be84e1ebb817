"""The script tag as the page sees it: a microphone like any other, and never in the page's way."""

from collections.abc import Callable

import pytest
from conftest import DENY_MICROPHONE, ENGINES, AlteredSite, Tab

PAGE = """<!doctype html><title>test</title><link rel="icon" href="/icon.svg">
<script src="/worklet/drop-in.js" {attributes}></script>"""

TRACK = """async () => {
    // After a start of over 5 s the browser's own suppression would be back, and `exact: false` refused.
    navigator.permissions.query = async () => ({ state: 'prompt' });
    const asked = { audio: { noiseSuppression: true, channelCount: 1 }, video: true };
    const before = structuredClone(asked);
    const devices = await navigator.mediaDevices.enumerateDevices();
    const media = await percepnet;
    const playing = new Promise((resolve) => {
        media.addEventListener('playing', ({ detail }) => detail.state === 'enhanced' && resolve(detail.instance));
    });
    const stream = await navigator.mediaDevices.getUserMedia(asked);
    const track = stream.getAudioTracks()[0];
    const [instance] = media.instances;
    const settings = track.getSettings();
    const enhances = instance.state === 'ready' || instance.early !== undefined;
    const [microphone] = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'audioinput');
    const found = {
        askedUnchanged: JSON.stringify(asked) === JSON.stringify(before),
        real: track instanceof MediaStreamTrack && stream instanceof MediaStream,
        kinds: stream.getTracks().map(({ kind }) => kind).sort(),
        video: stream.getVideoTracks()[0].readyState,
        label: track.label === microphone.label,
        device: settings.deviceId === microphone.deviceId && settings.groupId === microphone.groupId,
        echoCancellation: settings.echoCancellation,
        // The page sees the truth: until there is an enhancer nothing suppresses noise.
        suppressesTruly: settings.noiseSuppression === enhances,
        constraints: track.getConstraints(),
        capabilities: track.getCapabilities().deviceId === microphone.deviceId,
        muted: track.muted,
        engine: instance.engine,
    };
    const ready = new Promise((resolve) => instance.addEventListener('ready', resolve));
    if (instance.state !== 'ready') await ready;
    found.told = (await playing) === instance;
    found.suppresses = track.getSettings().noiseSuppression;
    found.echoCancellationStays = track.getSettings().echoCancellation;

    await track.applyConstraints({ noiseSuppression: { exact: false } });
    found.untouchedOnDemand = instance.enabled;
    await track.applyConstraints({ echoCancellation: true });
    found.applied = track.getConstraints();
    found.enhancedAgain = instance.enabled;

    // Clones, of the track and of the stream, are switched one by one; the last one releases the microphone.
    const copy = track.clone();
    const streamCopy = stream.clone();
    const copies = [copy, streamCopy.getAudioTracks()[0]];
    found.copiesLabelled = copies.every(({ label }) => label === track.label);
    track.enabled = false;
    found.copyEnabled = copy.enabled;
    const events = [];
    track.addEventListener('ended', () => events.push('ended'));
    track.stop();
    found.stopped = [track.readyState, copy.readyState, instance.state === 'destroyed'];
    copies.forEach((each) => each.stop());
    found.allStopped = [instance.state, (await percepnet).instances.length];
    await new Promise((resolve) => setTimeout(resolve, 50));
    found.eventsOfStop = events;
    stream.getVideoTracks()[0].stop();
    return found;
}"""

EXPECTED = {
    "askedUnchanged": True,
    "real": True,
    "kinds": ["audio", "video"],
    "video": "live",
    "label": True,
    "device": True,
    "echoCancellation": True,
    "suppressesTruly": True,
    "told": True,
    "constraints": {"noiseSuppression": True, "channelCount": 1},
    "capabilities": True,
    "muted": False,
    "suppresses": True,
    "echoCancellationStays": True,
    "untouchedOnDemand": False,
    "applied": {"echoCancellation": True},
    "enhancedAgain": True,
    "copiesLabelled": True,
    "copyEnabled": True,
    "stopped": ["ended", "live", False],
    "allStopped": ["destroyed", 0],
    "eventsOfStop": [],
}


@pytest.fixture
def page(altered: AlteredSite) -> Callable[[str], str]:
    """Write a page with the script tag and given attributes; its path."""

    def write(attributes: str = "") -> str:
        (altered.folder / "page.html").write_text(PAGE.format(attributes=attributes))
        return "page.html"

    return write


@pytest.mark.parametrize("engine", ENGINES)
def test_the_clean_track_is_a_microphone(
    open_tab: Callable[..., Tab], altered: AlteredSite, page: Callable[[str], str], engine: str
) -> None:
    """Settings, constraints, clones and stop(), in the presence of video."""
    tab = open_tab(altered.url, page(f'data-attenuation-limit="30" data-engine="{engine}"'))
    assert tab.evaluate(TRACK) == EXPECTED | {"engine": engine}
    assert tab.complaints == [] and tab.uncaught == []


EVENTS = """async () => {
    // A microphone of the test's own, so that the browser's side can be played.
    const context = new AudioContext();
    const raw = context.createMediaStreamDestination().stream;
    const { CleanMedia } = await import('/worklet/clean-media.js');
    const media = new CleanMedia();
    const [source] = raw.getAudioTracks();
    const stream = await media.getUserMedia(async () => raw, { audio: true });
    const [track] = stream.getAudioTracks();
    const events = [];
    for (const type of ['mute', 'unmute', 'ended']) {
        track.addEventListener(type, () => events.push(type));
        track[`on${type}`] = () => events.push(`on${type}`);
    }
    const found = { same: stream === raw, another: track !== source };
    source.dispatchEvent(new Event('mute'));
    source.dispatchEvent(new Event('unmute'));
    source.stop(); // unplugged: the browser ends the track and says so
    source.dispatchEvent(new Event('ended'));
    source.dispatchEvent(new Event('ended'));
    return { ...found, events, state: track.readyState, left: media.instances.length };
}"""


def test_mute_and_unplug_are_reported(open_tab: Callable[..., Tab], isolated: str) -> None:
    """The microphone's events come once each, by listener and by handler."""
    tab = open_tab(isolated)
    assert tab.evaluate(EVENTS) == {
        "same": True,
        "another": True,
        "events": ["mute", "onmute", "unmute", "onunmute", "ended", "onended"],
        "state": "ended",
        "left": 0,
    }


ASK = """async (asked) => {
    try {
        const stream = await navigator.mediaDevices.getUserMedia(...asked);
        return stream.getTracks().map(({ label }) => label);
    } catch (error) {
        return [error.name, error.constraint ?? ''];
    }
}"""


def test_errors_are_the_browsers_own(
    open_tab: Callable[..., Tab], altered: AlteredSite, page: Callable[[str], str]
) -> None:
    """A refused permission, an impossible requirement, a malformed request: what the page would get without us."""
    tab = open_tab(altered.url, page(), permission=DENY_MICROPHONE)
    assert tab.evaluate(ASK, [{"audio": True}]) == ["NotAllowedError", ""]
    tab = open_tab(altered.url, page())
    assert tab.evaluate(ASK, []) == ["TypeError", ""]
    assert tab.evaluate(ASK, [{"audio": {"deviceId": {"exact": "none"}}}]) == ["OverconstrainedError", "deviceId"]
    assert tab.evaluate("navigator.mediaDevices.getUserMedia.name") == "getUserMedia"
    legacy = "() => new Promise((yes, no) => navigator.webkitGetUserMedia({ audio: true }, yes, no))"
    assert tab.evaluate(f"async () => (await ({legacy})()).getAudioTracks().length") == 1
    assert tab.evaluate("async () => (await percepnet).instances.length") == 1, "the old interface gave the raw track"


def test_wrong_attributes_are_reported_and_harmless(
    open_tab: Callable[..., Tab], altered: AlteredSite, page: Callable[[str], str]
) -> None:
    """One console error each, with the remedy; the right ones count."""
    tab = open_tab(
        altered.url, page('data-attenuation-limit="strong" data-modell="c10" data-cfasync="false" data-enabled="false"')
    )
    assert len(tab.evaluate(ASK, [{"audio": True}])) == 1
    assert tab.evaluate("async () => (await percepnet).instances[0].enabled") is False
    wrong = [text for text in tab.complaints if "data-" in text]
    assert len(wrong) == 2 and 'data-attenuation-limit="strong"' in wrong[0] and "data-model" in wrong[1]
    assert tab.uncaught == []


def test_a_missing_file_leaves_the_raw_voice(
    open_tab: Callable[..., Tab], altered: AlteredSite, page: Callable[[str], str]
) -> None:
    """The page gets a working microphone, and the console says what is missing (test_failures.py: other files)."""
    altered.remove("worklet/processor.js")
    tab = open_tab(altered.url, page())
    script = """async () => {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
        const context = new AudioContext();
        const analyser = new AnalyserNode(context, { fftSize: 2048 });
        context.createMediaStreamSource(stream).connect(analyser);
        const samples = new Float32Array(2048);
        for (;;) {
            await new Promise((resolve) => setTimeout(resolve, 100));
            analyser.getFloatTimeDomainData(samples);
            if (samples.some((sample) => Math.abs(sample) > 0.01)) return true;
        }
    }"""
    assert tab.evaluate(script)
    while not [text for text in tab.complaints if "percepnet: the microphone is" in text]:
        tab.page.wait_for_timeout(100)
    assert tab.uncaught == []


def test_twice_on_a_page_is_once(
    open_tab: Callable[..., Tab], altered: AlteredSite, page: Callable[[str], str]
) -> None:
    """A second tag says so and changes nothing."""
    path = page()
    file = altered.folder / path
    file.write_text(file.read_text() + '<script src="/worklet/drop-in.js"></script>')
    tab = open_tab(altered.url, path)
    assert any("only once" in text for text in tab.complaints)
    assert len(tab.evaluate(ASK, [{"audio": True}])) == 1
    assert tab.evaluate("async () => (await percepnet).instances.length") == 1
