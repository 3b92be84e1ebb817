"""WebRTC clients from npm (tests/clients) as pages of the tested site."""

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from conftest import HERE, ROOT, copy_site

CLIENTS = ROOT / "tests" / "clients"
MODULES = CLIENTS / "node_modules"

VENDOR = {
    "peerjs.min.js": "peerjs/dist/peerjs.min.js",
    "simplepeer.min.js": "simple-peer/simplepeer.min.js",
    "livekit.js": "livekit-client/dist/livekit-client.esm.mjs",
    "twilio.js": "@twilio/voice-sdk/dist/twilio.min.js",
    "chime.js": ".bundle/chime.js",
    "vue.global.prod.js": "vue/dist/vue.global.prod.js",
    "vue.esm-browser.prod.js": "vue/dist/vue.esm-browser.prod.js",
    "alpine.min.js": "alpinejs/dist/cdn.min.js",
    "react-page.js": ".bundle/react-page.js",
    "vue-page.js": ".bundle/vue-page.js",
}
"""What pages load: name in the site's ``vendor/``, and where it lies in ``node_modules``."""


def npm(*arguments: str, folder: Path = CLIENTS) -> str:
    """Run npm in a folder; its output, which an error shows."""
    command = ["npm", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)} failed in {folder}:\n{done.stdout}{done.stderr}"
    return done.stdout


def install_clients() -> None:
    """Bring ``node_modules`` to what the lock file says, and bundle the one kit that browsers cannot load as it is."""
    lock, stamp = CLIENTS / "package-lock.json", MODULES / ".stamp"
    if not stamp.is_file() or stamp.stat().st_mtime < lock.stat().st_mtime:
        npm("ci")
        stamp.touch()
    npm("run", "bundle")


def client_site(dist: Path, target: Path) -> Path:
    """Copy ``dist`` with the harness, the pages of ``apps/`` and the clients' own code."""
    install_clients()
    site = copy_site(dist, target)
    shutil.copytree(HERE / "apps", site / "apps", ignore=shutil.ignore_patterns("vite"))
    (site / "vendor").mkdir()
    for name, origin in VENDOR.items():
        shutil.copy(MODULES / origin, site / "vendor" / name)
    return site


@contextlib.contextmanager
def peer_server() -> Iterator[int]:
    """Run PeerJS's own server on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [str(MODULES / ".bin" / "peerjs"), "--host", "127.0.0.1", "--port", str(port), "--path", "/"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
                    break
                time.sleep(0.1)
            else:
                raise RuntimeError("PeerJS's server does not answer")
            yield port
        finally:
            server.kill()  # on SIGTERM it would wait for the page's socket to close, which the page keeps open
