"""The 34 triangular bands: the resolution of the ear, instead of 481 bins.

A band's tip lies on one of the bins that :func:`edges` generates; a bin between two tips shares its energy between
both bands, and takes its gain from both with the same weights (PercepNet paper, section 2; RNNoise's layout).
"""

import numpy as np
from numpy.typing import NDArray

from ..constants import BAND_TOP_HZ, BINS, SAMPLE_RATE, WINDOW

__all__ = ["BANDS", "FALL", "INTERPOLATION", "LOWER", "RISE", "UPPER", "edges", "energies", "spread"]

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

_FEET, _TIPS = edges()[:-1], edges()[1:]
"""Where each band's energy begins to rise, and where it is highest."""
_TOP = int(_TIPS[-1]) + 1
"""Bins that belong to a band: those above 20 kHz belong to none."""

UPPER = np.minimum(np.searchsorted(_TIPS, np.arange(BINS), side="right"), BANDS - 1)
"""intp (BINS,): the upper of the two bands that share a bin; below the first tip and above the last the only one."""

LOWER = np.where(np.arange(BINS) < _TIPS[-1], np.maximum(UPPER - 1, 0), BANDS - 1)

RISE = INTERPOLATION[np.arange(BINS), UPPER]
"""float32 (BINS,): share of each bin that belongs to the upper band."""

FALL = np.where(LOWER < UPPER, 1 - RISE, 0).astype(np.float32)
"""The lower band's share, where they are two."""


def energies(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum a quantity per bin over the bands.

    A bin belongs to at most two bands, so a full matrix product is not needed: each band is the sum of its rising
    flank, below the tip, and its falling flank, above it.

    Parameters
    ----------
    power : float32 (..., BINS)
        Squared magnitudes, or products of two spectra.

    Returns
    -------
    float32 (..., BANDS)
    """
    inside = power[..., :_TOP]
    rising = np.add.reduceat(RISE[:_TOP] * inside, _FEET, axis=-1)
    falling = np.add.reduceat(FALL[:_TOP] * inside, _TIPS, axis=-1)
    return rising + falling


def spread(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spread band values over the bins, linearly between the tips.

    Parameters
    ----------
    values : float32 (frames, BANDS)

    Returns
    -------
    float32 (frames, BINS)
    """
    lower, upper = values.take(LOWER, axis=1), values.take(UPPER, axis=1)
    return lower + RISE * (upper - lower)
