"""Program images: a model compiled to the form the kernel reads, for pages that run it without Python.

An image holds the packed weights and tables, one stream's structures and the beginning of its buffers, as laid out in
WebAssembly's memory, with a list of the places that hold addresses; the names of what a caller reads and writes; and a
test computed by NumPy. It includes the header of the model file, so :meth:`.Model.load` reads an image just as it reads
the file that it was compiled from.

Layout: 8 bytes magic, format version and header length as little-endian uint32, an ASCII JSON header padded to 8 bytes,
then, with the sizes that the header gives: constants, structures, beginning of the buffers, places (uint32) and test
(float32).
``worklet/image.js`` reads it, ``worklet/runner.js`` runs it.
"""

import json
import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..constants import HOP
from ..engine import NumpyEngine
from ..enhancer import info
from ..errors import ModelFileError
from ..layers import Layer
from ..model_file import FORMAT_VERSION as MODEL_VERSION
from ..model_file import IMAGE_MAGIC, WEIGHT_SCALE, Model
from ..model_file import MAGIC as MODEL_MAGIC
from .check import TOLERANCE, trial_sound
from .layout import LAYOUT, RELAXED_ZERO, structure
from .memory import Area
from .packing import unpack
from .program import Constants, StreamLayout, UnsuitableModelError

__all__ = ["FORMAT_VERSION", "image", "model_file", "write_image"]

FORMAT_VERSION = 2
POINTER = 4
"""Bytes of an address in WebAssembly."""
FRAMES = 12
"""Frames in the test: enough to fill every stage's memory."""
_STEP = 2**-12
"""The test's samples are multiples of this, so that they compress."""
_HEAD = struct.Struct("<8sII")
_LONGEST_HEADER = 1 << 20
_MOST_WEIGHTS = 1 << 26
"""Far beyond the article's 8 million, far below what would exhaust memory."""


def image(model: Model) -> bytes:
    """Compile a model.

    Parameters
    ----------
    model : Model
        With int8 weights.

    Returns
    -------
    bytes
        The same for the same model, on any platform whose NumPy computes the same tables.

    Raises
    ------
    UnsuitableModelError
        The kernel cannot run the model.
    """
    constants = Constants(model, POINTER)
    stream = StreamLayout(constants, 1)
    bases = {constants.area: 0, stream.structures: 0, stream.buffers: stream.structures.size}
    contents = {area: _linked(area, bases) for area in (constants.area, stream.structures)}
    places = {
        "constants": sorted(constants.area.links),
        "constantsOfStream": [at for at, to in sorted(stream.structures.links.items()) if to.area is constants.area],
        "stream": [at for at, to in sorted(stream.structures.links.items()) if to.area is not constants.area],
    }
    test = _test(model)
    start = stream.structures.size
    header = {
        "layout": LAYOUT,
        "info": info(model),
        "model": model.header().decode(),
        "constants": constants.area.size,
        "matrices": {
            "offset": constants.matrices.offset,
            "count": constants.matrix_count,
            "size": structure("Matrix", POINTER).itemsize,
        },
        "structures": stream.structures.size,
        "buffers": {"size": stream.buffers.size, "stored": len(stream.beginning)},
        "fields": {
            name: [start + field.offset, str(field.kind), list(field.shape)] for name, field in stream.fields.items()
        },
        "activations": {"range": [start + at for at in stream.activations], "relaxedZero": RELAXED_ZERO},
        "places": {name: len(each) for name, each in places.items()},
        "test": {"frames": FRAMES, "tolerance": {name: TOLERANCE[name] for name in ("relaxed", "simd")}},
    }
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    parts = [contents[constants.area], contents[stream.structures], stream.beginning]
    parts += [np.array(each, "<u4") for each in places.values()] + [values.astype("<f4") for values in test]
    return _HEAD.pack(IMAGE_MAGIC, FORMAT_VERSION, len(text)) + text + b"".join(part.tobytes() for part in parts)


def model_file(content: bytes) -> bytes:
    """Take an image apart.

    Parameters
    ----------
    content : bytes
        As :func:`image` returned it.

    Returns
    -------
    bytes
        The model file that it was compiled from.

    Raises
    ------
    ValueError, KeyError, TypeError, struct.error
        The image is damaged. The result includes a SHA-256 of the weights, which :meth:`.Model.load` checks.
    """
    _, version, length = _HEAD.unpack_from(content)
    if version != FORMAT_VERSION or length > min(_LONGEST_HEADER, len(content) - _HEAD.size):
        raise ValueError(f"format {version} with a header of {length} bytes")
    header = json.loads(content[_HEAD.size : _HEAD.size + length])
    constants = memoryview(content)[_HEAD.size + length :][: header["constants"]]
    at, count = (header["matrices"][name] for name in ("offset", "count"))
    matrices = list(np.frombuffer(constants, structure("Matrix", POINTER), count, at))
    text = header["model"].encode()
    layers = [Layer(**{**entry, "inputs": tuple(entry["inputs"])}) for entry in json.loads(text)["layers"]]
    shapes = {layer.name: dict(layer.arrays()) for layer in layers}
    if sum(np.prod(shape, dtype=float) for each in shapes.values() for shape in each.values()) > _MOST_WEIGHTS:
        raise ValueError("more weights than any model has")
    parts = []
    for layer in layers:
        arrays: dict[str, NDArray] = {}
        for weight, bias in (("weight", "bias"), ("recurrent", "recurrent_bias")):
            if weight in shapes[layer.name]:
                rows, inputs = shapes[layer.name][weight]
                matrix = matrices.pop(0)
                arrays[weight] = _weights(constants, matrix, rows, inputs)
                arrays[bias] = np.frombuffer(constants, "<f4", rows, int(matrix["bias"]))
        parts += [arrays[name].tobytes() for name, _ in layer.arrays()]
    return _HEAD.pack(MODEL_MAGIC, MODEL_VERSION, len(text)) + text + b"".join(parts)


def _weights(constants: memoryview, matrix: np.void, rows: int, inputs: int) -> NDArray[np.int8]:
    """Read a Matrix structure's weights as int8 (rows, inputs)."""
    if matrix["floats"]:
        groups = -(-rows // 16)
        floats = np.frombuffer(constants, "<f4", groups * 16 * inputs, int(matrix["floats"]))
        full = floats.reshape(groups, inputs, 16).transpose(0, 2, 1).reshape(-1, inputs)[:rows]
        return np.clip(np.nan_to_num(np.rint(full / WEIGHT_SCALE)), -128, 127).astype(np.int8)
    packed = np.frombuffer(constants, np.int8, -1, int(matrix["weights"]))
    columns = None
    if matrix["columns"]:
        rest = len(constants) - int(matrix["columns"])
        columns = np.frombuffer(constants, "<u2", rest // 2, int(matrix["columns"]))
    return unpack(packed, columns, (rows, inputs))


def write_image(model: str | Path, path: str | Path) -> None:
    """Compile a model file. The image is written whole or not at all, and replaces an earlier one only once complete.

    Parameters
    ----------
    model, path : path

    Raises
    ------
    ModelFileError
        The model cannot be read, or the kernel cannot run it.
    OSError
        The image cannot be written.
    """
    try:
        content = image(Model.load(model))
    except UnsuitableModelError as error:
        raise ModelFileError(f"model {str(model)!r} cannot be compiled ({error}): use int8 weights") from error
    partial = Path(f"{path}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _linked(area: Area, bases: dict[Area, int]) -> NDArray[np.uint8]:
    """An area's bytes, with addresses relative to the beginning of the constants or of the stream."""
    content = area.content()
    for place, to in area.links.items():
        content[place : place + POINTER].view("<u4")[0] = bases[to.area] + to.offset
    return content


def _test(model: Model) -> list[NDArray[np.float32]]:
    """Samples, and the gains, strengths, voice and output that NumPy computes from them, frame by frame."""
    engine = NumpyEngine(model, 1)
    samples = (np.rint(trial_sound(FRAMES) / _STEP) * _STEP).astype(np.float32)
    results: list[list[NDArray]] = [[] for _ in range(4)]
    for frame in samples.reshape(-1, HOP):
        output = engine.process(frame)
        for rows, values in zip(results, (engine.gain, engine.strength, engine.voice, output), strict=True):
            rows.append(values.ravel())
    return [samples, *(np.concatenate(rows) for rows in results)]
