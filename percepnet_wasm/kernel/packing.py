"""Weights in the order in which the kernel's instructions read them.

They are packed and shipped in SIMD's order; relaxed SIMD reorders them on loading (``c/product.c``). Groups of 16 rows
are contiguous. Within a group, 4 columns come at a time, as 4 quads of rows of 16 bytes each: columns 0 and 1 of each
of the quad's four rows, then columns 2 and 3.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layers import WEIGHT_SCALE
from .layout import ACTIVATION, structure
from .memory import Address, Area

__all__ = ["GROUP", "float_matrix", "int8_matrix", "lone_matrix", "pack", "padded", "unpack"]

GROUP = 16
"""Rows in a group."""
ONE = ACTIVATION["simd"]
"""What 1 becomes when activations are rounded."""
_COLUMNS = 4
_SPARSE_ENOUGH = 0.75
"""Share of blocks with a weight in them up to which skipping the others pays off."""


def padded(size: int, multiple: int) -> int:
    """Round up."""
    return size + -size % multiple


def pack(steps: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.uint16] | None]:
    """Pack weights.

    Parameters
    ----------
    steps : int8 (rows, inputs)
        In steps of WEIGHT_SCALE.

    Returns
    -------
    int8 (n,)
        The bytes, padded to whole groups; blocks of zeros are left out if there are many.
    uint16 (m,) or None
        For each group, the number of its blocks and their indices; None if no block is left out.
    """
    rows, inputs = (padded(n, m) for n, m in zip(steps.shape, (GROUP, _COLUMNS), strict=True))
    full = np.zeros((rows, inputs), np.int8)
    full[: steps.shape[0], : steps.shape[1]] = steps
    # group, quad, row, column block, pair, column
    split = full.reshape(rows // GROUP, 4, 4, inputs // _COLUMNS, 2, 2)
    blocks = np.ascontiguousarray(split.transpose(0, 3, 1, 4, 2, 5)).reshape(rows // GROUP, inputs // _COLUMNS, -1)
    used = np.asarray(blocks.any(axis=2))
    if used.mean() > _SPARSE_ENOUGH:
        return blocks.ravel(), None
    columns = [np.append(row.sum(), np.flatnonzero(row)) for row in used]
    return blocks[used].ravel(), np.concatenate(columns).astype(np.uint16)


def unpack(weights: NDArray[np.int8], columns: NDArray[np.uint16] | None, shape: tuple[int, int]) -> NDArray[np.int8]:
    """Undo :func:`pack`.

    Parameters
    ----------
    weights, columns
        As :func:`pack` returned them; they may be followed by other numbers.
    shape : (int, int)
        Rows and inputs.

    Returns
    -------
    int8 (rows, inputs)

    Raises
    ------
    ValueError
        There are fewer numbers than the shape needs, or a block lies outside it.
    """
    groups, across = -(-shape[0] // GROUP), -(-shape[1] // _COLUMNS)
    blocks = np.zeros((groups, across, GROUP * _COLUMNS), np.int8)
    at = block = 0
    for group in range(groups):
        used: Any = slice(None)
        count = across
        if columns is not None:
            count = int(columns[at]) if at < len(columns) else 0
            used = columns[at + 1 : at + 1 + count].astype(np.intp)
            if at >= len(columns) or len(used) < count:
                raise ValueError("its blocks are truncated")
            at += 1 + count
            if count and used.max() >= across:
                raise ValueError("a block lies beyond the matrix")
        size = count * GROUP * _COLUMNS
        blocks[group, used] = weights[block : block + size].reshape(count, GROUP * _COLUMNS)
        block += size
    # group, column block, quad, pair, row, column
    split = blocks.reshape(groups, across, 4, 2, 4, 2).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(split).reshape(groups * GROUP, across * _COLUMNS)[: shape[0], : shape[1]]


def int8_matrix(area: Area, steps: NDArray[np.int8], bias: NDArray[np.float32]) -> dict[str, Any]:
    """Place packed weights and a bias in an area; return the fields of their Matrix structure."""
    weights, columns = pack(steps)
    whole = _whole_groups(bias)
    return {
        "rows": len(whole),
        "inputs": padded(steps.shape[1], _COLUMNS),
        "scale": WEIGHT_SCALE / ONE,
        "weights": area.place(weights),
        "columns": None if columns is None else area.place(columns),
        "bias": area.place(whole),
    }


def float_matrix(area: Area, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> dict[str, Any]:
    """Do the same with weights that stay floats, column by column within a group."""
    rows, inputs = padded(len(bias), GROUP), weights.shape[1]
    full = np.zeros((rows, inputs), np.float32)
    full[: len(weights)] = weights
    floats = full.reshape(-1, GROUP, inputs).transpose(0, 2, 1)
    return {
        "rows": rows,
        "inputs": inputs,
        "scale": 1.0,
        "floats": area.place(floats),
        "bias": area.place(_whole_groups(bias)),
    }


def lone_matrix(steps: NDArray[np.int8], pointer: int) -> tuple[Area, Address]:
    """Make an area with one Matrix structure, without bias, to test the kernel's product; return its address too."""
    area = Area()
    matrix = int8_matrix(area, steps, np.zeros(len(steps), np.float32))
    return area, area.structures(structure("Matrix", pointer), [matrix])


def _whole_groups(bias: NDArray[np.float32]) -> NDArray[np.float32]:
    full = np.zeros(padded(len(bias), GROUP), np.float32)
    full[: len(bias)] = bias
    return full
