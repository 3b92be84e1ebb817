"""``python -m build_scripts.bench.growth``: memory over an hour of audio, and what two and four streams cost.

In CPython with NumPy and in Pyodide under Node with SIMD, a process each, on one thread. Streams share one
runtime and one copy of the weights; the browser tests cover streams in a page.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from build_scripts import ROOT

from .growing import STREAMS, measure
from .hosts import HERE, HostError, write_audio
from .machine import load_average
from .records import write_records

KERNELS = (("cpython", "numpy"), ("node", "simd"))
MEGABYTE = 1e6


def grow(engine: str, kernel: str, audio: Path, site: Path, hours: float) -> dict[str, Any]:
    """Measure one engine and kernel in a process of its own."""
    if engine == "cpython":
        command = [sys.executable, "-m", "build_scripts.bench.growth", "--inside", str(audio), kernel, str(hours)]
    else:
        program = shutil.which("node")
        if program is None:
            raise HostError("node is not installed: install it (Debian: apt-get install nodejs)")
        script, inside = HERE / "js" / "growth.mjs", HERE / "growing.py"
        command = [program, *map(str, (script, site / "runtime", inside, audio)), kernel, str(hours)]
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    before = load_average()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | threads)
    if done.returncode:
        raise HostError(f"{engine}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    found = json.loads(done.stdout)
    return {"engine": engine, **found, "load_before": before, "load_after": load_average()}


def main() -> int:
    """Parse the command line, write the records, print what grew."""
    parser = argparse.ArgumentParser(prog="python -m build_scripts.bench.growth", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=("cpython", "node"), default=["cpython", "node"], help="engines")
    parser.add_argument("--hours", type=float, default=1, help="of simulated audio (default: 1)")
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the page as built (default: dist)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "growth.json", help="file to write")
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        audio, kernel, hours = options.inside
        print(json.dumps(measure(Path(audio).read_bytes(), kernel, float(hours))))
        return 0
    records = []
    with TemporaryDirectory() as folder:
        audio = Path(folder) / "audio.f32"
        write_audio(options.site / "clips" / "noisy.wav", audio)
        for engine, kernel in KERNELS:
            if engine not in options.only:
                continue
            try:
                records.append(grow(engine, kernel, audio, options.site, options.hours))
            except HostError as error:
                print(f"growth: {error}", file=sys.stderr)
                return 1
            print(summary(records[-1]), flush=True)
    write_records(options.out, records)
    return 0


def summary(entry: dict[str, Any]) -> str:
    """Summarise in a line or two what grew."""
    one = entry["streams_ms"]["1"]
    times = ", ".join(f"{count} streams {entry['streams_ms'][str(count)] / one:.2f}" for count in STREAMS[1:])
    parts = []
    for kind in entry["memory"][0]:
        look = [at[kind] / MEGABYTE for at in entry["memory"]]
        made = [at[kind] / MEGABYTE for at in entry["memory_after"]]
        parts.append(
            f"{kind} {look[0]:.1f} MB, {look[-1]:.1f} after {entry['hours']:g} h; "
            f"{(made[-1] - made[0]) / (len(made) - 1):.2f} MB a further stream"
        )
    return f"{entry['engine']} {entry['kernel']}: times one stream: {times}; " + "; ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
