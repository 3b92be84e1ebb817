"""The tests' own server (wptserve), which can add the script tag to every HTML page.

It needs no package: the tests bring what it imports.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ALL_HOSTS", "HOST", "Served", "serve_tests"]

HOST = "web-platform.test"
SUBDOMAINS = ("www", "www1", "www2", "xn--n8j6ds53lwwkrqhv28a", "xn--lve-6lad")
ALL_HOSTS = tuple(
    ".".join([*parts, host])
    for host in (HOST, f"not-{HOST}")
    for parts in [[], *([name] for name in SUBDOMAINS), *([a, b] for a in SUBDOMAINS for b in SUBDOMAINS)]
)
"""The names by which the tests reach their server: browsers must resolve them to this machine."""

ADDRESS = "/percepnet/"
"""Where the site is, on each of these hosts."""

# The server's injected script is inline, but the tag is a script with an address: it is written where the parser is, so
# that it blocks the parser as one in the page does.
TAG = f"document.write('<script src=\"{ADDRESS}worklet/drop-in.js\"></' + 'script>');\n"

RUN = "import sys; sys.path[:0] = ['tools', 'tools/serve']; import localpaths; from serve import serve; serve.main()"

PATIENCE_S = 600
"""Longest wait until the server has started: on an overloaded machine two minutes were too short."""


@dataclass(frozen=True)
class Served:
    """A running server."""

    http: int
    https: int
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Make sure that it still runs: without it every test would fail.

        Raises
        ------
        RuntimeError
            It has ended.
        """
        if self.process.poll() is not None:
            raise RuntimeError(f"the tests' server has ended:\n{self.log.read_text()}")

    def url(self, test: str) -> str:
        """Address of a test: its name says how it is to be loaded."""
        secure = ".https." in test or ".serviceworker." in test
        host = f"www.{HOST}" if ".www." in test else HOST
        return f"https://{host}:{self.https}{test}" if secure else f"http://{host}:{self.http}{test}"


def free_ports(number: int) -> list[int]:
    """Return ports that are free."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def serve_tests(tests: Path, site: Path, tag: bool, patience: int, folder: Path) -> Iterator[Served]:
    """Serve the tests while the context lasts.

    Parameters
    ----------
    tests : Path
        Their folder.
    site : Path
        ``dist/``.
    tag : bool
        Add the script tag to the pages.
    patience : int
        Factor on the tests' own time limits.
    folder : Path
        For the server's configuration and log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    here = Path(__file__).parent
    report = (here / "report.js").read_text().replace("PATIENCE", str(patience))
    (folder / "testharnessreport.js").write_text(report)
    (folder / "testdriver-vendor.js").write_text((here / "driver.js").read_text())
    (folder / "tag.js").write_text(TAG)
    # All of them, since the server's own choice may be taken by another program before it is used.
    http, http2, http_private, https, https2, https_private = ports = free_ports(6)
    config = {
        "browser_host": HOST,
        "server_host": "127.0.0.1",
        "check_subdomains": False,
        "ports": {
            "http": [http, http2],
            "http-private": [http_private],
            "https": [https, https2],
            "https-private": [https_private],
        },
        "logging": {"level": "warning", "suppress_handler_traceback": True},
        "aliases": [
            {"url-path": ADDRESS, "local-dir": str(site)},
            {"url-path": "/resources/testharnessreport.js", "local-dir": str(folder)},
            {"url-path": "/resources/testdriver-vendor.js", "local-dir": str(folder)},
        ],
    }
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-c", RUN, "--no-h2", "--config", str(folder / "config.json")]
    if tag:
        command += ["--inject-script", str(folder / "tag.js")]
    log = folder / "log.txt"
    with (
        log.open("w") as out,
        subprocess.Popen(command, cwd=tests, stdout=out, stderr=out, start_new_session=True) as process,
    ):
        try:
            for port in ports:
                _wait(port, process, log)
            yield Served(http, https, process, log)
        finally:
            # It has a process per port, which would outlive it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the tests' server does not start:\n{log.read_text()}")
        time.sleep(0.1)
