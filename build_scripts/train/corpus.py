"""Folders of audio as one memory-mapped array, and where each clip in it came from.

A folder may hold a ``manifest.csv`` with columns ``path``, and optionally ``source``, ``speaker``, ``bandwidth_hz``,
``floor_db``, ``class``, ``kind``, ``speech_frac``; without one every audio file counts, its folder being source and
speaker, and its bandwidth half its sample rate. Recordings that are missing or corrupt are named, skipped and counted.
"""

import csv
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from tqdm import tqdm

from percepnet_wasm.constants import SAMPLE_RATE

from .target_denoising import denoise_target

__all__ = ["Clip", "Corpus"]

_SUNG = 0.05
"""Music in which a voice detector fired on this share of the frames has vocals and is left out: a singer is a voice."""


@dataclass(frozen=True)
class Clip:
    """One file's place in the corpus."""

    start: int
    length: int
    source: str
    speaker: str
    kind: str
    bandwidth_hz: float
    floor_db: float
    held_out: bool


class Corpus:
    """Clips of one kind of sound (speech or noise), decoded once to 48 kHz mono int16 in ``cache``.

    Parameters
    ----------
    folders : list of Path
    cache : Path
        Where decoded samples are kept; keyed by the folders' names and their files' sizes.
    held_out : iterable of str
        Parts of the names of sources (or files) that are kept for validation.

    Attributes
    ----------
    clips : list of Clip
    skipped : dict of str to str
        Recordings that could not be used, and why.

    Raises
    ------
    ValueError
        The folders hold no audio, or none that can be decoded.
    """

    def __init__(self, folders: list[Path], cache: Path, held_out: Iterable[str] = ()) -> None:
        names = ", ".join(map(str, folders))
        entries = [entry for folder in folders for entry in _entries(folder)]
        if not entries:
            raise ValueError(f"no audio files in {names}: give folders with .wav, .flac or .opus")
        stem = cache / hashlib.sha256(json.dumps([_key(e) for e in entries]).encode()).hexdigest()[:16]
        if not stem.with_suffix(".json").exists():
            cache.mkdir(parents=True, exist_ok=True)
            _decode(entries, stem)
        index = json.loads(stem.with_suffix(".json").read_text())
        self.skipped: dict[str, str] = index["skipped"]
        for path, reason in self.skipped.items():
            print(f"skipped {path}: {reason}", flush=True)
        if self.skipped:
            print(f"skipped {len(self.skipped)} of {len(entries)} recordings", flush=True)
        if not index["clips"]:
            raise ValueError(f"none of the {len(entries)} recordings in {names} can be used: see the reasons above")
        kept = tuple(held_out)
        self.clips = [
            Clip(held_out=any(name in f"{c['source']} {path}" for name in kept), **c)
            for path, c in index["clips"].items()
        ]
        self._samples = np.memmap(stem.with_suffix(".raw"), np.int16, "r")
        self._stem = stem
        self._targets = self._samples

    def denoise_targets(self) -> None:
        """Give every clip a copy without its own noise floor, for :meth:`pair`; the copies are cached."""
        path = self._stem.with_suffix(".denoised")
        if not path.exists():
            part = path.with_suffix(".part")
            with part.open("wb") as raw, Pool() as pool:
                clips = (self.samples(clip, 0, clip.length) for clip in self.clips)
                denoised = pool.imap(denoise_target, clips)
                for audio in tqdm(denoised, desc="denoising targets", unit="clip", total=len(self.clips)):
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


def _key(entry: dict[str, str]) -> tuple[dict[str, str], int]:
    path = Path(entry["path"])
    return entry, path.stat().st_size if path.exists() else -1


def _entries(folder: Path) -> list[dict[str, str]]:
    manifest = folder / "manifest.csv"
    if manifest.exists():
        with manifest.open(newline="", encoding="utf-8") as lines:
            return [{**row, "path": str(folder / row["path"])} for row in csv.DictReader(lines)]
    suffixes = {"." + name.lower() for name in sf.available_formats()} | {".opus", ".oga"}
    return [{"path": str(p)} for p in sorted(folder.rglob("*")) if p.suffix.lower() in suffixes]


def _read(entry: dict[str, str]) -> tuple[np.ndarray, int]:
    """Mono samples at SAMPLE_RATE and the file's own rate; raises what is wrong with the recording."""
    path = Path(entry["path"])
    if not path.exists():
        raise FileNotFoundError("the manifest names it, but it does not exist")
    if entry.get("class") == "music" and float(entry.get("speech_frac") or 0) > _SUNG:
        raise ValueError(f"music with vocals (speech_frac {entry['speech_frac']})")
    audio, rate = sf.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    if not len(mono) or not np.isfinite(mono).all() or not mono.any():
        raise ValueError("it is empty, silent or not finite")
    return (mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)), rate


def _decode(entries: list[dict[str, str]], stem: Path) -> None:
    clips: dict[str, dict] = {}
    skipped: dict[str, str] = {}
    position = 0
    with stem.with_suffix(".raw").open("wb") as raw:
        for entry in tqdm(entries, desc="decoding", unit="file"):
            path = Path(entry["path"])
            try:
                mono, rate = _read(entry)
            except (OSError, ValueError, sf.SoundFileError) as error:
                skipped[str(path)] = str(error)
                continue
            raw.write(_pcm(mono).tobytes())
            clips[str(path)] = {
                "start": position,
                "length": len(mono),
                "source": entry.get("source") or str(path.parent),
                "speaker": entry.get("speaker") or str(path.parent),
                "kind": entry.get("class") or entry.get("kind") or "",
                "bandwidth_hz": float(entry.get("bandwidth_hz") or min(rate / 2, 20000)),
                "floor_db": float(entry.get("floor_db") or 40),
            }
            position += len(mono)
    stem.with_suffix(".json").write_text(json.dumps({"clips": clips, "skipped": skipped}))
