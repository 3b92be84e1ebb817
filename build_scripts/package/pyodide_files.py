"""Fetch Pyodide's files from wherever they are available; accept only those with the official SHA-256.

``pyodide_pin.json`` fixes the version, the SHA-256 of the runtime's core and of the official ``pyodide-lock.json``;
that lock in turn has the SHA-256 of each official wheel. It therefore does not matter where a file comes from:

1. Pyodide's own CDN,
2. the npm package ``pyodide`` (the core alone), through ``npm pack``,
3. a PyPI package that carries byte-identical copies of the wheels, through ``pip download``.

Accepted files are kept in ``$XDG_CACHE_HOME/percepnet-wasm``. To move the pin to another release of Pyodide, run
``python -m build_scripts.package.pyodide_files --pin VERSION``: it hashes the files of that release's npm package,
whose own integrity npm has checked.
"""

import argparse
import hashlib
import json
import os
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from build_scripts import CACHE

from .command import run

PIN_FILE = Path(__file__).with_name("pyodide_pin.json")
LOCK = "pyodide-lock.json"

CONNECT_TIMEOUT_S = 4
"""A machine that cannot reach the CDN should move on to the next source quickly."""

Source = Callable[[Mapping[str, Any], Iterable[str]], Iterator[tuple[str, bytes]]]


class FetchError(RuntimeError):
    """No source has a pinned file with the right content; the message says how each one failed."""


def load_pin() -> dict[str, Any]:
    """Read ``pyodide_pin.json``."""
    return json.loads(PIN_FILE.read_text(encoding="utf-8"))


def cache_folder(pin: Mapping[str, Any]) -> Path:
    """Return the folder that keeps the files of this pin."""
    return CACHE / f"pyodide-{pin['version']}"


def sha256(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def from_cdn(pin: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Download from Pyodide's CDN; missing files are skipped, an unreachable host ends the attempt."""
    for name in names:
        try:
            with urllib.request.urlopen(pin["cdn"] + name, timeout=CONNECT_TIMEOUT_S) as answer:
                yield name, answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise


def from_npm(pin: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Unpack the npm package, which the npm client fetches from its configured registry."""
    with tempfile.TemporaryDirectory() as folder:
        run(["npm", "pack", "--silent", "--pack-destination", folder, pin["npm"]])
        (archive,) = Path(folder).glob("*.tgz")
        wanted = {f"package/{name}": name for name in names}
        with tarfile.open(archive) as package:
            for member in package:
                stream = package.extractfile(member) if member.name in wanted else None
                if stream is not None:
                    yield wanted[member.name], stream.read()


def from_mirror(pin: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Unpack the mirror's wheel, which pip fetches from its configured index."""
    with tempfile.TemporaryDirectory() as folder:
        pip_download(pin["mirror"]["requirement"], folder)
        (archive,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(archive) as package:
            present = set(package.namelist())
            for name in names:
                if (member := pin["mirror"]["folder"] + name) in present:
                    yield name, package.read(member)


SOURCES: dict[str, Source] = {"CDN": from_cdn, "npm": from_npm, "mirror": from_mirror}


def pip_download(requirement: str, folder: str | Path) -> None:
    """Download one wheel, without its dependencies, into ``folder``."""
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), requirement])


def fetch(
    hashes: Mapping[str, str],
    pin: Mapping[str, Any],
    folder: Path,
    sources: Mapping[str, Source] | None = None,
) -> dict[str, Path]:
    """Put files into ``folder``, each from the first source that has it with the right content.

    Parameters
    ----------
    hashes : mapping of str to str
        File name to the SHA-256, in hexadecimal, that it must have.
    pin : mapping
        Content of ``pyodide_pin.json``.
    folder : Path
        The cache. A file with the right content is not fetched again; any other is replaced.
    sources : mapping of str to callable, optional
        Where to look, in order; ``SOURCES`` unless given.

    Returns
    -------
    dict of str to Path
        Every name of ``hashes`` with the verified file.

    Raises
    ------
    FetchError
        A file is not available with the right SHA-256.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = {
        name
        for name, digest in hashes.items()
        if not (folder / name).is_file() or sha256((folder / name).read_bytes()) != digest
    }
    answers = []
    for label, source in (SOURCES if sources is None else sources).items():
        if not missing:
            break
        try:
            for name, data in source(pin, sorted(missing)):
                if sha256(data) == hashes[name]:
                    write_atomically(folder / name, data)
                    missing.discard(name)
                else:
                    answers.append(f"{label}: {name} refused, its SHA-256 is {sha256(data)}, not {hashes[name]}")
        except (OSError, ValueError, tarfile.TarError, zipfile.BadZipFile) as error:
            answers.append(f"{label}: {error}")
    if missing:
        raise FetchError(
            f"could not get {', '.join(sorted(missing))} of Pyodide {pin['version']}.\n  "
            + "\n  ".join(answers)
            + f"\nConnect to one of these sources, or put the files into {folder} by hand."
        )
    return {name: folder / name for name in hashes}


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that an interrupted build leaves either the old or the new one, never a part."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def fetch_runtime(packages: Iterable[str]) -> tuple[dict[str, Path], dict[str, Any]]:
    """Fetch the core, the official lock, and the wheels of ``packages`` named in it.

    Returns
    -------
    files : dict of str to Path
        File name to verified file, the lock left out.
    lock : dict
        The official ``pyodide-lock.json``.
    """
    pin = load_pin()
    folder = cache_folder(pin)
    files = fetch(pin["sha256"], pin, folder)
    lock = json.loads(files.pop(LOCK).read_bytes())
    entries = [lock["packages"][name] for name in packages]
    return files | fetch({entry["file_name"]: entry["sha256"] for entry in entries}, pin, folder), lock


def fetch_test_wheels() -> list[Path]:
    """Fetch, through pip, the pinned pure-Python wheels that pytest-pyodide needs inside the interpreter."""
    pin = load_pin()
    folder = cache_folder(pin) / "test"
    wheels = []
    for requirement, digest in pin["test_wheels"].items():
        name = requirement.replace("==", "-") + "-py3-none-any.whl"

        def from_pip(
            _: Mapping[str, Any], names: Iterable[str], requirement: str = requirement
        ) -> Iterator[tuple[str, bytes]]:
            with tempfile.TemporaryDirectory() as temporary:
                pip_download(requirement, temporary)
                for wanted in names:
                    yield wanted, (Path(temporary) / wanted).read_bytes()

        wheels.append(fetch({name: digest}, pin, folder, {"pip": from_pip})[name])
    return wheels


def move_pin(version: str) -> None:
    """Rewrite the pin for another version, with the hashes of its npm package."""
    pin = load_pin()
    pin["cdn"] = pin["cdn"].replace(pin["version"], version)
    pin["npm"] = f"pyodide@{version}"
    pin["version"] = version
    files = dict(from_npm(pin, pin["sha256"]))
    if absent := set(pin["sha256"]) - set(files):
        raise FetchError(f"{pin['npm']} lacks {', '.join(sorted(absent))}: edit the names in {PIN_FILE.name} first")
    pin["sha256"] = {name: sha256(files[name]) for name in sorted(files)}
    PIN_FILE.write_text(json.dumps(pin, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Move the pinned version of Pyodide.")
    parser.add_argument("--pin", metavar="VERSION", required=True, help="a version of the npm package pyodide")
    move_pin(parser.parse_args().pin)
