"""Held and sung vowels of a talker, made from speech with the WORLD vocoder (Morise and others, 2016; ``pyworld``).

A voice that holds a note looks like a whistle or a hum to a network that has only heard speech.
"""

import warnings

import numpy as np
import soxr

from percepnet_wasm.constants import SAMPLE_RATE

__all__ = ["hold_vowel"]

_FRAME_S = 0.005
_SHORTEST = 12
"""Voiced frames that a vowel must have: 60 ms."""
_LIFE = 3
"""Frames by which the envelope wanders around the middle of the vowel, so that it does not stand still."""


def hold_vowel(rng: np.random.Generator, speech: np.ndarray, note_s: float, notes: int) -> np.ndarray:
    """Stretch the steadiest vowel of a stretch of speech into notes.

    Parameters
    ----------
    rng : numpy.random.Generator
    speech : float32 (samples,), 48 kHz
    note_s : float
        Seconds of a note.
    notes : int
        1 holds the talker's own pitch with a little vibrato; more are steps of a scale.

    Returns
    -------
    float32 (samples,)
        Empty if the speech has no vowel.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyworld

    rate = 24000  # a held vowel has little above 12 kHz, and WORLD takes a quarter of the time
    low = soxr.resample(speech, SAMPLE_RATE, rate).astype(np.float64)
    pitch, times = pyworld.dio(low, rate, frame_period=1000 * _FRAME_S)
    pitch = pyworld.stonemask(low, pitch, times, rate)
    middle = _vowel(low, pitch, int(rate * _FRAME_S))
    if middle is None:
        return np.zeros(0, np.float32)
    near = slice(max(0, middle - _SHORTEST), middle + _SHORTEST)
    envelope = pyworld.cheaptrick(low, pitch, times, rate)[near]
    aperiodicity = pyworld.d4c(low, pitch, times, rate)[near]
    frames = int(note_s * notes / _FRAME_S)
    centre = min(middle, _SHORTEST)
    wander = np.clip(np.cumsum(rng.normal(0, 0.3, frames)), -_LIFE, _LIFE).astype(int)
    chosen = np.clip(centre + wander, 0, len(envelope) - 1)
    steps = np.repeat(rng.choice([-5, -3, -1, 0, 2, 4, 7], notes) * (notes > 1), -(-frames // notes))[:frames]
    glide = np.convolve(np.pad(steps, 4, "edge"), np.ones(9) / 9, "valid")
    vibrato = rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * _FRAME_S * np.arange(frames))
    held = pitch[middle] * 2 ** ((glide + vibrato) / 12)
    sung = pyworld.synthesize(held, envelope[chosen], aperiodicity[chosen], rate, 1000 * _FRAME_S)
    fade = np.minimum(1, np.minimum(np.arange(len(sung)), np.arange(len(sung))[::-1]) / (0.03 * rate))
    wide = soxr.resample((sung * fade).astype(np.float32), rate, SAMPLE_RATE)
    level = np.sqrt(np.mean(speech[speech != 0] ** 2)) / (np.sqrt(np.mean(wide**2)) + 1e-9)
    return (wide * level).astype(np.float32)


def _vowel(speech: np.ndarray, pitch: np.ndarray, step: int) -> int | None:
    """Frame in the middle of the loudest voiced run that is long enough."""
    voiced = np.concatenate(([0], pitch > 0, [0])).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(voiced) == 1), np.flatnonzero(np.diff(voiced) == -1)
    runs = [(a, b) for a, b in zip(starts, ends, strict=True) if b - a >= _SHORTEST]
    if not runs:
        return None
    first, last = max(runs, key=lambda run: float(np.mean(speech[run[0] * step : run[1] * step] ** 2)))
    return int(first + last) // 2
