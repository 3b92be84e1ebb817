"""Runs a model's layers: dense, convolution over time, gated recurrent unit. State is kept between calls.

Any graph that a model file can describe runs; nothing here knows the article's topology. Between the products a frame
is some seventy small calls of NumPy, most of which cost more than their arithmetic: so buffers and their views are
made once, and a layer writes its output where the next one wants it. Tables for tanh and exp would gain nothing: 448
numbers take 9 and 5 microseconds in a browser, index, two look-ups and interpolation 10.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .linear import product
from .model_file import Layer, Model

__all__ = ["Network"]

Rows = NDArray[np.float32]
Call = Callable[[], object]

_ONE = np.float32(1)


class _Dense:
    """Dense layer, and convolution over time: a dense layer on the last ``kernel`` frames."""

    def __init__(self, layer: Layer, model: Model, history: Rows, output: Rows) -> None:
        bias = model.arrays[layer.name, "bias"]
        sigmoid = layer.activation == "sigmoid"
        self._activate = partial(_sigmoid, -bias, output) if sigmoid else partial(_tanh, bias, output)
        self._history = history
        kept = layer.kernel - 1
        self._shift = (history[:kept], history[-kept:]) if kept else None
        if kept:
            # A row a frame: the frames that it spans lie behind each other in memory.
            shape = len(output), layer.kernel * layer.input_size
            history = np.ndarray(shape, np.float32, history, 0, (history.strides[0], history.itemsize))
        self._product = product(model.arrays[layer.name, "weight"], history, output)

    def reset(self) -> None:
        self._history[:] = 0

    def __call__(self) -> None:
        self._product()
        self._activate()
        if self._shift:
            kept, newest = self._shift
            kept[:] = newest


class _GatedRecurrentUnit:
    """GRU whose reset gate acts after the recurrent product: n = tanh(W x + b + r (U h + c)), h += (1 - z) (n - h).

    Both gates are computed as 1 - r and 1 - z, that is 1 / (1 + exp(x)): the exponential is the cheapest way there.
    """

    def __init__(self, layer: Layer, model: Model, inputs: Rows, output: Rows) -> None:
        weight, recurrent, bias, recurrent_bias = (
            model.arrays[layer.name, name] for name in ("weight", "recurrent", "bias", "recurrent_bias")
        )
        size = layer.output_size
        self._output, self._biases = output, np.stack((recurrent_bias, bias))
        # A frame's sums of its input stand in the row behind those of its state, which fill the row that the frame
        # before is done with: one call adds both biases.
        rows = np.zeros((len(output) + 1, 3 * size), np.float32)
        self._product = product(weight, inputs, rows[1:])
        # Views made once: a slice costs half as much as the arithmetic it is for. Row -1 is the frame before row 0.
        self._frames = [
            (
                product(recurrent, output[k - 1 :][:1], rows[k : k + 1]), rows[k : k + 2], rows[k], rows[k, 2 * size :],
                sums, sums[: 2 * size], sums[:size], sums[size : 2 * size], sums[2 * size :], output[k - 1], output[k],
            )
            for k, sums in enumerate(rows[1:])
        ]  # fmt: skip

    def reset(self) -> None:
        self._output[:] = 0

    def __call__(self) -> None:
        self._product()
        biases = self._biases
        for (
            recurrent, both, from_state, fresh_from_state, sums, gates, forgotten, renewed, fresh, state, out,
        ) in self._frames:  # fmt: skip
            recurrent()
            np.add(both, biases, both)
            np.add(sums, from_state, sums)
            np.exp(gates, gates)
            np.add(gates, _ONE, gates)
            np.reciprocal(gates, gates)
            np.multiply(fresh_from_state, forgotten, fresh_from_state)
            np.subtract(fresh, fresh_from_state, fresh)
            np.tanh(fresh, fresh)
            np.subtract(fresh, state, fresh)
            np.multiply(fresh, renewed, fresh)
            np.add(state, fresh, out)


class _Heads:
    """Sigmoid layers that no other reads: a product each, bias and sigmoid for all of them at once."""

    def __init__(self, layers: list[Layer], model: Model, inputs: dict[str, Rows], block: int) -> None:
        ends = np.cumsum([layer.output_size for layer in layers])
        self._minus_bias = -np.concatenate([model.arrays[layer.name, "bias"] for layer in layers])
        self._rows = np.zeros((block, ends[-1]), np.float32)
        self.outputs = {
            layer.name: self._rows[:, end - layer.output_size : end] for layer, end in zip(layers, ends, strict=True)
        }
        self._products = [
            product(model.arrays[layer.name, "weight"], inputs[layer.name], self.outputs[layer.name])
            for layer in layers
        ]

    def __call__(self) -> None:
        for multiply in self._products:
            multiply()
        _sigmoid(self._minus_bias, self._rows)


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
    outputs : dict of str to float32 (block, size)
        All layers', by name, and the normalised ``features``.
    """

    def __init__(self, model: Model, block: int = 1) -> None:
        self._mean = model.feature_mean
        self._scale = 1 / model.feature_deviation
        read = {name for layer in model.layers for name in layer.inputs}
        heads = [
            layer for layer in model.layers
            if (layer.kind, layer.kernel, layer.activation) == ("dense", 1, "sigmoid") and layer.name not in read
        ]  # fmt: skip
        inputs, self.outputs, copies = _places(model.layers, len(model.feature_mean), block)
        self._features = self.outputs["features"]
        self._stateful: list[_Dense | _GatedRecurrentUnit] = []
        self._steps: list[Call] = []
        for layer in model.layers:
            self._steps += copies[layer.name]
            if layer not in heads:
                kind = _GatedRecurrentUnit if layer.kind == "gru" else _Dense
                runner = kind(layer, model, inputs[layer.name], self.outputs[layer.name])
                self._stateful.append(runner)
                self._steps.append(runner)
        if heads:
            last = _Heads(heads, model, inputs, block)
            self.outputs |= last.outputs
            self._steps.append(last)
        self.gain, self.strength, self.voice = (self.outputs[name] for name in ("gain", "strength", "voice"))

    def reset(self) -> None:
        """Forget the stream."""
        for runner in self._stateful:
            runner.reset()

    def __call__(self, features: Rows) -> None:
        """Run float32 (block, features) features; results are in the attributes."""
        np.subtract(features, self._mean, self._features)
        np.multiply(self._features, self._scale, self._features)
        # Where exp gives inf, 1 / (1 + inf) is the 0 that a shut gate should be.
        with np.errstate(over="ignore"):
            for step in self._steps:
                step()


def _places(
    layers: list[Layer], features: int, block: int
) -> tuple[dict[str, Rows], dict[str, Rows], dict[str, list[Call]]]:
    """Lay out what the layers read and write, so that hardly anything has to be copied.

    Returns
    -------
    inputs : dict of str to float32 (kernel - 1 + block, input_size)
    outputs : dict of str to float32 (block, output_size)
        Of ``features`` too. The first layer that reads several others, or more than the newest frame, has them write
        into its own input; a layer that reads a single one reads it where it lies.
    copies : dict of str to list of callable
        To be done before a layer, where an output is already at home with another reader.
    """
    sizes = {"features": features} | {layer.name: layer.output_size for layer in layers}
    inputs: dict[str, Rows] = {}
    outputs: dict[str, Rows] = {}
    copies: dict[str, list[Call]] = {layer.name: [] for layer in layers}
    for layer in layers:
        if len(layer.inputs) == layer.kernel == 1:
            continue
        inputs[layer.name] = np.zeros((layer.kernel - 1 + block, layer.input_size), np.float32)
        position = 0
        for name in layer.inputs:
            place = inputs[layer.name][layer.kernel - 1 :, position : position + sizes[name]]
            position += sizes[name]
            if name in outputs:
                copies[layer.name].append(partial(np.copyto, place, outputs[name]))
            else:
                outputs[name] = place
    for name, size in sizes.items():
        outputs.setdefault(name, np.zeros((block, size), np.float32))
    for layer in layers:
        inputs.setdefault(layer.name, outputs[layer.inputs[0]])
    return inputs, outputs, copies


def _tanh(bias: Rows, x: Rows) -> None:
    """tanh(x + bias), in place."""
    np.add(x, bias, x)
    np.tanh(x, x)


def _sigmoid(minus_bias: Rows, x: Rows) -> None:
    """1 / (1 + exp(-bias - x)), in place."""
    np.subtract(minus_bias, x, x)
    np.exp(x, x)
    np.add(x, _ONE, x)
    np.reciprocal(x, x)
