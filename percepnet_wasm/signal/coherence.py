"""How periodic each band is, and the comb strength that makes it as periodic as clean speech (paper, section 3).

Names follow the paper: ``q_y`` is the coherence of the noisy frame y with its combed version p, ``q_x`` the clean
speech's, ``q_p`` the combed frame's own. Bands are written ``b``; arrays are float32 (frames, BANDS).
"""

import numpy as np
from numpy.typing import NDArray

from ..limits import TINY

Bands = NDArray[np.float32]

__all__ = ["ATTENUATION_FLOOR", "attenuation", "coherence", "combed_coherence", "mixed_power", "strength"]

ATTENUATION_FLOOR = 0.03
"""n0 of the paper: keeps the attenuation finite where the comb is perfect (15 dB at most)."""


def coherence(cross: Bands, energy: Bands, combed_energy: Bands) -> Bands:
    """Coherence q = Re<p, y> / (||p|| ||y||), with negative values set to 0.

    Parameters
    ----------
    cross : float32 (frames, BANDS)
        Re<p_b, y_b>.
    energy, combed_energy : float32 (frames, BANDS)
        ||y_b||^2 and ||p_b||^2.

    Returns
    -------
    float32 (frames, BANDS)
        In [0, 1]; 0 in silence.
    """
    norm = np.sqrt(energy) * np.sqrt(combed_energy) + TINY  # the product of the energies would overflow
    return np.minimum(np.maximum(cross, 0) / norm, 1)


def combed_coherence(q_y: Bands, noise_power: NDArray[np.float32]) -> Bands:
    """Coherence q_p of the combed frame with the clean periodic part.

    Parameters
    ----------
    q_y : float32 (frames, BANDS)
    noise_power : float32 (frames,)
        sigma_w^2 of the comb used (:func:`percepnet_wasm.signal.comb.noise_power`).

    Returns
    -------
    float32 (frames, BANDS)
        q_y / sqrt((1 - sigma_w^2) q_y^2 + sigma_w^2).
    """
    sigma = noise_power[:, None]
    return q_y / np.sqrt((1 - sigma) * q_y * q_y + sigma)


def strength(q_x: Bands, q_y: Bands, q_p: Bands) -> Bands:
    """Strength r at which (1 - r) y_b + r p_b, with p_b scaled to ||y_b||, is as coherent as clean speech.

    Parameters
    ----------
    q_x, q_y, q_p : float32 (frames, BANDS)

    Returns
    -------
    float32 (frames, BANDS)
        In [0, 1]: 0 where the noisy frame is periodic enough (q_x <= q_y), 1 where even the combed one is not
        (q_p < q_x; see :func:`attenuation`).

    Notes
    -----
    alpha = (sqrt(b^2 + a (q_x^2 - q_y^2)) - b) / a, r = alpha / (1 + alpha), a = q_p^2 - q_x^2,
    b = q_p q_y (1 - q_x^2). Multiplying by the root's conjugate gives alpha = (q_x^2 - q_y^2) / (root + b), which also
    holds at a = 0 and loses no digits near it. Computed in float64, because the differences of squares cancel.
    """
    x, y, p = (np.asarray(q, np.float64) for q in (q_x, q_y, q_p))
    wanted = x * x - y * y
    a = p * p - x * x
    b = p * y * (1 - x * x)
    root = np.sqrt(np.maximum(b * b + a * wanted, 0))
    alpha = np.maximum(wanted, 0) / np.maximum(root + b, 1e-12)
    r = alpha / (1 + alpha)
    return np.where(wanted <= 0, 0, np.where(a < 0, 1, r)).astype(np.float32)


def attenuation(q_x: Bands, q_p: Bands) -> Bands:
    """Extra gain g_att where even the combed frame is not periodic enough (q_p < q_x).

    Parameters
    ----------
    q_x, q_p : float32 (frames, BANDS)

    Returns
    -------
    float32 (frames, BANDS)
        sqrt((1 + n0 - q_x^2) / (1 + n0 - q_p^2)) there, else 1.
    """
    ratio = (1 + ATTENUATION_FLOOR - q_x * q_x) / (1 + ATTENUATION_FLOOR - q_p * q_p)
    return np.where(q_p < q_x, np.sqrt(np.minimum(ratio, 1)), np.float32(1))


def mixed_power(r: Bands, q_y: Bands) -> Bands:
    """Power of (1 - r) y_b + r p_b relative to ||y_b||^2, with p_b scaled to ||y_b||.

    The comb removes noise, and energy with it; dividing by the square root of this restores the envelope on which the
    gain is defined. It is never below 1/2.
    """
    return 1 - 2 * r * (1 - r) * (1 - q_y)  # (1 - r)^2 + r^2 + 2 r (1 - r) q_y
