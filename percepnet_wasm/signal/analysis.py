"""The front half of the enhancer: the spectra of a frame and of its combed copy, compared band by band.

The enhancer, the oracle and the training data all use this one function, a frame or a whole file at a time.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..constants import BINS, LOOKAHEAD
from .bands import energies
from .coherence import coherence
from .comb import CombState, comb
from .state import zeros
from .stft import StftState, stft, windowed_fft

__all__ = ["Analysis", "AnalysisState", "analyse"]


@dataclass
class Analysis:
    """What the analysis finds out about the output frames.

    Attributes
    ----------
    spectra, combed : complex64 (frames, BINS)
        Y and P: of the frames, and of their comb-filtered copies.
    energy, combed_energy, coherence : float32 (frames, BANDS)
        ||Y_b||^2, ||P_b||^2 and q_y of the same frames.
    newest_energy : float32 (frames, BANDS)
        ||Y_b||^2 of the newest frames, LOOKAHEAD after the output frames.
    """

    spectra: NDArray[np.complex64]
    combed: NDArray[np.complex64]
    energy: NDArray[np.float32]
    combed_energy: NDArray[np.float32]
    coherence: NDArray[np.float32]
    newest_energy: NDArray[np.float32]


@dataclass
class AnalysisState:
    """What :func:`analyse` remembers of a stream; ``waiting`` holds the spectra of the LOOKAHEAD newest frames."""

    stft: StftState = field(default_factory=StftState)
    comb: CombState = field(default_factory=CombState)
    waiting: NDArray[np.complex64] = zeros(LOOKAHEAD, BINS, dtype=np.complex64)


def analyse(samples: NDArray[np.float32], period: NDArray[np.intp], state: AnalysisState) -> Analysis:
    """Analyse a stream's next samples: compare the output frames, LOOKAHEAD frames back, with their combed copies.

    Parameters
    ----------
    samples : float32 (frames * HOP,)
    period : intp (frames,)
        Pitch period of each output frame in samples, LAG_MIN to LAG_MAX.
    state : AnalysisState

    Returns
    -------
    Analysis
    """
    newest = stft(samples, state.stft)
    spectra = np.concatenate((state.waiting, newest))
    state.waiting = spectra[-LOOKAHEAD:].copy()
    y = spectra[:-LOOKAHEAD]
    p = windowed_fft(comb(samples, period, state.comb))

    energy, combed_energy, cross = (energies(_product(a, b)) for a, b in ((y, y), (p, p), (p, y)))
    q_y = coherence(cross, energy, combed_energy)
    return Analysis(y, p, energy, combed_energy, q_y, energies(_product(newest, newest)))


def _product(a: NDArray[np.complex64], b: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Re(a b*), bin by bin."""
    return a.real * b.real + a.imag * b.imag
