"""What else the machine is doing, and processes' processor time, from Linux's /proc; unknown on other systems."""

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["descendants", "load_average", "processor_seconds"]

_PROC = Path("/proc")


def load_average() -> float:
    """Processes that wanted a processor, averaged over the last minute."""
    return round(os.getloadavg()[0], 2)


def processor_seconds(pids: Iterable[int]) -> float | None:
    """Processor time that processes have used in all their threads, in steps of 10 ms; None without /proc."""
    if not (_PROC / "self" / "stat").exists():
        return None
    ticks = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def descendants(of: int, argument: str) -> list[int]:
    """Processes below ``of`` that have ``argument`` on their command line."""
    parents = {}
    for folder in _PROC.glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields:
            parents[int(folder.name)] = int(fields[1])
    found = []
    for pid in parents:
        ancestor = parents[pid]
        while ancestor in parents and ancestor != of:
            ancestor = parents[ancestor]
        if ancestor == of and argument in _command(pid):
            found.append(pid)
    return found


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; none if the process is gone."""
    try:
        # The name before them is in parentheses and may contain spaces.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _command(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_text()
    except OSError:
        return ""
