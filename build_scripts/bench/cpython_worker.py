"""CPython's counterpart of ``js/node.mjs``: one JSON command a line on standard input, one answer a line."""

import json
import sys
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
from numpy.typing import NDArray

from percepnet_wasm.constants import HOP

from .stages import Subject

PERIOD_S = 0.01
LATE_S = 0.01
"""A frame this late has missed its turn and is skipped, as in a call."""


class Worker:
    """Executes the commands; the names and answers are those of ``js/subjects.mjs`` and ``js/measure.mjs``."""

    def __init__(self) -> None:
        self.subjects: dict[str, Subject] = {}
        self.frames: NDArray[np.float32] = np.zeros((1, 480), np.float32)
        self.position = 0

    def load(self, name: str, model: str | None, audio: str, warm_up: int, kernel: str, **_: Any) -> dict:
        """Make a subject under ``name`` and run it until it is warm."""
        self.frames = np.fromfile(audio, np.float32).reshape(-1, HOP)
        subject = self.subjects[name] = Subject(Path(model).read_bytes() if model else None, kernel)
        for _frame in range(warm_up):
            self._step(subject)
        return subject.facts()

    def run(self, name: str, pace: str, frames: int, settle: int, stages: bool) -> dict[str, Any]:
        """Time ``frames`` steps after ``settle`` untimed ones."""
        subject = self.subjects[name]
        if stages:
            subject.watch()
        times, late, begun = [], 0, perf_counter()
        due = begun
        for _frame in range(settle + frames):
            if pace == "paced":
                due += PERIOD_S
                if (ahead := due - perf_counter()) > 0:
                    sleep(ahead)
                elif -ahead > LATE_S:
                    late += 1
                    due = perf_counter()
            started = perf_counter()
            self._step(subject)
            times.append(1000 * (perf_counter() - started))
        wall = perf_counter() - begun
        parts = subject.unwatch() if stages else {}
        return {
            "times": times[settle:],
            "stages": {stage: parts[stage][settle:] for stage in parts},
            "wall_s": wall,
            "late": late,
        }

    def _step(self, subject: Subject) -> None:
        subject.input[:] = self.frames[self.position % len(self.frames)]
        self.position += 1
        subject.step()


def main() -> None:
    """Serve until standard input ends."""
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("action"))(**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
