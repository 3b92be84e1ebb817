"""Folders of audio as one memory-mapped array, and where each clip in it came from.

A folder may hold a ``manifest.csv`` with columns ``path``, and optionally ``speaker``, ``bandwidth_hz``, ``floor_db``,
``class``; without one every audio file counts, its folder being the speaker and its bandwidth half its sample rate.
"""

import csv
import hashlib
import json
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from tqdm import tqdm

from percepnet_wasm.constants import SAMPLE_RATE

from .target_denoising import denoise_target

HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class Clip:
    """One file's place in the corpus."""

    start: int
    length: int
    speaker: str
    kind: str
    bandwidth_hz: float
    floor_db: float

    @property
    def held_out(self) -> bool:
        """Whether the talker is kept for validation: a tenth of them, by a hash of the name."""
        digest = hashlib.sha256(self.speaker.encode()).digest()
        return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


class Corpus:
    """Clips of one kind of sound (speech or noise), decoded once to 48 kHz mono int16 in ``cache``.

    Parameters
    ----------
    folders : list of Path
    cache : Path
        Where decoded samples are kept; keyed by the folders' names and their files' sizes.
    """

    def __init__(self, folders: list[Path], cache: Path) -> None:
        entries = [entry for folder in folders for entry in _entries(folder)]
        if not entries:
            raise ValueError(
                f"no audio files in {', '.join(map(str, folders))}: give folders with .wav, .flac or .opus"
            )
        key = json.dumps([(str(e["path"]), Path(e["path"]).stat().st_size) for e in entries])
        stem = cache / hashlib.sha256(key.encode()).hexdigest()[:16]
        if not stem.with_suffix(".json").exists():
            cache.mkdir(parents=True, exist_ok=True)
            _decode(entries, stem)
        self.clips = [Clip(**c) for c in json.loads(stem.with_suffix(".json").read_text())]
        self._samples = np.memmap(stem.with_suffix(".raw"), np.int16, "r")
        self._stem = stem
        self._targets = self._samples

    def denoise_targets(self) -> None:
        """Give every clip a copy without its own noise floor, for :meth:`pair`; the copies are cached."""
        path = self._stem.with_suffix(".clean")
        if not path.exists():
            part = path.with_suffix(".part")
            with part.open("wb") as raw, Pool() as pool:
                clips = (self.samples(clip, 0, clip.length) for clip in self.clips)
                for audio in tqdm(
                    pool.imap(denoise_target, clips), desc="denoising targets", unit="clip", total=len(self.clips)
                ):
                    raw.write(_pcm(audio).tobytes())
            part.rename(path)
        self._targets = np.memmap(path, np.int16, "r")

    def pair(self, clip: Clip, start: int, length: int) -> np.ndarray:
        """Float32 (2, samples) of a clip as it is and, after :meth:`denoise_targets`, without its own noise."""
        stop = min(start + length, clip.length)
        span = slice(clip.start + start, clip.start + stop)
        return np.stack((self._samples[span], self._targets[span])).astype(np.float32) / 32768

    def samples(self, clip: Clip, start: int, length: int) -> np.ndarray:
        """Float32 samples of a clip, from ``start``, at most ``length``."""
        stop = min(start + length, clip.length)
        return self._samples[clip.start + start : clip.start + stop].astype(np.float32) / 32768


def _pcm(audio: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)


def _entries(folder: Path) -> list[dict[str, str]]:
    manifest = folder / "manifest.csv"
    if manifest.exists():
        with manifest.open(newline="", encoding="utf-8") as lines:
            return [{**row, "path": str(folder / row["path"])} for row in csv.DictReader(lines)]
    suffixes = {"." + name.lower() for name in sf.available_formats()} | {".opus", ".oga"}
    return [{"path": str(p)} for p in sorted(folder.rglob("*")) if p.suffix.lower() in suffixes]


def _decode(entries: list[dict[str, str]], stem: Path) -> None:
    clips, position = [], 0
    with stem.with_suffix(".raw").open("wb") as raw:
        for entry in tqdm(entries, desc="decoding", unit="file"):
            path = Path(entry["path"])
            audio, rate = sf.read(path, dtype="float32", always_2d=True)
            mono = audio.mean(axis=1)
            if rate != SAMPLE_RATE:
                mono = soxr.resample(mono, rate, SAMPLE_RATE)
            pcm = _pcm(mono)
            raw.write(pcm.tobytes())
            clips.append(
                {
                    "start": position,
                    "length": len(pcm),
                    "speaker": entry.get("speaker") or str(path.parent),
                    "kind": entry.get("class") or entry.get("kind") or "",
                    "bandwidth_hz": float(entry.get("bandwidth_hz") or min(rate / 2, 20000)),
                    "floor_db": float(entry.get("floor_db") or 40),
                }
            )
            position += len(pcm)
    stem.with_suffix(".json").write_text(json.dumps(clips))
