"""What a stream should remember: ``python -m build_scripts.evaluate.state SET``.

SET is a folder with ``clean/`` and ``noisy/``. In each file something happens within a word: the enhancer is reset, or
exchanged for another that has heard only the last frames, or the microphone comes back after a mute of exact zeros.
Printed is what is lost in the half second after that, compared with a stream that has heard everything: of clear
speech, and of the noise alone (more is better).
"""

import argparse
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import soundfile as sf
from tqdm import tqdm

from percepnet_wasm import Model
from percepnet_wasm.constants import HOP, LOOKAHEAD
from percepnet_wasm.engine import NumpyEngine, StreamState
from percepnet_wasm.signal.bands import BANDS

from .over_suppression import band_energies

_EARLIEST, _AFTER = 350, 50
"""Frames: heard before the event, and judged after it."""
_MUTED, _LONG_MUTED, _RESTED = 200, 1000, 200
"""Frames of zeros, or that are not heard at all."""
_CLEAR, _NOISE_ALONE = 10**1.5, 10**-1.5
"""Ratio of speech to noise in a band: 15 dB, -15 dB."""
_LOUD_DB = 10
_BLOCK = 10
"""Frames per call; all runs of frames are multiples of it."""
_TINY = 1e-12

Frames = np.ndarray
Variant = Callable[[NumpyEngine, Frames, int], Frames]


def event(clean: Frames) -> int | None:
    """First loud frame of speech after the earliest, or None."""
    energy = clean.sum(1)
    loud = energy > np.quantile(energy, 0.95) * 10 ** (-_LOUD_DB / 10)
    loud[:_EARLIEST] = loud[-_AFTER - _BLOCK :] = False
    return int(np.argmax(loud)) if loud.any() else None


def gains(engine: NumpyEngine, frames: Frames) -> Frames:
    """Band gains, float32 (frames, BANDS), of a stream's next frames, float32 (frames, HOP)."""
    out = [np.zeros((0, BANDS), np.float32)]
    for block in frames.reshape(-1, _BLOCK * HOP):
        engine.process(block)
        out.append(engine.gain)
    return np.concatenate(out)


def _after(engine: NumpyEngine, frames: Frames, at: int) -> Frames:
    """Gains of the frames from ``at`` on; those come out LOOKAHEAD frames later."""
    return gains(engine, frames[at : at + _AFTER + _BLOCK])[LOOKAHEAD:][:_AFTER]


def _heard(count: int) -> Variant:
    """Reset, then the last ``count`` frames are heard again."""

    def run(engine: NumpyEngine, frames: Frames, at: int) -> Frames:
        engine.reset()
        gains(engine, frames[at - count : at])
        return _after(engine, frames, at)

    return run


def _network_kept(engine: NumpyEngine, frames: Frames, at: int) -> Frames:
    """Reset, but the network and the levels keep their state."""
    network, levels = engine.state.network, engine.state.levels
    engine.reset()
    engine.state.network, engine.state.levels = network, levels
    return _after(engine, frames, at)


def _primed(engine: NumpyEngine, frames: Frames, at: int) -> Frames:
    """Reset to the state that a second of faint noise leaves in the network."""
    engine.reset()
    gains(engine, np.random.default_rng(0).normal(0, 1e-4, (100, HOP)).astype(np.float32))
    network = engine.state.network
    engine.reset()
    engine.state.network = network
    return _after(engine, frames, at)


def _muted(length: int, then: Callable[[NumpyEngine, StreamState], None]) -> Variant:
    """``length`` frames of zeros; then ``then`` changes the state, given the one before the mute."""

    def run(engine: NumpyEngine, frames: Frames, at: int) -> Frames:
        before = deepcopy(engine.state)
        gains(engine, np.zeros((length, HOP), np.float32))
        then(engine, before)
        return _after(engine, frames, at)

    return run


def _go_on(engine: NumpyEngine, before: StreamState) -> None:
    pass


def _reset(engine: NumpyEngine, before: StreamState) -> None:
    engine.reset()


def _hold(engine: NumpyEngine, before: StreamState) -> None:
    engine.state.network = before.network


def _rested(engine: NumpyEngine, frames: Frames, at: int) -> Frames:
    """Nothing is heard for two seconds, as while the worker rests; the stream then continues where it was."""
    engine.reset()
    gains(engine, frames[at % _BLOCK : at - _RESTED])
    return _after(engine, frames, at)


VARIANTS: dict[str, Variant] = {
    **{f"reset, {count / 100:g} s heard again": _heard(count) for count in (0, 10, 30, 100, 300)},
    "reset, the network is kept": _network_kept,
    "reset, primed with faint noise": _primed,
    "2 s are not heard, nothing is reset": _rested,
    "mute of 2 s, the network hears it": _muted(_MUTED, _go_on),
    "mute of 2 s, then a reset": _muted(_MUTED, _reset),
    "mute of 2 s, the network is held": _muted(_MUTED, _hold),
    "mute of 10 s, the network hears it": _muted(_LONG_MUTED, _go_on),
    "mute of 10 s, then a reset": _muted(_LONG_MUTED, _reset),
    "mute of 10 s, the network is held": _muted(_LONG_MUTED, _hold),
}


def kept(gain: Frames, clean: Frames, noise: Frames) -> tuple[float, float]:
    """How much of clear speech and of noise alone is kept, in dB relative to all of it."""
    ratio = clean / (noise + _TINY)
    figures = []
    for energy, cells in ((clean, ratio > _CLEAR), (noise, ratio < _NOISE_ALONE)):
        whole = energy[cells].sum()
        figures.append(10 * np.log10((energy * gain**2)[cells].sum() / whole + 1e-6) if whole else np.nan)
    return figures[0], figures[1]


def compare(model: Model, clean: np.ndarray, noisy: np.ndarray, names: list[str]) -> dict[str, np.ndarray] | None:
    """Speech and noise kept by each variant, in dB relative to a stream that has heard everything; None if no event."""
    wanted, noise = band_energies(clean), band_energies(noisy - clean)
    at = event(wanted)
    if at is None:
        return None
    frames = noisy[: len(noisy) // HOP * HOP].reshape(-1, HOP)
    engine = NumpyEngine(model, _BLOCK)
    gains(engine, frames[at % _BLOCK : at])
    state, here = engine.state, slice(at, at + _AFTER)

    def judged(run: Variant) -> np.ndarray:
        engine.state = deepcopy(state)
        return np.array(kept(run(engine, frames, at), wanted[here], noise[here]))

    reference = judged(_after)
    return {name: judged(VARIANTS[name]) - reference for name in names}


def main() -> None:
    """Parse the command line, run the variants on every file, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS), help="variants")
    args = parser.parse_args()
    model = Model.load(args.model)
    differences: dict[str, list[np.ndarray]] = {name: [] for name in args.only}
    for path in tqdm(sorted((args.set / "clean").iterdir()), unit="file", disable=None):
        clean, noisy = (sf.read(args.set / kind / path.name, dtype="float32")[0] for kind in ("clean", "noisy"))
        for name, difference in (compare(model, clean, noisy, args.only) or {}).items():
            differences[name].append(difference)
    print(f"{len(next(iter(differences.values())))} files; dB relative to a stream that has heard everything")
    print("| | speech: median | worst tenth | noise: median |\n|---|---:|---:|---:|")
    for name, rows in differences.items():
        speech, noise = np.array(rows).T
        figures = np.nanmedian(speech), np.nanquantile(speech, 0.1), np.nanmedian(noise)
        # Adding 0 turns a rounded -0 into 0.
        print(f"| {name} | " + " | ".join(f"{round(float(f), 1) + 0:+.1f}" for f in figures) + " |")


if __name__ == "__main__":
    main()
