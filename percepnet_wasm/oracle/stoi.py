"""Short-time objective intelligibility, in NumPy alone: a page has no SciPy.

The measure, its constants and its resampling are those of its authors' program and of the package ``pystoi``, which
the evaluation uses; a unit test checks that the two agree.
"""

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..signal.stft import overlapping
from .measures import as_pair

__all__ = ["stoi"]

Audio = NDArray[np.float32]
Real = NDArray[np.float64]

_RATE = 10000
"""Hz at which the measure is defined."""
_FRAME, _FFT = 256, 512
_RANGE_DB = 40
"""Frames further below the loudest one of the clean speech count as pauses and are cut out."""
_BANDS, _LOWEST_HZ = 15, 150
"""Third octaves, from this centre frequency on."""
_SEGMENT = 30
"""Frames compared at a time: 384 ms."""
_CLIP = 10 ** (15 / 20)
"""No cell counts as worse than 15 dB of distortion."""
_TINY = float(np.finfo(float).eps)
_WINDOW = np.hanning(_FRAME + 2)[1:-1]


def stoi(clean: Audio, enhanced: Audio) -> float | None:
    """Short-time objective intelligibility, 0 to 1; None for less than 0.4 s of speech.

    Parameters
    ----------
    clean, enhanced : float32 (n,)
        48 kHz, aligned.

    Raises
    ------
    TypeError, ValueError
        Samples are not floating point, finite and mono, or the lengths differ.

    References
    ----------
    Taal, Hendriks, Heusdens, Jensen: An Algorithm for Intelligibility Prediction of Time-Frequency Weighted Noisy
    Speech, IEEE TASLP 2011.
    """
    clean, enhanced = as_pair(clean, enhanced)
    x, y = (_frames(_resampled(signal)) * _WINDOW for signal in (clean, enhanced))
    level = 20 * np.log10(np.sqrt(np.einsum("fn,fn->f", x, x)) + _TINY)
    speech = level > level.max(initial=-np.inf) - _RANGE_DB
    a, b = (_segments(_joined(frames[speech])) for frames in (x, y))
    if not len(a):
        return None
    b = b * (_norm(a) / (_norm(b) + _TINY))
    b = np.minimum(b, a * (1 + _CLIP))
    a, b = (s - s.mean(axis=2, keepdims=True) for s in (a, b))
    return float(np.mean(np.sum(a * b, axis=2) / ((_norm(a) + _TINY) * (_norm(b) + _TINY))[..., 0]))


def _norm(segments: Real) -> Real:
    return np.sqrt(np.sum(segments * segments, axis=2, keepdims=True))


def _frames(signal: Real) -> Real:
    """Half-overlapping frames (frames, _FRAME); one that would end with the signal is left out, as in the original."""
    count = max(0, -(-(len(signal) - _FRAME) // (_FRAME // 2)))
    return overlapping(np.pad(signal, (0, _FRAME)), _FRAME, _FRAME // 2)[:count]


def _joined(frames: Real) -> Real:
    """Overlap-add the frames that are speech."""
    halves = np.zeros((len(frames) + 1, _FRAME // 2))
    halves[:-1] += frames[:, : _FRAME // 2]
    halves[1:] += frames[:, _FRAME // 2 :]
    return halves.ravel() if len(frames) else np.zeros(0)


def _segments(signal: Real) -> Real:
    """Magnitudes in third octaves, (segments, _BANDS, _SEGMENT)."""
    spectra = np.fft.rfft(_frames(signal) * _WINDOW, _FFT)
    bands = np.sqrt(np.einsum("fk,bk->bf", np.abs(spectra) ** 2, _third_octaves()))
    if bands.shape[1] < _SEGMENT:
        return np.zeros((0, _BANDS, _SEGMENT))
    return np.lib.stride_tricks.sliding_window_view(bands, _SEGMENT, axis=1).transpose(1, 0, 2)


def _third_octaves() -> Real:
    """Mark with 1, else 0, the bins of each third octave: (_BANDS, _FFT // 2 + 1)."""
    hertz = np.arange(_FFT // 2 + 1) * _RATE / _FFT
    limits = _LOWEST_HZ * 2 ** ((2 * np.arange(_BANDS + 1) - 1) / 6)
    nearest = np.abs(hertz - limits[:, None]).argmin(axis=1)
    bins = np.arange(len(hertz))
    return ((bins >= nearest[:-1, None]) & (bins < nearest[1:, None])).astype(np.float64)


def _resampled(signal: Audio) -> Real:
    """From SAMPLE_RATE to _RATE by Octave's filter (Kaiser window, 60 dB), a phase of the five at a time."""
    divisor = int(np.gcd(_RATE, SAMPLE_RATE))
    up, down = _RATE // divisor, SAMPLE_RATE // divisor
    cutoff = 1 / (2 * down)
    half = int(np.ceil((60 - 8) / (28.714 * cutoff / 10)))
    taps = np.sinc(2 * cutoff * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, 0.1102 * (60 - 8.7))
    taps *= up / taps.sum()
    result = np.zeros(-(-len(signal) * up // down))
    reach = half // up + 1
    padded = np.pad(signal.astype(np.float64), (reach, reach + down))
    for phase in range(min(up, len(result))):
        # Output m lies at m * down / up of the input; its taps are every up-th of the filter.
        newest, offset = divmod(phase * down + half, up)
        kernel = taps[offset::up][::-1]
        rows = overlapping(padded[reach + newest - len(kernel) + 1 :], len(kernel), down)
        wanted = result[phase::up]
        np.einsum("nk,k->n", rows[: len(wanted)], kernel, out=wanted)
    return result
