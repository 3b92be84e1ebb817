"""Which tests there are: the tests' own manifest, made by their own tool."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Page", "find_tests", "make_manifest", "read_manifest"]

CONCERNED = {
    "webaudio": re.compile(r"MediaStream|getUserMedia"),
    "permissions-policy": re.compile(r"getUserMedia|mediaDevices|microphone"),
    "feature-policy": re.compile(r"getUserMedia|mediaDevices|microphone"),
}
"""What a file must contain in folders that are mostly about something else."""

MAKE = (
    "import sys; sys.path[:0] = ['tools']; import localpaths; from manifest import manifest; "
    "manifest.load_and_update('.', sys.argv[1], '/', update=True)"
)


@dataclass(frozen=True)
class Page:
    """A page to load.

    Attributes
    ----------
    url : str
        Path and query.
    long : bool
        It may take a minute rather than ten seconds, on a fast machine.
    """

    url: str
    long: bool


def make_manifest(tests: Path) -> dict[str, Any]:
    """Return the manifest of the tests in a folder, made if it is missing."""
    path = tests.parent / "MANIFEST.json"
    if not path.exists():
        subprocess.run([sys.executable, "-c", MAKE, str(path)], cwd=tests, check=True)
    return dict(json.loads(path.read_text()))


def _leaves(node: dict[str, Any], path: str) -> Iterator[tuple[str, list[Any]]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}/{name}")
        else:
            yield f"{path}/{name}", value


def read_manifest(manifest: dict[str, Any], folder: str) -> Iterator[tuple[str, Page]]:
    """Each test of a folder with the file that it is made from, both relative to the tests' root."""
    for file, (_, *pages) in _leaves(manifest["items"]["testharness"].get(folder, {}), f"/{folder}"):
        for url, options in pages:
            if "shadowrealm" not in (url or ""):
                yield file, Page(f"/{url}" if url else file, options.get("timeout") == "long")


def find_tests(tests: Path, folder: str) -> list[Page]:
    """Tests of a folder that concern microphones, sorted by address."""
    found = list(read_manifest(make_manifest(tests), folder))
    if folder in CONCERNED:
        pattern = CONCERNED[folder]
        found = [(file, test) for file, test in found if pattern.search((tests / file[1:]).read_text(errors="replace"))]
    return sorted((test for _, test in found), key=lambda test: test.url)
