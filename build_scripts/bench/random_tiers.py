"""Models of every tier's topology with random weights: what a tier costs does not depend on what it has learnt."""

from pathlib import Path

import numpy as np

SPARSE = "sparse"
"""Suffix of models with some blocks of 16 outputs by 4 inputs only, as many as in the article on echoes."""
_GATES = (0.1, 0.2, 0.4)
"""Shares left of a gated unit's reset, update and candidate."""
_CONV2 = 0.5
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

    from build_scripts.train.export import to_model
    from build_scripts.train.model import TIERS, PercepNet
    from percepnet_wasm.signal.features import FEATURES

    tier, _, sparse = name.partition("-")
    if tier not in TIERS or sparse not in ("", SPARSE):
        raise ValueError(f"no tier {name!r}: choose one of {', '.join(TIERS)}, with or without -{SPARSE}")
    torch.manual_seed(0)
    model = to_model(PercepNet(TIERS[tier], torch.zeros(FEATURES), torch.ones(FEATURES)), {"weights": "random"})
    model.tier = f"{name}-random"
    if sparse:
        rng = np.random.default_rng(0)
        for layer in model.layers:
            for name, _ in layer.arrays():
                array = model.arrays[layer.name, name]
                if array.ndim == 2 and layer.kind == "gru":
                    for gate, density in zip(np.split(array, len(_GATES)), _GATES, strict=True):
                        _thin(gate, density, rng)
                elif array.ndim == 2 and layer.name == "conv2":
                    _thin(array, _CONV2, rng)
        matrices = [array for array in model.arrays.values() if array.ndim == 2]
        model.density = sum(map(np.count_nonzero, matrices)) / sum(array.size for array in matrices)
    path = folder / f"{model.tier}.pnw"
    path.write_bytes(model.to_bytes())
    return path


def _thin(weights: np.ndarray, density: float, rng: np.random.Generator) -> None:
    """Put zeros in all but a share of the blocks, in place."""
    shape = -(-weights.shape[0] // _ROWS), -(-weights.shape[1] // _COLUMNS)
    kept = (rng.random(shape) < density).repeat(_ROWS, axis=0).repeat(_COLUMNS, axis=1)
    weights *= kept[: weights.shape[0], : weights.shape[1]]
