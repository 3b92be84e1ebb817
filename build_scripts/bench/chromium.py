"""Chromium as a host: every system in a Worker of one isolated page."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Error, sync_playwright

from build_scripts.chromium import launch
from build_scripts.site.serve import serve

from .hosts import HERE, WARM_UP_FRAMES, Answer, HostError
from .machine import descendants, processor_seconds

PATIENCE_MS = 300_000
"""Longest wait for one turn on a busy machine."""

PAGE = """<!doctype html>
<title>bench</title>
<link rel=icon href=data:,>
<script type=module src=bench/js/{script}></script>
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium, and end it with the context."""
    with sync_playwright() as playwright:
        started = launch(playwright)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def page_folder(script: str, **links: Path) -> Iterator[Path]:
    """Make a folder to serve: a bare page that runs a script of ``js/``, and links to files and folders by name."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "index.html").write_text(PAGE.format(script=script))
        for link, target in {"bench": HERE, **links}.items():
            (folder / link).symlink_to(target.resolve())
        yield folder


class ChromiumHost:
    """A page in Chromium that owns a Worker for each system.

    Parameters
    ----------
    audio : Path
        Float32 samples at 48 kHz, whole frames.
    site : Path
        The page as built: ``dist/``.
    peers : Path or None
        ``node_modules`` with the other suppressors.
    throttling : int
        How many times slower turns run, by Chromium's own throttling. It slows only the page's thread, so the systems
        live there instead of in Workers.
    """

    engine = "pyodide-chromium"

    def __init__(self, audio: Path, site: Path, peers: Path | None, throttling: int = 1) -> None:
        self.throttling = throttling
        self._stack = ExitStack()
        try:
            links = {"audio.f32": audio, "site": site} | ({"peers": peers} if peers else {})
            self._folder = self._stack.enter_context(page_folder("page.mjs", **links))
            address = self._stack.enter_context(serve(self._folder))
            self._page = self._stack.enter_context(browser()).new_page()
            self._page.set_default_timeout(PATIENCE_MS)
            self._page.goto(address)
            self._page.wait_for_function("window.bench && crossOriginIsolated")
            self._devtools = self._page.context.new_cdp_session(self._page)
        except BaseException:
            self._stack.close()
            raise

    def load(self, name: str, system: str, model: Path | None, kernel: str = "auto") -> Answer:
        address = None
        if model:
            address = model.name
            if not (self._folder / address).exists():
                (self._folder / address).symlink_to(model.resolve())
        command: Answer = {"name": name, "system": system, "model": address, "warm_up": WARM_UP_FRAMES}
        command |= {"kernel": kernel, "worker": self.throttling == 1}
        return self._ask("load", command)

    def run(self, name: str, pace: str, frames: int, settle: int, stages: bool) -> Answer:
        command = {"name": name, "pace": pace, "frames": frames, "settle": settle, "stages": stages}
        if self.throttling > 1:  # from the first turn on; loading may be quick
            self._devtools.send("Emulation.setCPUThrottlingRate", {"rate": self.throttling})
        return self._ask("run", command)

    def through(self, system: str) -> tuple[int, NDArray[np.float32]]:
        """Run the audio through another suppressor; return how many samples it takes at a time, and its output."""
        answer = self._ask("pass", {"system": system})
        return answer["length"], np.frombuffer(base64.b64decode(answer["samples"]), np.float32)

    def processor_seconds(self) -> float:
        return processor_seconds(descendants("--type=renderer"))

    def close(self) -> None:
        self._stack.close()

    def _ask(self, action: str, command: Answer) -> Answer:
        try:
            return self._page.evaluate("([action, command]) => bench[action](command)", [action, command])
        except Error as error:
            raise HostError(f"chromium: {error.message}") from error
