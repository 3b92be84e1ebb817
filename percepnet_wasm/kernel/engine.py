"""A frame's path through the stages, in one call of the kernel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import bad_sample
from ..model_file import Model
from ..signal.bands import BANDS
from .layout import RELAXED_ZERO
from .library import Kernel
from .memory import POINTER, load
from .program import Constants, StreamLayout

__all__ = ["STAGES", "KernelEngine"]

STAGES = ("stft", "pitch", "comb", "network", "synthesis")
"""The stages of a frame, in the kernel's numbering."""


def _setting(name: str) -> Any:
    """Attribute that lives in the stream's memory."""

    def read(engine: Any) -> Any:
        return engine._views[name][0].item()

    def write(engine: Any, value: Any) -> None:
        engine._views[name][0] = value

    return property(read, write)


class KernelEngine:
    """Enhances one stream; parameters and attributes as :class:`percepnet_wasm.engine.NumpyEngine`.

    Parameters
    ----------
    library : Kernel
        Loaded and tested.
    model : Model
        Its packed weights are shared by all engines.
    block : int

    Attributes
    ----------
    weight_bytes : int
        Bytes of int8 weights that each frame reads.

    Raises
    ------
    UnsuitableModelError
        The kernel cannot run the model.
    """

    comb = _setting("comb")
    postfilter = _setting("postfilter")
    floor = _setting("floor")
    voiced = _setting("voiced")
    unvoiced = _setting("unvoiced")

    def __init__(self, library: Kernel, model: Model, block: int) -> None:
        self.name = library.name
        self._run = library.run
        # The structures hold bare addresses, so the constants must live as long as they do.
        constants, self._constants = _shared(library, model)
        self.weight_bytes = constants.weight_bytes
        layout = StreamLayout(constants, block)
        where = {constants.area: self._constants.ctypes.data}
        self._memory = load((layout.structures, layout.buffers), where)
        self._address = self._memory.ctypes.data
        self._buffers = self._memory[layout.structures.size :]
        self._beginning = layout.beginning
        start, end = layout.activations
        self._activations = self._buffers[start:end].view(np.uint8 if library.name == "relaxed" else np.int16)
        self._zero = RELAXED_ZERO if library.name == "relaxed" else 0
        self._views = {name: field.view(self._buffers) for name, field in layout.fields.items()}
        self.input, self.output, self.period, self.correlation = (
            self._views[name] for name in ("input", "output", "period", "correlation")
        )
        self.gain, self.strength = self._views["gain"][:, :BANDS], self._views["strength"][:, :BANDS]
        self.voice = self._views["voice"][:, :1]
        self.comb = self.postfilter = True
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        kept = self.comb, self.postfilter, self.floor
        self._buffers[:] = 0
        self._buffers[: len(self._beginning)] = self._beginning
        self._activations[:] = self._zero
        self.comb, self.postfilter, self.floor = kept

    def process(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Enhance a stream's next samples, as :meth:`percepnet_wasm.engine.NumpyEngine.process`.

        The array returned is overwritten by the next call.
        """
        self.input[:] = samples
        self.step()
        return self.output

    def step(self, first: int = 0, last: int = len(STAGES) - 1) -> None:
        """Enhance ``input`` into ``output``, or run only some of the stages, as the benchmark does.

        Raises
        ------
        ValueError
            ``input`` holds a sample that is not finite, or absurdly loud; the stream is unchanged.
        """
        if self._run(self._address, first, last):
            raise bad_sample("frame", self.input)


def _shared(library: Kernel, model: Model) -> tuple[Constants, NDArray[np.uint8]]:
    """A model's constants in this process's memory, cached on the model: its weights must not change afterwards."""
    known = vars(model).setdefault("kernel_constants", {})
    if library.name not in known:
        constants = Constants(model, POINTER)
        memory = load((constants.area,))
        library.adopt(memory, constants.matrices.offset, constants.matrix_count)
        known[library.name] = constants, memory
    return known[library.name]
