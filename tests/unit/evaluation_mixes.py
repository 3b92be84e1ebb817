"""Natural speech in known noise, for the evaluations of pitch and coherence.

A folder of audio may hold a ``manifest.csv`` with a column ``path`` and optionally ``kind``, ``speaker``, ``floor_db``
(of speech) and ``class`` (of noise); without one, every audio file counts.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from percepnet_wasm.constants import HOP, SAMPLE_RATE

Audio = NDArray[np.float32]

LEVEL = 0.05
"""RMS of the speech while it lasts: -26 dBFS."""
CLEAN_FLOOR_DB = 40
"""Speech over its own noise floor, from which a clip can serve as reference."""
BABBLE_TALKERS = 6
STATIONARY_CLASSES = ("fan-hvac", "rain")
_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}


def rows(folder: Path) -> list[dict[str, str]]:
    """List a folder's audio files with what its manifest says about them."""
    manifest = folder / "manifest.csv"
    if manifest.exists():
        with manifest.open(newline="", encoding="utf-8") as lines:
            return [{**row, "path": str(folder / row["path"])} for row in csv.DictReader(lines)]
    return [{"path": str(path)} for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES]


def read(path: str, seconds: float) -> Audio:
    """Read the beginning of a 48 kHz file as mono; ValueError at any other rate."""
    audio, rate = sf.read(path, frames=round(seconds * SAMPLE_RATE), dtype="float32", always_2d=True)
    if rate != SAMPLE_RATE:
        raise ValueError(f"{path} has {rate} samples a second; give files with {SAMPLE_RATE}")
    mono: Audio = audio.mean(axis=1)
    return mono


def active_rms(samples: Audio) -> float:
    """RMS over the 10 ms frames within 30 dB of the loudest: pauses do not count."""
    frames = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return float(np.sqrt(power[power > 1e-3 * power.max()].mean()))


def clean_speech(folder: Path, clips: int, seconds: float, seed: int = 0) -> list[Audio]:
    """Read natural speech with a low noise floor, one clip per talker if there are enough talkers, each at LEVEL.

    Raises
    ------
    ValueError
        If the folder holds fewer clips than asked for.
    """
    usable = [
        row
        for row in rows(folder)
        if row.get("kind", "natural") == "natural" and float(row.get("floor_db") or 99) > CLEAN_FLOOR_DB
    ]
    order = np.random.default_rng(seed).permutation(len(usable))
    talkers: dict[str, int] = {}
    ranked: list[tuple[int, int, str]] = []
    for index in order:
        talker = usable[index].get("speaker") or usable[index]["path"]
        talkers[talker] = talkers.get(talker, 0) + 1
        ranked.append((talkers[talker], len(ranked), usable[index]["path"]))
    if len(ranked) < clips:
        raise ValueError(f"{folder} holds {len(ranked)} clips of clean natural speech, {clips} were asked for")
    chosen = (read(path, seconds) for *_, path in sorted(ranked)[:clips])
    return [(LEVEL / active_rms(clip) * clip).astype(np.float32) for clip in chosen]


def coloured(count: int, slope: float, rng: np.random.Generator) -> Audio:
    """Gaussian noise whose power falls with frequency^slope above 20 Hz: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    spectrum *= np.maximum(hertz, 20) ** (-slope / 2)
    noise: Audio = np.fft.irfft(spectrum, count).astype(np.float32)
    return noise


class Noises:
    """Noise by name: white, pink, brown, babble of the other clips, and recordings of stationary noise.

    Parameters
    ----------
    speech : list of float32 arrays
        Clips to make babble from.
    folder : Path or None
        Recorded noise; its manifest's classes STATIONARY_CLASSES are used.
    """

    def __init__(self, speech: list[Audio], folder: Path | None, seed: int = 0) -> None:
        self._speech = speech
        self._seed = seed
        self._recorded: dict[str, list[str]] = {}
        for row in rows(folder) if folder else []:
            if row.get("class") in STATIONARY_CLASSES:
                self._recorded.setdefault(row["class"], []).append(row["path"])
        self.stationary = ["white", "pink", "brown", *sorted(self._recorded)]

    def __call__(self, kind: str, clip: int) -> Audio:
        """Make noise as long as a clip, with an RMS of 1."""
        rng = np.random.default_rng((self._seed, clip))
        count = len(self._speech[clip])
        if kind == "babble":
            others = np.delete(np.arange(len(self._speech)), clip)
            talkers = rng.choice(others, min(BABBLE_TALKERS, len(others)), replace=False)
            noise = sum(
                (np.resize(np.roll(self._speech[i], rng.integers(count)), count) for i in talkers),
                np.zeros(count, np.float32),
            )
        elif kind in self._recorded:
            path = self._recorded[kind][rng.integers(len(self._recorded[kind]))]
            noise = np.resize(read(path, count / SAMPLE_RATE), count)
        else:
            noise = coloured(count, {"white": 0.0, "pink": 1.0, "brown": 2.0}[kind], rng)
        return (noise / np.sqrt(np.mean(np.square(noise, dtype=np.float64)))).astype(np.float32)

    def mixes(self, kind: str, snr_db: float) -> Iterator[tuple[int, Audio]]:
        """All clips in one kind of noise: yields the clip's number and the mix."""
        for clip, speech in enumerate(self._speech):
            yield clip, speech + np.float32(LEVEL * 10 ** (-snr_db / 20)) * self(kind, clip)
