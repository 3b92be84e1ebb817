"""The measurements of growth, for CPython and Pyodide: needs only NumPy and the package."""

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from percepnet_wasm import Enhancer
from percepnet_wasm.constants import HOP
from percepnet_wasm.model_file import Model

STREAMS = (1, 2, 4)
_ROUNDS, _FRAMES, _WARM_UP = 9, 40, 400
_LOOKS = 12
"""At the memory, evenly over the time."""
_FRAMES_AN_HOUR = 360_000


def memory() -> dict[str, int]:
    """Bytes in memory: of the whole process, and in Pyodide of its heap."""
    if sys.platform == "emscripten":
        import js
        import pyodide_js

        return {"process": js.process.memoryUsage().rss, "heap": pyodide_js._module.HEAP8.length}
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmRSS"))
    return {"process": 1024 * int(line.split()[1])}


def measure(audio: bytes, kernel: str, hours: float) -> dict[str, Any]:
    """Run several streams side by side, then one for a long time.

    Parameters
    ----------
    audio : bytes
        Float32 samples, whole frames; repeated.
    kernel : str
    hours : float
        Hours of simulated audio.

    Returns
    -------
    dict
        kernel; streams_ms: time that a frame of 1, 2 and 4 streams takes, by their number; memory_after: bytes, as
        :func:`memory` gives them, with 1 to 4 streams made; memory: the same over the hours, the first after warm-up.
    """
    frames = list(np.frombuffer(audio, np.float32).reshape(-1, HOP))
    model = Model.load()
    enhancers, grown = [], []
    for _stream in range(max(STREAMS)):
        enhancers.append(Enhancer(model, kernel=kernel))
        _run(enhancers[-1:], frames, _WARM_UP)
        grown.append(memory())
    times: dict[int, list[float]] = {count: [] for count in STREAMS}
    for _round in range(_ROUNDS):
        for count, taken in times.items():
            started = perf_counter()
            _run(enhancers[:count], frames, _FRAMES)
            taken.append(1000 * (perf_counter() - started) / _FRAMES)
    looks = [memory()]
    for _look in range(_LOOKS):
        _run(enhancers[:1], frames, round(hours * _FRAMES_AN_HOUR / _LOOKS))
        looks.append(memory())
    return {
        "kernel": enhancers[0].kernel,
        "streams_ms": {str(count): round(median(taken), 4) for count, taken in times.items()},
        "memory_after": grown,
        "hours": hours,
        "memory": looks,
    }


def _run(enhancers: list[Enhancer], frames: list[np.ndarray], count: int) -> None:
    steps: list[tuple[np.ndarray, Callable[[], None]]] = [(one.input, one.step) for one in enhancers]
    for number in range(count):
        frame = frames[number % len(frames)]
        for samples, step in steps:
            samples[:] = frame
            step()
