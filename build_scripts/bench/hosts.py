"""Where systems run: each host loads them, gives them turns and measures the processor time they use."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import psutil
import soundfile

from build_scripts import ROOT

from .machine import processor_seconds

HERE = Path(__file__).resolve().parent

WARM_UP_FRAMES = 400
"""V8 needs about 300 to reach full speed."""

Answer = dict[str, Any]


def write_audio(clip: Path, path: Path) -> None:
    """Write the bundled mono clip as float32 samples, a whole number of frames and of render quanta."""
    samples, _ = soundfile.read(clip, dtype="float32")
    samples[: samples.size // 1920 * 1920].tofile(path)


class HostError(RuntimeError):
    """A host could not be started, or a system failed in it; the message says which."""


class Host(Protocol):
    """Where systems run."""

    engine: str
    """As it is called in the records of the enhancer; other systems' records name what follows its last hyphen."""

    throttling: int
    """How many times slower it has been made."""

    def load(self, name: str, system: str, model: Path | None, kernel: str = "auto") -> Answer:
        """Make a system under a name and warm it up; return its facts."""

    def run(self, name: str, pace: str, frames: int, settle: int, stages: bool) -> Answer:
        """Give a system a turn; return ``times`` (ms), ``stages`` (ms each), ``wall_s`` and ``late``."""

    def processor_seconds(self) -> float:
        """Processor time used so far."""

    def close(self) -> None:
        """End the processes."""


class LineHost:
    """A process that takes a JSON command a line and answers with a line: CPython and Node.

    Parameters
    ----------
    engine : str
    command : list of str
    audio : Path
        Float32 samples at 48 kHz, whole frames.
    runtime : Path
        Folder of the Pyodide runtime.
    """

    throttling = 1

    def __init__(self, engine: str, command: list[str], audio: Path, runtime: Path) -> None:
        self.engine = engine
        self._audio, self._runtime = audio, runtime
        # One thread: what the enhancer would get on a busy machine, and what WebAssembly has.
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | threads | {"PYTHONPATH": path}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def load(self, name: str, system: str, model: Path | None, kernel: str = "auto") -> Answer:
        return self._ask(
            action="load",
            name=name,
            system=system,
            model=str(model) if model else None,
            audio=str(self._audio),
            runtime=str(self._runtime),
            warm_up=WARM_UP_FRAMES,
            kernel=kernel,
        )

    def run(self, name: str, pace: str, frames: int, settle: int, stages: bool) -> Answer:
        return self._ask(action="run", name=name, pace=pace, frames=frames, settle=settle, stages=stages)

    def processor_seconds(self) -> float:
        return processor_seconds([psutil.Process(self._process.pid)])

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def _ask(self, **command: Any) -> Answer:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: Answer = json.loads(line) if line else {"error": "the process ended"}
        if "error" in answer:
            raise HostError(f"{self.engine}: {answer['error']}")
        return answer


def cpython(audio: Path, runtime: Path) -> LineHost:
    """This interpreter, in a process of its own."""
    return LineHost("cpython", [sys.executable, "-m", "build_scripts.bench.cpython_worker"], audio, runtime)


def node(audio: Path, runtime: Path) -> LineHost:
    """Pyodide under Node."""
    program = shutil.which("node")
    if program is None:
        raise HostError("node is not installed: install it (Debian: apt-get install nodejs), or exclude it with --only")
    return LineHost("pyodide-node", [program, str(HERE / "js" / "node.mjs")], audio, runtime)
