"""Comb filter on the pitch: average the frame with its neighbours a whole number of periods away.

Periodic speech adds up, everything else averages out (paper, section 3). The filter is non-causal: future taps reach
only as far as the look-ahead has brought samples; the others are dropped and the weights renormalised.
"""

import numpy as np
from numpy.typing import NDArray

from ..constants import BINS, COMB_TAPS_SIDE, HOP, LAG_MAX, LOOKAHEAD, WINDOW
from .stft import analyse

__all__ = ["CombedFrames", "FUTURE", "future_taps", "noise_power", "taps"]

FUTURE = LOOKAHEAD * HOP
"""Samples known beyond the window of the frame put out."""

PAST = COMB_TAPS_SIDE * LAG_MAX
"""Samples needed before it."""


def taps(future: int) -> NDArray[np.float32]:
    """Comb weights w_k for k = -5 .. ``future`` periods.

    Parameters
    ----------
    future : int
        Taps in the future, 0 to 5.

    Returns
    -------
    float32 (6 + future,)
        Inner points of a Hann window, first the oldest tap; they sum to 1.
    """
    hann = np.hanning(2 * COMB_TAPS_SIDE + 3)[1:-1]
    kept = hann[: COMB_TAPS_SIDE + 1 + future]
    return (kept / kept.sum()).astype(np.float32)


_TAPS = [taps(k) for k in range(COMB_TAPS_SIDE + 1)]
_NOISE_POWER = np.array([np.sum(w.astype(np.float64) ** 2) for w in _TAPS], np.float32)


def future_taps(period: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many future taps the look-ahead affords at a period (samples): 5 above 250 Hz, 1 below 100 Hz."""
    return np.minimum(FUTURE // period, COMB_TAPS_SIDE)


def noise_power(period: NDArray[np.intp]) -> NDArray[np.float32]:
    """Power sigma_w^2 = sum w_k^2 that white noise keeps through the comb at a period (samples)."""
    return _NOISE_POWER[future_taps(period)]


class CombedFrames:
    """Keeps a signal's past and puts out each frame's spectrum, plain and combed, LOOKAHEAD frames late.

    Parameters
    ----------
    block : int
        Frames a call.

    Attributes
    ----------
    samples : float32 (PAST + WINDOW + FUTURE + (block - 1) * HOP,)
        The newest samples, oldest first.
    spectra : complex64 (LOOKAHEAD + block, BINS)
        Of all frames since the oldest put out: the last ``block`` rows are the newest frames, the first the output's.
    pair : complex64 (2, block, BINS)
        Of the frames to be put out, combed and plain.
    """

    def __init__(self, block: int = 1) -> None:
        self.block = block
        self.samples = np.zeros(PAST + WINDOW + FUTURE + (block - 1) * HOP, np.float32)
        spectra = np.zeros((block + LOOKAHEAD + block, BINS), np.complex64)
        self.spectra = spectra[block:]
        self.pair = spectra[: 2 * block].reshape(2, block, BINS)
        self._combed = np.zeros((block, WINDOW), np.float32)
        self._work = np.zeros((block, WINDOW), np.float32)
        fresh = block * HOP
        self._older, self._newer, self._fresh = self.samples[:-fresh], self.samples[fresh:], self.samples[-fresh:]
        self._waiting, self._next = self.spectra[:LOOKAHEAD], self.spectra[-LOOKAHEAD:]
        self._newest_spectra = self.spectra[LOOKAHEAD:]
        stride = self.samples.strides[0]
        first = len(self.samples) - WINDOW - (block - 1) * HOP
        self._newest = np.ndarray((block, WINDOW), np.float32, self.samples, first * stride, (HOP * stride, stride))

    def reset(self) -> None:
        """Forget the signal."""
        self.samples[:] = 0
        self.spectra[:] = 0
        self.pair[:] = 0

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take ``block`` hops of samples, float32 (block * HOP,), and analyse their frames."""
        self._older[:] = self._newer
        self._fresh[:] = samples
        self._waiting[:] = self._next
        analyse(self._newest, self._work, self._newest_spectra)

    def comb(self, period: NDArray[np.intp]) -> NDArray[np.complex64]:
        """Comb the frames to be put out.

        Parameters
        ----------
        period : intp (block,)
            Pitch period of each output frame in samples, LAG_MIN to LAG_MAX.

        Returns
        -------
        complex64 (block, BINS)
            Spectra of the combed frames; overwritten by the next call.
        """
        stride = self.samples.itemsize
        for k, (lag, combed) in enumerate(zip(period.tolist(), self._combed, strict=True)):
            future = min(FUTURE // lag, COMB_TAPS_SIDE)
            oldest = PAST + k * HOP - COMB_TAPS_SIDE * lag
            shape = (COMB_TAPS_SIDE + 1 + future, WINDOW)
            shifted = np.ndarray(shape, np.float32, self.samples, oldest * stride, (lag * stride, stride))
            np.einsum("k,kn->n", _TAPS[future], shifted, out=combed)
        return analyse(self._combed, self._work, self.pair[0])
