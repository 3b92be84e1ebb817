"""Requests that are not for a clean microphone get what the browser itself gives, in value, error and time."""

from collections.abc import Callable
from typing import Any

from both import TAG

KEEP = "<script>window.native = MediaDevices.prototype.getUserMedia;</script>"
"""The browser's own, to compare with."""

PAGE = TAG.replace("<script", KEEP + "<script", 1)

DEMANDS = """async () => {
    const demands = [{ channelCount: { exact: 2 } }, { channelCount: { min: 2 } }, { sampleRate: { exact: 44100 } },
                     { latency: { max: 0.02 } }, { noiseSuppression: { exact: false } }];
    const open = async (getUserMedia, audio) => {
        try {
            const [track] = (await getUserMedia.call(navigator.mediaDevices, { audio })).getAudioTracks();
            const { channelCount, sampleRate, noiseSuppression, echoCancellation } = track.getSettings();
            track.stop();
            return { channelCount, sampleRate, noiseSuppression, echoCancellation };
        } catch (error) {
            return [error.name, error.constraint];
        }
    };
    await percepnet;
    // Browsers ignore constraints that they do not know, however much they are required.
    const known = navigator.mediaDevices.getSupportedConstraints();
    const found = [];
    for (const audio of demands.filter((each) => Object.keys(each).every((name) => known[name]))) {
        const plain = await open(native, audio);
        found.push([plain, await open(navigator.mediaDevices.getUserMedia, audio)]);
    }
    return found;
}"""


def test_a_requirement_that_a_clean_track_cannot_meet(visit: Callable[..., Any]) -> None:
    """Stereo, another sample rate, less delay, no suppression: the untouched microphone, or the browser's own error."""
    found = visit("page.html", {"page.html": PAGE}).evaluate(DEMANDS)
    assert len(found) >= 3
    for plain, ours in found:
        assert ours == plain


STUB = """<script>
// No test can share a screen: this browser gives its sound in stereo to any caller.
window.asked = [];
const context = new AudioContext();
MediaDevices.prototype.getUserMedia = async function getUserMedia(constraints) {
    asked.push(constraints);
    return new MediaStreamAudioDestinationNode(context, { channelCount: 2 }).stream;
};
</script>"""

SCREEN = """async () => {
    const requests = [
        { audio: { mandatory: { chromeMediaSource: 'desktop', chromeMediaSourceId: 'x' } } },
        { audio: { mandatory: { chromeMediaSource: 'tab' } }, video: { mandatory: { chromeMediaSource: 'tab' } } },
        { audio: { optional: [{ chromeMediaSource: 'tab' }] } },
    ];
    // Only Firefox knows this one; to any other browser it is a microphone.
    const { mediaSource } = navigator.mediaDevices.getSupportedConstraints();
    if (mediaSource) requests.push({ audio: { mediaSource: 'audioCapture' } });
    for (const request of requests) {
        const [track] = (await navigator.mediaDevices.getUserMedia(request)).getAudioTracks();
        if (track.getSettings().channelCount === 1) throw new Error(`mono for ${JSON.stringify(request)}`);
    }
    return [asked.every((each, i) => each === requests[i]), (await percepnet).instances.length];
}"""


def test_the_sound_of_a_screen_or_a_tab_is_left_alone(visit: Callable[..., Any]) -> None:
    """The request reaches the browser as it is, and its stream the page."""
    tab = visit("page.html", {"page.html": TAG.replace("<script", STUB + "<script", 1)})
    assert tab.evaluate(SCREEN) == [True, 0]


EMPTY = """async () => {
    // How many turns of the microtask queue a rejection takes.
    const turns = async (getUserMedia) => {
        let name;
        getUserMedia.call(navigator.mediaDevices, {}).catch((error) => (name = error.name));
        for (let count = 0; count < 10; count++) {
            if (name) return [name, count];
            await undefined;
        }
        return 'later';
    };
    return [await turns(native), await turns(MediaDevices.prototype.getUserMedia)];
}"""


def test_an_empty_request_is_rejected_at_once(visit: Callable[..., Any]) -> None:
    """The promise is rejected already, as the browser's own is."""
    plain, ours = visit("page.html", {"page.html": PAGE}).evaluate(EMPTY)
    assert ours == plain and ours[0] == "TypeError"


CALLBACKS = """async () => {
    const name = ['webkitGetUserMedia', 'mozGetUserMedia'].find((each) => each in navigator);
    const attempt = (call) => {
        try {
            return typeof call();
        } catch (error) {
            return error.name;
        }
    };
    const missing = [[], [{ audio: true }], [{ audio: true }, () => {}], [{ audio: true }, () => {}, 5]]
        .map((values) => attempt(() => navigator[name](...values)));
    const detached = attempt(() => (0, navigator[name])({ audio: true }, () => {}, () => {}));
    const events = [];
    addEventListener('error', (event) => { event.preventDefault(); events.push(`error ${event.message}`); });
    addEventListener('unhandledrejection', (event) => { event.preventDefault(); events.push('rejection'); });
    const kind = await new Promise((resolve) => {
        navigator[name]({ audio: true }, (stream) => {
            setTimeout(resolve, 100, stream.getAudioTracks()[0].readyState);
            stream.getTracks().forEach((track) => track.stop());
            throw new RangeError('mine');
        }, resolve);
    });
    return { missing, detached, kind, events: events.map((text) => text.includes('mine') || text) };
}"""


def test_the_interface_from_before_promises(visit: Callable[..., Any]) -> None:
    """TypeErrors for what is missing; an exception in the page's callback is an error event."""
    found = visit("page.html", {"page.html": PAGE}).evaluate(CALLBACKS)
    assert found == {"missing": ["TypeError"] * 4, "detached": "TypeError", "kind": "live", "events": [True]}
