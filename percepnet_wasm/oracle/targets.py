"""Ideal gains and strengths of a mix whose clean speech is known: the oracle's, and what the network is trained on.

The clean speech is combed with the period tracked on the noisy signal, so that the targets are what an enhancer can do
(paper, section 3).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..limits import TINY
from ..signal.analysis import Analysis
from ..signal.coherence import attenuation, combed_coherence, strength
from ..signal.comb import noise_power

__all__ = ["Targets", "targets"]


@dataclass
class Targets:
    """Ideal band values, float32 (frames, BANDS) each.

    Attributes
    ----------
    gain : ||X_b|| / ||Y_b|| clipped to [0, 1], times the attenuation where no comb is strong enough.
    plain_gain : the same without the attenuation, for use without the comb.
    strength : r in [0, 1].
    """

    gain: NDArray[np.float32]
    plain_gain: NDArray[np.float32]
    strength: NDArray[np.float32]


def targets(noisy: Analysis, clean: Analysis, period: NDArray[np.intp]) -> Targets:
    """Compare a noisy signal's frames with the clean ones.

    Parameters
    ----------
    noisy, clean : Analysis
        Of the mix, and of the speech in it.
    period : intp (frames,)
        Samples; both were combed with it.

    Returns
    -------
    Targets
    """
    q_x, q_y = clean.coherence, noisy.coherence
    q_p = combed_coherence(q_y, noise_power(period))
    # Limited before the division: a quotient over silence would overflow.
    gain = np.sqrt(np.minimum(clean.energy, noisy.energy) / (noisy.energy + TINY))
    return Targets(gain * attenuation(q_x, q_p), gain, strength(q_x, q_y, q_p))
