"""Checkpoint to model file: ``python -m build_scripts.train.export CHECKPOINT OUT.pnw [--float]``."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from percepnet_wasm.model_file import WEIGHT_LIMIT, WEIGHT_SCALE, Layer, Model

from .model import PercepNet, from_checkpoint, tier_of

_INPUTS = {
    "dense": ("features",),
    "conv1": ("dense",),
    "conv2": ("conv1",),
    "gru1": ("conv2",),
    "gru2": ("gru1",),
    "gru3": ("gru2",),
    "gru_gain": ("gru3",),
    "gru_strength": ("conv2", "gru3"),
    "gain": ("conv2", "gru1", "gru2", "gru3", "gru_gain"),
    "strength": ("gru_strength",),
    "voice": ("gru3",),
}
"""The graph of :meth:`build_scripts.train.model.PercepNet.forward`."""
_SIGMOID = ("gain", "strength", "voice")


def to_model(network: PercepNet, provenance: dict, quantised: bool = True) -> Model:
    """Translate a trained network.

    Parameters
    ----------
    network : PercepNet
    provenance : dict
        Kept in the file.
    quantised : bool
        Round the weights to int8; False keeps them float32, for comparison.

    Returns
    -------
    Model
    """
    layers, arrays = [], {}
    for name, inputs in _INPUTS.items():
        module = getattr(network, name)
        activation = "sigmoid" if name in _SIGMOID else "tanh"
        if isinstance(module, nn.GRU):
            layer = Layer(name, "gru", inputs, module.input_size, module.hidden_size)
            values = [module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0, module.bias_hh_l0]
        elif isinstance(module, nn.Conv1d):
            outputs, width, kernel = module.weight.shape
            layer = Layer(name, "conv", inputs, width, outputs, kernel, activation)
            values = [module.weight.permute(0, 2, 1).reshape(outputs, kernel * width), module.bias]
        else:
            layer = Layer(name, "dense", inputs, module.in_features, module.out_features, 1, activation)
            values = [module.weight, module.bias]
        layers.append(layer)
        for (array, _), value in zip(layer.arrays(), values, strict=True):
            numbers = np.ascontiguousarray(value.detach().cpu().numpy(), np.float32)
            if numbers.ndim == 2 and quantised:
                numbers = np.clip(np.rint(numbers / WEIGHT_SCALE) * WEIGHT_SCALE, -WEIGHT_LIMIT, WEIGHT_LIMIT)
            arrays[name, array] = numbers.astype(np.float32)
    mean, deviation = (t.cpu().numpy().astype(np.float32) for t in (network.mean, network.deviation))
    return Model(tier_of(network.size), layers, arrays, mean, deviation, provenance=provenance, quantised=quantised)


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--float", action="store_true", help="keep float32 weights")
    parser.add_argument("--provenance", type=json.loads, default={}, help="JSON kept in the file")
    args = parser.parse_args()
    checkpoint = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
    trained = {"minutes": round(checkpoint["minutes"], 1), "audio_hours": round(checkpoint["hours"], 1)}
    model = to_model(from_checkpoint(checkpoint), trained | args.provenance, quantised=not args.float)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(model.to_bytes())
    print(f"{args.out}: {model.tier}, {model.weights} weights, {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
