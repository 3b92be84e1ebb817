"""Correlation of a signal with its own past, for all pitch lags: the front half of the pitch tracker.

It works at 16 kHz, on a spectrally flattened copy, so that neither a formant nor a loud hum dominates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..constants import HOP, LAG_MAX, LAG_MIN, SAMPLE_RATE
from ..limits import TINY
from .state import zeros
from .stft import overlapping

__all__ = ["CorrelationState", "correlate"]

DECIMATION = 3
FIRST_LAG, LAST_LAG = LAG_MIN // DECIMATION, LAG_MAX // DECIMATION
"""At 16 kHz."""
LAGS = LAST_LAG - FIRST_LAG + 1
REFERENCE = 512
"""Samples at 16 kHz that are correlated with their past: two periods of the lowest voice."""
SEGMENT = REFERENCE + LAST_LAG
RUMBLE_HZ = 100
"""High-pass before the correlation: rumble, mains hum or an offset would correlate at every lag."""
FLATTENING = 0.2
"""Exponent of the spectral flattening: 0 leaves the spectrum, 1 makes it white."""
ROUNDING = 1e-5
"""Share of a segment's energy below which a part of it cannot be distinguished from rounding errors."""

_HOP = HOP // DECIMATION


def _lowpass(length: int = 48) -> NDArray[np.float32]:
    """Windowed sinc that cuts off at the edge of the decimated band; its taps sum to 1."""
    n = np.arange(length) - (length - 1) / 2
    taps = np.sinc(n * 0.9 / DECIMATION) * np.hamming(length)
    return (taps / taps.sum()).astype(np.float32)


def _highpass(length: int = 256) -> NDArray[np.float32]:
    """Minimum-phase impulse response of two one-pole high-passes at RUMBLE_HZ; its gain at 0 Hz is zero."""
    n = np.arange(length)
    pole = np.exp(-2 * np.pi * RUMBLE_HZ * DECIMATION / SAMPLE_RATE)
    taps = np.convolve((n + 1) * pole**n, [1, -2, 1])[:length]
    taps[0] -= taps.sum()
    return taps[::-1].astype(np.float32)


LOWPASS = _lowpass()
HIGHPASS = _highpass()


@dataclass
class CorrelationState:
    """What :func:`correlate` remembers of a stream: the past of both filters, and the decimated signal's."""

    lowpass: NDArray[np.float32] = zeros(len(LOWPASS) - DECIMATION)
    highpass: NDArray[np.float32] = zeros(len(HIGHPASS) - 1)
    decimated: NDArray[np.float32] = zeros(SEGMENT - _HOP)


def correlate(samples: NDArray[np.float32], state: CorrelationState) -> NDArray[np.float32]:
    """Correlate a stream's next samples with their past.

    Parameters
    ----------
    samples : float32 (frames * HOP,)
    state : CorrelationState

    Returns
    -------
    float32 (frames, LAGS)
        2 Sxy / (Ex + Ey) of the newest REFERENCE samples, x, and those one lag earlier, y: -1 to 1.
    """
    decimated, state.lowpass = _filtered(samples, state.lowpass, LOWPASS, DECIMATION)
    decimated, state.highpass = _filtered(decimated, state.highpass, HIGHPASS)
    line = np.concatenate((state.decimated, decimated))
    state.decimated = line[len(decimated) :].copy()
    segments = overlapping(line, SEGMENT, _HOP)

    spectrum = np.fft.rfft(segments)
    spectrum /= np.abs(spectrum) ** FLATTENING + TINY
    flat = np.fft.irfft(spectrum, SEGMENT)
    # Indexed by the sample at which y begins. A segment is as long as x and all lags together, so nothing wraps around.
    newest = np.fft.rfft(flat[:, LAST_LAG:], SEGMENT).conj()
    cross = np.fft.irfft(spectrum * newest, SEGMENT)
    # A running sum of squares never falls, so no difference of two is negative.
    sums = np.zeros((len(flat), SEGMENT + 1), np.float32)
    np.cumsum(flat * flat, axis=1, out=sums[:, 1:])
    energy = sums[:, REFERENCE:] - sums[:, :-REFERENCE]
    # Anything 50 dB below the rest of the segment is lost to rounding: it scores 0, not a quotient of two errors.
    margin = ROUNDING * sums[:, -1:] + TINY
    by_lag = slice(LAST_LAG - FIRST_LAG, None, -1)
    correlations = 2 * cross[:, by_lag] / (energy[:, -1:] + energy[:, by_lag] + margin)
    return correlations.clip(-1, 1)


def _filtered(
    samples: NDArray[np.float32], past: NDArray[np.float32], reversed_taps: NDArray[np.float32], step: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Filter a stream's next samples and keep every ``step``-th; return these and the past for the next call."""
    line = np.concatenate((past, samples))
    filtered = np.einsum("nk,k->n", overlapping(line, len(reversed_taps), step), reversed_taps)
    return filtered, line[len(samples) :].copy()
