"""Tests a kernel where it is about to run: engines have miscompiled instructions, some in one compiler tier only.

Products are compared with NumPy's integer results, which leave no room for rounding; then a small model with every kind
of layer runs a few frames through all stages, and the results are compared with the NumPy path's.
"""

import numpy as np

from ..constants import HOP, SAMPLE_RATE
from ..engine import NumpyEngine
from ..layers import WEIGHT_SCALE, Layer
from ..model_file import Model
from ..signal.bands import BANDS
from ..signal.features import FEATURE_SETS
from .engine import KernelEngine
from .layout import ACTIVATION, RELAXED_ZERO
from .library import Kernel, KernelError
from .memory import POINTER, load
from .packing import lone_matrix

__all__ = ["TOLERANCE", "activations", "check", "trial_sound"]

TOLERANCE = {"relaxed": 0.05, "simd": 2e-3, "native": 2e-3}
"""Largest difference of a gain from NumPy's that the rounding of activations can explain."""
_PRODUCTS = 24
_ROWS, _INPUTS = 64, 96
_FRAMES = 6
_FEATURES = FEATURE_SETS["levels"]
_LAYERS = [
    Layer("dense", "dense", ("features",), _FEATURES, 20),
    Layer("conv", "conv", ("dense",), 20, 24, 3),
    Layer("gru", "gru", ("conv",), 24, 18),
    Layer("gain", "dense", ("conv", "gru"), 42, BANDS, 1, "sigmoid"),
    Layer("strength", "dense", ("gru",), 18, BANDS, 1, "sigmoid"),
    Layer("voice", "dense", ("gru",), 18, 1, 1, "sigmoid"),
]


class _Numbers:
    """Pseudo-random numbers, the same everywhere: ``numpy.random`` is left out of slim builds for the browser."""

    def __init__(self) -> None:
        self._drawn = 0

    def uniform(self, low: float, high: float, shape: int | tuple[int, ...]) -> np.ndarray:
        """Draw float64 from ``low`` to below ``high``."""
        count = int(np.prod(shape))
        bits = np.arange(self._drawn, self._drawn + count, dtype=np.uint64)
        self._drawn += count
        bits = (bits + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):  # SplitMix64
            bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
        return low + (high - low) * ((bits >> np.uint64(11)) * 2.0**-53).reshape(shape)

    def integers(self, low: int, high: int, shape: int | tuple[int, ...]) -> np.ndarray:
        """Draw int64 from ``low`` to ``high``, both included."""
        return np.floor(self.uniform(low, high + 1, shape)).astype(np.int64)


def check(kernel: Kernel) -> None:
    """Compare a kernel with NumPy.

    Raises
    ------
    KernelError
        The results differ.
    """
    rng = _Numbers()
    _check_rounding(kernel, rng)
    for number in range(_PRODUCTS):
        _check_product(kernel, rng, sparse=number % 2 == 1, extreme=number % 4 < 2)
    _check_frames(kernel, rng)


def activations(kernel: Kernel, values: np.ndarray) -> np.ndarray:
    """Convert integers, -ACTIVATION to ACTIVATION, to the form the kernel takes."""
    relaxed = kernel.name == "relaxed"
    return (values + RELAXED_ZERO).astype(np.uint8) if relaxed else values.astype(np.int16)


def _check_rounding(kernel: Kernel, rng: _Numbers) -> None:
    values = np.append(rng.uniform(-1, 1, 61), [-1, 0, 1]).astype(np.float32)
    expected = activations(kernel, np.rint(values * np.float32(ACTIVATION[kernel.name])))
    rounded = np.zeros_like(expected)
    kernel.quantise(values.ctypes.data, rounded.ctypes.data, len(values))
    if not np.array_equal(rounded, expected):
        raise KernelError("it rounds activations wrongly")


def _check_product(kernel: Kernel, rng: _Numbers, sparse: bool, extreme: bool) -> None:
    steps = rng.integers(-127, 127, (_ROWS, _INPUTS))
    one = ACTIVATION[kernel.name]
    values = rng.integers(-one, one, _INPUTS)
    if extreme:
        steps, values = 127 * np.sign(steps), one * np.sign(values)
    if sparse:
        steps *= np.repeat(rng.uniform(0, 1, (_ROWS // 16, _INPUTS // 4)) < 0.4, 16, axis=0).repeat(4, axis=1)
    area, at = lone_matrix(steps.astype(np.int8), POINTER)
    memory = load((area,))
    kernel.adopt(memory, at.offset, 1)
    inputs, sums = activations(kernel, values), np.zeros(_ROWS, np.int32)
    kernel.product(memory.ctypes.data + at.offset, inputs.ctypes.data, sums.ctypes.data)
    if not np.array_equal(sums, steps @ inputs.astype(np.int64)):
        raise KernelError("its products differ from integer arithmetic")


def trial_sound(frames: int) -> np.ndarray:
    """Make a noisy voice to test a kernel with, float32 (frames * HOP,)."""
    time = np.arange(frames * HOP) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 12))
    return (0.1 * voice + 0.05 * _Numbers().uniform(-1, 1, len(time))).astype(np.float32)


def _check_frames(kernel: Kernel, rng: _Numbers) -> None:
    samples = trial_sound(_FRAMES)
    model = _model(rng)
    reference, engine = NumpyEngine(model, 1), KernelEngine(kernel, model, 1)
    for frame in samples.reshape(-1, HOP):
        wanted, computed = reference.process(frame), engine.process(frame)
        apart = float(np.abs(engine.gain - reference.gain).max())
        louder = float(np.abs(computed - wanted).max())
        if not max(apart, louder) <= TOLERANCE[kernel.name]:
            raise KernelError(f"its gains differ from NumPy's by {apart:.2g}, its samples by {louder:.2g}")


def _model(rng: _Numbers) -> Model:
    arrays = {}
    for layer in _LAYERS:
        for name, shape in layer.arrays():
            spread = rng.integers(-60, 60, shape) if len(shape) == 2 else rng.uniform(-60, 60, shape)
            arrays[layer.name, name] = (spread * WEIGHT_SCALE).astype(np.float32)
    return Model("check", _LAYERS, arrays, np.zeros(_FEATURES, np.float32), np.ones(_FEATURES, np.float32))
