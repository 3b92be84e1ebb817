"""The back half of the enhancer: band gains and strengths applied to the noisy and the combed spectra."""

import numpy as np
from numpy.typing import NDArray

from ..limits import TINY
from .analysis import Analysis
from .bands import spread
from .coherence import mixed_power
from .stft import IstftState, istft

__all__ = ["synthesise"]


def synthesise(
    noisy: Analysis,
    gain: NDArray[np.float32],
    strength: NDArray[np.float32] | None,
    state: IstftState,
    floor: float = 0.0,
) -> NDArray[np.float32]:
    """Filter a stream's next frames and turn them into samples.

    Parameters
    ----------
    noisy : Analysis
    gain : float32 (frames, BANDS)
        g of the paper.
    strength : float32 (frames, BANDS) or None
        r of the paper, the share of the combed spectrum; None leaves the comb out.
    state : IstftState
    floor : float
        Share of the noisy signal mixed back in, in [0, 1]: the attenuation limit as an amplitude.

    Returns
    -------
    float32 (frames * HOP,)
    """
    if strength is None:
        enhanced = spread(gain) * noisy.spectra
    else:
        # The comb removes energy, so p_b is scaled to ||y_b|| before mixing. Where p_b is silent, so is y_b.
        level: NDArray[np.float32] = np.divide(gain, np.sqrt(mixed_power(strength, noisy.coherence)))
        scale = np.sqrt(noisy.energy / (noisy.combed_energy + TINY))
        combed = level * strength
        plain = level - combed
        enhanced = spread(plain) * noisy.spectra
        enhanced += spread(combed * scale) * noisy.combed
    if floor:
        enhanced = floor * noisy.spectra + (1 - floor) * enhanced
    return istft(enhanced, state)
