"""Correlation of a signal with its own past, for all pitch lags: the front half of the pitch tracker.

At 16 kHz, on a spectrally flattened copy, so that neither a formant nor a loud hum decides.
"""

import numpy as np
from numpy.typing import NDArray

from ..constants import HOP, LAG_MAX, LAG_MIN, SAMPLE_RATE

__all__ = ["Correlation"]

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
ROUNDING = np.float32(1e-5)
"""Of the segment's energy: a part of it that is fainter cannot be told from errors of rounding."""

_HOP = HOP // DECIMATION
_TINY = np.float32(1e-30)
_FLATTENING, _MINUS_ONE, _ONE, _TWO = np.float32(FLATTENING), np.float32(-1), np.float32(1), np.float32(2)
_REFERENCE_AND_MARGIN = np.array([-1, 1 + ROUNDING], np.float32)


def _lowpass(length: int = 48) -> NDArray[np.float32]:
    """Windowed sinc at the edge of the decimated band, sum 1."""
    n = np.arange(length) - (length - 1) / 2
    taps = np.sinc(n * 0.9 / DECIMATION) * np.hamming(length)
    return (taps / taps.sum()).astype(np.float32)


def _highpass(length: int = 256) -> NDArray[np.float32]:
    """Minimum-phase impulse response of two one-pole high-passes at RUMBLE_HZ, no gain at 0 Hz."""
    n = np.arange(length)
    pole = np.exp(-2 * np.pi * RUMBLE_HZ * DECIMATION / SAMPLE_RATE)
    taps = np.convolve((n + 1) * pole**n, [1, -2, 1])[:length]
    taps[0] -= taps.sum()
    return taps[::-1].astype(np.float32)


LOWPASS = _lowpass()
HIGHPASS = _highpass()


class Correlation:
    """Decimates and correlates a stream.

    Parameters
    ----------
    block : int
        Frames a call.
    out : float32 (block, LAGS)
        Written at each call: 2 Sxy / (Ex + Ey) of the newest REFERENCE samples and those a lag before, -1 to 1.
    """

    def __init__(self, block: int, out: NDArray[np.float32]) -> None:
        decimated = np.zeros(SEGMENT + (block - 1) * _HOP, np.float32)
        stride, fresh = decimated.itemsize, block * _HOP
        self._segments = np.ndarray((block, SEGMENT), np.float32, decimated, 0, (_HOP * stride, stride))
        self._kept, self._newer = decimated[:-fresh], decimated[fresh:]
        self._highpass = _Fir(HIGHPASS, 1, fresh, decimated[-fresh:])
        self._lowpass = _Fir(LOWPASS, DECIMATION, block * HOP, self._highpass.fresh)
        self._spectrum, self._reference_spectrum = np.zeros((2, block, SEGMENT // 2 + 1), np.complex64)
        self._weight = np.zeros((block, SEGMENT // 2 + 1), np.float32)
        flat, cross, reference = self._flat, self._cross, self._reference = np.zeros((3, block, SEGMENT), np.float32)
        # Backwards in time, a reference's product with the segment is their correlation. The segment is as long as
        # reference and lags together, so nothing wraps.
        self._newest, self._backwards = flat[:, : LAST_LAG - 1 : -1], reference[:, 1 : REFERENCE + 1]
        self._by_lag = cross[:, SEGMENT - FIRST_LAG : SEGMENT - LAST_LAG - 1 : -1]
        energy = np.zeros((block, SEGMENT + 1), np.float32)
        # What came before the reference, and all.
        self._energy, self._older_and_total = energy[:, 1:], energy[:, LAST_LAG::REFERENCE]
        self._norm = np.zeros((block, 1), np.float32)
        self._norms = self._norm[:, 0]
        self._ends = energy[:, LAST_LAG - FIRST_LAG + REFERENCE : REFERENCE - 1 : -1]
        self._starts = energy[:, LAST_LAG - FIRST_LAG :: -1]
        self._out = out

    def reset(self) -> None:
        """Forget the signal."""
        self._segments[:] = 0
        self._lowpass.reset()
        self._highpass.reset()

    def __call__(self, samples: NDArray[np.float32]) -> None:
        """Take float32 (block * HOP,) samples."""
        self._kept[:] = self._newer
        self._lowpass.fresh[:] = samples
        self._lowpass()
        self._highpass()
        spectrum, weight, out = self._spectrum, self._weight, self._out
        np.fft.rfft(self._segments, out=spectrum)  # type: ignore  # stubs: complex128 only
        np.power(np.abs(spectrum, out=weight), _FLATTENING, out=weight)
        np.add(weight, _TINY, out=weight)
        np.divide(spectrum, weight, out=spectrum)
        np.fft.irfft(spectrum, SEGMENT, out=self._flat)  # type: ignore  # stubs: float64 only
        np.cumsum(np.multiply(self._flat, self._flat, out=self._cross), axis=1, out=self._energy)
        np.multiply(self._newest, _TWO, out=self._backwards)
        np.fft.rfft(self._reference, out=self._reference_spectrum)  # type: ignore  # stubs: complex128 only
        np.multiply(spectrum, self._reference_spectrum, out=spectrum)
        np.fft.irfft(spectrum, SEGMENT, out=self._cross)  # type: ignore  # stubs: float64 only
        # Sums of squares only grow, so no difference of two is negative.
        np.subtract(self._ends, self._starts, out=out)
        # What is 50 dB below the rest of the segment drowns in rounding: it scores 0, not a quotient of two errors.
        np.einsum("ke,e->k", self._older_and_total, _REFERENCE_AND_MARGIN, out=self._norms)
        np.add(self._norm, _TINY, out=self._norm)
        np.add(out, self._norm, out=out)
        np.divide(self._by_lag, out, out=out)
        np.minimum(np.maximum(out, _MINUS_ONE, out=out), _ONE, out=out)


class _Fir:
    """Filters a stream and keeps every ``step``-th sample.

    Parameters
    ----------
    reversed_taps : float32 (taps,)
    step : int
    samples : int
        A call, a multiple of ``step``.
    out : float32 (samples / step,)
        Written at each call.

    Attributes
    ----------
    fresh : float32 (samples,)
        To be filled before each call.
    """

    def __init__(self, reversed_taps: NDArray[np.float32], step: int, samples: int, out: NDArray[np.float32]) -> None:
        self._taps, self._out = reversed_taps, out
        self._line = line = np.zeros(len(reversed_taps) - step + samples, np.float32)
        self.fresh = line[-samples:]
        self._kept, self._newer = line[:-samples], line[samples:]
        stride = line.itemsize
        self._rows = np.ndarray((len(out), len(reversed_taps)), np.float32, line, 0, (step * stride, stride))

    def reset(self) -> None:
        self._line[:] = 0

    def __call__(self) -> None:
        np.einsum("nk,k->n", self._rows, self._taps, out=self._out)
        self._kept[:] = self._newer
