"""Start a training from a model file: the same network, or a wider one that computes the same at first.

Widening copies units and shares each copy's outgoing weights among the copies (Chen, Goodfellow, Shlens: Net2Net), so
that a larger tier begins where a smaller one ended.
"""

from dataclasses import asdict, replace

import numpy as np
import torch
from torch import nn

from percepnet_wasm.model_file import Model

from .model import PercepNet, Size

_WIDTHS = {
    "dense": "dense",
    "conv1": "conv",
    "conv2": "conv",
    "gru1": "gru",
    "gru2": "gru",
    "gru3": "gru",
    "gru_gain": "gru",
    "gru_strength": "strength",
}
"""Which of a Size's widths each hidden layer has."""


def size_of(model: Model) -> Size:
    """Widths of a model that :mod:`build_scripts.train.export` wrote."""
    outputs = {layer.name: layer.output_size for layer in model.layers}
    return Size(**{width: outputs[name] for name, width in _WIDTHS.items()})


def widened(model: Model, size: Size, rng: np.random.Generator) -> Model:
    """A wider network with the same outputs.

    Parameters
    ----------
    model : Model
    size : Size
        No narrower than the model in any width.
    rng : numpy Generator
        Draws which units are copied, and how a copied unit's outgoing weights are shared: unequally, or the copies
        would stay copies for ever.

    Returns
    -------
    Model
    """
    wanted = {name: asdict(size)[width] for name, width in _WIDTHS.items()}
    units = {"features": np.arange(len(model.feature_mean))}
    for layer in model.layers:
        extra = wanted.get(layer.name, layer.output_size) - layer.output_size
        if extra < 0:
            raise ValueError(f"size {size} is narrower than the model in {layer.name}: choose a larger tier")
        copies = rng.permutation(np.resize(rng.permutation(layer.output_size), extra))
        units[layer.name] = np.concatenate((np.arange(layer.output_size), copies))
    layers, arrays = [], {}
    for layer in model.layers:
        rows = units[layer.name]
        starts = np.cumsum([0] + [units[name].max() + 1 for name in layer.inputs[:-1]])
        columns = np.concatenate([start + units[name] for start, name in zip(starts, layer.inputs, strict=True)])
        layers.append(replace(layer, input_size=len(columns), output_size=len(rows)))
        gates = 3 if layer.kind == "gru" else 1
        gate_rows = (np.arange(gates)[:, None] * layer.output_size + rows).ravel()
        for name, _ in layer.arrays():
            array = model.arrays[layer.name, name]
            if array.ndim == 1:
                arrays[layer.name, name] = array[gate_rows]
                continue
            inputs = rows if name == "recurrent" else columns
            frames = array[gate_rows].reshape(len(gate_rows), layer.kernel, -1)[:, :, inputs]
            shared = frames * _shares(inputs, rng, len(gate_rows))
            arrays[layer.name, name] = shared.reshape(len(gate_rows), -1).astype(np.float32)
    return replace(model, tier="", layers=layers, arrays=arrays, quantised=False, sha256="")


def _shares(units: np.ndarray, rng: np.random.Generator, rows: int) -> np.ndarray:
    """(rows, 1, columns): how much of a unit's outgoing weight each of its copies carries; 1 where there is no copy."""
    raw = rng.uniform(0.2, 1, (rows, len(units)))
    total = np.zeros((rows, units.max() + 1))
    np.add.at(total, (slice(None), units), raw)
    return (raw / total[:, units])[:, None]


def from_model(model: Model) -> PercepNet:
    """The trainable network of a model file: the inverse of :func:`build_scripts.train.export.to_model`."""
    network = PercepNet(
        size_of(model), torch.from_numpy(model.feature_mean.copy()), torch.from_numpy(model.feature_deviation.copy())
    )
    with torch.no_grad():
        for layer in model.layers:
            module = getattr(network, layer.name)
            for name, _ in layer.arrays():
                value = torch.from_numpy(np.ascontiguousarray(model.arrays[layer.name, name]))
                if isinstance(module, nn.Conv1d) and name == "weight":
                    value = value.reshape(layer.output_size, layer.kernel, layer.input_size).permute(0, 2, 1)
                getattr(module, _NAMES[layer.kind][name]).copy_(value)
    return network


def with_features(network: PercepNet, mean: torch.Tensor, deviation: torch.Tensor) -> PercepNet:
    """A network that reads more features, and computes the same until it has learnt what they are worth.

    Parameters
    ----------
    network : PercepNet
    mean, deviation : tensor (inputs,)
        Of the wider set of features, the network's own first.
    """
    old = len(network.mean)
    if len(mean) == old:
        return network
    if len(mean) < old:
        raise ValueError(f"the network reads {old} features, {len(mean)} are wanted: choose a larger set of features")
    state = network.state_dict()
    state["mean"] = torch.cat((state["mean"], mean[old:]))
    state["deviation"] = torch.cat((state["deviation"], deviation[old:]))
    weight = state["dense.weight"]
    state["dense.weight"] = torch.cat((weight, weight.new_zeros(len(weight), len(mean) - old)), 1)
    wider = PercepNet(network.size, state["mean"], state["deviation"])
    wider.load_state_dict(state)
    return wider


_NAMES = {
    "gru": {
        "weight": "weight_ih_l0",
        "recurrent": "weight_hh_l0",
        "bias": "bias_ih_l0",
        "recurrent_bias": "bias_hh_l0",
    },
    "dense": {"weight": "weight", "bias": "bias"},
    "conv": {"weight": "weight", "bias": "bias"},
}
