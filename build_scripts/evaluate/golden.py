"""Golden output: the enhancer's output for one sound and one small model, both generated here.

    python -m build_scripts.evaluate.golden        after a wanted change of what the signal path computes

writes ``tests/golden.json``, by NumPy on CPython. It does not depend on the weights that ship, which may change freely.
Tests hold every engine to it within the engine's tolerance, and require identical bytes wherever they are promised.
"""

import hashlib
import json
import sys

import numpy as np
from numpy.typing import NDArray

from build_scripts import ROOT
from percepnet_wasm import Enhancer
from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.layers import WEIGHT_SCALE, Layer
from percepnet_wasm.model_file import Model
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import FEATURES

__all__ = ["GOLDEN", "TOLERANCE", "digest", "model", "run", "sound", "summary"]

GOLDEN = ROOT / "tests" / "golden.json"
TOLERANCE = {"numpy": 1e-4, "native": 1e-3, "simd": 1e-3, "relaxed": 0.02}
"""Largest difference of a sample, by kernel, where the loudest is about 0.3: rounding of sums; of activations."""
FRAMES = 60
_STRIDE = 37
"""Every how many samples one is kept: no multiple of it is a period of the sound or a hop."""

_LAYERS = [
    Layer("dense", "dense", ("features",), FEATURES, 24),
    Layer("conv", "conv", ("dense",), 24, 32, 3),
    Layer("gru", "gru", ("conv",), 32, 20),
    Layer("gain", "dense", ("conv", "gru"), 52, BANDS, 1, "sigmoid"),
    Layer("strength", "dense", ("gru",), 20, BANDS, 1, "sigmoid"),
    Layer("voice", "dense", ("gru",), 20, 1, 1, "sigmoid"),
]


def model() -> bytes:
    """Make a model file of random int8 weights, with every kind of layer."""
    # The legacy generator, because NumPy guarantees that its numbers never change.
    draw = np.random.RandomState(1)
    arrays = {}
    for layer in _LAYERS:
        for name, shape in layer.arrays():
            steps = draw.randint(-50, 51, shape) if len(shape) == 2 else draw.uniform(-80, 80, shape)
            arrays[layer.name, name] = (steps * WEIGHT_SCALE).astype(np.float32)
    statistics = np.full(FEATURES, -2, np.float32), np.full(FEATURES, 3, np.float32)
    return Model("golden", _LAYERS, arrays, *statistics).to_bytes()


def sound() -> NDArray[np.float32]:
    """Make a gliding voice with pauses in noise, float32 (FRAMES * HOP,)."""
    time = np.arange(FRAMES * HOP) / SAMPLE_RATE
    phase = 2 * np.pi * (140 * time + 60 * time**2)
    voice = sum(np.sin(k * phase + k * k) / k for k in range(1, 20)) * (np.sin(9 * time) > -0.3)
    return (0.08 * voice + 0.02 * np.random.RandomState(2).uniform(-1, 1, len(time))).astype(np.float32)


def run(kernel: str, block: int = 1) -> NDArray[np.float32]:
    """Enhance the sound here, as a stream."""
    enhancer = Enhancer(model(), block=block, kernel=kernel)
    return np.concatenate([enhancer.process(frame) for frame in sound().reshape(-1, block * HOP)])


def summary(output: NDArray[np.float32]) -> list[float]:
    """Reduce the output to the samples that are kept."""
    return [round(float(sample), 6) for sample in output[::_STRIDE]]


def digest(output: NDArray[np.float32]) -> str:
    """SHA-256 of the samples' bytes."""
    return hashlib.sha256(output.astype("<f4").tobytes()).hexdigest()


def main() -> int:
    """Run the command."""
    record = {"model_sha256": hashlib.sha256(model()).hexdigest(), "samples": summary(run("numpy"))}
    GOLDEN.write_text(json.dumps(record) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
