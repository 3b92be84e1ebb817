"""The front half of the enhancer: samples in; spectra, comb, coherences and features out, LOOKAHEAD frames late.

The enhancer, the oracle and the training data all use this one class, a frame or a whole file at a time.
"""

import numpy as np
from numpy.typing import NDArray

from ..constants import BINS, LOOKAHEAD
from . import bands
from .bands import BANDS
from .coherence import coherence
from .comb import CombedFrames
from .features import FEATURES, features
from .pitch import PitchTracker

__all__ = ["Analysis", "BandAnalysis"]


class BandAnalysis:
    """Spectra of a signal and of its combed copy, compared band by band.

    Parameters
    ----------
    block : int
        Frames a call.

    Attributes
    ----------
    spectra, combed : complex64 (block, BINS)
        Y and P of the frames put out.
    pair : complex64 (2, block, BINS)
        The same, P first.
    energy, combed_energy, coherence : float32 (block, BANDS)
        ||Y_b||^2, ||P_b||^2 and q_y of the same frames.
    newest_energy : float32 (block, BANDS)
        ||Y_b||^2 of the newest frames.
    """

    def __init__(self, block: int = 1) -> None:
        self.block = block
        self.frames = CombedFrames(block)
        self.pair = self.frames.pair
        self.combed, self.spectra = self.pair
        # By rows: energies of the frames waiting and of the newest, of the combed ones, and the products of both.
        sums = np.zeros((LOOKAHEAD + 3 * block, BANDS), np.float32)
        self._energies = sums[: LOOKAHEAD + block]
        self.energy, self.newest_energy = self._energies[:block], self._energies[LOOKAHEAD:]
        self.combed_energy, self._cross = sums[-2 * block : -block], sums[-block:]
        self._waiting, self._next = self._energies[:LOOKAHEAD], self._energies[-LOOKAHEAD:]
        self.coherence = np.zeros((block, BANDS), np.float32)
        # Real and imaginary parts lie side by side: one product of floats makes both.
        self._newest = self.frames.spectra[LOOKAHEAD:].view(np.float32)
        self._pair, self._combed = self.pair.view(np.float32), self.combed.view(np.float32)
        products = np.zeros((3 * block, 2 * BINS), np.float32)
        self._newest_squares, self._pair_products = products[:block], products[block:].reshape(2, block, -1)
        self._real, self._imaginary = products[:, 0::2], products[:, 1::2]
        self._power = np.zeros((3 * block, BINS), np.float32)
        self._sum = bands.summing(self._power, sums[LOOKAHEAD:])

    def reset(self) -> None:
        """Forget the signal."""
        self.frames.reset()
        self._energies[:] = 0

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take float32 (block * HOP,) samples."""
        self.frames.push(samples)
        self._waiting[:] = self._next

    def compare(self, period: NDArray[np.intp]) -> None:
        """Comb the frames put out with their periods, intp (block,) in samples; measure energies and coherences."""
        self.frames.comb(period)
        np.multiply(self._newest, self._newest, self._newest_squares)
        np.multiply(self._pair, self._combed, self._pair_products)
        np.add(self._real, self._imaginary, self._power)
        self._sum()
        coherence(self._cross, self.energy, self.combed_energy, self.coherence)


class Analysis(BandAnalysis):
    """:class:`BandAnalysis` of a noisy signal with its own pitch track, and the network's features.

    Attributes
    ----------
    period : intp (block,)
        Samples.
    correlation : float32 (block,)
    features : float32 (block, FEATURES)
        Not yet normalised.
    """

    def __init__(self, block: int = 1) -> None:
        super().__init__(block)
        self._pitch = PitchTracker(block)
        self.period = np.zeros(block, np.intp)
        self.correlation = np.zeros(block, np.float32)
        self.features = np.zeros((block, FEATURES), np.float32)

    def reset(self) -> None:
        """Forget the signal."""
        super().reset()
        self._pitch.reset()

    def __call__(self, samples: NDArray[np.float32]) -> None:
        """Analyse float32 (block * HOP,) samples; results are in the attributes until the next call."""
        self.push(samples)
        self.period, self.correlation = self._pitch(samples)
        self.compare(self.period)
        features(self.newest_energy, self.coherence, self.period, self.correlation, self.features)
