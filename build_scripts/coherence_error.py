"""How far the comb strength by formula is from the truth: ``python build_scripts/coherence_error.py --speech DIR``.

The formula assumes that the noises in the frame and in its combed copy are uncorrelated, and that the frame's coherence
with its own comb is its coherence with clean periodic speech. On real signals neither holds: the comb's centre tap is
the frame itself. Here the clean speech is known, so that the strength can be searched: the smallest r for which
(1 - r) y_b + r p_b is as coherent with the combed clean speech as the clean frame is, or the r that comes closest.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from evaluation_mixes import Audio, Noises, clean_speech
from numpy.typing import NDArray

from percepnet_wasm import bands
from percepnet_wasm.analysis import Analysis, BandAnalysis
from percepnet_wasm.coherence import coherence
from percepnet_wasm.constants import HOP
from percepnet_wasm.pitch import VOICED
from percepnet_wasm.targets import targets

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
    analysis, speech = Analysis(frames), BandAnalysis(frames)
    analysis(noisy[: frames * HOP])
    speech.push(clean[: frames * HOP])
    speech.compare(analysis.period)
    ideal = targets(analysis, speech)

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
    voiced = (analysis.correlation >= VOICED)[:, None]
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


def main() -> None:
    """Parse the command line, print one line for each noise and SNR."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, help="folder of 48 kHz speech")
    parser.add_argument("--noise", type=Path, help="folder of recorded noise with a manifest")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=8)
    args = parser.parse_args()
    clean = clean_speech(args.speech, args.clips, args.seconds)
    noises = Noises(clean, args.noise)
    print("mean over bands of voiced frames; r: strength, q: coherence with the clean periodic part")
    print(f"{'noise':<10}{'SNR/dB':>7}{'r formula':>11}{'r search':>10}{'|error|':>9}", end="")
    print(f"{'q wanted':>10}{'formula':>9}{'search':>8}{'no comb':>9}{'q_y measured':>14}")
    for kind in [*noises.stationary, "babble"]:
        for snr in (20.0, 10.0, 0.0):
            parts = [compare(clean[k], noisy) for k, noisy in noises.mixes(kind, snr)]
            c = Comparison(*(np.concatenate([vars(p)[name] for p in parts]) for name in vars(parts[0])))
            error = np.abs(c.closed - c.searched).mean()
            print(f"{kind:<10}{snr:7g}{c.closed.mean():11.3f}{c.searched.mean():10.3f}{error:9.3f}", end="")
            print(f"{c.wanted.mean():10.3f}{c.by_closed.mean():9.3f}{c.by_search.mean():8.3f}", end="")
            print(f"{c.true.mean():9.3f}{c.measured.mean():14.3f}", flush=True)


if __name__ == "__main__":
    main()
