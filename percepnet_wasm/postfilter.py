"""Envelope postfilter: push bands that are still noisy further down, keep the frame's energy (paper, section 5)."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["BETA", "DECISIVENESS", "WARP", "envelope_postfilter", "network_postfilter"]

BETA = 0.02
"""Caps the compensating gain at sqrt((1 + BETA) / (2 sqrt(BETA))), 5.6 dB, reached where E0/E1 = 1/sqrt(BETA)."""

DECISIVENESS = 1.25
"""Power of the network's gains. Where it is unsure it answers with the mean of what may be right, and the ear prefers a
decision. Found on development mixes, as was WARP (see the model card)."""

WARP = 0.25
"""Power of the paper's sine behind a network's gains; more takes speech along that the network had kept."""

_TINY = np.float32(1e-30)


def envelope_postfilter(
    gains: NDArray[np.float32], energies: NDArray[np.float32], beta: float = BETA, warp: float = 1.0
) -> NDArray[np.float32]:
    """Sharpen gains: g^w = g sin(pi g / 2)^warp, then one gain per frame that gives the loudness back.

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
        G g^w. E0, E1 and G are over all bands of a frame: band by band, G would cancel the filter.
    """
    warped = gains * np.sin(np.float32(np.pi / 2) * gains) ** np.float32(warp)
    before = np.einsum("kb,kb,kb->k", gains, gains, energies)
    after = np.einsum("kb,kb,kb->k", warped, warped, energies)
    ratio = (before + _TINY) / (after + _TINY)
    compensation = np.sqrt((1 + np.float32(beta)) * ratio / (1 + np.float32(beta) * ratio * ratio))
    return warped * compensation[:, None]


def network_postfilter(gains: NDArray[np.float32], energies: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make a trained network's gains decisive: their power DECISIVENESS, and a mild envelope postfilter (ours).

    Parameters
    ----------
    gains : float32 (frames, BANDS)
        In [0, 1].
    energies : float32 (frames, BANDS)
        Band energies ||Y_b||^2 of the noisy frame.

    Returns
    -------
    float32 (frames, BANDS)
    """
    return envelope_postfilter(gains ** np.float32(DECISIVENESS), energies, warp=WARP)
