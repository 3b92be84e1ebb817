"""Talkers: who speaks, which recordings of theirs, and how they are strung together."""

import math

import numpy as np
import soxr
from scipy.signal import lfilter

from percepnet_wasm.constants import HOP, SAMPLE_RATE

from .activity import quietest
from .corpus import Clip, Corpus
from .singing import hold_vowel
from .sources import is_connected

__all__ = ["Voices", "play", "random_filter", "worth"]

_CONNECTED_SHARE = 0.75
"""Share of the drawn talkers who speak sentences, if there are any: calls consist of sentences."""
_HOURS_EXPONENT = 0.6
"""Talkers are drawn in proportion to their hours to this power: with 0 every talker would be equally likely, with 1
every second."""
_FLOOR_DB, _FLOOR_WIDTH_DB, _NOISY = 30, 3, 0.1
"""A recording whose noise floor is this far below its speech is worth about half of a clean one, softly around it down
to a tenth."""
_NARROW_HZ = 8000
"""Recordings that reach twice as high are worth twice as much: they teach the upper bands."""
_STRETCH_S = (2.0, 8.0)
_CUT = int(0.4 * SAMPLE_RATE)
"""A stretch begins and ends where the recording is quietest within this."""


def worth(clip: Clip) -> float:
    """How much a second of a recording teaches: less if it is noisy or narrow, without a hard limit."""
    clean = _NOISY + (1 - _NOISY) / (1 + math.exp((_FLOOR_DB - clip.floor_db) / _FLOOR_WIDTH_DB))
    return clean * min(2.0, max(1.0, 1 + math.log2(max(clip.bandwidth_hz, 1) / _NARROW_HZ)))


class Voices:
    """Draws talkers and what they say.

    Parameters
    ----------
    corpus : Corpus
    held_out : bool
        From the sources kept for validation instead of the training's.

    Raises
    ------
    ValueError
        No recording is left.
    """

    def __init__(self, corpus: Corpus, held_out: bool = False) -> None:
        self._corpus = corpus
        self.talkers: dict[str, list[Clip]] = {}
        for clip in corpus.clips:
            if clip.held_out == held_out:
                self.talkers.setdefault(clip.speaker, []).append(clip)
        if not self.talkers:
            kind = "held-out" if held_out else "training"
            raise ValueError(f"no {kind} speech: see the sources kept for validation in build_scripts/train/sources.py")
        self.names = sorted(self.talkers)
        weight = np.array([self._weights(n).sum() for n in self.names]) ** _HOURS_EXPONENT
        connected = np.array([any(is_connected(c.source) for c in self.talkers[n]) for n in self.names])
        if connected.any() and not connected.all():
            for group, share in ((connected, _CONNECTED_SHARE), (~connected, 1 - _CONNECTED_SHARE)):
                weight[group] *= share / weight[group].sum()
        self.chance = weight / weight.sum()

    def draw(self, rng: np.random.Generator) -> str:
        """Name of a talker."""
        return self.names[rng.choice(len(self.names), p=self.chance)]

    def bandwidth_hz(self, name: str) -> float:
        """What the talker's recordings reach."""
        return float(np.median([c.bandwidth_hz for c in self.talkers[name]]))

    def speak(self, rng: np.random.Generator, name: str, begin: int, length: int, plan: dict[str, float]) -> np.ndarray:
        """String stretches of one talker together with pauses between them.

        Parameters
        ----------
        begin, length : int
            Sample of the first word, and of the end.
        plan : dict
            ``held_vowel``, ``sung_vowel`` and ``laughter`` are looked up in it.

        Returns
        -------
        float32 (2, length)
            As recorded, and without the recording's own noise.
        """
        out = np.zeros((2, length), np.float32)
        everything = self.talkers[name]
        laughter = [c for c in everything if c.kind == "laughter"]
        clips = [c for c in everything if c.kind != "laughter"] or everything
        chance = self._weights(name, clips)
        position, special = begin, True
        while position < length:
            clip = clips[rng.choice(len(clips), p=chance / chance.sum())]
            piece = self._stretch(rng, clip, int(rng.uniform(*_STRETCH_S) * SAMPLE_RATE))
            if special and "laughter" in plan and laughter:
                piece = self._stretch(rng, laughter[rng.integers(len(laughter))], int(4 * SAMPLE_RATE))
            elif special and ("held_vowel" in plan or "sung_vowel" in plan):
                note_s = plan.get("held_vowel") or plan["sung_vowel"]
                sung = hold_vowel(rng, piece[1], note_s, 1 if "held_vowel" in plan else int(rng.integers(3, 7)))
                piece = np.stack((sung, sung)) if len(sung) else piece
            special = False
            piece = piece[:, : length - position]
            out[:, position : position + piece.shape[1]] = piece
            pause_s = 0.1 + rng.exponential(0.35) if rng.random() < 0.8 else rng.uniform(1, 3)
            position += piece.shape[1] + int(pause_s * SAMPLE_RATE)
        return out

    def _weights(self, name: str, clips: list[Clip] | None = None) -> np.ndarray:
        return np.array([worth(c) * c.length / SAMPLE_RATE for c in clips or self.talkers[name]])

    def _stretch(self, rng: np.random.Generator, clip: Clip, wanted: int) -> np.ndarray:
        """A stretch (2, samples) that begins and ends where the clip is quiet, faded over a frame."""
        start = int(rng.integers(0, max(1, clip.length - wanted)))
        piece = self._corpus.pair(clip, start, wanted)
        if piece.shape[1] > 3 * _CUT:
            first = quietest(piece[0, :_CUT]) if start else 0
            last = piece.shape[1] - _CUT + quietest(piece[0, -_CUT:]) if start + wanted < clip.length else None
            piece = piece[:, first:last]
        fade = np.linspace(0, 1, min(HOP, piece.shape[1]), dtype=np.float32)
        piece[:, : len(fade)] *= fade
        piece[:, piece.shape[1] - len(fade) :] *= fade[::-1]
        return piece


def play(signal: np.ndarray, speed: float, length: int) -> np.ndarray:
    """``length`` samples of a signal played at another speed."""
    if speed == 1.0:
        return signal[:length].copy()
    played = soxr.resample(signal, SAMPLE_RATE * speed, SAMPLE_RATE, quality="LQ")[:length]
    return np.pad(played, (0, length - len(played))).astype(np.float32)


def random_filter(rng: np.random.Generator, signal: np.ndarray) -> np.ndarray:
    """The paper's random second-order filter: another microphone, another distance."""
    r = rng.uniform(-3 / 8, 3 / 8, 4)
    return lfilter([1, r[0], r[1]], [1, r[2], r[3]], signal).astype(np.float32)
