"""A slow server keeps no page from its microphone."""

import functools
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from both import SOUNDING, TAG
from conftest import DEPTH, AlteredSite, Tab, decode
from spies import KEEP_SOURCE

from build_scripts.site.serve import HOST, ISOLATION, Handler, Server
from percepnet_wasm.constants import DELAY, SAMPLE_RATE

START = """async () => {
    window.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    window.media = await percepnet;
}"""


@pytest.fixture
def held(altered: AlteredSite) -> Iterator[tuple[str, threading.Event]]:
    """The site on a server that does not answer for the audio processor until it is allowed to."""
    allowed = threading.Event()

    class Holding(Handler):
        def do_GET(self) -> None:
            if self.path.startswith("/worklet/processor.js"):
                allowed.wait(300)
            super().do_GET()

    server = Server((HOST, 0), functools.partial(Holding, directory=str(altered.folder), headers=ISOLATION))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{HOST}:{server.server_port}/", allowed
    allowed.set()
    server.shutdown()
    server.server_close()


def test_a_file_that_hangs_keeps_no_page_waiting(
    open_tab: Callable[..., Tab], altered: AlteredSite, held: tuple[str, threading.Event]
) -> None:
    """The track is there, sounding, and is enhanced as soon as the file arrives, the second one too."""
    url, allowed = held
    (altered.folder / "page.html").write_text(TAG)
    tab = open_tab(url, "page.html")
    tab.evaluate(START)
    assert tab.evaluate(SOUNDING)
    tab.evaluate(START)
    assert tab.evaluate("media.instances.length") == 2, "given up"
    assert tab.evaluate("media.instances.every(({ playing }) => playing === 'waiting')")
    allowed.set()
    tab.wait("media.instances.every(({ playing }) => playing === 'enhanced')")
    assert tab.uncaught == []


TAP = (
    f"<script>{KEEP_SOURCE}</script>"
    + """<script>
// What enters the graph and what leaves it, on one clock.
AudioContext = class extends AudioContext {
    createMediaStreamSource(stream) {
        const source = super.createMediaStreamSource(stream);
        if (!window.ours) Object.assign(window, { ours: this, source });
        return source;
    }
};
const Destination = MediaStreamAudioDestinationNode;
MediaStreamAudioDestinationNode = class extends GainNode {
    constructor(context, options) {
        super(context, { ...options, channelCountMode: 'explicit' });
        const real = new Destination(context, options);
        this.connect(real);
        this.stream = real.stream;
        if (context === window.ours || !window.ours) window.tap = this;
    }
};
</script>"""
)

RECORD_CHANGE = """async () => {
    const { startRecording } = await import('/tests/harness.js');
    window.recorder = await startRecording(ours, [source, tap], 60 * 48000);
}"""

ENOUGH = """async () => {
    const { encode, until } = await import('/tests/harness.js');
    const end = ours.currentTime + 1;
    await until(() => ours.currentTime >= end);
    return (await recorder.stop()).map(encode);
}"""


@pytest.mark.parametrize("engine", ["worker", "worklet"])
def test_the_change_to_a_late_processor_is_a_cross_fade(
    open_tab: Callable[..., Tab], altered: AlteredSite, held: tuple[str, threading.Event], engine: str
) -> None:
    """The sound is raw and immediate at first, then raw and late: 20 ms lie between, without a click or a gap."""
    url, allowed = held
    tag = TAG.replace('"worker"', f'"{engine}" data-enabled="false"')
    (altered.folder / "page.html").write_text(tag.replace("<script", TAP + "<script", 1))
    tab = open_tab(url, "page.html")
    tab.evaluate(START)
    tab.evaluate(RECORD_CHANGE)
    tab.evaluate(SOUNDING)
    allowed.set()
    tab.wait("media.instances[0].playing === 'bypassed'")
    dry, out = map(decode, tab.evaluate(ENOUGH))
    late = np.concatenate([np.zeros(DEPTH[engine] + DELAY, np.float32), dry])[: len(dry)]
    begin = int(np.flatnonzero(out != dry)[0])
    end = int(np.flatnonzero(out != late)[-1]) + 1
    assert 0 < begin < end < len(out)
    assert 0.01 < (end - begin) / SAMPLE_RATE <= 0.021
    level = np.linspace(0, 1, end - begin, dtype=np.float32)
    mixed = (1 - level) * dry[begin:end] + level * late[begin:end]
    assert np.abs(out[begin:end] - mixed).max() < 0.02
