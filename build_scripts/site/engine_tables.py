"""Tables of the engines compared with the other suppressors, and of the targets set for each engine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from build_scripts.systems import system
from percepnet_wasm.constants import DELAY, SAMPLE_RATE

from .results import Table, load

__all__ = ["MISSED", "TABLES", "TARGETS"]

Record = dict[str, Any]

OURS = system("percepnet").name
_RIVAL = system("sapphi")
_ENGINES = ("python", "worker", "worklet")

MISSED = "\u2717"
"""Begins the row of a target that was not met."""


def _megabytes(r: Record) -> str:
    later = f", then {r['later_bytes'] / 1e6:.2f}" if "later_bytes" in r else ""
    return f"{r['brotli_bytes'] / 1e6:.2f}{later}"


def _percent(r: Record) -> str:
    return f"{100 * r['cpu_share']:.1f} %"


def _milliseconds(r: Record, key: str) -> str:
    return "" if r[key] is None else f"{r[key]:.2f}"


_COLUMNS: dict[str, Callable[[Record], str]] = {
    "download, MB with brotli": _megabytes,
    "first enhanced frame, cold, s": lambda r: f"{r['cold_ms'] / 1000:.2f}",
    "warm, s": lambda r: f"{r['warm_ms'] / 1000:.2f}",
    "delay, ms": lambda r: f"{r['lag_ms']:.0f}",
    "of a core": _percent,
    "frame, p99 ms": lambda r: _milliseconds(r, "p99_ms"),
    "quantum, p99 ms": lambda r: _milliseconds(r, "quantum_p99_ms"),
    "memory, MB": lambda r: f"{r['private_bytes'] / 1e6:.0f}",
}


def _record(key: str) -> Record:
    return next(r for r in load("engines") if r["system"] == key)


def engines() -> Table:
    """Each engine and the other suppressors on the same bare page, from a track that is open already."""
    rows = []
    for r in load("engines"):
        key = r["system"]
        if key in _ENGINES:
            name = f"**{OURS}, {key}**"
        else:
            name = "empty graph" if key == "empty" else system(key).title
        rows.append([name, *(cell(r) for cell in _COLUMNS.values())])
    return Table(["system", *_COLUMNS], rows)


@dataclass(frozen=True)
class Target:
    """A target set for some engines: its wording, that of the figure, and whether a record meets it."""

    promise: str
    engines: tuple[str, ...]
    figure: Callable[[Record], str]
    met: Callable[[Record], bool]


TARGETS = (
    Target(
        "first enhanced frame under 0.5 s, cold",
        _ENGINES,
        lambda r: f"{r['cold_ms'] / 1000:.2f} s",
        lambda r: r["cold_ms"] < 500,
    ),
    Target(
        "at most 1.5 MB of download, brotli",
        ("worker", "worklet"),
        lambda r: f"{r['brotli_bytes'] / 1e6:.3f} MB",
        lambda r: r["brotli_bytes"] <= 1.5e6,
    ),
    Target(
        f"no more of a core than {_RIVAL.title}",
        _ENGINES,
        lambda r: f"{_percent(r)} against {_percent(_record(_RIVAL.keys[0]))}",
        lambda r: r["cpu_share"] <= _record(_RIVAL.keys[0])["cpu_share"],
    ),
    Target(
        "40 ms later than an empty graph, to 5 ms",
        ("worklet",),
        lambda r: f"{r['delay_ms']:.1f} ms",
        lambda r: abs(r["delay_ms"] - 40) <= 5,
    ),
    Target(
        "a quantum with a frame in it under 1.3 ms, p99",
        ("worklet",),
        lambda r: f"{r['quantum_p99_ms']:.2f} ms",
        lambda r: r["quantum_p99_ms"] < 1.3,
    ),
)


def targets() -> Table:
    """The targets set for each engine, and whether they are met."""
    rows = []
    for target in TARGETS:
        for engine in target.engines:
            record = _record(engine)
            met = target.met(record)
            label = f"{engine}: {target.promise}"
            rows.append([label if met else f"{MISSED} {label}", target.figure(record), "met" if met else "missed"])
    return Table(["target", "measured", "result"], rows)


def depths() -> Table:
    """How many quanta come late, by the depth of the ring, on a machine by itself and beside other programs."""
    records = load("depths")
    turns = {}
    for r in records:
        beside = f", {r['programs']} programs" if r["programs"] else ""
        loads = (round(r[key]) for key in ("load_before", "load_after"))
        turns[r["programs"], r["engine"]] = f"{r['engine']}{beside}, load {' to '.join(map(str, loads))}"
    rows = []
    for depth in dict.fromkeys(r["depth"] for r in records):
        latency = "" if depth == "auto" else f"{1000 * (depth + DELAY) / SAMPLE_RATE:.0f}"
        row = [str(depth), latency]
        for programs, engine in turns:
            (r,) = (r for r in records if (r["depth"], r["programs"], r["engine"]) == (depth, programs, engine))
            share = f"{100 * r['late'] / r['quanta']:.2f} %"
            row.append(f"{share}, at {r['last_depth']}" if depth == "auto" else share)
        rows.append(row)
    return Table(["depth, samples", "in all, ms", *turns.values()], rows)


TABLES: dict[str, Callable[[], Table]] = {"engines": engines, "engine-targets": targets, "depths": depths}
