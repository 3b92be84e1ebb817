"""The bench's records: their fields, the ratios between them, and the table that people read.

A record is a dict:

engine
    cpython, pyodide-node, pyodide-chromium; node or chromium where no Python runs.
system
    percepnet, floor, or another suppressor.
tier, kernel
    Size of the model; what multiplies its matrices.
throttling
    How many times slower Chromium was set to run, to imitate a phone.
stage
    whole, dsp (the whole less the network), network, and parts of the dsp; download, startup.
pace
    back-to-back, paced (one frame each 10 ms), or None; a startup has a ``cache`` instead, cold or warm.
p10_ms, p50_ms, p99_ms, frames
    Time of a frame. The 10th percentile is hardly disturbed by other programs.
middle_ms
    Mean of the middle four fifths of them. A browser's clock ticks in 5 microseconds; only here do shorter times show.
cpu_share
    Processor time of the whole process over the 10 ms of each frame: the share of a core that the system takes,
    including waking and garbage collection. Other programs affect it least.
gmacs_cached, gmacs_streamed, weight_bytes, limit_cached_ms, limit_streamed_ms
    Of a whole frame with a kernel: billions of multiply-adds per second that its products reach in cache, and when
    streaming weights from memory; the weights it reads per frame; its products' time at these rates. Any time
    beyond that could in principle be saved.
late
    Paced frames that began more than 10 ms late: the machine was too busy to tell.
ratio_to_rnnoise
    p50_ms over that of RNNoise 0.2 at the same pace and throttling in the same browser.
load_before, load_after
    The machine's load average over a minute.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["Record", "add_ratios", "record", "table"]

Record = dict[str, Any]

REFERENCE = "shiguredo"


def record(facts: dict[str, Any], times: list[float]) -> Record:
    """Make a record of frame times in ms; ratios are for :func:`add_ratios`."""
    p10, p50, p99 = (round(float(value), 4) for value in np.percentile(times, (10, 50, 99)))
    cut = len(times) // 10
    middle = round(float(np.mean(np.sort(times)[cut : len(times) - cut])), 5)
    percentiles = {"p10_ms": p10, "p50_ms": p50, "p99_ms": p99, "middle_ms": middle}
    return facts | percentiles | {"frames": len(times), "ratio_to_rnnoise": None}


def add_ratios(records: list[Record]) -> None:
    """Fill in the ratios of what ran in the reference's browser."""
    references = {_conditions(r): r for r in records if r["system"] == REFERENCE and r["stage"] == "whole"}
    for entry in records:
        reference = references.get(_conditions(entry))
        if reference is None or not entry["engine"].endswith(reference["engine"]):
            continue
        if entry["p50_ms"] is not None and reference["p50_ms"]:
            entry["ratio_to_rnnoise"] = round(entry["p50_ms"] / reference["p50_ms"], 3)


def _conditions(entry: Record) -> tuple[Any, int]:
    return entry["pace"], entry.get("throttling", 1)


COLUMNS = {
    "engine": "engine",
    "system": "system",
    "tier": "tier",
    "kernel": "kernel",
    "throttling": "slower",
    "stage": "stage",
    "pace": "pace",
    "p10_ms": "p10 ms",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "cpu_share": "CPU",
    "ratio_to_rnnoise": "x RNNoise",
}


def table(records: Iterable[Record]) -> str:
    """Lay out the records that hold times, one per line."""
    rows = [list(COLUMNS.values())]
    timed = [entry | {"pace": entry["pace"] or entry.get("cache")} for entry in records if entry["p50_ms"] is not None]
    rows += [[_cell(key, entry.get(key)) for key in COLUMNS] for entry in timed]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = list(COLUMNS).index("p10_ms")
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i >= numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "-" if key in ("p10_ms", "p50_ms", "p99_ms") else ""
    if key == "cpu_share":
        return f"{100 * value:.1f} %"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
