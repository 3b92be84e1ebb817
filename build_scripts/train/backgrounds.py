"""Background noise: recordings, generated noises, babble, and bursts in the middle of it."""

import numpy as np
from scipy.signal import oaconvolve

from percepnet_wasm.constants import SAMPLE_RATE

from . import noises
from .activity import active_level
from .augmentation import augment_noise
from .corpus import Clip, Corpus
from .voices import Voices, play, random_filter

__all__ = ["Backgrounds", "steady"]

_SUDDEN = ("animals", "baby", "household", "impacts", "keyboard", "notification", "office")
"""Noises that come and go like speech: the hardest, and what calls are full of. Drawn three times as often."""
_BURSTS = ("household", "impacts", "keyboard", "notification")
_AUGMENTED = 0.6
"""Share of the noises that are changed beyond another speed and filter: otherwise the network memorises recordings."""


class Backgrounds:
    """Draws noises.

    Parameters
    ----------
    corpus : Corpus
    voices : Voices
        For babble.
    rooms : list of float32 (samples,)
    held_out : bool
        From the sources kept for validation instead of the training's.

    Raises
    ------
    ValueError
        No recording is left.
    """

    def __init__(self, corpus: Corpus, voices: Voices, rooms: list[np.ndarray], held_out: bool = False) -> None:
        self._corpus, self._voices, self._rooms = corpus, voices, rooms
        by_kind: dict[str, list[Clip]] = {}
        for clip in corpus.clips:
            if clip.held_out == held_out:
                by_kind.setdefault(clip.kind, []).append(clip)
        if not by_kind:
            kind = "held-out" if held_out else "training"
            raise ValueError(f"no {kind} noise: see the sources kept for validation in build_scripts/train/sources.py")
        self._kinds = [by_kind[k] for k in sorted(by_kind)]
        weight = np.array([3.0 if kind in _SUDDEN else 1.0 for kind in sorted(by_kind)])
        self._chance = weight / weight.sum()
        self._bursts = [clip for kind in _BURSTS for clip in by_kind.get(kind, [])]

    def draw(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """One to three noises, float32 (length,), together at an active level of 1."""
        total = np.zeros(length, np.float32)
        for _ in range(1 + (rng.random() < 0.35) + (rng.random() < 0.1)):
            draw = rng.random()
            if draw < 0.3:
                noise = noises.generate(rng, length)
            elif draw < 0.4:
                noise = self._babble(rng, length)
            else:
                noise = self._recording(rng, length)
            if rng.random() < _AUGMENTED:
                noise = augment_noise(rng, noise, self._recording(rng, length))
            if rng.random() < 0.2:
                noise = self._in_a_room(rng, noise)
            total += random_filter(rng, noise) / (active_level(noise) + 1e-9) * rng.uniform(0.2, 1)
        if self._bursts and rng.random() < 0.4:
            span = int(length * rng.uniform(0.2, 0.8))
            if rng.random() < 0.3:
                burst = noises.typing(rng, span).astype(np.float32)
            else:
                burst = self._stretch(rng, self._bursts[rng.integers(len(self._bursts))], span)
            start = int(rng.integers(0, length - len(burst)))
            total[start : start + len(burst)] += burst / (active_level(burst) + 1e-9) * rng.uniform(0.3, 2)
        return total / (active_level(total) + 1e-9)

    def _recording(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """A stretch of any recorded noise, each kind as often as its weight."""
        kind = self._kinds[rng.choice(len(self._kinds), p=self._chance)]
        return self._stretch(rng, kind[rng.integers(len(kind))], length)

    def _stretch(self, rng: np.random.Generator, clip: Clip, length: int) -> np.ndarray:
        """A random stretch of a recording, repeated if it is too short, sometimes played faster or slower."""
        speed = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6)))) if rng.random() < 0.6 else 1.0
        wanted = int(length * speed) + 1
        piece = self._corpus.samples(clip, int(rng.integers(0, max(1, clip.length - wanted))), wanted)
        return play(np.resize(piece, wanted), speed, length)

    def _babble(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """Many talkers at once."""
        total = np.zeros(length, np.float32)
        for _ in range(rng.integers(4, 10)):
            name = self._voices.names[rng.integers(len(self._voices.names))]
            voice = self._voices.speak(rng, name, int(rng.uniform(0, 0.5) * SAMPLE_RATE), length, {})[0]
            total += voice / (active_level(voice) + 1e-9) * rng.uniform(0.3, 1)
        return self._in_a_room(rng, total)

    def _in_a_room(self, rng: np.random.Generator, noise: np.ndarray) -> np.ndarray:
        if not self._rooms:
            return noise
        return oaconvolve(noise, self._rooms[rng.integers(len(self._rooms))])[: len(noise)].astype(np.float32)


def steady(rng: np.random.Generator, length: int) -> np.ndarray:
    """White or coloured noise, a fan or a hum, float32 (length,) at an active level of 1."""
    kinds = (noises.white, noises.coloured, noises.fan, noises.hum)
    noise = kinds[rng.integers(len(kinds))](rng, length).astype(np.float32)
    return noise / (active_level(noise) + 1e-9)
