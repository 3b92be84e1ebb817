"""Comb filter on the pitch: average the frame with its neighbours a whole number of periods away.

Periodic speech adds up, everything else averages out (paper, section 3). The filter is non-causal: future taps reach
only as far as the look-ahead has brought samples; the others are dropped and the weights renormalised.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..constants import COMB_TAPS_SIDE, HOP, LAG_MAX, LOOKAHEAD, WINDOW
from .state import zeros
from .stft import overlapping

__all__ = ["CombState", "FUTURE", "comb", "future_taps", "noise_power", "taps"]

FUTURE = LOOKAHEAD * HOP
"""Samples known beyond the output frame's window."""

PAST = COMB_TAPS_SIDE * LAG_MAX
"""Samples needed before it."""


def taps(future: int) -> NDArray[np.float32]:
    """Comb weights w_k for k = -5 .. ``future`` periods.

    Parameters
    ----------
    future : int
        Number of future taps, 0 to 5.

    Returns
    -------
    float32 (6 + future,)
        Inner points of a Hann window, oldest tap first; they sum to 1.
    """
    hann = np.hanning(2 * COMB_TAPS_SIDE + 3)[1:-1]
    kept = hann[: COMB_TAPS_SIDE + 1 + future]
    return (kept / kept.sum()).astype(np.float32)


_TAPS = [taps(k) for k in range(COMB_TAPS_SIDE + 1)]
_NOISE_POWER = np.array([np.sum(w.astype(np.float64) ** 2) for w in _TAPS], np.float32)


def future_taps(period: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many future taps the look-ahead allows at a period (samples): 5 above 250 Hz, 1 below 100 Hz."""
    return np.minimum(FUTURE // period, COMB_TAPS_SIDE)


def noise_power(period: NDArray[np.intp]) -> NDArray[np.float32]:
    """Share of white noise's power that passes the comb at a period (samples): sigma_w^2 = sum w_k^2."""
    return _NOISE_POWER[future_taps(period)]


@dataclass
class CombState:
    """What :func:`comb` remembers of a stream: its samples, back to the oldest tap of the next frame."""

    samples: NDArray[np.float32] = zeros(PAST + WINDOW + FUTURE - HOP)


def comb(samples: NDArray[np.float32], period: NDArray[np.intp], state: CombState) -> NDArray[np.float32]:
    """Comb-filter the output frames, LOOKAHEAD frames behind the stream's next samples.

    Parameters
    ----------
    samples : float32 (frames * HOP,)
    period : intp (frames,)
        Pitch period of each output frame in samples, LAG_MIN to LAG_MAX.
    state : CombState

    Returns
    -------
    float32 (frames, WINDOW)
        sum_k w_k x(n + k T), not yet windowed.
    """
    line = np.concatenate((state.samples, samples))
    state.samples = line[len(samples) :].copy()
    combed = np.empty((len(period), WINDOW), np.float32)
    for frame, (lag, future) in enumerate(zip(period.tolist(), future_taps(period).tolist(), strict=True)):
        oldest = PAST + frame * HOP - COMB_TAPS_SIDE * lag
        # One row per tap, each a period later than the one before.
        shifted = overlapping(line[oldest:], WINDOW, lag)[: COMB_TAPS_SIDE + 1 + future]
        np.einsum("k,kn->n", _TAPS[future], shifted, out=combed[frame])
    return combed
