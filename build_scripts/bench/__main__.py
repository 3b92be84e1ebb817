"""``python -m build_scripts.bench``: run the benchmark, write the records, print the table."""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Error as PlaywrightError

from build_scripts import ROOT
from build_scripts.records import write_records
from percepnet_wasm.kernel.library import KERNELS
from percepnet_wasm.model_file import DEFAULT_TIER

from .chromium import ChromiumHost
from .hosts import Host, HostError, cpython, node, write_audio
from .peers import PEERS, PeerError, fetch_peers
from .records import Record, add_ratios, table
from .rounds import System, measure
from .sizes import own_downloads, peers_downloads
from .startup import startup

PARTS = ("cpython", "node", "chromium", "peers", "throttled", "startup")
WAKING = ("floor", "copy", "call")
"""Systems that show what a frame costs before anything is computed, each with one step more than the one before."""
SHIPPED = sorted((ROOT / "percepnet_wasm" / "models").glob("*.pnw"), key=lambda path: path.stem != DEFAULT_TIER)
"""The models that ship, the default tier first."""
THROTTLING = 4
"""Slowdown in the part ``throttled``, which imitates a phone and gives each system half as much time."""


def systems(models: list[Path], others: tuple[str, ...] = (), kernels: tuple[str, ...] = ("auto",)) -> list[System]:
    """The enhancer with the first model and each kernel and with further models and the fastest, after ``others``."""
    made = [System(kind, kind) for kind in others]
    for model in models:
        for kernel in kernels if model == models[0] else ("auto",):
            made.append(System(f"percepnet {model.stem} {kernel}", "percepnet", model, kernel))
    return made


def run(parts: list[str], seconds: float, models: list[Path], site: Path, kernels: tuple[str, ...]) -> list[Record]:
    """Run the parts asked for."""
    records: list[Record] = []
    peers = fetch_peers() if "peers" in parts else None
    with TemporaryDirectory() as folder:
        audio = Path(folder) / "audio.f32"
        write_audio(site / "clips" / "noisy.wav", audio)

        def take(host: Host, of: list[System], duration: float = seconds) -> None:
            print(f"{host.engine} ...", file=sys.stderr, flush=True)
            try:
                records.extend(measure(host, of, duration))
            finally:
                host.close()

        if "cpython" in parts:
            take(cpython(audio, site / "runtime"), systems(models))
        if "node" in parts:
            there = tuple(kernel for kernel in kernels if kernel != "relaxed")  # Node 20 knows no relaxed SIMD
            take(node(audio, site / "runtime"), systems(models, ("floor",), there))
        if "chromium" in parts:
            others = (*WAKING, *(PEERS if peers else ()))
            take(ChromiumHost(audio, site, peers), systems(models, others, kernels))
        if "throttled" in parts:
            others = ("floor", *(PEERS if peers else ()))
            take(ChromiumHost(audio, site, peers, THROTTLING), systems(models, others, kernels), seconds / 2)
        if "startup" in parts:
            records += own_downloads(site)
            print("start-up ...", file=sys.stderr, flush=True)
            try:
                records += startup(site)
            except PlaywrightError as error:  # the rest took minutes: keep it
                print(f"start-up was not measured: {error}", file=sys.stderr)
        if peers:
            records += peers_downloads(peers)
    add_ratios(records)
    return records


def main() -> int:
    """Parse the command line; 1 if something is missing."""
    parser = argparse.ArgumentParser(prog="python -m build_scripts.bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json", help="file to write")
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the page as built (default: dist)")
    parser.add_argument("--seconds", type=float, default=6, help="paced time for each system (default: 6)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--kernel", nargs="+", choices=KERNELS, default=["relaxed", "simd", "numpy"], help="what "
                        "computes in Node and Chromium (default: relaxed simd numpy)")  # fmt: skip
    parser.add_argument("--model", type=Path, nargs="+", default=SHIPPED, metavar="FILE", help="model files: the "
                        "first with each kernel, the others with the fastest (default: those that ship)")  # fmt: skip
    arguments = parser.parse_args()
    if not (arguments.site / "runtime" / "pyodide-lock.json").is_file():
        parser.error(f"{arguments.site} contains no built page: build it first (make site)")
    try:
        kernels = tuple(arguments.kernel)
        records = run(arguments.only, arguments.seconds, arguments.model, arguments.site, kernels)
    except (HostError, PeerError, FileNotFoundError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    write_records(arguments.out, records)
    print(table(records))
    print("x RNNoise: p50 over that of RNNoise 0.2 at the same pace in the same browser. CPU: share of a core.")
    for entry in records:
        if entry["stage"] == "download":
            sizes = ", ".join(f"{entry[f'{kind}_bytes'] / 1e6:.2f} MB {kind}" for kind in ("raw", "gzip", "brotli"))
            print(f"{entry['system']}, {entry['engine']}: a page fetches {sizes}")
    loads = [entry[key] for entry in records for key in ("load_before", "load_after") if key in entry]
    if loads:
        print(f"load average meanwhile: {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} processors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
