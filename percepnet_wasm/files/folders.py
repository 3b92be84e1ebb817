"""Folders of audio files, on all cores of this machine or on a cluster.

On one machine :func:`enhance_folder` (``percepnet-wasm enhance FOLDER OUT --jobs N``) runs a process for each core. For
a corpus that wants more than one machine, Dask distributed does the rest; every machine needs this package with the
extra ``files``, and the same folders at the same paths::

    from dask.distributed import Client, progress
    from percepnet_wasm.files.folders import Settings, enhance_one, pairs

    client = Client("scheduler:8786")  # Client() alone starts a cluster on this machine
    sources, targets = zip(*pairs("noisy", "enhanced"))
    futures = client.map(enhance_one, sources, targets, settings=Settings(), retries=1)
    progress(futures)
    failed = [future.key for future in futures if future.status == "error"]
"""

import math
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import soundfile
from tqdm import tqdm

from ..checks import as_path
from ..enhancer import Enhancer
from ..errors import AudioFileError
from ..model_file import Model
from .audio import enhance_file

__all__ = ["Settings", "enhance_folder", "enhance_one", "pairs"]

_SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga", ".opus"}
_SUFFIXES -= {".raw"}  # says nothing of its rate
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Settings:
    """How to enhance, in a form that travels to other processes; see :class:`percepnet_wasm.Enhancer`.

    Attributes
    ----------
    model : str or None
        Path of a model file; None takes the bundled one.
    attenuation_limit_db : float
    comb, postfilter : bool
    kernel : str
    """

    model: str | None = None
    attenuation_limit_db: float = math.inf
    comb: bool = True
    postfilter: bool = True
    kernel: str = "auto"

    def make_enhancer(self, block: int) -> Enhancer:
        """Make an enhancer for ``block`` frames a call; all of a process share one model."""
        return Enhancer(
            _model(self.model),
            block=block,
            attenuation_limit_db=self.attenuation_limit_db,
            comb=self.comb,
            postfilter=self.postfilter,
            kernel=self.kernel,
        )


@lru_cache(maxsize=2)
def _model(path: str | None) -> Model:
    return Model.load(path)


def pairs(source: str | Path, target: str | Path) -> list[tuple[Path, Path]]:
    """List the audio files below a folder, sorted, and where below ``target`` each one belongs.

    Raises
    ------
    AudioFileError
        There are none, or one folder lies in the other.
    """
    source, target = as_path("source", source), as_path("target", target)
    if not source.is_dir():
        raise AudioFileError(f"{source} is not a folder: check the path")
    inner, outer = target.resolve(), source.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise AudioFileError(f"{target} and {source} overlap: write to a folder of its own")
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise AudioFileError(f"{source} holds no audio files: give a folder of WAV, FLAC, OGG or the like")
    return [(path, target / path.relative_to(source)) for path in found]


def enhance_one(source: Path, target: Path, settings: Settings) -> Path:
    """Enhance a file; folders above ``target`` are made. What each task of a pool or cluster does.

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    AudioFileError
        As for :func:`percepnet_wasm.files.audio.enhance_file`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    enhance_file(source, target, settings.make_enhancer, progress=False)
    return target


def enhance_folder(
    source: str | Path, target: str | Path, settings: Settings, jobs: int | None = None
) -> dict[Path, str]:
    """Enhance all audio files below a folder into the same places below another.

    Parameters
    ----------
    source, target : path
    settings : Settings
    jobs : int, optional
        Processes; one for each core unless given.

    Returns
    -------
    dict of Path to str
        Files that failed, and why; the others are done all the same.

    Raises
    ------
    AudioFileError
        As for :func:`pairs`.
    ValueError
        ``jobs`` is no number of processes.
    """
    if jobs is not None and (type(jobs) is not int or jobs < 1):
        raise ValueError(f"jobs is {jobs!r}: give a number of processes, 1 or more, or None for all cores")
    todo = pairs(source, target)
    processes = min(jobs or os.cpu_count() or 1, len(todo))
    failed = {}
    bar = tqdm(total=len(todo), unit="file", delay=1, disable=None)
    # Fresh processes: forked ones may inherit a lock that another thread held. Each computes on one core.
    context = multiprocessing.get_context("spawn")
    with bar, _one_thread_each(), ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = {pool.submit(enhance_one, *pair, settings): pair[0] for pair in todo}
        for future in as_completed(futures):
            bar.update()
            error = future.exception()
            if isinstance(error, AudioFileError | OSError):
                failed[futures[future]] = str(error)
            elif error is not None:
                pool.shutdown(cancel_futures=True)
                raise error
    return failed


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Make processes started meanwhile use one thread for matrix products: there is one for each core already."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update({name: "1" for name in _THREADS})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
