"""A rolling pool of scenes on disk: the mixer writes shards, the trainer reads each scene a few times and deletes them.

Training that outlasts its supply of mixes memorises them. So mixing never ends: the mixer waits while the folder is
full, the trainer deletes what it has read MOST_READS times, and both can be stopped and restarted at any time.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from percepnet_wasm.constants import HOP, SAMPLE_RATE

from .scenes import FRAMES, PIECE

__all__ = ["MOST_READS", "SHARD", "Pool", "Rows", "hours", "write_shards"]

SHARD = 32
"""Scenes per file."""
MOST_READS = 4
"""A scene is read at most this often."""
_WAIT_S = 1.0


def hours(frames: float) -> float:
    """Duration of so many frames."""
    return frames * HOP / SAMPLE_RATE / 3600


def write_shards(
    draw: Callable[[np.random.Generator], np.ndarray],
    folder: Path,
    seed: int,
    most_hours: float,
    shards: int | None = None,
) -> None:
    """Write shards, float16 (SHARD, frames, width), forever or a given number; wait while the folder is full.

    Parameters
    ----------
    draw : callable
        Makes the columns of one scene from a random generator.
    seed : int
        Different for each writer of the folder. A writer that is restarted continues with new scenes.
    most_hours : float
        In the folder, of all writers together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counter = folder / f"{seed:03d}.json"
    first = json.loads(counter.read_text())["next"] if counter.exists() else 0
    for number in range(first, first + shards) if shards is not None else _count(first):
        while hours(SHARD * FRAMES * len(_shards(folder))) >= most_hours:
            time.sleep(_WAIT_S)
        # Counted before it is made: a scene that was interrupted is not made twice either.
        counter.write_text(json.dumps({"next": number + 1}))
        rng = np.random.default_rng([seed, number])
        path = folder / f"{seed:03d}-{number:06d}.npy"
        np.save(path.with_suffix(".part.npy"), np.stack([draw(rng) for _ in range(SHARD)]))
        path.with_suffix(".part.npy").rename(path)  # a reader never sees half a file


def _count(first: int) -> Iterator[int]:
    while True:
        yield first
        first += 1


def _shards(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.npy")) if ".part" not in path.name]


class Pool:
    """Scenes of a folder, growing while a writer is at work.

    Parameters
    ----------
    folder : Path
    reads : dict, optional
        How often each scene was read before, by shard: :attr:`reads` of the training that is resumed.
    patience_s : float
        How long to wait for a writer.

    Attributes
    ----------
    reads : dict of str to list of int
    corrupt : dict of str to str
        Shards that could not be read, and why.
    """

    def __init__(self, folder: Path, reads: dict[str, list[int]] | None = None, patience_s: float = 600) -> None:
        self.folder, self.reads, self.patience_s = folder, dict(reads or {}), patience_s
        self.corrupt: dict[str, str] = {}
        self._open: dict[str, np.ndarray] = {}
        self.refresh()

    def refresh(self) -> int:
        """Open shards that are new; return how many scenes are on disk."""
        for path in _shards(self.folder):
            if path.name in self._open or path.name in self.corrupt:
                continue
            try:
                shard = np.load(path, mmap_mode="r")
            except (OSError, ValueError, EOFError) as error:
                self.corrupt[path.name] = str(error)
                print(f"skipped {path}: {error} ({len(self.corrupt)} shards skipped so far)", flush=True)
                continue
            self._open[path.name] = shard
            self.reads.setdefault(path.name, [0] * len(shard))
        self.reads = {name: counts for name, counts in self.reads.items() if name in self._open}
        return sum(len(shard) for shard in self._open.values())

    def take(self, rng: np.random.Generator) -> np.ndarray:
        """Read one of the least read scenes of a random shard, float16 (frames, width); delete what is used up.

        Raises
        ------
        TimeoutError
            No scene was left to read, and no writer added one.
        """
        self.refresh()
        waited = 0.0
        while not self._open:
            if waited >= self.patience_s:
                raise TimeoutError(
                    f"no unread scene in {self.folder} for {waited:.0f} s: is build_scripts.train.generate running?"
                )
            time.sleep(_WAIT_S)
            waited += _WAIT_S
            self.refresh()
        names = list(self._open)
        left = np.array([MOST_READS * len(self.reads[n]) - sum(self.reads[n]) for n in names], float)
        name = names[rng.choice(len(names), p=left / left.sum())]
        counts = np.array(self.reads[name])
        chosen = int(rng.choice(np.flatnonzero(counts == counts.min())))
        scene = np.array(self._open[name][chosen])
        self.reads[name][chosen] += 1
        if min(self.reads[name]) >= MOST_READS:
            del self._open[name], self.reads[name]
            (self.folder / name).unlink()
        return scene

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """All scenes in order, float32 (up to size, frames, width); they are not counted as read."""
        for shard in self._open.values():
            for first in range(0, len(shard), size):
                yield np.array(shard[first : first + size], np.float32)


class Rows:
    """Scenes side by side, a piece of each at a time.

    Parameters
    ----------
    pool : Pool
    size : int
        Rows of a batch.
    rng : numpy.random.Generator
    """

    def __init__(self, pool: Pool, size: int, rng: np.random.Generator) -> None:
        self._pool, self._rng = pool, rng
        self._scenes = [pool.take(rng) for _ in range(size)]
        # Rows do not all begin at once: later pieces meet a fresh state too.
        self._places = [int(rng.integers(len(scene) // PIECE)) for scene in self._scenes]
        self._begins = np.ones(size, bool)

    def next(self) -> tuple[np.ndarray, np.ndarray]:
        """Pieces, float32 (size, PIECE, width), and which of them are the first of their scene, bool (size,)."""
        for k, scene in enumerate(self._scenes):
            if (self._places[k] + 1) * PIECE > len(scene):
                self._scenes[k], self._places[k] = self._pool.take(self._rng), 0
                self._begins[k] = True
        pieces = zip(self._scenes, self._places, strict=True)
        batch = np.stack([scene[place * PIECE : (place + 1) * PIECE] for scene, place in pieces]).astype(np.float32)
        begins, self._begins = self._begins, np.zeros(len(self._begins), bool)
        self._places = [place + 1 for place in self._places]
        return batch, begins
