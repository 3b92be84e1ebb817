"""Folders of audio files, on all cores of this machine or on a cluster.

On one machine :func:`enhance_folder` (``percepnet-wasm enhance FOLDER OUT --jobs N``) runs a process for each core. For
a corpus that needs more than one machine, use Dask distributed; every machine needs this package with the extra
``files``, and the same folders at the same paths::

    from dask.distributed import Client, progress
    from percepnet_wasm.files.folders import Settings, enhance_one, pairs

    client = Client("scheduler:8786")  # Client() alone starts a cluster on this machine
    sources, targets = zip(*pairs("noisy", "enhanced"))
    futures = client.map(enhance_one, sources, targets, settings=Settings(), retries=1)
    progress(futures)
    failed = [future.key for future in futures if future.status == "error"]
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..checks import as_path
from ..errors import AudioFileError, MissingExtraError
from ..settings import Settings
from ..threads import VARIABLES
from .audio import Enhanced, enhance_file
from .formats import known

__all__ = ["Outcome", "Settings", "enhance_folder", "enhance_one", "left_out", "pairs"]


@dataclass
class Outcome:
    """The result of enhancing a folder.

    Attributes
    ----------
    done : list of Enhanced
        Files written by this run.
    kept : list of Path
        Outputs that existed already, with ``resume``.
    failed : dict of Path to str
        Files that were not enhanced, and why.
    left_out : list of Path
        Files whose suffix is not that of an audio format.
    interrupted : bool
        Whether the work was stopped before it was done.
    """

    done: list[Enhanced] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    left_out: list[Path] = field(default_factory=list)
    interrupted: bool = False


def pairs(source: str | Path, target: str | Path) -> list[tuple[Path, Path]]:
    """List the audio files below a folder, sorted, each with its place below ``target``.

    Raises
    ------
    AudioFileError
        There are none, or one folder is inside the other.
    """
    source, target = as_path("source", source), as_path("target", target)
    if not source.is_dir():
        raise AudioFileError(f"{source} is not a folder: check the path")
    if target.exists() and not target.is_dir():
        raise AudioFileError(f"{target} is not a folder: the output must be one, because {source} is a folder")
    inner, outer = target.resolve(), source.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise AudioFileError(f"{target} and {source} overlap: write to a folder of its own")
    found = [path for path in _files(source) if known(path)]
    if not found:
        raise AudioFileError(f"{source} contains no audio files: choose a folder with WAV, FLAC, OGG or similar files")
    return [(path, target / path.relative_to(source)) for path in found]


def left_out(source: str | Path) -> list[Path]:
    """List the files below a folder that :func:`pairs` leaves out because their suffix is not an audio format's."""
    return [path for path in _files(as_path("source", source)) if not known(path)]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


_stop: Any = None
"""In a process of the pool, the event that ends its work."""


def _begin(stop: Any) -> None:
    """Set up a process of the pool: Ctrl-C reaches it too, but it waits for its parent to stop it."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def enhance_one(
    source: Path, target: Path, settings: Settings, *, overwrite: bool = False, salvage: bool = False
) -> Enhanced:
    """Enhance a file, creating the folders above ``target``: one task of a pool or cluster.

    Raises
    ------
    AudioFileError
        As for :func:`percepnet_wasm.enhance_file`.
    """
    stopped: Callable[[], bool] = _stop.is_set if _stop else lambda: False
    return enhance_file(
        source, target, settings.make_enhancer, overwrite=overwrite, salvage=salvage, progress=False, stopped=stopped
    )  # fmt: skip


def enhance_folder(
    source: str | Path,
    target: str | Path,
    settings: Settings,
    jobs: int | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
    salvage: bool = False,
) -> Outcome:
    """Enhance all audio files below a folder to the same places below another.

    Parameters
    ----------
    source, target : path
    settings : Settings
    jobs : int, optional
        Number of processes; by default one for each core.
    overwrite, resume : bool
        What to do if outputs exist already: replace them, or keep them and do the others. With neither, nothing is
        done.
    salvage : bool
        As for :func:`percepnet_wasm.enhance_file`.

    Returns
    -------
    Outcome
        A file that fails does not stop the others. After Ctrl-C, finished files are kept and ``interrupted`` is set.

    Raises
    ------
    AudioFileError
        As for :func:`pairs`, or outputs exist already.
    ValueError
        ``jobs`` is not a valid number of processes.
    """
    if jobs is not None and (type(jobs) is not int or jobs < 1):
        raise ValueError(f"jobs must be a number of processes, 1 or more, or None for all cores, not {jobs!r}")
    found = pairs(source, target)
    there = [out for _, out in found if out.exists()]
    if there and not (overwrite or resume):
        raise AudioFileError(
            f"{target} already contains {len(there)} of the {len(found)} outputs, such as {there[0].name}: skip them"
            " (--resume, or resume=True in Python) or overwrite them (--force, or overwrite=True)"
        )
    outcome = Outcome(left_out=left_out(source), kept=there if resume and not overwrite else [])
    kept = set(outcome.kept)
    todo = [pair for pair in found if pair[1] not in kept]
    if todo:
        _enhance_all(todo, min(jobs or os.cpu_count() or 1, len(todo)), settings, overwrite, salvage, outcome)
    return outcome


def _enhance_all(
    todo: list[tuple[Path, Path]], processes: int, settings: Settings, overwrite: bool, salvage: bool, outcome: Outcome
) -> None:
    """Spread the files over processes, and record each one's result."""
    # Spawned, not forked: a forked process may inherit a lock that another thread held. Each uses one core.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    futures: dict[Future[Enhanced], Path] = {}
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(stop,))
    try:
        with pool, tqdm(total=len(todo), unit="file", delay=1, leave=False, disable=None) as bar, _one_thread_each():
            try:
                with _no_interrupts():
                    for pair in todo:
                        future = pool.submit(enhance_one, *pair, settings, overwrite=overwrite, salvage=salvage)
                        futures[future] = pair[0]
                for future in as_completed(futures):
                    bar.update()
                    _note(future, futures[future], outcome)
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except KeyboardInterrupt:
        outcome.interrupted = True
        outcome.done, outcome.failed = [], {}
        for future, path in futures.items():
            if future.done() and not future.cancelled() and not isinstance(future.exception(), KeyboardInterrupt):
                _note(future, path, outcome)


def _note(future: "Future[Enhanced]", source: Path, outcome: Outcome) -> None:
    error = future.exception()
    if error is None:
        outcome.done.append(future.result())
    elif isinstance(error, AudioFileError | MissingExtraError | OSError):
        outcome.failed[source] = str(error)
    else:
        raise error


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Hold back interrupts, here and in processes started meanwhile, which could not yet handle them properly."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Make processes started meanwhile use one thread for matrix products: there is a process per core already."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update({name: "1" for name in VARIABLES})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
