"""The back half of the enhancer: band gains and strengths applied to the noisy and the combed spectra."""

import numpy as np
from numpy.typing import NDArray

from ..constants import BINS, HOP
from . import bands
from .analysis import BandAnalysis
from .bands import BANDS
from .coherence import mixed_power
from .stft import OverlapAdd

__all__ = ["Synthesis"]

_TINY = np.float32(1e-30)


class Synthesis:
    """Turns gains and strengths into samples.

    Parameters
    ----------
    block : int
        Frames a call.
    """

    def __init__(self, block: int = 1) -> None:
        self._overlap_add = OverlapAdd(block)
        self._weights = np.zeros((2, block, BANDS), np.float32)
        self._bins = np.zeros((2, block, BINS), np.float32)
        self._spread = bands.spreading(self._weights.reshape(-1, BANDS), self._bins.reshape(-1, BINS))
        self._spectra = np.zeros((2, block, BINS), np.complex64)
        self.samples = np.zeros(block * HOP, np.float32)

    def reset(self) -> None:
        """Forget the frames heard."""
        self._overlap_add.reset()

    def __call__(
        self,
        analysis: BandAnalysis,
        gain: NDArray[np.float32],
        strength: NDArray[np.float32] | None,
        floor: float = 0.0,
    ) -> NDArray[np.float32]:
        """Filter the frames put out, and overlap-add.

        Parameters
        ----------
        analysis : BandAnalysis
            Holds the noisy and combed spectra of the frames.
        gain : float32 (block, BANDS)
        strength : float32 (block, BANDS) or None
            Share of the combed spectrum; None leaves the comb out.
        floor : float
            Share of the noisy signal mixed back in, in [0, 1]: the attenuation limit as an amplitude.

        Returns
        -------
        float32 (block * HOP,)
            Overwritten by the next call.
        """
        combed, plain = self._weights
        if strength is None:
            plain[:] = gain
            combed[:] = 0
        else:
            level = mixed_power(strength, analysis.coherence)
            np.divide(gain, np.sqrt(level, out=level), out=level)
            # p_b is scaled to ||y_b|| before mixing; where the combed band is silent, y_b is too.
            scale = analysis.combed_energy + _TINY
            np.sqrt(np.divide(analysis.energy, scale, out=scale), out=scale)
            np.multiply(level, strength, out=combed)
            np.subtract(level, combed, out=plain)
            combed *= scale
        if floor:
            self._weights *= np.float32(1 - floor)
            plain += np.float32(floor)
        self._spread()
        np.multiply(analysis.pair, self._bins, out=self._spectra)
        filtered, rest = self._spectra
        filtered += rest
        return self._overlap_add(filtered, self.samples)
