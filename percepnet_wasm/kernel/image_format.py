"""The file format of program images, and how to recover the model from one.

An image includes the header of the model file and all its weights, so :meth:`.Model.load` reads an image just as it
reads the file that it was compiled from (:mod:`.image`).

Layout: 8 bytes magic, format version and header length as little-endian uint32, an ASCII JSON header padded to 8 bytes,
then, with the sizes that the header gives: constants, structures, beginning of the buffers, places (uint32) and test
(float32).
"""

import json
import struct

import numpy as np
from numpy.typing import NDArray

from ..layers import WEIGHT_SCALE, Layer
from .layout import structure
from .packing import unpack

__all__ = ["FORMAT_VERSION", "HEAD", "MAGIC", "POINTER", "model_parts"]

MAGIC = b"PERCEPNI"
FORMAT_VERSION = 2
HEAD = struct.Struct("<8sII")
POINTER = 4
"""Bytes of an address in WebAssembly."""
_LONGEST_HEADER = 1 << 20
_MOST_WEIGHTS = 1 << 26
"""Far beyond the article's 8 million, far below what would exhaust memory."""


def model_parts(content: bytes) -> tuple[bytes, bytes]:
    """Recover from an image the model file that it was compiled from.

    Parameters
    ----------
    content : bytes
        As :func:`.image` returned it.

    Returns
    -------
    header, payload : bytes
        Of the model file.

    Raises
    ------
    ValueError, KeyError, TypeError, struct.error
        The image is damaged. Not all damage is noticed, but the header includes the payload's SHA-256.
    """
    _, version, length = HEAD.unpack_from(content)
    if version != FORMAT_VERSION or length > min(_LONGEST_HEADER, len(content) - HEAD.size):
        raise ValueError(f"format {version} with a header of {length} bytes")
    header = json.loads(content[HEAD.size : HEAD.size + length])
    constants = memoryview(content)[HEAD.size + length :][: header["constants"]]
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
    return text, b"".join(parts)


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
