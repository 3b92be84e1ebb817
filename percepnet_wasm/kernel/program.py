"""Turns a model into the kernel's program: constants that all of its streams share, and the memory of one stream.

Both are laid out for addresses of any width, so the same code makes the memory of this process and the image that a
page without Python runs (:mod:`.image`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..constants import HOP, LOOKAHEAD, WINDOW
from ..layers import WEIGHT_SCALE, Layer
from ..model_file import Model
from ..signal import correlation, pitch
from ..signal.bands import BANDS
from ..signal.comb import FUTURE, PAST
from .layout import ROW, structure
from .memory import ALIGNMENT, Address, Area
from .packing import GROUP, ONE, float_matrix, int8_matrix, padded
from .tables import TABLES, FftTables

__all__ = ["Constants", "Field", "StreamLayout", "UnsuitableModelError"]

_SLACK = 4
"""Numbers by which vectors may reach past the end of a buffer."""


class UnsuitableModelError(ValueError):
    """The kernel cannot run this model; NumPy can."""


class Constants:
    """What all streams of a model share: tables, feature statistics and packed weights.

    Parameters
    ----------
    model : Model
        Its weights must not change afterwards.
    pointer : {4, 8}
        Bytes of an address.

    Attributes
    ----------
    area : Area
    stream : dict
        Fields of the Stream structure that point here.
    matrices : Address
        Address of the Matrix structures, which are contiguous.
    matrix_count : int
    weight_bytes : int
        Bytes of int8 weights, without the blocks of zeros that were left out.
    of_layer : dict of str to (Address, Address or None)
        By layer: its input matrix and its recurrent one.

    Raises
    ------
    UnsuitableModelError
        The kernel cannot run the model.
    """

    def __init__(self, model: Model, pointer: int) -> None:
        if not model.quantised:
            raise UnsuitableModelError("its weights are not int8")
        self.model, self.pointer = model, pointer
        self.area = area = Area()
        self.weight_bytes = 0
        self.stream: dict[str, Any] = {name: area.place(table) for name, table in TABLES.items()}
        self.stream |= {"mean": area.place(model.feature_mean), "scale": area.place(1 / model.feature_deviation)}
        self.fft = {"frame_fft": _fft(area, WINDOW), "pitch_fft": _fft(area, correlation.SEGMENT)}
        kind = structure("Matrix", pointer)
        rows: list[dict[str, Any]] = []
        places: dict[str, list[int]] = {}
        for layer in model.layers:
            places[layer.name] = [len(rows)]
            rows.append(self._input(layer))
            if layer.kind == "gru":
                # The two biases of r and of z simply add up; n's second one is inside the reset gate's product.
                places[layer.name].append(len(rows))
                recurrent, inside = (model.arrays[layer.name, name] for name in ("recurrent", "recurrent_bias"))
                rows.append(self._int8(recurrent, inside))
        self.matrices, self.matrix_count = area.structures(kind, rows), len(rows)
        at = [Address(area, self.matrices.offset + number * kind.itemsize) for number in range(len(rows))]
        self.of_layer = {
            name: (at[numbers[0]], at[numbers[1]] if len(numbers) > 1 else None) for name, numbers in places.items()
        }

    def _input(self, layer: Layer) -> dict[str, Any]:
        weights, bias = (self.model.arrays[layer.name, name] for name in ("weight", "bias"))
        # Features are unbounded, so their layer stays in floats. It is small.
        return float_matrix(self.area, weights, bias) if "features" in layer.inputs else self._int8(weights, bias)

    def _int8(self, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> dict[str, Any]:
        steps = np.rint(weights / WEIGHT_SCALE).astype(np.int64)
        if np.abs(steps).sum(axis=1).max(initial=0) * ONE >= 2**31:
            raise UnsuitableModelError("its weights are so large that their 32-bit sums could overflow")
        matrix = int8_matrix(self.area, steps.astype(np.int8), bias)
        self.weight_bytes += (matrix["columns"] or matrix["bias"]).offset - matrix["weights"].offset
        return matrix


def _fft(area: Area, length: int) -> dict[str, Any]:
    tables = FftTables(length)
    return {"half": tables.half} | {name: area.place(getattr(tables, name)) for name in ("radices", "twiddles", "fold")}


@dataclass(frozen=True)
class Field:
    """A field of a stream that its caller reads or writes."""

    offset: int
    """From the beginning of the buffers, in bytes."""
    kind: np.dtype
    shape: tuple[int, ...]

    def view(self, buffers: NDArray[np.uint8]) -> NDArray:
        """View the field in a stream's buffers."""
        size = int(np.prod(self.shape)) * self.kind.itemsize
        return buffers[self.offset : self.offset + size].view(self.kind).reshape(self.shape)


class StreamLayout:
    """Memory of one stream: structures, which never change, followed by buffers, which hold everything that does.

    Parameters
    ----------
    constants : Constants
    block : int
        Frames per call.

    Attributes
    ----------
    structures, buffers : Area
        The Stream structure comes first.
    fields : dict of str to Field
        ``input``, ``output``, ``gain``, ``strength``, ``voice`` (rows may be padded), ``period``, ``correlation``,
        ``paths`` and the settings.
    activations : (int, int)
        Start and end of the activations in the buffers.
    beginning : uint8 (n,)
        Initial content of the buffers, up to where all is 0; activations start as the value that represents 0.
    """

    def __init__(self, constants: Constants, block: int) -> None:
        self._constants, self._block, self._pointer = constants, block, constants.pointer
        self.structures, self.buffers = Area(), Area()
        self.fields: dict[str, Field] = {}
        model, features = constants.model, len(constants.model.feature_mean)
        own = self.structures.reserve(structure("Stream", self._pointer).itemsize)
        lags = correlation.LAGS
        stream: dict[str, Any] = {
            "block": block,
            "paths": self._floats("paths", pitch.BACKTRACK + block, lags + 2 * pitch.JUMP),
            "settings": self._settings(),
            "input": self._floats("input", block * HOP),
            "output": self._floats("output", block * HOP),
            "period": self._numbers("period", np.int32, block),
            "correlation": self._floats("correlation", block),
            "feature_count": features,
        }
        for name, shape in {
            "samples": (PAST + WINDOW + FUTURE + (block - 1) * HOP,),
            "spectra": (LOOKAHEAD + block, 2, ROW),
            "energies": (LOOKAHEAD + block, BANDS),
            "lowpass_line": (len(correlation.LOWPASS) - correlation.DECIMATION + HOP,),
            "highpass_line": (len(correlation.HIGHPASS) - 1 + HOP // correlation.DECIMATION,),
            "decimated": (correlation.SEGMENT,),
            "correlations": (pitch.BACKTRACK + block, lags),
            "combed": (block, 2, ROW),
            "combed_energy": (block, BANDS),
            "coherence": (block, BANDS),
            "levels": (3, BANDS),
            "begun": (BANDS,),
            "features": (block, features),
            "normalised": (block, features),
            "tail": (HOP,),
        }.items():
            stream[name] = self._floats(None, *shape)
        for name, fft in constants.fft.items():
            stream[name] = fft | {"work": self._floats(None, 6 * fft["half"] + 32)}
        rows, outputs = self._layers(model, stream["normalised"], features)
        for name, (address, stride) in outputs.items():
            stream |= {name: address, f"{name}_stride": stride}
            self.fields[name] = Field(address.offset, np.dtype(np.float32), (block, stride))
        stream["layers"] = self.structures.structures(structure("Layer", self._pointer), rows)
        stream["layer_count"] = len(rows)
        self.structures.structures(structure("Stream", self._pointer), [constants.stream | stream], own)
        paths = self.fields["paths"]
        self.beginning = np.zeros(padded(paths.offset + int(np.prod(paths.shape)) * 4, ALIGNMENT), np.uint8)
        paths.view(self.beginning)[:] = pitch.UNREACHED
        paths.view(self.beginning)[:, pitch.JUMP : -pitch.JUMP] = 0

    def _numbers(self, name: str | None, kind: DTypeLike, *shape: int) -> Address:
        kind = np.dtype(kind)
        address = self.buffers.reserve((int(np.prod(shape)) + _SLACK) * kind.itemsize)
        if name:
            self.fields[name] = Field(address.offset, kind, shape)
        return address

    def _floats(self, name: str | None, *shape: int) -> Address:
        return self._numbers(name, np.float32, *shape)

    def _settings(self) -> Address:
        kind = structure("Settings", self._pointer)
        address = self.buffers.reserve(kind.itemsize)
        for name, (base, offset, *_) in (kind.fields or {}).items():
            self.fields[name] = Field(address.offset + offset, base, (1,))
        return address

    def _layers(
        self, model: Model, features: Address, count: int
    ) -> tuple[list[dict[str, Any]], dict[str, tuple[Address, int]]]:
        """Layer structures, the addresses of their outputs, and their row strides."""
        floats: dict[str, tuple[Address, int]] = {"features": (features, count)}
        sizes = {"features": count} | {layer.name: layer.output_size for layer in model.layers}
        strides = {layer.name: padded(layer.output_size, GROUP) for layer in model.layers}
        for name, stride in strides.items():
            floats[name] = self._floats(None, self._block, stride), stride
        rows = [self._layer(layer, strides[layer.name]) for layer in model.layers]
        for row, layer in zip(rows, model.layers, strict=True):
            row["output"] = floats[layer.name][0]
        # All activations are together, at the end.
        start = self.buffers.size
        quantised: dict[str, Address | None] = {"features": None}
        for row, layer in zip(rows, model.layers, strict=True):
            stride = strides[layer.name]
            row["line"] = self._activations(layer.kernel * layer.input_size + GROUP)
            quantised[layer.name] = row["quantised"] = self._activations(self._block * stride)
            row["quantised_state"] = self._activations(stride) if layer.kind == "gru" else None
            row["sources"] = self.structures.structures(
                structure("Source", self._pointer),
                [
                    {"floats": at, "stride": stride, "quantised": quantised[name], "size": sizes[name]}
                    for name, (at, stride) in ((name, floats[name]) for name in layer.inputs)
                ],
            )
        self.activations = start, self.buffers.size
        return rows, {name: floats[name] for name in ("gain", "strength", "voice")}

    def _activations(self, count: int) -> Address:
        return self._numbers(None, np.int16, count)

    def _layer(self, layer: Layer, stride: int) -> dict[str, Any]:
        matrix, recurrent = self._constants.of_layer[layer.name]
        row: dict[str, Any] = {
            "input": matrix,
            "recurrent": recurrent,
            "source_count": len(layer.inputs),
            "input_size": layer.input_size,
            "output_size": layer.output_size,
            "kernel": layer.kernel,
            "sigmoid": layer.activation == "sigmoid",
            "stride": stride,
            "float_line": self._floats(None, layer.kernel * layer.input_size + GROUP),
        }
        if recurrent is not None:
            gates = padded(3 * layer.output_size, GROUP) + GROUP
            row |= {
                "gates_stride": gates,
                "from_input": self._floats(None, self._block, gates),
                "from_state": self._floats(None, gates),
                "state": self._floats(None, stride),
            }
        return row
