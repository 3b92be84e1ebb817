"""Runs a model's layers: dense, convolution over time, gated recurrent unit. State is kept between calls.

Any graph that a model file can describe runs; nothing here knows the article's topology.
"""

import numpy as np
from numpy.typing import NDArray

from .features import FEATURES
from .linear import apply
from .model_file import Layer, Model

__all__ = ["Network"]

Rows = NDArray[np.float32]


class _Dense:
    """Dense layer, and convolution over time: a dense layer on the last ``kernel`` frames."""

    def __init__(self, layer: Layer, model: Model, block: int) -> None:
        self._weight, self._bias = (model.arrays[layer.name, name] for name in ("weight", "bias"))
        self._sigmoid = layer.activation == "sigmoid"
        self._history = np.zeros((layer.kernel - 1 + block, layer.input_size), np.float32)
        self._kept = layer.kernel - 1
        self.input = self._history[self._kept :]
        row = self._history.strides[0]
        self._stacked = np.ndarray(
            (block, layer.kernel * layer.input_size), np.float32, self._history, 0, (row, self._history.itemsize)
        )
        self.output = np.zeros((block, layer.output_size), np.float32)

    def reset(self) -> None:
        self._history[:] = 0

    def __call__(self) -> None:
        out = self.output
        apply(self._weight, self._stacked, out)
        out += self._bias
        _sigmoid(out) if self._sigmoid else np.tanh(out, out=out)
        if self._kept:
            self._history[: self._kept] = self._history[-self._kept :]


class _GatedRecurrentUnit:
    """GRU whose reset gate acts after the recurrent product: n = tanh(W x + b + r (U h + c)), h += (1 - z) (n - h)."""

    def __init__(self, layer: Layer, model: Model, block: int) -> None:
        self._weight, self._recurrent, self._bias, self._recurrent_bias = (
            model.arrays[layer.name, name] for name in ("weight", "recurrent", "bias", "recurrent_bias")
        )
        size = layer.output_size
        self.input = np.zeros((block, layer.input_size), np.float32)
        self.output = np.zeros((block, size), np.float32)
        self._state = np.zeros((1, size), np.float32)
        self._from_input = np.zeros((block, 3 * size), np.float32)
        self._from_state = np.zeros((1, 3 * size), np.float32)
        # Views made once: a slice costs half as much as the arithmetic it is for.
        rows = zip(self._from_input, self.output, strict=True)
        self._frames = [(row[: 2 * size], row[2 * size :], out) for row, out in rows]
        gates = self._from_state[0]
        self._views = gates[: 2 * size], gates[:size], gates[size : 2 * size], gates[2 * size :], self._state[0]

    def reset(self) -> None:
        self._state[:] = 0

    def __call__(self) -> None:
        apply(self._weight, self.input, self._from_input)
        self._from_input += self._bias
        gates, reset, keep, fresh, state = self._views
        for gates_from_input, fresh_from_input, out in self._frames:
            apply(self._recurrent, self._state, self._from_state)
            np.add(self._from_state, self._recurrent_bias, out=self._from_state)
            np.add(gates, gates_from_input, out=gates)
            _sigmoid(gates)
            np.multiply(fresh, reset, out=fresh)
            np.add(fresh, fresh_from_input, out=fresh)
            np.tanh(fresh, out=fresh)
            np.subtract(state, fresh, out=out)
            np.multiply(out, keep, out=out)
            np.add(out, fresh, out=out)
            state[:] = out


class Network:
    """A model at work on one stream.

    Parameters
    ----------
    model : Model
        Its numbers are shared, not copied.
    block : int
        Frames a call.

    Attributes
    ----------
    gain, strength : float32 (block, BANDS)
        In [0, 1]; overwritten by the next call.
    voice : float32 (block, 1)
        Probability of speech.
    """

    def __init__(self, model: Model, block: int = 1) -> None:
        self._mean = model.feature_mean
        self._scale = 1 / model.feature_deviation
        self._features = np.zeros((block, FEATURES), np.float32)
        outputs: dict[str, Rows] = {"features": self._features}
        self._steps = []
        for layer in model.layers:
            runner = (_GatedRecurrentUnit if layer.kind == "gru" else _Dense)(layer, model, block)
            # Each input is copied to its place in the layer's own buffer: a concatenation costs as many small copies.
            position, copies = 0, []
            for name in layer.inputs:
                width = outputs[name].shape[1]
                copies.append((runner.input[:, position : position + width], outputs[name]))
                position += width
            self._steps.append((copies, runner))
            outputs[layer.name] = runner.output
        self.gain, self.strength, self.voice = (outputs[name] for name in ("gain", "strength", "voice"))

    def reset(self) -> None:
        """Forget the stream."""
        for _, runner in self._steps:
            runner.reset()

    def __call__(self, features: Rows) -> None:
        """Run float32 (block, FEATURES) features; results are in the attributes."""
        np.subtract(features, self._mean, out=self._features)
        self._features *= self._scale
        for copies, runner in self._steps:
            for target, source in copies:
                target[:] = source
            runner()


def _sigmoid(x: Rows) -> None:
    """In place, by tanh: one transcendental and no overflow."""
    x *= np.float32(0.5)
    np.tanh(x, out=x)
    x *= np.float32(0.5)
    x += np.float32(0.5)
