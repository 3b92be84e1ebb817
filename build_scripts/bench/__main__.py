"""``python -m build_scripts.bench``: run the benchmark, write the records, print the table."""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Error as PlaywrightError

from build_scripts import ROOT
from percepnet_wasm.kernel.library import KERNELS

from . import random_tiers
from .chromium import ChromiumHost
from .hosts import Host, HostError, cpython, node, write_audio
from .peers import PEERS, PeerError, fetch_peers
from .records import Record, add_ratios, table, write_records
from .rounds import System, measure
from .sizes import own_downloads, peers_downloads
from .startup import startup

PARTS = ("cpython", "node", "chromium", "peers", "throttled", "startup")
WAKING = ("floor", "copy", "call")
"""What a frame costs before anything is computed, one thing more each time."""
THROTTLING = 4
"""Of the part throttled, a phone's stand-in; it takes half the others' time a system."""


def systems(
    models: list[Path],
    tiers: list[Path],
    others: tuple[str, ...] = (),
    kernels: tuple[str, ...] = ("auto",),
    blocks: tuple[int, ...] = (1,),
) -> list[System]:
    """The enhancer with each model, kernel and number of frames a wake, after ``others``.

    Random tiers run with the fastest kernel alone: NumPy takes longer for the largest than there is time.
    """
    made = [System(kind if block == 1 else f"{kind} {block}", kind, block=block)
            for kind in others for block in (blocks if kind in WAKING else (1,))]  # fmt: skip
    choice: list[Path | None] = [*models] or [None]
    for model in choice + tiers:
        for kernel in ("auto",) if model in tiers else kernels:
            for block in blocks:
                name = f"percepnet {model.stem if model else ''} {kernel} {block}"
                made.append(System(name, "percepnet", model, kernel, block))
    return made


def run(
    parts: list[str],
    seconds: float,
    models: list[Path],
    tiers: list[Path],
    site: Path,
    kernels: tuple[str, ...],
    blocks: tuple[int, ...],
) -> list[Record]:
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
            take(cpython(audio, site / "runtime"), systems(models, []))
        if "node" in parts:
            there = tuple(kernel for kernel in kernels if kernel != "relaxed")  # Node 20 knows no relaxed SIMD
            take(node(audio, site / "runtime"), systems(models, [], ("floor",), there, blocks))
        if "chromium" in parts:
            others = (*WAKING, *(PEERS if peers else ()))
            take(ChromiumHost(audio, site, peers), systems(models, tiers, others, kernels, blocks))
        if "throttled" in parts:
            others = ("floor", *(PEERS if peers else ()))
            take(ChromiumHost(audio, site, peers, THROTTLING), systems(models, tiers, others, kernels), seconds / 2)
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
    parser.add_argument("--tier", nargs="*", default=["c100", "c100-sparse", "c20", "c10"], help="in Chromium, "
                        "topologies with random weights (default: c100 c100-sparse c20 c10)")  # fmt: skip
    parser.add_argument("--kernel", nargs="+", choices=KERNELS, default=["relaxed", "simd", "numpy"], help="what "
                        "computes in Node and Chromium (default: relaxed simd numpy)")  # fmt: skip
    parser.add_argument("--block", nargs="+", type=int, default=[1], help="frames a wake (default: 1)")
    parser.add_argument("--model", type=Path, action="append", default=[], help="a model file instead of the bundled "
                        "one; may be given several times")  # fmt: skip
    arguments = parser.parse_args()
    if not (arguments.site / "runtime" / "pyodide-lock.json").is_file():
        parser.error(f"{arguments.site} contains no built page: build it first (make site)")
    try:
        with TemporaryDirectory() as folder:
            tiers = [random_tiers.make(name, Path(folder)) for name in arguments.tier]
            kernels, blocks = tuple(arguments.kernel), tuple(arguments.block)
            records = run(arguments.only, arguments.seconds, arguments.model, tiers, arguments.site, kernels, blocks)
    except (HostError, PeerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    write_records(arguments.out, records)
    print(table(records))
    print("x: over RNNoise 0.2 (shiguredo) at the same pace in this browser. CPU: of one core, for all it takes.")
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
