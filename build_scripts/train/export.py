"""Checkpoint to model file: ``python -m build_scripts.train.export CHECKPOINT OUT.pnw [--float]``."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from percepnet_wasm.layers import WEIGHT_LIMIT, WEIGHT_SCALE, Layer
from percepnet_wasm.model_file import Model

from .model import PercepNet, from_checkpoint, tier_of
from .warm_start import from_model, with_features

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


@torch.no_grad()
def blend(network: PercepNet, start: PercepNet, share: float) -> None:
    """Move a network's weights back towards those its training started from.

    A network fine-tuned from another's weights stays in the same valley of the loss: between the two, what the second
    training memorised weakens first (Wortsman et al., Robust fine-tuning of zero-shot models).

    Parameters
    ----------
    network : PercepNet
        Changed in place.
    start : PercepNet
        Of the same widths; it may read fewer features, whose others then have weights of zero.
    share : float
        Of ``start``, in [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}: give a number from 0 (the trained weights) to 1 (those of the start)")
    if network.size != start.size:
        raise ValueError(f"the start has {start.size}, the checkpoint {network.size}: blend networks of one size")
    start = with_features(start, network.mean, network.deviation)
    for ours, theirs in zip(network.parameters(), start.parameters(), strict=True):
        ours.lerp_(theirs, share)


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--float", action="store_true", help="keep float32 weights")
    parser.add_argument("--blend", type=Path, help="model file that the training started from")
    parser.add_argument("--share", type=float, default=0.4, help="of its weights in the blend")
    parser.add_argument("--provenance", type=json.loads, default={}, help="JSON kept in the file")
    args = parser.parse_args()
    checkpoint = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
    trained = {"steps": checkpoint["steps"], "audio_hours": round(checkpoint["hours"], 1)}
    network = from_checkpoint(checkpoint)
    if args.blend:
        start = Model.load(args.blend)
        blend(network, from_model(start), args.share)
        trained |= {"blend": {"sha256": start.sha256, "share": args.share}}
    model = to_model(network, trained | args.provenance, quantised=not args.float)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(model.to_bytes())
    print(f"{args.out}: {model.tier}, {model.weights} weights, {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
