"""The enhancer, with its stages timed on demand. Runs inside CPython and Pyodide: NumPy and the package alone."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import percepnet_wasm
from percepnet_wasm.comb import CombedFrames
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
"""Stage to the method that does it, once a frame."""


class Subject:
    """An enhancer to be measured.

    Parameters
    ----------
    model : bytes, optional
        Content of a model file; the bundled model unless given.

    Attributes
    ----------
    input, output : float32 (HOP,)
        As in :class:`percepnet_wasm.Enhancer`.
    """

    def __init__(self, model: bytes | None = None) -> None:
        self.enhancer = percepnet_wasm.Enhancer(model)
        self.input, self.output = self.enhancer.input, self.enhancer.output
        self.step = self.enhancer.step
        self._originals: dict[str, Callable[..., Any]] = {}
        self._times: dict[str, list[float]] = {}

    def facts(self) -> dict[str, Any]:
        """Name the model and what multiplies its matrices."""
        info = percepnet_wasm.info(self.enhancer.model)
        return {"tier": info["tier"], "weights": info["weights"], "kernel": info.get("kernel", "numpy")}

    def watch(self) -> None:
        """Begin to time the stages, of every enhancer in this interpreter."""
        self._times = {stage: [] for stage in STAGES}
        for stage, (owner, name) in STAGES.items():
            self._originals[stage] = getattr(owner, name)
            setattr(owner, name, _timed(self._originals[stage], self._times[stage]))

    def unwatch(self) -> dict[str, list[float]]:
        """Stop.

        Returns
        -------
        dict of str to list of float
            Stage to the milliseconds it took in each frame since :meth:`watch`.
        """
        for stage, (owner, name) in STAGES.items():
            setattr(owner, name, self._originals[stage])
        return self._times


def _timed(method: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        started = perf_counter()
        result = method(*arguments)
        times.append(1000 * (perf_counter() - started))
        return result

    return timed
