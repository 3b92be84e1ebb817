"""The enhancer, with its stages timed on demand. Runs in CPython and Pyodide; needs only NumPy and the package."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import percepnet_wasm
from percepnet_wasm import engine as engine_module
from percepnet_wasm.kernel.check import activations
from percepnet_wasm.kernel.engine import STAGES as KERNEL_STAGES
from percepnet_wasm.kernel.engine import KernelEngine
from percepnet_wasm.kernel.loading import load
from percepnet_wasm.kernel.memory import POINTER
from percepnet_wasm.kernel.memory import load as load_areas
from percepnet_wasm.kernel.packing import lone_matrix
from percepnet_wasm.network import Network
from percepnet_wasm.signal import analysis

STAGES: dict[str, tuple[Any, str]] = {
    "stft": (analysis, "stft"),
    "pitch": (engine_module, "track_pitch"),
    "comb": (analysis, "comb"),
    "network": (Network, "__call__"),
    "synthesis": (engine_module, "synthesise"),
}
"""By stage, the function that the NumPy path calls once per frame, and where it is looked up. The kernel has the same
stages: its stft includes the bands' energies, its comb the combed spectrum, coherences and features."""

_IN_CACHE = (256, 512)
_IN_MEMORY = (16384, 4096)
"""Rows and columns: 128 KB, and 64 MB, more than this generation's caches hold for one core."""
_MULTIPLY_ADDS = 2e7
"""Timed in each turn: a millisecond's worth, so that even on a busy machine some turns are not interrupted."""
_TURNS = 100
"""The fastest counts; the first ones run what V8 compiled in haste."""


class Subject:
    """An enhancer to be measured.

    Parameters
    ----------
    model : bytes, optional
        Content of a model file; the bundled model unless given.
    kernel : str

    Attributes
    ----------
    input, output : float32 (HOP,)
        As in :class:`percepnet_wasm.Enhancer`.
    """

    def __init__(self, model: bytes | None = None, kernel: str = "auto") -> None:
        self.enhancer = percepnet_wasm.Enhancer(model, kernel=kernel)
        self.input, self.output = self.enhancer.input, self.enhancer.output
        self.step = self.enhancer.step
        self._originals: dict[str, Callable[..., Any]] = {}
        self._times: dict[str, list[float]] = {}

    def rest(self) -> None:
        """Do nothing: what a call costs."""

    def facts(self) -> dict[str, Any]:
        """Name the model and what multiplies its matrices; with a kernel, how fast that could be."""
        info = self.enhancer.info()
        facts = {name: info[name] for name in ("tier", "kernel")}
        engine = self.enhancer._engine
        return facts | ({"limits": limits(engine)} if isinstance(engine, KernelEngine) else {})

    def watch(self) -> None:
        """Start timing the stages, in every enhancer in this interpreter."""
        self._times = {stage: [] for stage in STAGES}
        engine = self.enhancer._engine
        if isinstance(engine, KernelEngine):
            # A call for each stage instead of one for all; each costs some microseconds by itself.
            setattr(engine, "step", lambda: _stepwise(engine, self._times))  # noqa: B010 - mypy wants methods left alone
            return
        for stage, (owner, name) in STAGES.items():
            self._originals[stage] = getattr(owner, name)
            setattr(owner, name, _timed(self._originals[stage], self._times[stage]))

    def unwatch(self) -> dict[str, list[float]]:
        """Stop.

        Returns
        -------
        dict of str to list of float
            Stage to the milliseconds it took in each step since :meth:`watch`.
        """
        vars(self.enhancer._engine).pop("step", None)
        for stage, method in self._originals.items():
            owner, name = STAGES[stage]
            setattr(owner, name, method)
        self._originals = {}
        return self._times


def _stepwise(engine: KernelEngine, times: dict[str, list[float]]) -> None:
    for number, stage in enumerate(KERNEL_STAGES):
        started = perf_counter()
        KernelEngine.step(engine, number, number)
        times[stage].append(1000 * (perf_counter() - started))


def _timed(method: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        started = perf_counter()
        result = method(*arguments)
        times.append(1000 * (perf_counter() - started))
        return result

    return timed


def limits(engine: KernelEngine) -> dict[str, float]:
    """Measure the best speed of the kernel's products here: in cache, and with weights streamed from memory.

    Returns
    -------
    dict
        gmacs_cached, gmacs_streamed: billions of multiply-adds per second; a weight is a byte, so this is GB/s too.
        weight_bytes: size of the int8 weights that a frame reads, without blocks of zeros.
        limit_cached_ms, limit_streamed_ms: a frame's products at these rates.
    """
    kernel = load(engine.name)
    streamed, cached = _rate(kernel, *_IN_MEMORY), _rate(kernel, *_IN_CACHE)
    weights = engine.weight_bytes
    return {
        "gmacs_cached": round(cached / 1e9, 2),
        "gmacs_streamed": round(streamed / 1e9, 2),
        "weight_bytes": weights,
        "limit_cached_ms": round(1000 * weights / cached, 4),
        "limit_streamed_ms": round(1000 * weights / streamed, 4),
    }


def _rate(kernel: Any, rows: int, inputs: int) -> float:
    """Multiply-adds per second of a dense product."""
    weights = np.resize(np.arange(-127, 128, dtype=np.int8), rows * inputs)
    area, at = lone_matrix(weights.reshape(rows, inputs), POINTER)
    memory = load_areas((area,))
    kernel.adopt(memory, at.offset, 1)
    values, sums = activations(kernel, np.ones(inputs, np.int64)), np.zeros(rows, np.int32)
    arguments = memory.ctypes.data + at.offset, values.ctypes.data, sums.ctypes.data
    calls = max(1, round(_MULTIPLY_ADDS / (rows * inputs)))
    best = float("inf")
    for _turn in range(_TURNS):
        started = perf_counter()
        for _call in range(calls):
            kernel.product(*arguments)
        best = min(best, (perf_counter() - started) / calls)
    return rows * inputs / best
