"""The 34 triangular bands: what an ear resolves, instead of 481 bins.

A band's tip lies on one of the bins that :func:`edges` generates; a bin between two tips shares its energy between
both bands, and takes its gain from both with the same weights (PercepNet paper, section 2; RNNoise's layout).
"""

import numpy as np
from numpy.typing import NDArray

from .constants import BAND_TOP_HZ, BINS, SAMPLE_RATE, WINDOW
from .linear import apply

__all__ = ["BANDS", "PROJECTION", "INTERPOLATION", "edges", "energies", "interpolate"]

BIN_HZ = SAMPLE_RATE / WINDOW
_NARROWEST = 2
"""Bins: below this a band would hold a single bin and follow the noise, not the envelope."""


def edges() -> NDArray[np.intp]:
    """Generate the band edges in bins, from 20 kHz down in steps of one equivalent rectangular bandwidth.

    Returns
    -------
    intp (35,)
        Ascending; the first is 0, the others are the bands' tips.

    References
    ----------
    ERB of Glasberg and Moore (1990), 24.7 (4.37 f/kHz + 1) Hz; the recursion is RNNoise 0.2's.
    """
    bins = [round(BAND_TOP_HZ / BIN_HZ)]
    while bins[-1] > 0:
        kilohertz = bins[-1] * BIN_HZ / 1000
        bandwidth = 24.7 * (4.37 * kilohertz + 1) / BIN_HZ
        bins.append(bins[-1] - max(_NARROWEST, round(bandwidth)))
    return np.array(bins[::-1], dtype=np.intp)


BANDS = len(edges()) - 1
"""Bands, each with a gain and a strength."""


def _interpolation() -> NDArray[np.float32]:
    """Weights (BINS, BANDS) of each band's gain in each bin; every row sums to 1."""
    tips = edges()[1:]
    weights = np.zeros((BINS, BANDS), dtype=np.float32)
    # np.interp holds the end values: flat below the first tip and above the last.
    for band in range(BANDS):
        weights[:, band] = np.interp(np.arange(BINS), tips, np.eye(BANDS)[band])
    return weights


INTERPOLATION = _interpolation()
"""float32 (BINS, BANDS): from band values to bins."""

_TOP = int(edges()[-1]) + 1
PROJECTION = np.ascontiguousarray(INTERPOLATION[:_TOP].T)
"""float32 (BANDS, 401): from bin powers to band energies; bins above 20 kHz belong to no band."""


def energies(power: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Sum a quantity per bin over the bands.

    Parameters
    ----------
    power : float32 (frames, BINS)
        Squared magnitudes, or products of two spectra.
    out : float32 (frames, BANDS), optional

    Returns
    -------
    float32 (frames, BANDS)
    """
    return apply(PROJECTION, power[:, :_TOP], np.empty((len(power), BANDS), np.float32) if out is None else out)


def interpolate(values: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Spread band values over the bins, linearly between the tips.

    Parameters
    ----------
    values : float32 (frames, BANDS)
    out : float32 (frames, BINS), optional

    Returns
    -------
    float32 (frames, BINS)
    """
    return apply(INTERPOLATION, values, np.empty((len(values), BINS), np.float32) if out is None else out)
