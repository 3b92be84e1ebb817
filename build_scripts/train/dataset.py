"""Features and targets of mixes, written by any number of processes, read by the trainer while they write.

An example is made by the enhancer's own code (:class:`percepnet_wasm.signal.analysis.Analysis`,
:func:`percepnet_wasm.oracle.targets.targets`), so that training hears exactly what the enhancer will.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from percepnet_wasm.constants import HOP, LOOKAHEAD, WINDOW
from percepnet_wasm.oracle.targets import targets
from percepnet_wasm.signal.analysis import Analysis, BandAnalysis
from percepnet_wasm.signal.bands import BANDS, edges
from percepnet_wasm.signal.features import ENERGY_FLOOR, FEATURES

from .mixing import Mix, Mixer
from .perceptual_loss import SPECTRA, spectra_columns

SEQUENCE = 500
"""Frames an example: 5 s."""
SHARD = 64
"""Examples a file."""
ACTIVE_DB = 45
"""A frame this far below the loud ones holds no speech."""
COLUMNS = {"features": FEATURES, "gain": BANDS, "strength": BANDS, "weight": BANDS, "voice": 1}
"""What a frame of an example holds, side by side."""
WIDTH = sum(COLUMNS.values())
PERCEPTUAL = COLUMNS | SPECTRA
"""The same for an example of the perceptual loss."""
_LEVEL_DB = (-34, -22)
"""Level of the clean speech in examples of the perceptual loss, in dBFS: what calls have."""
_SPEECH, _CLEAN = 0.3, 0.999
"""Such an example has at least this share of frames with speech, and at most this share of its energy is speech:
without speech, or without noise, there is nothing to learn from it."""


@dataclass
class Example:
    """Arrays (frames, ...) as in COLUMNS; ``weight`` is 0 where a target is unknown."""

    features: np.ndarray
    gain: np.ndarray
    strength: np.ndarray
    weight: np.ndarray
    voice: np.ndarray


def example(mix: Mix, noisy: Analysis | None = None, clean: BandAnalysis | None = None) -> Example:
    """Analyse a mix of SEQUENCE frames, and leave the spectra in ``noisy`` and ``clean``, where given."""
    noisy, clean = noisy or Analysis(SEQUENCE), clean or BandAnalysis(SEQUENCE)
    noisy(mix.noisy)
    clean.push(mix.clean)
    clean.compare(noisy.period)
    ideal = targets(noisy, clean)
    frame_energy = clean.energy.sum(axis=1)
    loud = np.quantile(frame_energy, 0.95)
    voice = (frame_energy > max(loud * 10 ** (-ACTIVE_DB / 10), BANDS * ENERGY_FLOOR)).astype(np.float32)
    weight = (noisy.energy > ENERGY_FLOOR).astype(np.float32)
    # Above the recording's bandwidth the clean speech is unknown wherever there is speech, and near it (its echo).
    spread = np.convolve(voice, np.ones(11), "same") > 0
    lower_hz = edges()[:-1] * (48000 / WINDOW)
    weight[np.ix_(spread, lower_hz > mix.bandwidth_hz * 0.95)] = 0
    weight[:LOOKAHEAD] = 0
    # g_att of the paper lowers every score of the oracle here (see the oracle's table), so the plain gain is learned.
    return Example(noisy.features, ideal.plain_gain, ideal.strength, weight, voice[:, None])


def row(made: Example, *more: np.ndarray) -> np.ndarray:
    """COLUMNS of an example, and more columns, side by side as float16."""
    columns = [getattr(made, name) for name in COLUMNS]
    return np.concatenate([*columns, *more], axis=1, dtype=np.float16, casting="same_kind")


def perceptual_row(mix: Mix, level_db: float) -> np.ndarray | None:
    """PERCEPTUAL of a mix, float16 (SEQUENCE, ...), its speech at that level; None if there is nothing to learn."""
    noisy, clean = Analysis(SEQUENCE), BandAnalysis(SEQUENCE)
    made = example(mix, noisy, clean)
    speech = np.sum(made.gain**2 * noisy.energy) / np.sum(noisy.energy)
    if made.voice.mean() < _SPEECH or speech > _CLEAN:
        return None
    level = 10 ** (level_db / 20) / np.sqrt(np.mean(mix.clean**2))
    return row(made, spectra_columns(noisy, clean, level))


def write_shards(mixer: Mixer, folder: Path, seed: int, minutes: float, perceptual: bool = False) -> None:
    """Write shards, float16 (SHARD, SEQUENCE, WIDTH), until the time is up; wider ones for the perceptual loss."""
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * minutes
    number = 0
    while time.monotonic() < deadline:
        rng = np.random.default_rng([seed, number])
        rows: list[np.ndarray] = []
        while len(rows) < SHARD:
            mix = mixer.draw(rng, SEQUENCE * HOP)
            made = perceptual_row(mix, rng.uniform(*_LEVEL_DB)) if perceptual else row(example(mix))
            if made is not None:
                rows.append(made)
        path = folder / f"{seed:03d}-{number:05d}.npy"
        np.save(path.with_suffix(".part.npy"), np.stack(rows))
        path.with_suffix(".part.npy").rename(path)  # a reader never sees half a file
        number += 1


class Pool:
    """All shards of a folder, growing while a writer is at work.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shards: dict[str, np.ndarray] = {}
        self.refresh()

    def refresh(self) -> int:
        """Open shards that are new; return how many examples there are."""
        for path in sorted(self.folder.glob("*.npy")):
            if path.name not in self._shards and ".part" not in path.name:
                self._shards[path.name] = np.load(path, mmap_mode="r")
        return SHARD * len(self._shards)

    def batches(self, rng: np.random.Generator, size: int):
        """Yield float32 (size, SEQUENCE, ...) once over all examples, in random order."""
        shards = list(self._shards.values())
        order = rng.permutation(SHARD * len(shards))
        for first in range(0, len(order) - size + 1, size):
            picked = order[first : first + size]
            yield np.stack([shards[i // SHARD][i % SHARD] for i in picked]).astype(np.float32)


def split(batch: np.ndarray, columns: dict[str, int] = COLUMNS) -> dict[str, np.ndarray]:
    """Name the columns of (..., WIDTH) arrays."""
    ends = np.cumsum(list(columns.values()))
    return {name: batch[..., end - width : end] for (name, width), end in zip(columns.items(), ends, strict=True)}
