"""The measurements (``results/*.json``), in the form that tables, charts and sentences need."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from build_scripts import RESULTS
from build_scripts.package.bundle import IMPORT
from build_scripts.systems import system
from percepnet_wasm.constants import DEFAULT_DEPTH, DELAY, SAMPLE_RATE
from percepnet_wasm.model_file import DEFAULT_TIER

__all__ = [
    "CALLS", "DEVELOPMENT", "DIRECT", "PEERS", "RIVAL", "SCORES", "Table", "bench", "delays", "download_parts",
    "downloads", "fetched", "five_db", "live", "live_delay", "load", "milliseconds", "offline", "ours", "own_download",
    "peers", "rung", "shares", "snr_groups", "startup",
]  # fmt: skip

SCORES = {
    "pesq_wb": ("PESQ-WB", 2),
    "stoi": ("STOI", 3),
    "sisdr": ("SI-SDR", 1),
    "covl": ("COVL", 2),
    "dns_sig": ("SIG", 2),
    "dns_bak": ("BAK", 2),
    "dns_ovr": ("OVR", 2),
    "dns_p808": ("P.808", 2),
}
"""Title and digits of each score in ``evaluation.json``."""

PEERS = ("noisy", "webrtc-ns", "rnnoise-jitsi", "rnnoise-shiguredo", "wns-gtcrn", "dfn3")
"""Systems in ``evaluation.json`` that are compared with, the noisy input first."""

CALLS, DEVELOPMENT = "calls", "dev"
"""Sets of mixes: connected speech as calls have it, and older ones, mostly single words from the training's sources."""

RIVAL = "rnnoise-shiguredo"
"""The one that most web applications use today."""

DIRECT = f"{system('percepnet').name}, without Python"
"""How pages and tables call ``engine: 'worklet'``."""

_STARTS = {
    "python": ("python", ("drop-in.js", "processor.js", "runner-worker.js", "worker.js")),
    "worker": ("runner", ("drop-in.js", "processor.js", "runner-worker.js")),
    "worklet": ("runner", ("drop-in.js", "processor.js")),
}
"""What a page with the script tag fetches, by engine: a list in ``runtime/sizes.json``, and the first modules."""
_PARTS = {
    "Python and its standard library": ("pyodide", "python_stdlib"),
    "NumPy": ("numpy",),
    "the enhancer and its weights": ("percepnet_wasm", DEFAULT_TIER, "models", "relaxed", "simd"),
    "the modules": ("",),
}
"""What a page fetches, by how a file's name begins: the first that fits."""


@dataclass(frozen=True)
class Table:
    """The first column is text, the others are numbers; ``**`` around a row's first cell marks it as ours."""

    header: list[str]
    rows: list[list[str]]


def load(name: str) -> Any:
    """Read a result file."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


# Quality.


def ours(tier: str = DEFAULT_TIER, mixes: str = CALLS) -> dict[str, Any]:
    """Scores of a tier as it ships on a set of mixes: over all of them, by SNR and by kind."""
    wanted = {"tier": tier, "set": mixes, "variant": "full", "weights": "int8"}
    return next(r for r in load("evaluation")["ours"] if wanted.items() <= r.items())["scores"]


def peers(mixes: str = CALLS) -> dict[str, Any]:
    """Scores of the others, the noisy input among them, on the same files."""
    return load("evaluation")["peers"][mixes]


def snr_groups(scores: Mapping[str, Any]) -> list[str]:
    """Name the groups of mixes of one SNR among all groups, from noisy to clean."""
    return sorted((group for group in scores if group.endswith(" dB")), key=lambda g: float(g.removesuffix(" dB")))


def rung(name: str, score: str = "pesq_wb") -> float:
    """A score of the oracle's ladder.

    PESQ of the noisy input is that of the evaluation. The two differ by 0.0004, but one number should not be printed as
    1.38 here and as 1.39 there.
    """
    if (name, score) == ("noisy", "pesq_wb"):
        return peers(DEVELOPMENT)["noisy"]["all"][score]
    return load("ladder")["rungs"][name][score]


def five_db(score: str) -> float:
    """How much 5 dB less noise in the input changes a score: a yardstick for differences between systems."""
    noisy = peers()["noisy"]
    scores = {float(group.removesuffix(" dB")): noisy[group] for group in snr_groups(noisy)}
    low, high = min(scores), max(scores)
    return 5 * (scores[high][score] - scores[low][score]) / (high - low)


# Cost.


def bench(**wanted: Any) -> Iterator[dict[str, Any]]:
    """Yield the records of the bench that match all the given fields; by default those at the machine's full speed."""
    wanted = {"throttling": 1} | wanted
    return (r for r in load("bench") if wanted.items() <= ({"throttling": 1} | r).items())


def live(kernel: str = "relaxed") -> dict[str, Any]:
    """What the default tier costs in a call, in Chromium."""
    wanted = {"stage": "whole", "pace": "paced", "system": "percepnet", "engine": "pyodide-chromium"}
    return next(bench(**wanted, tier=DEFAULT_TIER, kernel=kernel))


def shares() -> list[dict[str, Any]]:
    """Records of whole systems in Chromium, paced as in a call; ours with the default tier only."""
    paced = bench(stage="whole", pace="paced")
    return [r for r in paced if r["engine"].endswith("chromium") and r["tier"] in (None, DEFAULT_TIER)]


def offline(key: str) -> float:
    """How many times faster than real time a system is on files."""
    return next(r for r in load("offline") if r["system"] == key)["times_real_time"]


def startup(cache: str) -> float:
    """Seconds from navigation to enhanced sound, with a ``cold`` or ``warm`` cache."""
    return next(bench(stage="startup", cache=cache))["heard_ms"] / 1000


# Delay.


def milliseconds(samples: int) -> float:
    """Convert samples at 48 kHz."""
    return 1000 * samples / SAMPLE_RATE


def live_delay() -> float:
    """From microphone to enhanced track, ms."""
    return milliseconds(DELAY + DEFAULT_DEPTH)


def delays() -> dict[str, float]:
    """Each system's delay in a page, ms, by name: ours with the buffer between the threads, and on the audio thread."""
    measured = {system(r["system"]).name: r["delay_ms"] for r in load("delay")}
    ours = system("percepnet").name
    return measured | {ours: live_delay(), DIRECT: measured[ours]}


# Download.


def downloads() -> dict[str, dict[str, Any]]:
    """What a page fetches for each of the others, by name."""
    return {system(r["system"]).name: r for r in bench(stage="download") if r["system"] != "percepnet"}


def own_download(engine: str = "python") -> dict[str, Any]:
    """What a page fetches for one of our engines, as last measured."""
    return next(bench(stage="download", system="percepnet", engine=engine))


def fetched(read: Callable[[str], bytes], engine: str) -> list[str]:
    """List the files that a page with the script tag fetches before the first enhanced sample.

    Parameters
    ----------
    read : callable
        From a path in the site to the file's content.
    engine : str
        ``python``, ``worker`` or ``worklet``.
    """
    listed, modules = _STARTS[engine]
    waiting = [f"worklet/{name}" for name in modules]
    found = {f"runtime/{name}" for name in json.loads(read("runtime/sizes.json"))[listed]} | {"runtime/sizes.json"}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [f"worklet/{imported}" for _, imported in IMPORT.findall(read(name).decode())]
    return sorted(found)


def download_parts(engine: str) -> dict[str, tuple[int, int, int]]:
    """Bytes of each part of a download as last measured: as they are, with gzip and with brotli."""
    parts: dict[str, tuple[int, int, int]] = {}
    for name, sizes in own_download(engine)["files"].items():
        part = next(part for part, beginnings in _PARTS.items() if name.startswith(beginnings))
        raw, gzipped, brotli = parts.get(part, (0, 0, 0))
        parts[part] = (raw + sizes["raw"], gzipped + sizes["gzip"], brotli + sizes["brotli"])
    return {part: parts[part] for part in _PARTS if part in parts}
