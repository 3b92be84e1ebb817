"""Program images: a model compiled to the form the kernel reads, for pages that run it without Python.

An image holds the packed weights and tables, one stream's structures and the beginning of its buffers, as laid out in
WebAssembly's memory, with a list of the places that hold addresses; the names of what a caller reads and writes; and a
test computed by NumPy. :mod:`.image_format` describes the file; ``worklet/image.js`` reads it, ``worklet/runner.js``
runs it.
"""

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..constants import HOP
from ..engine import NumpyEngine
from ..enhancer import info
from ..errors import ModelFileError
from ..model_file import Model
from .check import TOLERANCE, trial_sound
from .image_format import FORMAT_VERSION, HEAD, MAGIC, POINTER
from .layout import LAYOUT, RELAXED_ZERO, structure
from .memory import Area
from .program import Constants, StreamLayout, UnsuitableModelError

__all__ = ["image", "write_image"]

FRAMES = 12
"""Frames in the test: enough to fill every stage's memory."""
_STEP = 2**-12
"""The test's samples are multiples of this, so that they compress."""


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
    return HEAD.pack(MAGIC, FORMAT_VERSION, len(text)) + text + b"".join(part.tobytes() for part in parts)


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
