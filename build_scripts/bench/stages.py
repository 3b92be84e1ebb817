"""The enhancer, with its stages timed on demand. Runs inside CPython and Pyodide: NumPy and the package alone."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import percepnet_wasm
from percepnet_wasm.comb import CombedFrames
from percepnet_wasm.kernel_engine import STAGES as KERNEL_STAGES
from percepnet_wasm.kernel_engine import KernelEngine
from percepnet_wasm.network import Network
from percepnet_wasm.pitch import PitchTracker
from percepnet_wasm.synthesis import Synthesis

STAGES: dict[str, tuple[type, str]] = {
    "stft": (CombedFrames, "push"),
    "pitch": (PitchTracker, "__call__"),
    "comb": (CombedFrames, "comb"),
    "network": (Network, "__call__"),
    "synthesis": (Synthesis, "__call__"),
}
"""Stage to the method that does it, once a frame, on the NumPy path; the kernel has the same stages, with the bands'
energies in stft, and coherences and features in comb."""


class Subject:
    """An enhancer to be measured.

    Parameters
    ----------
    model : bytes, optional
        Content of a model file; the bundled model unless given.
    kernel : str
    block : int
        Frames a call.

    Attributes
    ----------
    input, output : float32 (block * HOP,)
        As in :class:`percepnet_wasm.Enhancer`.
    """

    def __init__(self, model: bytes | None = None, kernel: str = "auto", block: int = 1) -> None:
        self.enhancer = percepnet_wasm.Enhancer(model, kernel=kernel, block=block)
        self.input, self.output = self.enhancer.input, self.enhancer.output
        self.step = self.enhancer.step
        self._originals: dict[str, Callable[..., Any]] = {}
        self._times: dict[str, list[float]] = {}

    def facts(self) -> dict[str, Any]:
        """Name the model and what multiplies its matrices."""
        info = self.enhancer.info()
        return {name: info[name] for name in ("tier", "weights", "kernel", "kernels_refused")}

    def watch(self) -> None:
        """Begin to time the stages, of every enhancer in this interpreter."""
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
