"""A built site, a server, and Chromium with a recording for a microphone.

Run with ``-p no:pytest_pyodide``: that plugin brings an event loop that Playwright's synchronous interface refuses.
"""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from both import firefox_with_sound, visit  # noqa: F401 -- fixtures
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from build_scripts.chromium import launch as launch_chromium
from build_scripts.package.integrity import with_runtime
from build_scripts.site.serve import serve
from percepnet_wasm.constants import HOP

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

PATIENCE_MS = 180_000
"""Longest wait for anything. No test depends on the speed of the machine; this only ends those that hang."""

FAKE_MICROPHONE = "--use-fake-device-for-media-stream"
ALLOW_MICROPHONE = "--use-fake-ui-for-media-stream"
DENY_MICROPHONE = "--deny-permission-prompts"

LONGEST_S = 300
"""Of a test: one that waits in a call without a time limit loses its browser. The longest takes 40 s when loaded."""

ENGINES = ("python", "worker", "worklet")
"""What runs the enhancer, and where; the contract is the same for all of them."""

DEPTH = {"python": 1920, "worker": 1920, "worklet": HOP}
"""Samples of slack that each begins with."""

SLOW = ("stalled", "overload")
"""Codes of fallbacks that say that the machine is too slow just now: a loaded one is, and they pass by themselves."""

_REMEDIES = dict(re.findall(r"^  (\w+): '(.*)',$", (ROOT / "worklet" / "errors.js").read_text(), re.MULTILINE))
SLOW_WARNINGS = tuple(_REMEDIES[code] for code in SLOW)
"""What they say on the console, rightly."""

Audio = NDArray[np.float32]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option to test a site that is built already."""
    parser.addoption("--site", type=Path, help="folder to test instead of building dist/")
    parser.addoption("--simulated-minutes", type=int, default=1, help="of the soak faster than real time (default: 1)")
    parser.addoption("--real-minutes", type=float, default=0.2, help="of the soak in real time (default: 0.2)")
    parser.addoption("--record", type=Path, help="JSON file for what the soak measured")


@pytest.fixture(scope="session")
def dist(request: pytest.FixtureRequest) -> Path:
    """The folder that users would serve."""
    given: Path | None = request.config.getoption("--site")
    if given:
        return given
    out = ROOT / "dist"
    subprocess.run([sys.executable, "-m", "build_scripts.package.build_dist", "--out", str(out)], cwd=ROOT, check=True)
    return out


def copy_site(dist: Path, target: Path) -> Path:
    """Copy ``dist``, and add the files of this folder as ``tests/``: they are not part of the site."""
    shutil.copytree(dist, target, copy_function=shutil.copy2)
    (target / "tests").mkdir()
    for script in HERE.glob("*.js"):
        shutil.copy(script, target / "tests")
    (target / "tests" / "empty.html").write_text("<!doctype html><title>test</title><link rel=icon href=/icon.svg>")
    return target


@pytest.fixture(scope="session")
def site(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is served."""
    return copy_site(dist, tmp_path_factory.mktemp("site") / "site")


class AlteredSite:
    """A copy of the site whose files can be damaged and repaired; served with the isolation headers."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def remove(self, pattern: str) -> None:
        """Delete the files that match."""
        for path in self._matching(pattern):
            path.unlink()

    def write(self, pattern: str, change: Callable[[str], str | bytes], announced: bool = True) -> None:
        """Replace the content of the file that matches; if it is not announced, its hash stays that of the original."""
        (path,) = self._matching(pattern)
        content = change(path.read_text(errors="replace"))
        data = content if isinstance(content, bytes) else content.encode()
        name = path.relative_to(self.folder).as_posix()
        self._put(path, data)
        if announced and name.startswith("runtime/"):
            runtime = {
                f"runtime/{each.relative_to(self.folder / 'runtime').as_posix()}": each.read_bytes()
                for each in (self.folder / "runtime").rglob("*")
                if each.is_file()
            }
            # hashes.js, and what it was bundled into.
            for script in (self.folder / "worklet").glob("*.js"):
                if b"const HASHES = " in script.read_bytes():
                    self._put(script, with_runtime(script.read_bytes(), runtime))

    def _put(self, path: Path, data: bytes) -> None:
        path.unlink()  # it may be a link to the original
        path.write_bytes(data)

    def _matching(self, pattern: str) -> list[Path]:
        found = [path for path in self.folder.glob(pattern) if path.is_file()]
        assert found, f"the site has no {pattern}"
        return found


@pytest.fixture
def altered(dist: Path, tmp_path: Path) -> Iterator[AlteredSite]:
    """A site of the test's own."""
    folder = copy_site(dist, tmp_path / "site")
    with serve(folder) as url:
        yield AlteredSite(folder, url)


@pytest.fixture(scope="session")
def clip(dist: Path) -> Path:
    """The noisy recording that the browser takes for its microphone, over and over."""
    return dist / "clips" / "noisy.wav"


@pytest.fixture(scope="session")
def isolated(site: Path) -> Iterator[str]:
    """Address of the site with the isolation headers."""
    with serve(site) as url:
        yield url


@pytest.fixture(scope="session")
def not_isolated(site: Path) -> Iterator[str]:
    """Address of the site without them: no SharedArrayBuffer."""
    with serve(site, isolated=False) as url:
        yield url


@pytest.fixture(scope="session")
def demo(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a site whose demo page has engine 'worker': few of the page's tests depend on Python's late start."""
    folder = copy_site(dist, tmp_path_factory.mktemp("demo") / "site")
    create = "PercepNet.create(options)"
    assert create in (folder / "session.js").read_text()
    change = create.replace("options", "{ engine: 'worker', ...options }")
    AlteredSite(folder, "").write("session.js", lambda text: text.replace(create, change))
    with serve(folder) as url:
        yield url


@pytest.fixture(params=["isolated", "not_isolated"])
def anywhere(request: pytest.FixtureRequest) -> Any:
    """Address of the site: with shared memory, and without."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Callable[..., Browser]:
    """Start a browser with given flags and options of Playwright's."""

    def start(*own: str, **options: Any) -> Browser:
        browser = launch_chromium(playwright, *own, **options)
        processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        (own_id,) = (int(each["id"]) for each in processes if each["type"] == "browser")
        BROWSERS.add(own_id)
        browser.on("disconnected", lambda _: BROWSERS.discard(own_id))
        return browser

    return start


BROWSERS: set[int] = set()
"""Process ids of the Chromiums that run."""


@pytest.fixture(autouse=True)
def end_of_patience(request: pytest.FixtureRequest) -> Iterator[None]:
    """Kill a hanging test's browsers: it then fails, because what it waits for is gone, and the next starts its own."""

    def kill() -> None:
        for process in list(BROWSERS):
            os.kill(process, signal.SIGKILL)

    timer = threading.Timer(LONGEST_S + 120 * request.config.getoption("--real-minutes"), kill)
    timer.start()
    yield
    timer.cancel()


@pytest.fixture(scope="session")
def launch(chromium: Callable[..., Browser], clip: Path) -> Iterator[Callable[..., Browser]]:
    """Start a browser with given flags and the recording for a microphone, or give the one that has them already."""
    browsers: dict[tuple[str, ...], Browser] = {}

    def start(*own: str) -> Browser:
        if own not in browsers or not browsers[own].is_connected():  # one that has crashed ends here
            browsers[own] = chromium(FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={clip}", *own)
        return browsers[own]

    yield start
    for browser in browsers.values():
        browser.close()


@dataclass
class Tab:
    """A page, with the requests that it made and the errors that it logged."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings on the console, except that the machine is too slow."""
    uncaught: list[str] = field(default_factory=list)
    """Exceptions that nobody handled."""

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Run JavaScript in the page; the harness is in scope as ``harness``."""
        return self.page.evaluate(script, argument)

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression holds. Polled here: wait_for_function() needs the page's permission."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not self.holds(condition):
            if time.monotonic() > deadline:
                pytest.fail(f"timed out waiting for {condition}; console: {self.complaints + self.uncaught}")
            self.page.wait_for_timeout(50)

    def holds(self, condition: str) -> bool:
        """Evaluate a JavaScript expression once; while the page reloads itself it counts as false."""
        try:
            return bool(self.page.evaluate(f"async () => Boolean(await ({condition}))"))
        except PlaywrightError as error:
            if "Execution context was destroyed" not in error.message:
                raise
            return False

    def enhanced(self) -> None:
        """Wait until the page's instance is heard: after an overload it is raw for 15 s or longer."""
        self.wait("percepnet.playing === 'enhanced'")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type so far, of the instance made by ``harness.create``."""
        return [event for event in self.evaluate("window.log") if event["type"] == kind]

    def failures(self) -> list[str]:
        """Codes of the fallbacks so far, but for those that the machine's load alone may bring."""
        return [event["code"] for event in self.events("fallback") if event["code"] not in SLOW]


@pytest.fixture
def open_tab(launch: Callable[..., Browser]) -> Iterator[Callable[..., Tab]]:
    """Open tabs, each with a fresh profile."""
    contexts = []

    def start(
        url: str,
        path: str | None = None,
        permission: str = ALLOW_MICROPHONE,
        init: str = "",
        flags: tuple[str, ...] = (),
        allowed: tuple[str, ...] = (),
    ) -> Tab:
        """Open ``path`` of the site, or with None an empty page of its origin with the harness."""
        context = launch(permission, *flags).new_context()
        contexts.append(context)
        if allowed:  # which the page can query; all others are denied
            context.grant_permissions(list(allowed))
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        tab = Tab(page, url)

        def note_request(request: Request) -> None:
            tab.requests.append(request.url)

        def note_message(message: ConsoleMessage) -> None:
            slow = any(warning in message.text for warning in SLOW_WARNINGS)
            if message.type in ("error", "warning") and not slow:
                tab.complaints.append(message.text)

        page.on("request", note_request)
        page.on("console", note_message)
        page.on("pageerror", lambda error: tab.uncaught.append(str(error)))
        if init:
            page.add_init_script(init)
        page.goto(url + ("tests/empty.html" if path is None else path))
        if path is None:
            page.evaluate("async () => { window.harness = await import('/tests/harness.js'); }")
        return tab

    yield start
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def noisy() -> Audio:
    """Seeded sound with some structure: a gliding tone in noise, 2 s."""
    random = np.random.default_rng(5)
    t = np.arange(2 * 48000) / 48000
    tone = np.sin(2 * np.pi * (150 * t + 100 * t**2)) * (np.sin(2 * np.pi * 2 * t) > 0)
    return (0.2 * tone + 0.02 * random.standard_normal(t.size)).astype(np.float32)


def shifted(samples: Audio, by: int) -> Audio:
    """``samples``, ``by`` samples later, the same length."""
    return np.concatenate([np.zeros(by, np.float32), samples])[: samples.size]


def decode(text: str) -> Audio:
    """Samples that the harness encoded."""
    return np.frombuffer(base64.b64decode(text), np.float32)


def encode(samples: Audio) -> str:
    """Samples for the harness's ``decode``."""
    return base64.b64encode(np.ascontiguousarray(samples, np.float32).tobytes()).decode()
