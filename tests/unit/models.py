"""Models that tests make: random ones, and one that gives the same answer to everything."""

from dataclasses import replace

import numpy as np

from percepnet_wasm.layers import WEIGHT_SCALE, Layer
from percepnet_wasm.model_file import Model
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import FEATURE_SETS, FEATURES

SMALL = [
    Layer("dense", "dense", ("features",), FEATURES, 12),
    Layer("conv", "conv", ("dense",), 12, 16, 3),
    Layer("gru", "gru", ("conv",), 16, 10),
    Layer("gain", "dense", ("conv", "gru"), 26, BANDS, 1, "sigmoid"),
    Layer("strength", "dense", ("gru",), 10, BANDS, 1, "sigmoid"),
    Layer("voice", "dense", ("gru",), 10, 1, 1, "sigmoid"),
]
"""Every kind of layer, quick to run."""


WITH_LEVELS = [replace(SMALL[0], input_size=FEATURE_SETS["levels"]), *SMALL[1:]]
"""The same for a model that reads relative levels as well."""


def random_model(layers=SMALL, seed=0, quantised=True):
    """Weights that are multiples of the int8 step, unless ``quantised`` is false."""
    features = FEATURE_SETS["levels" if layers is WITH_LEVELS else "paper"]
    rng = np.random.default_rng(seed)
    arrays = {}
    for layer in layers:
        for name, shape in layer.arrays():
            if len(shape) == 2:
                steps = rng.integers(-60, 61, shape) if quantised else rng.uniform(-60, 60, shape)
                values = steps * WEIGHT_SCALE
            else:
                values = rng.uniform(-0.3, 0.3, shape)
            arrays[layer.name, name] = values.astype(np.float32)
    mean = rng.uniform(-3, 1, features).astype(np.float32)
    deviation = rng.uniform(0.3, 2, features).astype(np.float32)
    return Model("test", list(layers), arrays, mean, deviation, provenance={"seed": seed}, quantised=quantised)


def constant_model(gain=1.0, strength=0.0, voice=0.5):
    """The same gains and strengths whatever the input: all weights zero, biases in the output layers."""
    model = random_model()
    for array in model.arrays.values():
        array[:] = 0
    with np.errstate(divide="ignore"):
        for name, value in (("gain", gain), ("strength", strength), ("voice", voice)):
            model.arrays[name, "bias"][:] = np.clip(np.log(value) - np.log1p(-value), -100, 100)
    return model
