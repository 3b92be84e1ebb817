"""Models of every tier's topology with random weights: what a tier costs does not depend on what it has learnt."""

from pathlib import Path

import numpy as np

SPARSE = "sparse"
"""Suffix of models with a quarter of their blocks of 16 outputs by 4 inputs left."""
_DENSITY = 0.25
_ROWS, _COLUMNS = 16, 4


def make(name: str, folder: Path) -> Path:
    """Write a model file.

    Parameters
    ----------
    name : str
        A tier, such as c100, or a tier and SPARSE, such as c100-sparse.
    folder : Path

    Returns
    -------
    Path
        ``folder/name-random.pnw``; the model's tier has the same name.
    """
    import torch
    from train.export import to_model
    from train.model import TIERS, PercepNet

    from percepnet_wasm.features import FEATURES

    tier, _, sparse = name.partition("-")
    if tier not in TIERS or sparse not in ("", SPARSE):
        raise ValueError(f"no tier {name!r}: give one of {', '.join(TIERS)}, with or without -{SPARSE}")
    torch.manual_seed(0)
    model = to_model(PercepNet(TIERS[tier], torch.zeros(FEATURES), torch.ones(FEATURES)), {"weights": "random"})
    model.tier = f"{name}-random"
    if sparse:
        rng = np.random.default_rng(0)
        model.density = _DENSITY
        for array in model.arrays.values():
            if array.ndim == 2 and len(array) >= _ROWS:
                shape = -(-array.shape[0] // _ROWS), -(-array.shape[1] // _COLUMNS)
                kept = (rng.random(shape) < _DENSITY).repeat(_ROWS, axis=0).repeat(_COLUMNS, axis=1)
                array *= kept[: array.shape[0], : array.shape[1]]
    path = folder / f"{model.tier}.pnw"
    path.write_bytes(model.to_bytes())
    return path
