"""While the enhancer cannot run, the page has the browser's own noise suppression, as without the script tag."""

from collections.abc import Callable
from typing import Any

import pytest
from both import SOUNDING, TAG
from conftest import AlteredSite

SPY = """<script>
window.opened = []; // every microphone that the browser opened, with what it was asked
const own = MediaDevices.prototype.getUserMedia;
MediaDevices.prototype.getUserMedia = async function (asked) {
    if (opened.length > 0 && refused(asked)) throw new DOMException('refused', 'NotAllowedError');
    const stream = await own.call(this, asked);
    const [track] = stream.getAudioTracks();
    opened.push({ track, asked, suppressed: track.getSettings().noiseSuppression });
    return stream;
};
window.refused = () => false;
window.until = async (condition) => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
};
const now = () => opened.filter(({ track }) => track.readyState === 'live').map(({ track }) => track.getSettings());
window.suppressed = () => now().map(({ noiseSuppression }) => noiseSuppression); // of the microphones that are open
</script>"""

PAGE = TAG.replace("<script", SPY + "<script", 1)

START = """async () => {
    window.stream = await navigator.mediaDevices.getUserMedia({ audio: { noiseSuppression: true } });
    [window.track] = stream.getAudioTracks();
    window.events = [];
    for (const type of ['mute', 'unmute', 'ended']) track.addEventListener(type, () => events.push(type));
    window.media = await percepnet;
}"""


@pytest.mark.parametrize(("engine", "code"), [("python", "boot"), ("worklet", "model")])
def test_it_comes_back_when_the_enhancer_does_not_start(
    visit: Callable[..., Any], altered: AlteredSite, engine: str, code: str
) -> None:
    """One microphone is open, with suppression; once the enhancer runs, without. The page's track stays the same."""
    runtime = altered.folder / "runtime" / "models" / "c20.pni"
    kept = runtime.read_bytes()
    runtime.unlink()
    page = PAGE.replace('"worker"', f'"{engine}"')
    tab = visit("page.html", {"page.html": page})
    tab.evaluate(START)
    assert tab.evaluate("() => opened[0].suppressed") is False
    tab.evaluate("() => until(() => media.recaptures.done === 1 && String(suppressed()) === 'true')")
    # It is tried again now and then, without a reason while it is.
    tab.evaluate(f"() => until(() => media.instances.every(({{ reason }}) => reason?.code === '{code}'))")
    assert tab.evaluate("() => track.getSettings().noiseSuppression") is True
    same = "() => opened.at(-1).track.getSettings().deviceId === track.getSettings().deviceId"
    assert tab.evaluate(same) is True
    assert tab.evaluate(SOUNDING)

    # A second microphone has it from the start, by a single capture.
    count = tab.evaluate("() => opened.length")
    second = """async () => {
        const [track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getTracks();
        const { noiseSuppression } = track.getSettings();
        track.stop();
        return noiseSuppression;
    }"""
    assert [tab.evaluate(second), tab.evaluate("() => opened.length")] == [True, count + 1]

    runtime.write_bytes(kept)
    tab.evaluate("() => media.instances[0].restart()")
    tab.evaluate("() => until(() => media.recaptures.done === 2 && String(suppressed()) === 'false')")
    assert tab.evaluate("() => media.recaptures") == {"done": 2, "refused": 0, "lost": 0}
    assert tab.evaluate("() => [stream.active, track.readyState, events.length]") == [True, "live", 0]
    tab.evaluate("() => until(() => media.instances[0].playing === 'enhanced')")
    tab.evaluate("() => track.stop()")
    assert tab.evaluate("suppressed") == []


def test_the_microphone_stays_when_the_browser_refuses(visit: Callable[..., Any], altered: AlteredSite) -> None:
    """No further capture: the microphone stays open, and the refusal is counted, unless none is needed (Firefox)."""
    altered.remove("runtime/models/c20.pni")
    tab = visit("page.html", {"page.html": PAGE})
    tab.evaluate("() => { window.refused = () => true; }")
    tab.evaluate(START)
    tab.evaluate("() => until(() => media.recaptures.refused + media.recaptures.done === 1)")
    assert tab.evaluate("() => opened.map(({ track }) => track.readyState)") == ["live"]
    assert tab.evaluate("() => suppressed()[0] === (media.recaptures.done === 1)")
    assert tab.evaluate(SOUNDING)


ONLY_WITHOUT = """() => {
    // While the microphone is open, it gets an error that names the conflict; afterwards it cannot open it either.
    window.refused = ({ audio }) => audio.noiseSuppression !== false && !audio.noiseSuppression.exact;
}"""


def test_it_is_opened_as_it_was_if_the_browser_refuses_the_rest(
    visit: Callable[..., Any], altered: AlteredSite
) -> None:
    """It had to be stopped first: the page's track continues with the microphone as it was."""
    altered.remove("runtime/models/c20.pni")
    tab = visit("page.html", {"page.html": PAGE})
    tab.evaluate(ONLY_WITHOUT)
    tab.evaluate(START)
    tab.evaluate("() => until(() => media.recaptures.refused + media.recaptures.done === 1)")
    assert tab.evaluate("() => suppressed()[0] === (media.recaptures.done === 1)")
    assert tab.evaluate("() => [suppressed().length, track.readyState, events.length]") == [1, "live", 0]
    assert tab.evaluate(SOUNDING)


def test_a_page_that_wants_none_gets_none(visit: Callable[..., Any], altered: AlteredSite) -> None:
    """One capture is all there is."""
    altered.remove("runtime/models/c20.pni")
    tab = visit("page.html", {"page.html": PAGE})
    tab.evaluate(START.replace("noiseSuppression: true", "noiseSuppression: false"))
    tab.evaluate("() => until(() => media.instances[0].state === 'fallback')")
    found = tab.evaluate("() => [opened.length, suppressed(), media.recaptures]")
    assert found == [1, [False], {"done": 0, "refused": 0, "lost": 0}]


NO_GRAPH = "<script>window.AudioContext = class { constructor() { throw new Error('none today'); } };</script>"
"""Fails at once."""

STUCK = """<script>
AudioContext = class extends AudioContext {
    get state() { return 'suspended'; }
    resume() { return new Promise(() => {}); }
};
</script>"""
"""Fails after seconds."""


@pytest.mark.parametrize("fault", [NO_GRAPH, STUCK], ids=["none", "stuck"])
def test_without_an_audio_graph_the_microphone_is_as_asked(visit: Callable[..., Any], fault: str) -> None:
    """The page's track has the browser's suppression; the next call has it at once and tries no graph."""
    tab = visit("page.html", {"page.html": PAGE.replace("<script", fault + "<script", 1)})
    listen = "stream.onactive = stream.oninactive = () => (window.told = true); [window.track]"
    tab.evaluate(START.replace("[window.track]", listen))
    assert tab.evaluate("suppressed") == [True]
    assert tab.evaluate("() => 'told' in window") is False
    assert tab.evaluate("() => track === opened.at(-1).track && stream.getTracks().length") == 1
    before = tab.evaluate("() => opened.length")
    tab.evaluate("() => { window.made = 0; AudioContext = class { constructor() { made += 1; } }; }")
    tab.evaluate(START)
    assert tab.evaluate("() => [opened.length, made]") == [before + 1, 0]
    assert tab.evaluate("suppressed") == [True, True]
