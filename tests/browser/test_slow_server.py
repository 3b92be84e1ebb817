"""A server that takes long keeps no page from its microphone."""

import functools
import threading
from collections.abc import Callable, Iterator

import pytest
from both import TAG
from conftest import AlteredSite, Tab

from build_scripts.site.serve import HOST, ISOLATION, Handler, Server

START = """async () => {
    window.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    window.media = await percepnet;
}"""

SOUNDING = """async () => {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 2048 });
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(2048);
    for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        analyser.getFloatTimeDomainData(samples);
        if (samples.some((sample) => Math.abs(sample) > 0.01)) break;
    }
    await context.close();
    return true;
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
