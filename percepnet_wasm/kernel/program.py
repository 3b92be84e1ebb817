"""Turns a model into the kernel's program: a table of layers with packed int8 weights and pointers.

Weights are packed once a model and shared by all streams that run it; each stream has its own buffers. A group of 16
rows lies together; in it come 4 columns a time, for which 4 quads of rows follow each other, 16 bytes a quad. Within a
quad SIMD wants, row by row, columns 0 and 1, then 2 and 3 of all four rows; relaxed SIMD wants row by row.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model_file import WEIGHT_SCALE, Model
from ..model_file import Layer as ModelLayer
from .layout import ACTIVATION, Layer, Source, pointer

__all__ = ["Program", "UnsuitableModelError", "activation_type", "pack", "zero"]

_GROUP = 16
_COLUMNS = 4
_SPARSE_ENOUGH = 0.75
"""Share of blocks with a weight in them, up to which skipping the others pays."""


class UnsuitableModelError(ValueError):
    """The kernel cannot run this model; NumPy can."""


def activation_type(variant: str) -> type:
    """Integers that activations become."""
    return np.uint8 if variant == "relaxed" else np.int16


def zero(variant: str) -> int:
    """What stands for 0: relaxed SIMD's activations have no sign."""
    return 64 if variant == "relaxed" else 0


@dataclass
class _Packed:
    """A matrix as the kernel wants it."""

    rows: int
    inputs: int
    scale: float
    bias: NDArray[np.float32]
    weights: NDArray[np.int8] | None = None
    columns: NDArray[np.uint16] | None = None
    floats: NDArray[np.float32] | None = None

    def describe(self, matrix: Any) -> None:
        """Fill in the C structure."""
        matrix.rows, matrix.inputs, matrix.scale = self.rows, self.inputs, self.scale
        for name in ("weights", "columns", "floats", "bias"):
            setattr(matrix, name, pointer(getattr(self, name)))


def _padded(size: int, multiple: int) -> int:
    return size + -size % multiple


def pack(steps: NDArray[np.int8], variant: str) -> tuple[NDArray[np.int8], NDArray[np.uint16] | None]:
    """Pack weights for a variant of the kernel.

    Parameters
    ----------
    steps : int8 (rows, inputs)
        In steps of WEIGHT_SCALE.
    variant : {"relaxed", "simd", "native"}

    Returns
    -------
    int8 (n,)
        The bytes, padded to whole groups; blocks of zeros left out if there are many.
    uint16 (m,) or None
        For each group the number of its blocks and which they are; None if all are there.
    """
    rows, inputs = (_padded(n, m) for n, m in zip(steps.shape, (_GROUP, _COLUMNS), strict=True))
    full = np.zeros((rows, inputs), np.int8)
    full[: steps.shape[0], : steps.shape[1]] = steps
    # group, quad, row, column block, pair, column
    split = full.reshape(rows // _GROUP, 4, 4, inputs // _COLUMNS, 2, 2)
    order = (0, 3, 1, 2, 4, 5) if variant == "relaxed" else (0, 3, 1, 4, 2, 5)
    blocks = np.ascontiguousarray(split.transpose(order)).reshape(rows // _GROUP, inputs // _COLUMNS, -1)
    used = np.asarray(blocks.any(axis=2))
    if used.mean() > _SPARSE_ENOUGH:
        return blocks.ravel(), None
    columns = [np.append(row.sum(), np.flatnonzero(row)) for row in used]
    return blocks[used].ravel(), np.concatenate(columns).astype(np.uint16)


def _pack_int8(weights: NDArray[np.float32], bias: NDArray[np.float32], variant: str) -> _Packed:
    steps = np.rint(weights / WEIGHT_SCALE).astype(np.int64)
    one = ACTIVATION[variant]
    sums = np.abs(steps).sum(axis=1)
    if sums.max(initial=0) * one >= 2**31:
        raise UnsuitableModelError("its weights are so large that their 32-bit sums could overflow")
    packed, columns = pack(steps.astype(np.int8), variant)
    padded = np.zeros(_padded(len(bias), _GROUP), np.float32)
    padded[: len(bias)] = bias - steps.sum(axis=1) * (zero(variant) * WEIGHT_SCALE / one)
    return _Packed(len(padded), _padded(weights.shape[1], _COLUMNS), WEIGHT_SCALE / one, padded, packed, columns)


def _pack_floats(weights: NDArray[np.float32], bias: NDArray[np.float32]) -> _Packed:
    rows = _padded(len(bias), _GROUP)
    full, padded = np.zeros((rows, weights.shape[1]), np.float32), np.zeros(rows, np.float32)
    full[: len(weights)], padded[: len(bias)] = weights, bias
    floats = np.ascontiguousarray(full.reshape(-1, _GROUP, weights.shape[1]).transpose(0, 2, 1))
    return _Packed(rows, weights.shape[1], 1.0, padded, floats=floats)


def _packed_layers(model: Model, variant: str) -> dict[str, tuple[_Packed, _Packed | None]]:
    """Matrices of all layers, remembered with the model: its weights must not change afterwards."""
    if not model.quantised:
        raise UnsuitableModelError("its weights are not int8")
    memory = vars(model).setdefault("packed_weights", {})
    if variant not in memory:
        packed = {}
        for layer in model.layers:
            bias = model.arrays[layer.name, "bias"]
            recurrent = None
            if layer.kind == "gru":
                # The biases of r and z simply add up; n's second one is inside the reset gate's product.
                inside = model.arrays[layer.name, "recurrent_bias"]
                recurrent = _pack_int8(model.arrays[layer.name, "recurrent"], inside, variant)
            weights = model.arrays[layer.name, "weight"]
            # Features have no bounds: their layer stays in floats. It is small.
            floats = "features" in layer.inputs
            matrix = _pack_floats(weights, bias) if floats else _pack_int8(weights, bias, variant)
            packed[layer.name] = matrix, recurrent
        memory[variant] = packed
    return memory[variant]


class Program:
    """A model's layers with the buffers of one stream.

    Parameters
    ----------
    model : Model
    variant : {"relaxed", "simd", "native"}
    block : int
        Frames a call.

    Attributes
    ----------
    layers : ctypes array of Layer
    normalised : float32 (block, features)
        The input.
    outputs : dict of str to float32 (block, stride)
        By layer; columns beyond its size have no meaning.

    Raises
    ------
    UnsuitableModelError
        The kernel cannot run the model.
    """

    def __init__(self, model: Model, variant: str, block: int) -> None:
        self._packed = _packed_layers(model, variant)
        self._zero, self._type, self._block = zero(variant), activation_type(variant), block
        self._kept: list[Any] = []
        self._floats: list[NDArray[np.float32]] = []
        self._activations: list[NDArray] = []
        features = len(model.feature_mean)
        self.normalised = self._float(block, features)
        self.outputs: dict[str, NDArray[np.float32]] = {"features": self.normalised}
        self._quantised: dict[str, NDArray | None] = {"features": None}
        sizes = {"features": features}
        self.layers: Any = (Layer * len(model.layers))()
        for target, layer in zip(self.layers, model.layers, strict=True):
            self._describe(target, layer, sizes)
            sizes[layer.name] = layer.output_size

    def reset(self) -> None:
        """Forget the stream."""
        for floats in self._floats:
            floats[:] = 0
        for activations in self._activations:
            activations[:] = self._zero

    def _float(self, *shape: int) -> NDArray[np.float32]:
        self._floats.append(np.zeros(shape, np.float32))
        return self._floats[-1]

    def _activation(self, *shape: int) -> NDArray:
        self._activations.append(np.full(shape, self._zero, self._type))
        return self._activations[-1]

    def _describe(self, target: Any, layer: ModelLayer, sizes: dict[str, int]) -> None:
        matrix, recurrent = self._packed[layer.name]
        matrix.describe(target.input)
        sources: Any = (Source * len(layer.inputs))()
        for source, name in zip(sources, layer.inputs, strict=True):
            source.floats, source.quantised = pointer(self.outputs[name]), pointer(self._quantised[name])
            source.stride, source.size = self.outputs[name].shape[1], sizes[name]
        self._kept.append(sources)
        target.sources, target.source_count = ctypes.addressof(sources), len(sources)
        target.input_size, target.output_size, target.kernel = layer.input_size, layer.output_size, layer.kernel
        target.sigmoid = layer.activation == "sigmoid"
        # Vectors may reach beyond the last number by less than a group.
        span = layer.kernel * layer.input_size + _GROUP
        target.line, target.float_line = pointer(self._activation(span)), pointer(self._float(span))
        stride = _padded(layer.output_size, _GROUP)
        output, quantised = self._float(self._block, stride), self._activation(self._block, stride)
        target.stride, target.output, target.quantised = stride, pointer(output), pointer(quantised)
        self.outputs[layer.name], self._quantised[layer.name] = output, quantised
        if recurrent is not None:
            recurrent.describe(target.recurrent)
            gates = recurrent.rows + _GROUP
            target.gates_stride = gates
            target.from_input, target.from_state = pointer(self._float(self._block, gates)), pointer(self._float(gates))
            target.state, target.quantised_state = pointer(self._float(stride)), pointer(self._activation(stride))
