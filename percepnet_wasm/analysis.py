"""The front half of the enhancer: samples in; spectra, comb, coherences and features out, LOOKAHEAD frames late.

The enhancer, the oracle and the training data all use this one class, a frame or a whole file at a time.
"""

import numpy as np
from numpy.typing import NDArray

from . import bands
from .bands import BANDS
from .coherence import coherence
from .comb import CombedFrames
from .constants import BINS, LOOKAHEAD
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
    energy, combed_energy, coherence : float32 (block, BANDS)
        ||Y_b||^2, ||P_b||^2 and q_y of the same frames.
    newest_energy : float32 (block, BANDS)
        ||Y_b||^2 of the newest frames.
    """

    def __init__(self, block: int = 1) -> None:
        self.block = block
        self.frames = CombedFrames(block)
        self.spectra = self.frames.spectra[:block]
        self._energies = np.zeros((LOOKAHEAD + block, BANDS), np.float32)
        self.energy = self._energies[:block]
        self.newest_energy = self._energies[LOOKAHEAD:]
        self.combed = np.zeros((block, BINS), np.complex64)
        self.combed_energy = np.zeros((block, BANDS), np.float32)
        self.coherence = np.zeros((block, BANDS), np.float32)
        self._power = np.zeros((block, BINS), np.float32)
        self._square = np.zeros((block, BINS), np.float32)
        self._cross = np.zeros((block, BANDS), np.float32)

    def reset(self) -> None:
        """Forget the signal."""
        self.frames.reset()
        self._energies[:] = 0

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take float32 (block * HOP,) samples."""
        self.frames.push(samples)
        self._energies[:LOOKAHEAD] = self._energies[self.block :]
        newest = self.frames.spectra[LOOKAHEAD:]
        bands.energies(self._products(newest, newest), self.newest_energy)

    def compare(self, period: NDArray[np.intp]) -> None:
        """Comb the frames put out with their periods, intp (block,) in samples, and measure the coherences."""
        self.combed = self.frames.comb(period)
        bands.energies(self._products(self.combed, self.combed), self.combed_energy)
        bands.energies(self._products(self.spectra, self.combed), self._cross)
        self.coherence[:] = coherence(self._cross, self.energy, self.combed_energy)

    def _products(self, a: NDArray[np.complex64], b: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Re(a conj b) per bin."""
        np.multiply(a.real, b.real, out=self._power)
        np.multiply(a.imag, b.imag, out=self._square)
        return np.add(self._power, self._square, out=self._power)


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
