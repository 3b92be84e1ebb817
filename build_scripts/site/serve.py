"""Serve a folder on localhost with the headers that give a page SharedArrayBuffer.

``python -m build_scripts.site.serve dist`` prints the address and runs until interrupted; tests use the context manager
``serve``.
"""

import argparse
import contextlib
import functools
import http.server
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from build_scripts import ROOT

HOST = "127.0.0.1"
"""Loopback only: browsers grant the microphone to secure origins, and over plain HTTP only localhost is one."""

ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Static files with extra headers and the right media types; only failures are logged."""

    protocol_version = "HTTP/1.1"
    # The module's own table depends on /etc/mime.types; a wrong type breaks modules and streaming WebAssembly.
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".mjs": "text/javascript; charset=utf-8",
        ".pnw": "application/octet-stream",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".wav": "audio/wav",
        ".whl": "application/zip",
    }

    def __init__(self, *args: Any, headers: Mapping[str, str], **kwargs: Any) -> None:
        self.extra_headers = headers
        super().__init__(*args, **kwargs)

    def end_headers(self) -> None:
        """Add the headers; browsers may cache but must revalidate, since a rebuilt file keeps its name."""
        self.send_header("Cache-Control", "no-cache")
        for name, value in self.extra_headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log only requests that failed."""
        if isinstance(code, int) and code >= 400:
            super().log_request(code, size)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a file; a browser that has disconnected meanwhile is not an error."""
        with contextlib.suppress(ConnectionError):
            super().copyfile(source, outputfile)


class Server(http.server.ThreadingHTTPServer):
    """One thread per connection; a dropped connection prints no traceback."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report every error except dropped connections."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def make_server(directory: str | Path, port: int, headers: Mapping[str, str]) -> Server:
    """Bind a server to ``directory`` and ``port``; 0 takes any free port."""
    folder = Path(directory)
    if not folder.is_dir():
        raise ValueError(f"directory {folder} does not exist: build it first, by make site")
    handler = functools.partial(Handler, directory=str(folder), headers=headers)
    return Server((HOST, port), handler)


@contextlib.contextmanager
def serve(directory: str | Path, isolated: bool = True, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve ``directory`` on any free port, from a background thread, for as long as the context lasts.

    Parameters
    ----------
    directory : str or Path
        Folder whose files are served.
    isolated : bool
        Send the cross-origin isolation headers; without them a page has no SharedArrayBuffer.
    headers : mapping of str to str, optional
        Further response headers.

    Yields
    ------
    str
        The address, ending in a slash.

    Raises
    ------
    ValueError
        ``directory`` does not exist.
    """
    server = make_server(directory, 0, (ISOLATION if isolated else {}) | dict(headers or {}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve a folder on localhost, cross-origin isolated.")
    parser.add_argument("directory", type=Path, nargs="?", default=ROOT / "dist")
    parser.add_argument("--port", type=int, default=8000, help="TCP port (default: 8000, or a free one if taken)")
    arguments = parser.parse_args()
    try:
        try:
            server = make_server(arguments.directory, arguments.port, ISOLATION)
        except OSError:
            server = make_server(arguments.directory, 0, ISOLATION)
    except ValueError as error:
        parser.error(str(error))
    # localhost, not the number: it is easier to read, and browsers treat both as secure.
    print(f"http://localhost:{server.server_port}/  (Ctrl+C stops)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
