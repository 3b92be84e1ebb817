"""How much clear speech the enhancer removes: ``python -m build_scripts.evaluate.over_suppression SET``.

SET is a folder with ``clean/`` and ``noisy/``. Too much suppression is the most common complaint about noise
suppressors. Measured here: the energy lost in the bands of clean speech at 20 to 40 dB SNR (for onsets and sibilants
separately too), what is left of noise alone, and PESQ of clean input.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile as sf
from pesq import pesq
from scipy.signal import resample_poly

from build_scripts.records import write_records
from percepnet_wasm import Model, enhance
from percepnet_wasm.constants import BINS, HOP, SAMPLE_RATE
from percepnet_wasm.signal.bands import edges, energies
from percepnet_wasm.signal.stft import StftState, stft

SNRS_DB = (20, 30, 40)
_ACTIVE_DB = 35
"""Bands of a frame within this of the file's loudest band count as speech."""
_PAUSE_FRAMES, _ONSET_FRAMES = 20, 5
_SIBILANT_HZ = 4000
_TINY = 1e-20


def band_energies(audio: np.ndarray) -> np.ndarray:
    """Energies ||X_b||^2, float32 (frames, BANDS), of a whole signal."""
    frames = len(audio) // HOP
    spectra = stft(audio[: frames * HOP], StftState())
    return energies(spectra.real**2 + spectra.imag**2)


def onsets(active: np.ndarray) -> np.ndarray:
    """Frames, bool (frames,), of the first 50 ms of speech after 200 ms without."""
    marked = np.zeros(len(active), bool)
    silent = _PAUSE_FRAMES
    for frame, speaking in enumerate(active):
        if speaking and silent >= _PAUSE_FRAMES:
            marked[frame : frame + _ONSET_FRAMES] = True
        silent = 0 if speaking else silent + 1
    return marked


def losses(clean: np.ndarray, enhanced: np.ndarray) -> dict[str, np.ndarray]:
    """Energy lost, in dB (negative: gained), per speech band and frame: all, onsets, sibilants."""
    wanted, got = band_energies(clean), band_energies(enhanced)
    speech = wanted > wanted.max() * 10 ** (-_ACTIVE_DB / 10)
    loss = 10 * np.log10((wanted + _TINY) / (got + _TINY))
    high = edges()[1:] * (SAMPLE_RATE / 2 / (BINS - 1)) > _SIBILANT_HZ
    sibilant = wanted[:, high].sum(1) > wanted[:, ~high].sum(1)
    rows = {"speech": np.ones(len(wanted), bool), "onsets": onsets(speech.any(1)), "sibilants": sibilant}
    return {name: loss[rows_of][speech[rows_of]] for name, rows_of in rows.items()}


def spread(values: list[float]) -> dict[str, float]:
    """Median and minimum of a figure over the files."""
    return {"median": round(float(np.median(values)), 3), "least": round(float(np.min(values)), 3)}


def main() -> None:
    """Parse the command line, enhance, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--out", type=Path, default=Path("build/over_suppression.json"))
    args = parser.parse_args()
    model = Model.load(args.model)
    lost: dict[str, list[np.ndarray]] = {}
    attenuation, passed = [], []
    for path in sorted((args.set / "clean").iterdir()):
        clean, rate = sf.read(path, dtype="float32")
        noisy, _ = sf.read(args.set / "noisy" / path.name, dtype="float32")
        noise = noisy - clean
        for snr_db in SNRS_DB:
            scale = np.sqrt(np.mean(clean**2) / (np.mean(noise**2) + _TINY)) * 10 ** (-snr_db / 20)
            enhanced = enhance(clean + noise * np.float32(scale), model)
            for name, values in losses(clean, enhanced).items():
                lost.setdefault(f"{name} at {snr_db} dB", []).append(values)
        left = enhance(noise, model)[SAMPLE_RATE:]  # after a second to settle
        attenuation.append(10 * np.log10(np.mean(noise[SAMPLE_RATE:] ** 2) / (np.mean(left**2) + _TINY)))
        narrow = [resample_poly(s, 16000, rate).astype(np.float32) for s in (clean, enhance(clean, model))]
        passed.append(pesq(16000, *narrow, "wb"))
    figures = {
        "tier": model.tier,
        "sha256": model.sha256,
        "loss_db": {
            name: dict(
                zip(("median", "p90"), np.quantile(np.concatenate(v), (0.5, 0.9)).round(2).tolist(), strict=True)
            )
            for name, v in lost.items()
            if sum(map(len, v))
        },
        "noise_attenuation_db": spread(attenuation),
        "clean_pesq": spread(passed),
    }
    write_records(args.out, figures, levels=2)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
