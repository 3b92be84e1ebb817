"""Envelope postfilter: attenuate bands further that are still noisy, and keep the frame's energy (paper, section 5)."""

import numpy as np
from numpy.typing import NDArray

from ..limits import TINY

__all__ = ["BETA", "DECISIVENESS", "WARP", "envelope_postfilter", "network_postfilter"]

BETA = 0.02
"""Caps the compensating gain at sqrt((1 + BETA) / (2 sqrt(BETA))), 5.6 dB, reached where E0/E1 = 1/sqrt(BETA)."""

DECISIVENESS = 1.25
"""Power of the network's gains. Where it is unsure it outputs the mean of what may be right, but the ear prefers a
decision. Tuned on development mixes, as was WARP (see build_scripts/train/NOTES.md)."""

WARP = 0.25
"""Power of the paper's sine after a network's gains; a higher one would remove speech that the network had kept."""


def envelope_postfilter(
    gains: NDArray[np.float32], energies: NDArray[np.float32], beta: float = BETA, warp: float = 1.0
) -> NDArray[np.float32]:
    """Sharpen gains: g^w = g sin(pi g / 2)^warp, then one gain per frame that restores the loudness.

    Parameters
    ----------
    gains : float32 (frames, BANDS)
        In [0, 1].
    energies : float32 (frames, BANDS)
        Band energies ||Y_b||^2 of the noisy frame.
    beta : float
        Smaller allows more compensation.
    warp : float
        1 as published; less is milder.

    Returns
    -------
    float32 (frames, BANDS)
        G g^w. E0, E1 and G span all bands of a frame: computed band by band, G would cancel the filter.
    """
    warped = gains * np.sin(np.pi / 2 * gains) ** warp
    before, after = ((g * g * energies).sum(axis=1, dtype=np.float64) for g in (gains, warped))
    ratio = (before + TINY) / (after + TINY)  # E0 / E1
    compensation = np.sqrt((1 + beta) * ratio / (1 + beta * ratio * ratio)).astype(np.float32)
    return warped * compensation[:, None]


def network_postfilter(gains: NDArray[np.float32], energies: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make a trained network's gains decisive, in two steps that are ours, not the paper's.

    Each gain is raised to the power DECISIVENESS, which lowers those that the network was unsure of. Then comes the
    envelope postfilter with the milder WARP; it restores the energy of the raised gains, not of the network's.

    Parameters
    ----------
    gains : float32 (frames, BANDS)
        In [0, 1].
    energies : float32 (frames, BANDS)
        Band energies ||Y_b||^2 of the noisy frame.

    Returns
    -------
    float32 (frames, BANDS)
        Gains of 0 and 1 are unchanged, as long as all of the frame's gains are 0 or 1.
    """
    return envelope_postfilter(gains**DECISIVENESS, energies, warp=WARP)
