"""The features of a frame, which the network reads: 70 numbers (paper, section 4), or these and 68 more.

They are 34 log energies of the newest frame (the look-ahead), then, for the output frame, 34 coherences, the pitch
period and the correlation at that period. Batch and streaming both use this one function. A model may also read each
band's energy relative to its recent past (:mod:`.levels`); its file says which feature set it reads.
"""

import numpy as np
from numpy.typing import NDArray

from ..constants import LAG_MAX, LAG_MIN, WINDOW
from .bands import BANDS

__all__ = ["FEATURES", "FEATURE_SETS", "features"]

FEATURES = 2 * BANDS + 2
"""Features per frame: energies, coherences, period, correlation."""

FEATURE_SETS = {"paper": FEATURES, "levels": FEATURES + 2 * BANDS}
"""Features per frame that a model may read: the paper's, or these and each band's levels above its floor and below
its peak."""

ENERGY_FLOOR = np.float32(WINDOW * 1e-10)
"""A band's energy in about -100 dBFS of white noise, below which differences do not matter."""

_PERIODS = np.maximum(np.arange(LAG_MAX + 1), LAG_MIN)
OCTAVES = (np.log2(_PERIODS / LAG_MIN) / np.log2(LAG_MAX / LAG_MIN)).astype(np.float32)
"""By period: octaves above the shortest, 0 to 1."""


def features(
    newest_energy: NDArray[np.float32],
    coherence: NDArray[np.float32],
    period: NDArray[np.intp],
    correlation: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Assemble the features; the network normalises them by the statistics stored with its weights.

    Parameters
    ----------
    newest_energy : float32 (frames, BANDS)
        ||Y_b||^2 of frame l + LOOKAHEAD.
    coherence : float32 (frames, BANDS)
        q_y of frame l.
    period : intp (frames,)
        Pitch period of frame l in samples.
    correlation : float32 (frames,)
        Normalised correlation at that period.

    Returns
    -------
    float32 (frames, FEATURES)
        log10 of the energies over a floor; coherences; octaves of the period above the shortest, 0 to 1; correlation.
    """
    log_energy = np.log10(newest_energy + ENERGY_FLOOR)
    return np.concatenate((log_energy, coherence, OCTAVES[period][:, None], correlation[:, None]), axis=1)
