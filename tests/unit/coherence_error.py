"""How far the formula's comb strength is from the true one.

The formula assumes that the noises in the frame and in its combed copy are uncorrelated, and that the frame's coherence
with its own comb is its coherence with clean periodic speech. On real signals neither holds: the comb's centre tap is
the frame itself. Here the clean speech is known, so that the strength can be searched: the smallest r for which
(1 - r) y_b + r p_b is as coherent with the combed clean speech as the clean frame is, or the r that comes closest.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from evaluation_mixes import Audio
from numpy.typing import NDArray

from percepnet_wasm.constants import HOP, VOICED
from percepnet_wasm.oracle.targets import targets
from percepnet_wasm.signal import bands
from percepnet_wasm.signal.analysis import AnalysisState, analyse
from percepnet_wasm.signal.coherence import coherence
from percepnet_wasm.signal.pitch import PitchState, track_pitch

Bands = NDArray[np.float32]

GRID = np.linspace(0, 1, 101)
AUDIBLE_DB = -30
"""Bands fainter than this, against the clip's loudest, do not count."""


@dataclass
class Comparison:
    """Band values of voiced frames where the clean speech is audible, float32 (values,) each."""

    closed: Bands
    searched: Bands
    wanted: Bands
    by_closed: Bands
    by_search: Bands
    measured: Bands
    true: Bands


def _cross(a: NDArray[np.complex64], b: NDArray[np.complex64]) -> Bands:
    return bands.energies(a.real * b.real + a.imag * b.imag)


def compare(clean: Audio, noisy: Audio) -> Comparison:
    """Strengths by formula and by search, and the coherences they reach, for one mix."""
    frames = len(clean) // HOP
    period, correlation = track_pitch(noisy[: frames * HOP], PitchState())
    analysis, speech = (analyse(signal[: frames * HOP], period, AnalysisState()) for signal in (noisy, clean))
    ideal = targets(analysis, speech, period)

    periodic = speech.combed
    norm = speech.combed_energy
    scale = np.sqrt(analysis.energy / (analysis.combed_energy + 1e-30))
    plain_part = _cross(periodic, analysis.spectra)
    combed_part = _cross(periodic, analysis.combed) * scale
    mutual = _cross(analysis.spectra, analysis.combed) * scale

    def reached(r: Any) -> Bands:
        """Coherence of the mix at strengths r with the periodic clean speech."""
        s = 1 - r
        power = s * s * analysis.energy + r * r * analysis.energy + 2 * r * s * mutual
        return coherence(s * plain_part + r * combed_part, np.maximum(power, 0), norm)

    curve = np.stack([reached(np.float32(r)) for r in GRID])
    enough = curve >= speech.coherence
    searched = np.where(enough.any(axis=0), GRID[enough.argmax(axis=0)], GRID[curve.argmax(axis=0)])
    voiced = (correlation >= VOICED)[:, None]
    audible = speech.energy > speech.energy.max() * 10 ** (AUDIBLE_DB / 10)
    counts = voiced & audible & (speech.coherence > 0.5)
    values = (
        ideal.strength,
        searched.astype(np.float32),
        speech.coherence,
        reached(ideal.strength),
        reached(searched.astype(np.float32)),
        analysis.coherence,
        curve[0],
    )
    return Comparison(*(v[counts] for v in values))
