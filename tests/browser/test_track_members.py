"""MediaStreamTrack as the page sees it, member by member: only the sound shows that the script tag is there."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from both import IN_FIREFOX, TAG, FirefoxWithSound

SHAPES = """async () => {
    // A blank frame has the browser's own prototypes.
    const frame = document.body.appendChild(document.createElement('iframe')).contentWindow;
    const shape = (value) => typeof value === 'function'
        ? [value.name, value.length, Object.getOwnPropertyNames(value).sort().join()]
        : typeof value;
    const shapes = (prototype) => Object.entries(Object.getOwnPropertyDescriptors(prototype)).map(([name, own]) => {
        const { get, set, value, ...flags } = own;
        return JSON.stringify([name, shape(get), shape(set), 'value' in own && shape(value), flags]);
    });
    const differences = {};
    for (const name of ['MediaStreamTrack', 'MediaStream', 'MediaDevices', 'EventTarget', 'Navigator']) {
        const [ours, browsers] = [window, frame].map((global) => shapes(global[name].prototype));
        const different = ours.filter((each, i) => each !== browsers[i]);
        if (different.length > 0 || ours.length !== browsers.length) differences[name] = different;
    }
    return differences;
}"""


def test_the_prototypes_look_like_the_browsers_own(visit: Callable[..., Any]) -> None:
    """Names, order, lengths, flags of all members."""
    assert visit("page.html", {"page.html": TAG}).evaluate(SHAPES) == {}


FOREIGN = """async () => {
    const { stop, clone, getSettings, applyConstraints } = MediaStreamTrack.prototype;
    const { get, set } = Object.getOwnPropertyDescriptor(MediaStreamTrack.prototype, 'enabled');
    const label = Object.getOwnPropertyDescriptor(MediaStreamTrack.prototype, 'label').get;
    const thrown = [stop, clone, getSettings, get, label].map((member) => {
        try {
            return String(member.call({}));
        } catch (error) {
            return error.name;
        }
    });
    const rejected = await applyConstraints.call({}).catch((error) => error.name);
    const constructed = await (async () => new stop())().catch((error) => error.name);
    const media = navigator.mediaDevices.getUserMedia;
    const detached = await (async () => media.call({}, { audio: true }))().catch((error) => error.name);
    return [...new Set([...thrown, rejected, constructed, detached])];
}"""


def test_foreign_receivers_get_the_browsers_own_errors(visit: Callable[..., Any]) -> None:
    """TypeErrors, thrown or as rejections."""
    assert visit("page.html", {"page.html": TAG}).evaluate(FOREIGN) == ["TypeError"]


MEMBERS = """async () => {
    const prototype = MediaStreamTrack.prototype;
    const names = (track) => {
        const all = [];
        for (const name in track) all.push(name);
        return all;
    };
    const canvas = document.createElement('canvas');
    canvas.getContext('2d');
    const [other] = canvas.captureStream().getTracks();
    const [track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks();
    const own = (await percepnet).instances[0];
    const label = (each) => Object.getOwnPropertyDescriptor(prototype, 'label').get.call(each);
    const audioNames = names(track).filter((name) => !names(other).includes(name));
    const missing = names(MediaStreamTrack.prototype).filter((name) => !names(track).includes(name));
    const before = { label: label(track), device: track.getSettings().deviceId, ownNames: Object.keys(track) };
    prototype.stop.call(track);
    const copy = prototype.clone.call(track);
    return {
        audioNames, missing, ownNames: before.ownNames,
        labelled: before.label !== '' && !before.label.includes('MediaStreamAudioDestinationNode'),
        released: own.state,
        instances: (await percepnet).instances.length,
        copy: [copy.readyState, copy.label === before.label, copy.getSettings().deviceId ?? before.device]
            .map((each) => each === before.device || each),
    };
}"""


def test_members_taken_from_the_prototype(visit: Callable[..., Any]) -> None:
    """`stop` turns the microphone off, `label` is the microphone's, a clone of a stopped track has it too."""
    assert visit("page.html", {"page.html": TAG}).evaluate(MEMBERS) == {
        "audioNames": [],
        "missing": [],
        "ownNames": [],
        "labelled": True,
        "released": "destroyed",
        "instances": 0,
        "copy": ["ended", True, True],
    }


def test_optional_and_required_constraints_on_an_open_microphone(visit: Callable[..., Any]) -> None:
    """applyConstraints takes null, and a demand for suppression that the enhancer meets; stereo it rejects."""
    script = """async () => {
        const [track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks();
        const asked = [null, undefined, { advanced: [null] }, { noiseSuppression: { exact: true } },
                       { channelCount: { exact: 2 } }];
        const found = [];
        for (const each of asked) {
            const applied = track.applyConstraints(each);
            found.push(await applied.then(() => 'applied', ({ name, constraint }) => [name, constraint]));
        }
        const { noiseSuppression } = track.getConstraints();
        track.stop();
        return [...found, noiseSuppression];
    }"""
    refused = ["OverconstrainedError", "channelCount"]
    applied = ["applied"] * 4
    assert visit("page.html", {"page.html": TAG}).evaluate(script) == [*applied, refused, {"exact": True}]


LISTEN = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const [track] = stream.getAudioTracks();
    window.heard = [];
    const note = () => (event) => heard.push([event.type, event.target === track]);
    // As libraries do that wrap what they find, and pass on the standard arguments alone.
    EventTarget.prototype.addEventListener.call(track, 'ended', note(), { once: true });
    track.addEventListener('ended', note());
    track.addEventListener('ended', { handleEvent: note() });
    const gone = new AbortController();
    track.addEventListener('ended', note(), { signal: gone.signal });
    gone.abort();
    const never = () => heard.push('removed');
    track.addEventListener('ended', never);
    track.removeEventListener('ended', never);
    track.onended = note();
    window.track = track;
    return track.label;
}"""

SOURCE = [
    "module-remap-source",
    "source_name=microphone",
    "master=room.monitor",
    "source_properties=device.description=Microphone",
]


@pytest.mark.parametrize("visit", [IN_FIREFOX], indirect=True)
def test_a_microphone_unplugged_in_firefox(visit: Callable[..., Any], firefox_with_sound: FirefoxWithSound) -> None:
    """`ended` reaches listeners and handler, in their order, once each."""
    tab = visit("page.html", {"page.html": TAG})
    assert tab.evaluate(LISTEN) == "Microphone"

    def pactl(*command: str) -> None:
        subprocess.run(["pactl", *command], env=firefox_with_sound.environment, check=True, stdout=subprocess.DEVNULL)

    pactl("unload-module", SOURCE[0])
    try:
        tab.evaluate("""async () => {
            while (track.readyState !== 'ended') await new Promise((resolve) => setTimeout(resolve, 50));
        }""")
    finally:
        pactl("load-module", *SOURCE)
        pactl("set-default-source", "microphone")
    assert tab.evaluate("() => heard") == [["ended", True]] * 4
    assert tab.evaluate("async () => (await percepnet).instances.length") == 0
