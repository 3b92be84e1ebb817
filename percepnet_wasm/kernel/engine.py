"""A frame's way through the stages in one call of the kernel."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constants import HOP, LOOKAHEAD, WINDOW
from ..engine import bad_samples
from ..model_file import Model
from ..signal import correlation, pitch
from ..signal.bands import BANDS
from ..signal.comb import FUTURE, PAST
from .layout import ROW, Stream, pointer
from .program import Program
from .tables import TABLES, FftTables

__all__ = ["STAGES", "KernelEngine"]

STAGES = ("stft", "pitch", "comb", "network", "synthesis")
"""What a frame goes through, as the kernel numbers it."""


def _forward(name: str) -> Any:
    """Attribute that lives in the C structure."""

    def read(engine: Any) -> Any:
        return getattr(engine._stream, name)

    def write(engine: Any, value: Any) -> None:
        setattr(engine._stream, name, value)

    return property(read, write)



class KernelEngine:
    """Enhances one stream; parameters and attributes as :class:`percepnet_wasm.engine.NumpyEngine`.

    Parameters
    ----------
    library : percepnet_wasm.kernel.library.Kernel
        Loaded and tested.
    model : Model
        Its packed weights are shared by all engines.
    block : int

    Raises
    ------
    UnsuitableModelError
        The kernel cannot run the model.
    """

    comb = _forward("comb")
    postfilter = _forward("postfilter")
    floor = _forward("floor")
    voiced = _forward("voiced")
    unvoiced = _forward("unvoiced")
    gain: NDArray[np.float32]
    strength: NDArray[np.float32]
    voice: NDArray[np.float32]

    def __init__(self, library: Any, model: Model, block: int) -> None:
        self.name = library.name
        self._run = library.run
        self._program = Program(model, library.name, block)
        self._stream = stream = Stream(block=block)
        self._address = ctypes.addressof(stream)
        # The structure holds bare addresses: everything they point at must live as long.
        self._kept: list[Any] = []
        self._buffers: list[NDArray] = []
        for name, table in TABLES.items():
            setattr(stream, name, self._keep(table))
        for fft, length in (("frame_fft", WINDOW), ("pitch_fft", correlation.SEGMENT)):
            self._describe_fft(getattr(stream, fft), length)
        lags = correlation.LAGS
        self.input, self.output = self._buffer("input", block * HOP), self._buffer("output", block * HOP)
        self.period = self._buffer("period", block, dtype=np.int32)
        self.correlation = self._buffer("correlation", block)
        self._buffer("samples", PAST + WINDOW + FUTURE + (block - 1) * HOP)
        self._buffer("spectra", LOOKAHEAD + block, 2, ROW)
        self._buffer("energies", LOOKAHEAD + block, BANDS)
        self._buffer("lowpass_line", len(correlation.LOWPASS) - correlation.DECIMATION + HOP)
        self._buffer("highpass_line", len(correlation.HIGHPASS) - 1 + HOP // correlation.DECIMATION)
        self._buffer("decimated", correlation.SEGMENT)
        self._buffer("correlations", pitch.BACKTRACK + block, lags)
        self._paths = self._buffer("paths", pitch.BACKTRACK + block, lags + 2 * pitch.JUMP)
        self._buffer("combed", block, 2, ROW)
        for name in ("combed_energy", "coherence"):
            self._buffer(name, block, BANDS)
        stream.feature_count = len(model.feature_mean)
        self._buffer("features", block, stream.feature_count)
        self._buffer("levels", 3, BANDS)
        self._buffer("begun", BANDS, dtype=np.int32)
        self._buffer("tail", HOP)
        stream.normalised = pointer(self._program.normalised)
        stream.mean, stream.scale = self._keep(model.feature_mean), self._keep(1 / model.feature_deviation)
        stream.layers, stream.layer_count = ctypes.addressof(self._program.layers), len(model.layers)
        for name, width in (("gain", BANDS), ("strength", BANDS), ("voice", 1)):
            rows = self._program.outputs[name]
            setattr(stream, name, pointer(rows))
            setattr(stream, f"{name}_stride", rows.shape[1])
            setattr(self, name, rows[:, :width])
        self.comb = self.postfilter = True
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        for buffer in self._buffers:
            buffer[...] = 0
        self._paths[:] = pitch.UNREACHED
        self._paths[:, pitch.JUMP : -pitch.JUMP] = 0
        self._program.reset()
        self._stream.voiced = self._stream.unvoiced = 0

    def step(self, first: int = 0, last: int = len(STAGES) - 1) -> None:
        """Enhance ``input`` into ``output``; or do some stages of that only, as the benchmark does.

        Raises
        ------
        ValueError
            ``input`` holds a sample that is not finite, or absurdly loud; nothing has changed.
        """
        if self._run(self._address, first, last):
            raise bad_samples(np.abs(self.input).max())

    def _buffer(self, name: str, *shape: int, dtype: type = np.float32) -> NDArray:
        # Vectors may reach beyond the end by less than four numbers.
        size = int(np.prod(shape))
        buffer: NDArray = np.zeros(size + 4, dtype)
        setattr(self._stream, name, pointer(buffer))
        self._buffers.append(buffer)
        return buffer[:size].reshape(shape)

    def _keep(self, array: NDArray) -> int | None:
        self._kept.append(array)
        return pointer(array)

    def _describe_fft(self, fft: Any, length: int) -> None:
        tables = FftTables(length)
        fft.half = tables.half
        for name in ("radices", "twiddles", "fold"):
            setattr(fft, name, self._keep(getattr(tables, name)))
        fft.work = self._keep(np.zeros(6 * tables.half + 32, np.float32))
