"""One file beside the page: isolation on a host that sends no headers, and visits without a network.

These pages reload themselves. Each question to one has a time limit, which the driver keeps, and is asked again of the
page that came instead.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE_MS, AlteredSite, Tab, copy_site
from playwright.sync_api import Error as PlaywrightError

from build_scripts.package.integrity import sealed
from build_scripts.site.serve import serve

FOLDER = "deep/app/"
"""Where the page lies on its host."""

PAGE = """<!doctype html><title>{title}</title><link rel="icon" href="data:,">
<script src="service-worker.js" {attributes}></script><script type="module" src="which.js"></script>"""

COUNT_LOADS = "sessionStorage.loads = 1 + Number(sessionStorage.loads ?? 0);"

ENHANCE = """async () => {
    const { PercepNet } = await import('./worklet/percepnet.js');
    const percepnet = await PercepNet.create({ engine: 'worker' });
    const told = new Promise((resolve) => {
        percepnet.addEventListener('ready', () => resolve('ready'));
        percepnet.addEventListener('fallback', ({ detail }) => resolve(detail.message));
    });
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    await percepnet.processTrack(stream.getAudioTracks()[0]);
    const state = await told;
    return [state, percepnet.support.transport];
}"""

ENHANCE_WITH_PYTHON = ENHANCE.replace("engine: 'worker'", "engine: 'python'")
"""It starts seconds later, and its files are most of what is kept for visits without a network."""

KEPT = """async () => {
    const names = await caches.keys();
    return names.length === 1 && Boolean(await (await caches.open(names[0])).match('?complete'));
}"""

STARTED = "() => void dispatchEvent(new Event('percepnetready'))"
"""What percepnet.js does once it is ready."""

NEXT_IS_THERE = """async () => which === 2
    || Boolean((await navigator.serviceWorker.getRegistration())?.waiting)"""
"""The browser looks for a new version by itself as well, and may have been quicker."""

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

    def build(self, attributes: str = "", version: int = 1, deployed: bool = True) -> None:
        """Write the page and a module that says its version, with their hashes, as the build does.

        Unless it is deployed, the module is on the host in another version when the hashes come.
        """
        app = self.folder / FOLDER
        (app / "index.html").unlink()
        (app / "index.html").write_text(PAGE.format(title=version, attributes=attributes))
        self.deploy(version)
        files = (path for path in app.rglob("*") if path.is_file() and "tests" not in path.parts)
        plan = {path.relative_to(app).as_posix(): path.read_bytes() for path in files}
        if not deployed:
            (app / "which.js").write_text("window.which = 'not deployed yet';")
        for name, data in sealed(plan).items():
            if data != plan[name]:
                (app / name).unlink()
                (app / name).write_bytes(data)

    def deploy(self, version: int) -> None:
        """Write the module."""
        (self.folder / FOLDER / "which.js").write_text(f"window.which = {version};")


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


def ask(tab: Tab, function: str) -> Any:
    """What a JavaScript function returns in the page, or in the one that replaces it."""
    text = f"async () => JSON.stringify(await ({function})()) ?? 'null'"
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while True:
        try:
            # Of all that asks a page, this has a time limit. A text comes with the answer; others take a question more.
            return json.loads(tab.page.wait_for_function(text, timeout=PATIENCE_MS / 3).json_value())
        except PlaywrightError as error:
            gone = "Timeout" in error.message or "context was destroyed" in error.message
            if not gone or time.monotonic() > deadline:
                raise


def until(tab: Tab, function: str, expected: Any = True) -> None:
    """Wait until a JavaScript function returns what is expected."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while (answer := ask(tab, function)) != expected:
        assert time.monotonic() < deadline, f"never {expected}, at last {answer}: {function}"
        tab.page.wait_for_timeout(100)


def reload(tab: Tab) -> None:
    """Reload the page, which may then reload itself again."""
    tab.page.reload(wait_until="commit")


def assert_loads(tab: Tab, number: int) -> None:
    """The page is loaded exactly this often."""
    until(tab, "() => Number(sessionStorage.loads)", number)
    tab.page.wait_for_timeout(1500)
    assert ask(tab, "() => Number(sessionStorage.loads)") == number


def until_told(tab: Tab, text: str) -> None:
    """Wait until the console says so."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not any(text in complaint for complaint in tab.complaints):
        assert time.monotonic() < deadline, f"it did not say so: {text}"
        tab.page.wait_for_timeout(100)


ISOLATED = "() => crossOriginIsolated"


def test_a_host_without_headers_is_isolated_by_one_reload(open_tab: Callable[..., Tab], app: App) -> None:
    """SharedArrayBuffer on the second load; the third is the user's own and brings no fourth."""
    app.build()
    tab = open_tab(app.url, FOLDER, init=COUNT_LOADS)
    until(tab, ISOLATED)
    assert_loads(tab, 2)
    assert ask(tab, ENHANCE) == ["ready", "shared"]
    reload(tab)
    assert_loads(tab, 3)
    assert ask(tab, ISOLATED)
    assert tab.complaints == [] and tab.uncaught == []


def test_an_isolated_page_needs_none(open_tab: Callable[..., Tab], folder: Path) -> None:
    """With the host's own headers, and on localhost, where nothing is kept, there is nothing to do."""
    with serve(folder) as url:
        App(folder, url).build()
        tab = open_tab(url, FOLDER, init=COUNT_LOADS)
        assert_loads(tab, 1)
        assert ask(tab, REGISTRATIONS) == 0


def test_what_cannot_be_isolated_is_reloaded_once_and_never_again(open_tab: Callable[..., Tab], folder: Path) -> None:
    """The host insists on its own policy, which does not isolate: the enhancer uses messages."""
    with serve(folder, isolated=False, headers={"Cross-Origin-Embedder-Policy": "unsafe-none"}) as url:
        App(folder, url).build()
        tab = open_tab(url, FOLDER, init=COUNT_LOADS)
        assert_loads(tab, 2)
        reload(tab)
        assert_loads(tab, 3)
        until_told(tab, "could not be isolated")
        assert ask(tab, ENHANCE) == ["ready", "port"]


def test_an_attribute_switches_it_off_and_on(open_tab: Callable[..., Tab], app: App) -> None:
    """Off before: nothing is registered. Off later: what was registered goes, with all that it kept."""
    app.build('data-isolate="false"')
    tab = open_tab(app.url, FOLDER, init=COUNT_LOADS)
    assert_loads(tab, 1)
    assert ask(tab, REGISTRATIONS) == 0
    app.build('data-isolate="no" data-offline="true"')
    reload(tab)
    until(tab, ISOLATED)
    until_told(tab, 'data-isolate="no" is ignored: it must be true or false')
    ask(tab, STARTED)
    until(tab, KEPT)
    app.build('data-isolate="false" data-offline="false"', version=2)
    # The page that is kept asks for what it always did; the next one, with the version that waited, does not.
    reload(tab)
    until(tab, NEXT_IS_THERE)
    reload(tab)
    until(tab, "() => window.which", 2)
    until(tab, REGISTRATIONS, 0)
    until(tab, "() => caches.keys()", [])
    # The page is served by it to its end, and that keeps nothing any more.
    ask(tab, "() => import('./which.js?lazily').then(() => {})")
    assert ask(tab, "() => caches.keys()") == []
    reload(tab)
    until(tab, ISOLATED, False)
    assert ask(tab, REGISTRATIONS) == 0


def test_after_the_first_visit_no_network_is_needed(open_tab: Callable[..., Tab], folder: Path) -> None:
    """The host is gone: page, modules, worker, audio processor, runtime and model come from the cache, isolated.

    Before the enhancer has been started nothing is kept.
    """
    with serve(folder, isolated=False) as url:
        App(folder, url).build('data-offline="true"')
        tab = open_tab(url, FOLDER)
        until(tab, ISOLATED)
        until(tab, "async () => Boolean((await navigator.serviceWorker.getRegistration())?.active)")
        tab.page.wait_for_timeout(1000)
        assert ask(tab, "() => caches.keys()") == []
        assert not any("/runtime/" in request for request in tab.requests), "22 MB that nobody asked for"
        assert ask(tab, ENHANCE_WITH_PYTHON) == ["ready", "shared"]
        until(tab, KEPT)
    shutil.rmtree(folder)  # connections that stand are still answered
    tab.page.goto(f"{url}{FOLDER}?from=bookmark#top")
    assert ask(tab, ENHANCE_WITH_PYTHON) == ["ready", "shared"]
    assert tab.uncaught == []


def test_a_new_version_comes_whole_or_not_at_all(open_tab: Callable[..., Tab], app: App) -> None:
    """Half of it on the host: the old one stays. All of it: the next reload has it, and the old one is removed."""
    attributes = 'data-isolate="false" data-offline="true"'
    app.build(attributes)
    tab = open_tab(app.url, FOLDER)
    ask(tab, STARTED)
    until(tab, KEPT)
    reload(tab)  # the first load was not served by it
    until(tab, "() => Boolean(navigator.serviceWorker.controller)")
    ask(tab, "() => caches.open(`percepnet ${location.origin}/other/ 1`).then(() => {})")  # another app of the origin

    app.build(attributes, version=2, deployed=False)
    for _ in range(2):
        reload(tab)
        until(tab, "() => [window.which, document.title]", [1, "1"])
        assert ask(tab, UPDATE) == "failed"
        assert ask(tab, "() => [which, document.title]") == [1, "1"], "two versions are mixed"

    which = app.folder / FOLDER / "which.js"
    written = which.stat().st_mtime
    app.deploy(2)
    os.utime(which, (written, written))  # in the same second: the server has it for the one that the browser knows
    # The reload asked for the new version too, and that attempt may have begun before the file was whole.
    until(tab, UPDATE, "installed")
    ask(tab, "() => import('./which.js?lazily').then(() => {})")
    assert ask(tab, "() => [which, document.title]") == [1, "1"], "two versions are mixed"
    reload(tab)
    until(tab, "() => [window.which, document.title]", [2, "2"])
    until(tab, "async () => (await caches.keys()).length", 2)
    assert f"percepnet {app.url}other/ 1" in ask(tab, "() => caches.keys()")


def test_the_pages_own_service_worker_is_left_alone(open_tab: Callable[..., Tab], app: App) -> None:
    """Two cannot serve one page: ours stays out, and says so."""
    app.build()
    (app.folder / FOLDER / "own.js").write_text("onfetch = () => {};")
    (app.folder / FOLDER / "start.html").write_text("<!doctype html><title>start</title>")
    tab = open_tab(app.url, FOLDER + "start.html")
    register = "await navigator.serviceWorker.register('own.js'); await navigator.serviceWorker.ready;"
    ask(tab, f"async () => {{ {register} }}")
    tab.page.goto(app.url + FOLDER)
    until(tab, "() => navigator.serviceWorker.controller?.scriptURL.endsWith('own.js')")
    until_told(tab, "already has a service worker")
    assert ask(tab, "() => navigator.serviceWorker.controller.scriptURL.endsWith('own.js')")
