"""One file beside the page: isolation on a host that sends no headers, and visits without a network."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import AlteredSite, Tab, copy_site
from integrity import sealed
from serve import serve

FOLDER = "deep/app/"
"""Where the page lies on its host."""

PAGE = """<!doctype html><title>{title}</title><link rel="icon" href="data:,">
<script src="service-worker.js" {attributes}></script><script type="module" src="which.js"></script>"""

COUNT_LOADS = "sessionStorage.loads = 1 + Number(sessionStorage.loads ?? 0);"

ENHANCE = """async () => {
    const { PercepNet } = await import('./worklet/percepnet.js');
    const percepnet = await PercepNet.create();
    const told = new Promise((resolve) => {
        percepnet.addEventListener('ready', () => resolve('ready'));
        percepnet.addEventListener('fallback', ({ detail }) => resolve(detail.message));
    });
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    await percepnet.processTrack(stream.getAudioTracks()[0]);
    const state = await told;
    return [state, percepnet.support.transport];
}"""

KEPT = """caches.keys().then((names) => names.length === 1
    && caches.open(names[0]).then((cache) => cache.match('?complete')).then(Boolean))"""

WAITING = "navigator.serviceWorker.getRegistration().then((registration) => Boolean(registration?.waiting))"

UPDATE = """async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration.update();
    const worker = registration.installing ?? registration.waiting;
    while (worker?.state === 'installing') await new Promise((resolve) => setTimeout(resolve, 50));
    return !worker || worker.state === 'redundant' ? 'failed' : worker.state;
}"""

REGISTRATIONS = "async () => (await navigator.serviceWorker.getRegistrations()).length"


class App(AlteredSite):
    """The site in a folder of its host, with a page of the test's own."""

    def build(self, attributes: str = "", version: int = 1) -> None:
        """Write the page and a module that says its version, with their hashes, as the build does."""
        app = self.folder / FOLDER
        (app / "index.html").unlink()
        (app / "index.html").write_text(PAGE.format(title=version, attributes=attributes))
        (app / "which.js").write_text(f"window.which = {version};")
        files = (path for path in app.rglob("*") if path.is_file() and "tests" not in path.parts)
        plan = {path.relative_to(app).as_posix(): path.read_bytes() for path in files}
        for name, data in sealed(plan).items():
            if data != plan[name]:
                (app / name).unlink()
                (app / name).write_bytes(data)


@pytest.fixture
def folder(dist: Path, tmp_path: Path) -> Path:
    """A host's root folder."""
    copy_site(dist, tmp_path / "site" / FOLDER)
    return tmp_path / "site"


@pytest.fixture
def app(folder: Path) -> Iterator[App]:
    """The app on a host that sends no headers."""
    with serve(folder, isolated=False) as url:
        yield App(folder, url)


def until(tab: Tab, promise: str) -> None:
    """Wait until a JavaScript promise gives true."""
    for _ in range(600):
        if tab.holds(promise):
            return
        tab.page.wait_for_timeout(100)
    raise AssertionError(f"never: {promise}")


def loads(tab: Tab) -> int:
    """How often the page was loaded, once nothing more is about to happen."""
    tab.page.wait_for_timeout(1500)
    return int(tab.evaluate("sessionStorage.loads"))


def test_a_host_without_headers_is_isolated_by_one_reload(open_tab: Callable[..., Tab], app: App) -> None:
    """SharedArrayBuffer on the second load; the third is the user's own and brings no fourth."""
    app.build()
    tab = open_tab(app.url, FOLDER, init=COUNT_LOADS)
    tab.wait("crossOriginIsolated")
    assert loads(tab) == 2
    assert tab.evaluate(ENHANCE) == ["ready", "shared"]
    tab.page.reload()
    assert tab.evaluate("crossOriginIsolated")
    assert loads(tab) == 3
    assert tab.complaints == [] and tab.uncaught == []


def test_a_page_that_is_isolated_needs_none(open_tab: Callable[..., Tab], folder: Path) -> None:
    """With the host's own headers, and on localhost, where nothing is kept, there is nothing to do."""
    with serve(folder) as url:
        App(folder, url).build()
        tab = open_tab(url, FOLDER, init=COUNT_LOADS)
        assert loads(tab) == 1
        assert tab.evaluate(REGISTRATIONS) == 0


def test_what_cannot_be_isolated_is_reloaded_once_and_never_again(open_tab: Callable[..., Tab], folder: Path) -> None:
    """The host insists on its own policy, which does not isolate: the enhancer uses messages."""
    with serve(folder, isolated=False, headers={"Cross-Origin-Embedder-Policy": "unsafe-none"}) as url:
        App(folder, url).build()
        tab = open_tab(url, FOLDER, init=COUNT_LOADS)
        assert loads(tab) == 2
        tab.page.reload()
        assert loads(tab) == 3
        assert [text for text in tab.complaints if "could not be isolated" in text]
        assert tab.evaluate(ENHANCE) == ["ready", "port"]


def test_an_attribute_switches_it_off_and_on(open_tab: Callable[..., Tab], app: App) -> None:
    """Off before: nothing is registered. Off later: what was registered goes, with all that it kept."""
    app.build('data-isolate="false"')
    tab = open_tab(app.url, FOLDER, init=COUNT_LOADS)
    assert loads(tab) == 1 and tab.evaluate(REGISTRATIONS) == 0
    app.build('data-isolate="no" data-offline="true"')
    tab.page.reload()
    tab.wait("crossOriginIsolated")
    assert any('data-isolate="no" is ignored: give true or false' in text for text in tab.complaints)
    until(tab, KEPT)
    app.build('data-isolate="false" data-offline="false"', version=2)
    # The page that is kept asks for what it always did; the next one, with the version that waited, does not.
    tab.page.reload()
    until(tab, WAITING)
    tab.page.reload()
    tab.wait("window.which === 2")
    until(tab, "caches.keys().then((names) => names.length === 0)")
    tab.page.reload()
    assert not tab.evaluate("crossOriginIsolated") and tab.evaluate(REGISTRATIONS) == 0


def test_after_the_first_visit_no_network_is_needed(open_tab: Callable[..., Tab], folder: Path) -> None:
    """The host is gone: page, modules, worker, audio processor, runtime and model come from the cache, isolated."""
    with serve(folder, isolated=False) as url:
        App(folder, url).build('data-offline="true"')
        tab = open_tab(url, FOLDER)
        tab.wait("crossOriginIsolated")
        until(tab, KEPT)
    shutil.rmtree(folder)  # connections that stand are still answered
    tab.page.goto(f"{url}{FOLDER}?from=bookmark#top")
    assert tab.evaluate(ENHANCE) == ["ready", "shared"]
    assert tab.uncaught == []


def test_a_new_version_comes_whole_or_not_at_all(open_tab: Callable[..., Tab], app: App) -> None:
    """Half of it on the host: the old one goes on. All of it: the next reload has it, and the old one is removed."""
    attributes = 'data-isolate="false" data-offline="true"'
    app.build(attributes)
    tab = open_tab(app.url, FOLDER)
    until(tab, KEPT)
    tab.page.reload()  # the first load was not served by it
    tab.evaluate("() => caches.open(`percepnet ${location.origin}/other/ 1`)")  # of another app of the same origin

    app.build(attributes, version=2)
    which = app.folder / FOLDER / "which.js"
    new = which.read_text()
    which.write_text("window.which = 'not deployed yet';")
    for _ in range(2):
        tab.page.reload()
        tab.wait("window.which === 1")
        assert tab.evaluate(UPDATE) == "failed"
        assert tab.page.title() == "1", "two versions are mixed"

    which.write_text(new)
    # The reload asked for the new version too, and that attempt may have begun before the file was whole.
    until(tab, f"({UPDATE})().then((state) => state === 'installed')")
    tab.evaluate("import('./which.js?lazily')")
    assert tab.evaluate("[which, document.title]") == [1, "1"], "two versions are mixed"
    tab.page.reload()
    tab.wait("window.which === 2")
    assert tab.page.title() == "2"
    names = tab.evaluate("caches.keys()")
    assert len(names) == 2 and f"percepnet {app.url}other/ 1" in names


def test_the_pages_own_service_worker_is_left_alone(open_tab: Callable[..., Tab], app: App) -> None:
    """Two cannot serve one page: ours stays out, and says so."""
    app.build()
    (app.folder / FOLDER / "own.js").write_text("onfetch = () => {};")
    (app.folder / FOLDER / "start.html").write_text("<!doctype html><title>start</title>")
    tab = open_tab(app.url, FOLDER + "start.html")
    tab.evaluate(
        "async () => { await navigator.serviceWorker.register('own.js'); await navigator.serviceWorker.ready; }"
    )
    tab.page.goto(app.url + FOLDER)
    tab.page.wait_for_timeout(1000)
    assert any("has a service worker already" in text for text in tab.complaints)
    assert tab.evaluate("navigator.serviceWorker.controller.scriptURL").endswith("own.js")
