"""Turns of the systems of one host, and the records they make."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .hosts import Host
from .machine import load_average
from .records import Record, record

PACES = ("back-to-back", "paced")

ROUNDS = 5
"""Turns of each system at each pace, so that a disturbance of the machine affects all systems alike."""

SETTLE_FRAMES = 10
"""Untimed frames at the start of a turn: the caches still hold the previous system's data."""

FRAMES_PER_SECOND = 100

PYTHON = ("percepnet", "copy", "call")
"""Systems that Python runs for."""


@dataclass
class System:
    """Something to measure.

    Attributes
    ----------
    name : str
        Unique within a host.
    kind : {"percepnet", "floor", "copy", "call"} or another suppressor's
        The floor is woken and does nothing; a copy is woken, and copies the samples into Python's memory and back; a
        call also calls Python, which does nothing.
    model : Path or None
        For percepnet only; None for the bundled one.
    kernel : str
        For percepnet only: the one to request.
    """

    name: str
    kind: str
    model: Path | None = None
    kernel: str = "auto"


@dataclass
class _Sum:
    """One system at one pace, over all its turns."""

    times: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    frames: int = 0
    processor_s: float = 0.0
    late: int = 0


def measure(host: Host, systems: list[System], seconds: float) -> list[Record]:
    """Give every system its turns.

    Parameters
    ----------
    host : Host
    systems : list of System
    seconds : float
        Paced time for each system, and as many frames back to back.

    Returns
    -------
    list of dict
        See :mod:`records`; ``ratio_to_rnnoise`` is not yet known.
    """
    load_before = load_average()
    facts = {s.name: host.load(s.name, s.kind, s.model, s.kernel) for s in systems}
    frames = max(1, round(seconds * FRAMES_PER_SECOND / ROUNDS))
    sums: dict[tuple[str, str], _Sum] = defaultdict(_Sum)
    for _round in range(ROUNDS):
        for pace in PACES:
            for system in systems:
                if system.kind == "floor" and pace != "paced":
                    continue  # it would do nothing, without even being woken
                _turn(host, system, pace, frames, sums[system.name, pace])
    load_after = load_average()
    records = []
    for system in systems:
        for pace in PACES:
            if (system.name, pace) not in sums:
                continue
            common = {
                "engine": host.engine if system.kind in PYTHON else host.engine.rpartition("-")[2],
                "system": system.kind,
                "tier": facts[system.name].get("tier"),
                "kernel": facts[system.name]["kernel"],
                "throttling": host.throttling,
                "pace": pace,
                "load_before": load_before,
                "load_after": load_after,
            }
            made = _records(common, sums[system.name, pace])
            made[0] |= facts[system.name].get("limits", {})
            records += made
    return records


def _turn(host: Host, system: System, pace: str, frames: int, total: _Sum) -> None:
    """One turn as it is, and for the enhancer one with its stages timed."""
    before = host.processor_seconds()
    answer = host.run(system.name, pace, frames, SETTLE_FRAMES, False)
    total.processor_s += host.processor_seconds() - before
    total.times += answer["times"]
    total.frames += SETTLE_FRAMES + frames
    total.late += answer["late"]
    if system.kind == "percepnet":
        answer = host.run(system.name, pace, frames, SETTLE_FRAMES, True)
        parts = answer["stages"]
        for stage, times in parts.items():
            total.stages[stage] += times
        network = parts["network"]
        total.stages["dsp"] += [whole - part for whole, part in zip(answer["times"], network, strict=True)]


def _records(common: dict[str, Any], total: _Sum) -> list[Record]:
    """The whole with its processor time, then its stages."""
    whole = record(common | {"stage": "whole"}, total.times)
    whole["cpu_share"] = round(total.processor_s * FRAMES_PER_SECOND / total.frames, 4)
    whole["late"] = total.late
    return [whole] + [record(common | {"stage": stage}, times) for stage, times in total.stages.items()]
