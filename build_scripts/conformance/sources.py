"""The web platform's own tests, from Debian's source package of Firefox ESR, which carries a copy of them.

A download of 700 MB; about 100 MB of it are kept in ``$XDG_CACHE_HOME/percepnet-wasm/conformance``.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from build_scripts import CACHE

__all__ = ["FOLDERS", "SourceError", "Suite", "fetch_tests", "newest_first"]

PACKAGE = "firefox-esr"
WITHIN = "testing/web-platform/tests"
"""Where the archive has them."""

FOLDERS = (
    "mediacapture-streams",
    "mediacapture-extensions",
    "mediacapture-record",
    "mediacapture-image",
    "mediacapture-insertable-streams",
    "mediacapture-fromelement",
    "mediacapture-handle",
    "mediacapture-region",
    "mst-content-hint",
    "audio-output",
    "webaudio",
    "permissions-policy",
    "feature-policy",
    "webrtc",
    "webrtc-extensions",
    "webrtc-encoded-transform",
    "webrtc-identity",
    "webrtc-ice",
    "webrtc-priority",
    "webrtc-stats",
    "webrtc-svc",
)
"""What is run."""

HELPERS = (
    ".well-known",
    "LICENSE.md",
    "common",
    "fonts",
    "html/resources",
    "images",
    "interfaces",
    "media",
    "permissions",
    "resources",
    "tools",
)
"""What the tests and their server use."""

NOISE = ("webrtc/RTCPeerConnection-helper.js", "if (!trackFactories.canCreate(caps))", "if (true)")
"""A line of the WebRTC tests that makes them generate a sound instead of opening a microphone, and its replacement."""

APT_HELPER = Path("/usr/lib/apt/apt-helper")


class SourceError(RuntimeError):
    """The tests could not be fetched; the message says what is missing."""


@dataclass(frozen=True)
class Suite:
    """The tests' folder, and the version of the package that it is from."""

    folder: Path
    version: str


def newest_first(listing: str) -> list[tuple[str, str, str]]:
    """Versions, addresses and SHA-256 of the source archives that ``apt-cache showsrc`` lists, newest first.

    Returns
    -------
    list of (str, str, str)
        Upstream version, path below the mirror's root, hash.
    """
    found: dict[str, tuple[str, str]] = {}
    for entry in listing.split("\n\n"):
        directory = re.search(r"^Directory: (\S+)$", entry, re.MULTILINE)
        archive = re.search(rf"^ ([0-9a-f]{{64}}) \d+ ({PACKAGE}_(\S+)\.orig\.tar\.xz)$", entry, re.MULTILINE)
        if directory and archive:
            found[archive[3]] = (f"{directory[1]}/{archive[2]}", archive[1])

    def number(version: str) -> list[int]:
        return [int(digits) for digits in re.findall(r"\d+", version)]

    return [(version, *found[version]) for version in sorted(found, key=number, reverse=True)]


def fetch_tests() -> Suite:
    """Return the tests, fetched once.

    Raises
    ------
    SourceError
        This is no Debian, or no source archive can be downloaded.
    """
    cache = CACHE / "conformance"
    stamp = cache / "version"
    if not stamp.exists():
        if not APT_HELPER.exists() or shutil.which("xz") is None:
            raise SourceError("the tests are in a Debian source package: apt-get and xz-utils are needed")
        cache.mkdir(parents=True, exist_ok=True)
        archive, version = _download(cache)
        _extract(archive, cache / "tests")
        stamp.write_text(version)
        archive.unlink()
    return Suite(cache / "tests", stamp.read_text())


def _download(cache: Path) -> tuple[Path, str]:
    """Download the newest source archive that the mirror has."""
    sources, lists = cache / "sources.list", cache / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    template = "$(CREATED_BY) deb-src $(SITE) $(RELEASE) $(COMPONENT)"
    targets = subprocess.run(["apt-get", "indextargets", "--format", template], capture_output=True, text=True).stdout
    # From the system's own repositories; only Debian's have this package.
    lines = {line.removeprefix("Packages ") for line in targets.splitlines() if line.startswith("Packages ")}
    debian = sorted(line for line in lines if re.search(r"/debian(-security)?/? ", line) and line.endswith(" main"))
    sources.write_text("\n".join(debian) + "\n")
    options = [
        *("-o", f"Dir::Etc::SourceList={sources}"),
        *("-o", "Dir::Etc::SourceParts=/dev/null"),
        *("-o", f"Dir::State::Lists={lists}"),
    ]
    subprocess.run(["apt-get", *options, "--quiet", "update"], check=True)
    listing = subprocess.run(["apt-cache", *options, "showsrc", PACKAGE], capture_output=True, text=True).stdout
    sites = dict.fromkeys(line.split()[1].rstrip("/") for line in debian)
    for version, path, digest in newest_first(listing):
        target = cache / Path(path).name
        print(f"downloading {target.name}, about 700 MB", flush=True)
        for site in sites:
            # A mirror may lack the newest archive although it lists it.
            command = [APT_HELPER, "download-file", f"{site}/{path}", target, f"SHA256:{digest}"]
            if subprocess.run([str(part) for part in command]).returncode == 0:
                return target, version
    raise SourceError(f"no source archive of {PACKAGE} can be downloaded from {', '.join(sites) or 'no repository'}")


def _extract(archive: Path, folder: Path) -> None:
    """Unpack the folders that are needed: minutes, since the archive is one compressed stream."""
    unfinished = folder.with_suffix(".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.mkdir()
    print(f"unpacking {archive.name}", flush=True)
    names = [f"*/{WITHIN}/{name}" for name in (*FOLDERS, *HELPERS)]
    command = ["tar", "--extract", "--xz", f"--file={archive}", f"--directory={unfinished}", "--strip-components=4"]
    subprocess.run([*command, "--wildcards", "--no-wildcards-match-slash", *names], check=True)
    use_microphone(unfinished)
    unfinished.rename(folder)


def use_microphone(tests: Path) -> None:
    """Change the helper of the WebRTC tests: without a microphone they would pass whatever the tag does.

    Raises
    ------
    SourceError
        The helper is not as expected.
    """
    name, old, new = NOISE
    text = (tests / name).read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise SourceError(f"{name} no longer has {old!r}: see how its getNoiseStream() makes a stream now")
    (tests / name).write_text(text.replace(old, new), encoding="utf-8")
