"""The front half of the enhancer: the spectra of a frame and of its combed copy, compared band by band.

The enhancer, the oracle and the training data all use this one function, a frame or a whole file at a time.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..constants import BINS, LOOKAHEAD
from .bands import BANDS, energies
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
    """What :func:`analyse` remembers of a stream, including the LOOKAHEAD newest frames, which are output later."""

    stft: StftState = field(default_factory=StftState)
    comb: CombState = field(default_factory=CombState)
    waiting_spectra: NDArray[np.complex64] = zeros(LOOKAHEAD, BINS, dtype=np.complex64)
    waiting_energy: NDArray[np.float32] = zeros(LOOKAHEAD, BANDS)


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
    y, state.waiting_spectra = _delayed(newest, state.waiting_spectra)
    p = windowed_fft(comb(samples, period, state.comb))

    products = np.array((_product(newest, newest), _product(p, p), _product(p, y)))
    newest_energy, combed_energy, cross = energies(products)
    energy, state.waiting_energy = _delayed(newest_energy, state.waiting_energy)
    q_y = coherence(cross, energy, combed_energy)
    return Analysis(y, p, energy, combed_energy, q_y, newest_energy)


def _delayed(newest: NDArray, waiting: NDArray) -> tuple[NDArray, NDArray]:
    """Delay frames by LOOKAHEAD: return the output frames, and those that wait for the next call."""
    line = np.concatenate((waiting, newest))
    return line[:-LOOKAHEAD], line[-LOOKAHEAD:].copy()


def _product(a: NDArray[np.complex64], b: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Re(a b*), bin by bin."""
    return a.real * b.real + a.imag * b.imag
