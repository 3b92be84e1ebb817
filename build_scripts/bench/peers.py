"""The noise suppressors to compare with: npm packages at fixed versions, kept outside the repository."""

import json
import shutil
import subprocess
from pathlib import Path

from build_scripts import CACHE
from build_scripts.systems import SYSTEMS

__all__ = ["PEERS", "PeerError", "fetch_peers"]

FOLDER = CACHE / "bench"

PEERS = {entry.keys[0]: (entry.package, entry.version) for entry in SYSTEMS if entry.package}
"""By the bench's key: package and version."""


class PeerError(RuntimeError):
    """The packages could not be installed; the message quotes npm's."""


def fetch_peers(folder: Path = FOLDER) -> Path:
    """Install the packages that are missing.

    Parameters
    ----------
    folder : Path
        Where to install them.

    Returns
    -------
    Path
        The ``node_modules`` folder.

    Raises
    ------
    PeerError
        There is no npm, or it failed.
    """
    modules = folder / "node_modules"
    packages = dict.fromkeys(PEERS.values())
    missing = [f"{name}@{version}" for name, version in packages if _installed(modules / name) != version]
    if not missing:
        return modules
    if shutil.which("npm") is None:
        raise PeerError("npm is not installed: install it, or exclude the peers with --only")
    folder.mkdir(parents=True, exist_ok=True)
    # Without a manifest of its own npm would install into a parent folder that has one.
    (folder / "package.json").write_text('{"private": true}')
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", *missing]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise PeerError(f"npm could not install {', '.join(missing)}: {done.stderr.strip()[-500:]}")
    return modules


def _installed(package: Path) -> str | None:
    """Version of an installed package."""
    try:
        return json.loads((package / "package.json").read_text())["version"]
    except (OSError, ValueError, KeyError):
        return None
