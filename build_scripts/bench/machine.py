"""What else the machine is doing, and how much processor time processes have used."""

from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess

import psutil

__all__ = ["busy_programs", "descendants", "load_average", "private_bytes", "processor_seconds"]


def busy_programs(number: int) -> list[SpawnProcess]:
    """Programs that do nothing but take the processor, to be started and killed."""
    return [get_context("spawn").Process(target=_busy, daemon=True) for _ in range(number)]


def _busy() -> None:
    while True:
        pass


def load_average() -> float:
    """Processes that wanted a processor, averaged over the last minute."""
    return round(psutil.getloadavg()[0], 2)


def processor_seconds(processes: Iterable[psutil.Process]) -> float:
    """Processor time that processes have used in all their threads; those that have ended count as 0."""
    seconds = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def private_bytes(processes: Iterable[psutil.Process]) -> int:
    """Bytes of memory that nothing else on the machine shares; processes that have ended count as 0."""
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().uss
    return total


def descendants(argument: str) -> list[psutil.Process]:
    """Processes below this one that have ``argument`` on their command line."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if argument in " ".join(process.cmdline()):
                found.append(process)
    return found
