"""Runs a model's layers: dense, convolution over time, gated recurrent unit.

Any graph that a model file can describe runs; nothing here knows the article's topology.
"""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layers import Layer
from .model_file import Model
from .signal.stft import overlapping
from .threads import pieces

__all__ = ["Network", "NetworkState"]

Rows = NDArray[np.float32]

_EMSCRIPTEN = sys.platform == "emscripten"


@dataclass
class NetworkState:
    """What a network remembers of a stream.

    Attributes
    ----------
    layers : dict of str to float32
        By layer name: a convolution's last inputs (kernel - 1, input_size), a GRU's last output (output_size,).
    """

    layers: dict[str, Rows]


class Network:
    """A model's layers, for any number of streams.

    Parameters
    ----------
    model : Model
        Its weights are shared, not copied.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._weights = {
            layer.name: tuple(model.arrays[layer.name, name] for name, _ in layer.arrays()) for layer in model.layers
        }

    def new_state(self) -> NetworkState:
        """Create the state of a stream that has not begun."""
        layers: dict[str, Rows] = {}
        for layer in self.model.layers:
            if layer.kind == "gru":
                layers[layer.name] = np.zeros(layer.output_size, np.float32)
            elif layer.kernel > 1:
                layers[layer.name] = np.zeros((layer.kernel - 1, layer.input_size), np.float32)
        return NetworkState(layers)

    def __call__(self, features: Rows, state: NetworkState) -> tuple[Rows, Rows, Rows]:
        """Run a stream's next frames.

        Parameters
        ----------
        features : float32 (frames, features)
            As many features as the model reads.
        state : NetworkState

        Returns
        -------
        gain, strength : float32 (frames, BANDS)
            In [0, 1].
        voice : float32 (frames, 1)
            Probability of speech.
        """
        outputs = self.outputs(features, state)
        return outputs["gain"], outputs["strength"], outputs["voice"]

    def outputs(self, features: Rows, state: NetworkState) -> dict[str, Rows]:
        """Run all layers; return float32 (frames, size) by layer, and the normalised input as ``features``."""
        model = self.model
        outputs = {"features": (features - model.feature_mean) / model.feature_deviation}
        # Where exp overflows, 1 / (1 + inf) is 0, as it should be for a closed gate.
        with np.errstate(over="ignore"):
            for layer in model.layers:
                parts = [outputs[name] for name in layer.inputs]
                inputs = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
                run = _recurrent if layer.kind == "gru" else _dense
                outputs[layer.name] = run(inputs, layer, self._weights[layer.name], state)
        return outputs


def _dense(inputs: Rows, layer: Layer, weights: tuple[Rows, ...], state: NetworkState) -> Rows:
    """Dense layer; a convolution over time is a dense layer on the last ``kernel`` frames."""
    weight, bias = weights
    if layer.kernel > 1:
        line = np.concatenate((state.layers[layer.name], inputs))
        state.layers[layer.name] = line[len(inputs) :].copy()
        # Side by side in each row: a frame's inputs and those of the frames before it.
        inputs = np.ascontiguousarray(overlapping(line.ravel(), layer.kernel * layer.input_size, layer.input_size))
    sums = _product(inputs, weight) + bias
    return _sigmoid(sums) if layer.activation == "sigmoid" else np.tanh(sums)


def _recurrent(inputs: Rows, layer: Layer, weights: tuple[Rows, ...], state: NetworkState) -> Rows:
    """Gated recurrent unit whose reset gate acts after the recurrent product, as PyTorch's does.

    r = sigmoid(W_r x + b_r + U_r h + c_r), z likewise; n = tanh(W_n x + b_n + r (U_n h + c_n)); h = (1 - z) n + z h.
    """
    weight, recurrent, bias, recurrent_bias = weights
    size = layer.output_size
    h = state.layers[layer.name]
    outputs = np.empty((len(inputs), size), np.float32)
    for frame, from_input in enumerate(_product(inputs, weight) + bias):
        from_state = _product(h[None], recurrent)[0] + recurrent_bias
        gates = _sigmoid(from_input[: 2 * size] + from_state[: 2 * size])
        r, z = gates[:size], gates[size:]
        n = np.tanh(from_input[2 * size :] + r * from_state[2 * size :])
        h = outputs[frame] = n + z * (h - n)
    state.layers[layer.name] = h
    return outputs


def _sigmoid(x: Rows) -> Rows:
    powers = np.exp(-x)
    powers += 1
    return np.reciprocal(powers, out=powers)


def _product(rows: Rows, matrix: Rows) -> Rows:
    """Compute ``rows @ matrix.T`` in whichever form is fastest on this platform.

    NumPy in WebAssembly has no BLAS, and there ``einsum`` on a C-ordered matrix beats ``matmul`` by half.
    """
    if _EMSCRIPTEN:
        return np.einsum("kj,ij->ki", rows, matrix)
    cuts = pieces(len(rows), *matrix.shape)
    if len(cuts) == 1:
        return rows @ matrix.T
    out = np.empty((len(rows), len(matrix)), np.float32)
    for some, outputs in cuts:
        np.matmul(rows[some], matrix[outputs].T, out=out[some, outputs])
    return out
