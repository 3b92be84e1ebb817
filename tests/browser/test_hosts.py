"""Every kind of host: what its headers allow is used, and what they do not allow never costs the voice."""

import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Tab
from playwright.sync_api import Frame

from build_scripts.site.serve import HOST, ISOLATION, Handler, Server, serve

ENHANCE = """async (options) => {
    const { PercepNet } = await import('/worklet/percepnet.js');
    const percepnet = await PercepNet.create(options ?? { engine: 'worker' });
    const events = [];
    for (const type of ['ready', 'fallback']) {
        percepnet.addEventListener(type, ({ detail }) => events.push([type, detail.code ?? '', detail.message ?? '']));
    }
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const track = await percepnet.processTrack(stream.getAudioTracks()[0]);
    while (events.length === 0 || (percepnet.state === 'ready' && percepnet.playing !== 'enhanced')) {
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const found = { events: events[0], transport: percepnet.support.transport, track: track.readyState };
    percepnet.destroy();
    return found;
}"""
"""By default without Python: whatever runs in it, a worker needs the same of its host."""

READY = {"events": ["ready", "", ""], "track": "live"}

DOCUMENT_ISOLATION = {"Document-Isolation-Policy": "isolate-and-credentialless"}


@pytest.mark.parametrize(
    ("headers", "transport"),
    [
        pytest.param(ISOLATION | {"Cross-Origin-Embedder-Policy": "credentialless"}, "shared", id="credentialless"),
        pytest.param(DOCUMENT_ISOLATION, "shared", id="document-isolation-policy"),
        pytest.param({}, "port", id="not-isolated"),
    ],
)
def test_isolation(open_tab: Callable[..., Tab], site: Path, headers: dict[str, str], transport: str) -> None:
    """Shared memory where the headers give it (COOP and COEP: all other tests), messages where not; always enhanced."""
    with serve(site, isolated=False, headers=headers) as url:
        tab = open_tab(url)
        assert tab.evaluate(ENHANCE) == READY | {"transport": transport}
        assert (tab.evaluate("harness.PercepNet.isSupported().reasons") == []) == (transport == "shared")
        assert tab.complaints == [] and tab.uncaught == []


POPUP = """async (url) => {
    const popup = open(url);
    for (let looks = 0; looks < 1200 && !window.reported && !popup.closed; looks++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return Boolean(window.reported);
}"""


@pytest.mark.parametrize(("headers", "reports"), [(ISOLATION, False), (DOCUMENT_ISOLATION, True)], ids=["coop", "dip"])
def test_a_popup_can_report_to_its_opener_except_under_coop(
    open_tab: Callable[..., Tab], site: Path, tmp_path: Path, headers: dict[str, str], reports: bool
) -> None:
    """As sign-in windows of another origin do: what the documentation says about COOP is true."""
    (tmp_path / "popup.html").write_text("<!doctype html><script>opener.postMessage('signed in', '*')</script>")
    with serve(tmp_path, isolated=False) as other, serve(site, isolated=False, headers=headers) as url:
        tab = open_tab(url)
        tab.evaluate("void (onmessage = () => (window.reported = true))")
        assert tab.evaluate(POPUP, other.replace(HOST, "localhost") + "popup.html") == reports


POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self'; "
    "style-src 'self'; media-src 'self'; report-uri /report"
)


@pytest.fixture
def reports() -> list[str]:
    """The policy violations that browsers reported."""
    return []


@pytest.fixture
def strict(site: Path, reports: list[str]) -> Iterator[str]:
    """Address of the site under a strict policy, on a host that collects reports."""

    class Collecting(Handler):
        def do_POST(self) -> None:
            reports.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()

    headers = ISOLATION | {"Content-Security-Policy": POLICY}
    server = Server((HOST, 0), functools.partial(Collecting, directory=str(site), headers=headers))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{HOST}:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_strict_content_security_policy(open_tab: Callable[..., Tab], strict: str, reports: list[str]) -> None:
    """No eval, no inline script, no blob:, nothing from elsewhere: nothing violates it, in page or worker."""
    tab = open_tab(strict)
    assert tab.evaluate(ENHANCE, {"engine": "python"}) == READY | {"transport": "shared"}
    tab.page.wait_for_timeout(500)
    assert reports == []
    # Had there been something, it would have been reported, from a worker too.
    code = "try { Function('1')(); } catch {} postMessage(0);"
    tab.page.route("**/evil.js", lambda route: route.fulfill(body=code, headers=worker_headers()))
    tab.evaluate("() => new Promise((resolve) => { new Worker('/evil.js').onmessage = resolve; })")
    while not reports:
        tab.page.wait_for_timeout(50)
    assert all("evil.js" in report for report in reports)


def worker_headers() -> dict[str, str]:
    """What the host sends with a worker's script."""
    return ISOLATION | {"Content-Security-Policy": POLICY, "Content-Type": "text/javascript"}


TRANSPORTS = {"python": "shared", "worker": "shared", "worklet": "none"}
"""Of an isolated page, by engine."""

UNREACHABLE = {"worklet": "model"}
"""Code of the event about a folder that an engine may not read; those with a worker report `boot`."""


def test_assets_on_another_origin(open_tab: Callable[..., Tab], site: Path, isolated: str) -> None:
    """With CORS they load and are checked as ever; without, one event says what is missing."""
    allow = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    with serve(site, isolated=False, headers=allow) as other:
        tab = open_tab(isolated)
        for engine, transport in TRANSPORTS.items():
            found = tab.evaluate(ENHANCE, {"engine": engine, "assets": f"{other}runtime/"})
            assert found == READY | {"transport": transport}
    with serve(site, isolated=False) as other:
        tab = open_tab(isolated)
        for engine in TRANSPORTS:
            found = tab.evaluate(ENHANCE, {"engine": engine, "assets": f"{other}runtime"})
            assert found["events"][:2] == ["fallback", UNREACHABLE.get(engine, "boot")]
            assert "does its host send Access-Control-Allow-Origin?" in found["events"][2]
            assert found["track"] == "live"


FRAME = """async ([url, allow]) => {
    const frame = document.createElement('iframe');
    frame.allow = allow;
    frame.src = url;
    const loaded = new Promise((resolve) => (frame.onload = resolve));
    document.body.append(frame);
    await loaded;
}"""


def framed(tab: Tab, url: str, allow: str) -> Frame:
    """Put a page of ``url`` into the tab's page."""
    tab.evaluate(FRAME, [f"{url}tests/empty.html", allow])
    return next(frame for frame in tab.page.frames if frame.url.startswith(url) and frame.parent_frame)


@pytest.mark.parametrize(
    ("origin", "allow", "expected"),
    [
        pytest.param("same", "", READY | {"transport": "shared"}, id="same-origin"),
        pytest.param(
            "other", "microphone; cross-origin-isolated", READY | {"transport": "shared"}, id="isolation-delegated"
        ),
        pytest.param("other", "microphone", READY | {"transport": "port"}, id="isolation-not-delegated"),
        pytest.param("other", "", "NotAllowedError", id="no-microphone"),
    ],
)
def test_in_a_frame(
    open_tab: Callable[..., Tab], site: Path, isolated: str, origin: str, allow: str, expected: Any
) -> None:
    """Of an isolated page: what the page grants the frame decides; a refusal is the browser's own."""
    headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
    tab = open_tab(isolated)
    with serve(site, headers=headers) as other:
        # Another host name: two ports of one are one site.
        frame = framed(tab, isolated if origin == "same" else other.replace(HOST, "localhost"), allow)
        script = f"() => ({ENHANCE})().catch(({{ name }}) => name)"
        assert frame.evaluate(script) == expected
