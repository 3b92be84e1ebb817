"""What files weigh on the wire."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from build_scripts import CACHE
from build_scripts.site.results import fetched
from build_scripts.systems import SYSTEMS

from .hosts import HERE, HostError
from .records import Record

__all__ = ["download", "own_downloads", "peers_downloads", "wire_sizes"]

KNOWN = CACHE / "bench" / "sizes.json"


def wire_sizes(files: Iterable[Path]) -> dict[Path, dict[str, int]]:
    """Bytes of each file: ``raw``, ``gzip`` (level 9) and ``brotli`` (level 11); remembered by content."""
    known: dict[str, dict[str, int]] = json.loads(KNOWN.read_text()) if KNOWN.is_file() else {}
    digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    unknown = {digest: path for path, digest in digests.items() if digest not in known}
    if unknown:
        program = shutil.which("node")
        if program is None:
            raise HostError("node is not installed: install it (Debian: apt-get install nodejs)")
        command = [program, str(HERE / "js" / "compress.mjs"), *map(str, unknown.values())]
        measured = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        known |= dict(zip(unknown, measured, strict=True))
        KNOWN.parent.mkdir(parents=True, exist_ok=True)
        KNOWN.write_text(json.dumps(known))
    return {path: known[digest] for path, digest in digests.items()}


def download(system: str, engine: str, files: Iterable[Path], **facts: Any) -> Record:
    """Make the record of what a page fetches."""
    sizes = wire_sizes(files)
    return {
        "engine": engine,
        "system": system,
        "tier": None,
        "kernel": None,
        "stage": "download",
        "pace": None,
        "p50_ms": None,
        "p99_ms": None,
        "ratio_to_rnnoise": None,
        **facts,
        **{f"{kind}_bytes": sum(size[kind] for size in sizes.values()) for kind in ("raw", "gzip", "brotli")},
        "files": {path.name: size for path, size in sizes.items()},
    }


def own_downloads(site: Path) -> list[Record]:
    """Make the records of a built site, one for each engine."""
    return [
        download(
            "percepnet", engine, [site / name for name in fetched(lambda name: (site / name).read_bytes(), engine)]
        )
        for engine in ("python", "worker", "worklet")
    ]


def peers_downloads(modules: Path) -> list[Record]:
    """The same for the other suppressors."""
    return [
        download(entry.keys[0], "chromium", [modules / entry.package / name for name in entry.files])
        for entry in SYSTEMS
        if entry.files
    ]
