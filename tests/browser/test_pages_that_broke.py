"""Pages that once behaved differently with the script tag, each in every browser that could show it."""

from collections.abc import Callable
from typing import Any

import pytest
from both import TAG

IMPORT_MAP = """
<script type="importmap">{"imports": {"app": "/app.js"}}</script>
<script type="module">import 'app';</script>"""


@pytest.mark.parametrize("attributes", ["", 'data-preload="true"'])
def test_an_import_map_below_the_tag(visit: Callable[..., Any], attributes: str) -> None:
    """Nothing of ours goes through the module loader, after which one-map browsers refuse every import map."""
    page = TAG.replace('drop-in.js"', f'drop-in.js" {attributes}') + IMPORT_MAP
    tab = visit("page.html", {"page.html": page, "app.js": "window.appLoaded = true;"})
    assert tab.evaluate("() => window.appLoaded") is True
    assert tab.evaluate("async () => (await percepnet).instances.length") == 0
    assert tab.complaints == []


CHANGED = """async () => {
    const asked = { audio: { echoCancellation: false, autoGainControl: { ideal: true } } };
    const opening = navigator.mediaDevices.getUserMedia(asked);
    asked.audio.echoCancellation = true;
    asked.audio.autoGainControl.ideal = false;
    asked.audio = false;
    const [track] = (await opening).getAudioTracks();
    const found = { ...track.getConstraints(), echo: track.getSettings().echoCancellation };
    track.getConstraints().autoGainControl.ideal = false; // a copy: it changes nothing
    const again = track.getConstraints().autoGainControl.ideal;
    const { length } = (await percepnet).instances;
    track.stop();
    return { ...found, again, instances: length };
}"""


def test_constraints_are_read_at_the_call(visit: Callable[..., Any]) -> None:
    """What the page does with its object afterwards changes neither the microphone nor getConstraints()."""
    assert visit("page.html", {"page.html": TAG}).evaluate(CHANGED) == {
        "echoCancellation": False,
        "autoGainControl": {"ideal": True},
        "echo": False,
        "again": True,
        "instances": 1,
    }


EACH_MICROPHONE = """async () => {
    const labels = {};
    const audio = { deviceId: {} };
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'audioinput');
    const openings = devices.map(({ deviceId, label }) => {
        audio.deviceId.exact = deviceId;
        return navigator.mediaDevices.getUserMedia({ audio }).then((stream) => [label, stream]);
    });
    const opened = await Promise.all(openings);
    const found = opened.map(([label, stream]) => [label, stream.getAudioTracks()[0].label]);
    opened.forEach(([, stream]) => stream.getTracks().forEach((track) => track.stop()));
    return found;
}"""


def test_a_loop_over_all_microphones_with_one_object(visit: Callable[..., Any]) -> None:
    """Each gets its own."""
    tab = visit("page.html", {"page.html": TAG})
    # Labels are there once a microphone was allowed.
    tab.evaluate("async () => (await navigator.mediaDevices.getUserMedia({ audio: true })).getTracks()[0].stop()")
    found = tab.evaluate(EACH_MICROPHONE)
    assert found and all(wanted == got for wanted, got in found), found


def test_constraints_that_are_not_plain_objects(visit: Callable[..., Any]) -> None:
    """They are read as the browser reads them: the microphone is clean and as it was asked for."""
    script = """async (name) => {
        const reactive = (value) => value !== null && typeof value === 'object'
            ? new Proxy(value, { get: (target, name, receiver) => reactive(Reflect.get(target, name, receiver)) })
            : value;
        const audio = {
            // As Vue, MobX and Alpine make it: every object that is read from it is a Proxy again.
            proxy: reactive({ echoCancellation: { ideal: false } }),
            function: { echoCancellation: false, onchange() {} },
            node: { echoCancellation: false, element: document.body },
            getter: new (class { get echoCancellation() { return false; } })(),
            inherited: Object.create({ echoCancellation: { ideal: false } }),
            advanced: { echoCancellation: false, advanced: [null, undefined, {}] },
        }[name];
        const [track] = (await navigator.mediaDevices.getUserMedia({ audio })).getAudioTracks();
        const found = [(await percepnet).instances.length, track.getSettings().echoCancellation];
        await track.applyConstraints(audio);
        const { echoCancellation } = track.getConstraints();
        track.stop();
        return [...found, echoCancellation.ideal ?? echoCancellation];
    }"""
    tab = visit("page.html", {"page.html": TAG})
    for name in ("proxy", "function", "node", "getter", "inherited", "advanced"):
        assert tab.evaluate(script, name) == [1, False, False], name
    assert tab.complaints == []


def test_a_request_behind_getters(visit: Callable[..., Any]) -> None:
    """Inherited `audio` and `video` count, an exception of a getter is a rejection, and null is a microphone too."""
    tab = visit("page.html", {"page.html": TAG})
    script = """async () => {
        const getUserMedia = (asked) => navigator.mediaDevices.getUserMedia(asked);
        class Asked { get audio() { return { echoCancellation: false }; } }
        const tracks = [];
        for (const asked of [new Asked(), Object.create({ audio: true }), { audio: null }]) {
            tracks.push(...(await getUserMedia(asked)).getTracks());
        }
        const thrown = await getUserMedia({ get audio() { throw new RangeError('mine'); } }).catch(String);
        const { length } = (await percepnet).instances;
        tracks.forEach((track) => track.stop());
        return [thrown, length];
    }"""
    assert tab.evaluate(script) == ["RangeError: mine", 3]


ORDER = """async () => {
    const asked = { audio: true, video: true, ...('mozInnerScreenX' in window && { fake: true }) };
    const plain = await percepnetNative.call(navigator.mediaDevices, asked);
    const stream = await navigator.mediaDevices.getUserMedia(asked);
    const kinds = [plain, stream].map((each) => each.getTracks().map(({ kind }) => kind));
    [plain, stream].forEach((each) => each.getTracks().forEach((track) => track.stop()));
    return kinds;
}"""


def test_tracks_keep_their_order(visit: Callable[..., Any]) -> None:
    """`const [audio, video] = stream.getTracks()` is right where it was right before."""
    keep = "<script>window.percepnetNative = MediaDevices.prototype.getUserMedia;</script>"
    plain, clean = visit("page.html", {"page.html": TAG.replace("<script", keep + "<script", 1)}).evaluate(ORDER)
    assert clean == plain and sorted(plain) == ["audio", "video"]


INACTIVE = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const events = [];
    for (const type of ['active', 'inactive', 'addtrack', 'removetrack']) {
        stream[`on${type}`] = () => events.push(type);
        stream.addEventListener(type, () => events.push(type));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { active } = stream;
    stream.getTracks().forEach((track) => track.stop());
    return [active, events];
}"""


def test_a_new_stream_is_active_and_stays_so(visit: Callable[..., Any]) -> None:
    """No event tells the page that its microphone was exchanged."""
    assert visit("page.html", {"page.html": TAG}).evaluate(INACTIVE) == [True, []]
