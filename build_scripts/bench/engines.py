"""``python -m build_scripts.bench.engines``: the engines and the other suppressors on the same bare page, in one run.

The page has a track open already, from a clip that is played over and over, and its server is on the same machine.
Each system is visited in browsers of its own, with an empty cache and again with a full one, which is revalidated. In
the last one it then runs undisturbed. An *empty* graph, a gain of 1, shows what page, graph and measurement cost.

A record has:

cold_ms, warm_ms
    From the decision to enhance, before anything is requested, until the first enhanced frame: medians over the
    visits. The others put out zeros until they enhance, so theirs is the first sample heard that is not zero. Ours put
    out the raw sound: they announce the frame, and something must be heard as well.
brotli_bytes, raw_bytes
    Of the files that were requested until then, without Python's, which that frame does not wait for (``later_bytes``).
lags, lag_ms, delay_ms
    Samples by which the output lags behind the input, by correlation, of every recording, which differ by what waits
    in the browser's buffers at either end; their median; and that less the empty graph's. RNNoise 0.2 has no graph but
    insertable streams, so its delay may be less than that of an empty graph.
cpu_share
    Of a core, for all threads of the page's process.
p99_ms, p99_of
    Of a frame: paced, in a Worker of Chromium (``worker``: the others); of the call, by the engine's own clock
    (``call``); or of the trial before it starts (``trial``: an audio thread has no clock).
quantum_p99_ms
    Where frames are computed on the audio thread: of a quantum that completes a frame, from Chromium's trace of it.
private_bytes
    Of memory that the page's process holds for itself, after a garbage collection.
"""

import argparse
import base64
import functools
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

from build_scripts import ROOT
from build_scripts.records import write_records
from build_scripts.site.results import fetched
from build_scripts.site.serve import HOST, ISOLATION, Handler, Server
from percepnet_wasm.constants import HOP, SAMPLE_RATE

from .chromium import PATIENCE_MS, ChromiumHost, browser, page_folder
from .delay import lag
from .hosts import HostError, write_audio
from .machine import descendants, load_average, private_bytes, processor_seconds
from .peers import PeerError, fetch_peers
from .records import Record
from .rounds import System, measure
from .sizes import wire_sizes

__all__ = ["quantum_p99", "run"]

EMPTY = "empty"
ENGINES = ("python", "worker", "worklet")
PEERS = ("sapphi", "gtcrn", "shiguredo")
RECORDINGS, RECORDED_S = 4, 1.5
"""How often each visit is recorded, each time in a new context (their buffers are not in step), and for how long."""

AUDIO = "audio.f32"
FRAMES = {"sapphi": HOP, "gtcrn": 768, "worklet": HOP}
"""Samples of a frame of those that compute on the audio thread; the trace of the others would show only copying."""

TRACED = "AudioWorkletProcessor::Process"
QUANTUM = 128


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder; yield its address and a list to which every requested path is added."""
    requested: list[str] = []

    class Noting(Handler):
        def do_GET(self) -> None:
            requested.append(unquote(urlparse(self.path).path).lstrip("/"))
            super().do_GET()

    server = Server((HOST, 0), functools.partial(Noting, directory=str(folder), headers=ISOLATION))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/", requested
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def start(page: Page, address: str, system: str) -> float:
    """Open the page and its track, and start a system; ms until its first enhanced frame."""
    page.goto(address)
    page.evaluate("async () => { while (!window.engines) await new Promise((next) => setTimeout(next, 5)); }")
    page.evaluate("engines.open()")
    return float(page.evaluate("(system) => engines.start(system)", system))


@contextmanager
def bare_page(site: Path, **links: Path) -> Iterator[Path]:
    """Make a folder with the page and its clip, the built site as ``site/``, and other folders by their names in it."""
    with page_folder("engines.mjs", site=site, **links) as folder:
        write_audio(site / "clips" / "noisy.wav", folder / AUDIO)
        yield folder


def _is_python(path: str) -> bool:
    """Say whether a requested file belongs to Python."""
    name = path.removeprefix("site/runtime/")
    return name != path and (name.startswith("pyodide") or name.endswith((".whl", ".zip")))


def quantum_p99(events: Sequence[dict[str, Any]], frame: int) -> float:
    """99th percentile of ms of the quanta that complete a frame: the longest ones, one in ``frame / QUANTUM``."""
    taken = [event["dur"] / 1000 for event in events if event["name"] == TRACED and event["ph"] == "X"]
    if not taken:
        raise HostError(f"Chromium's trace has no {TRACED}: nothing ran on the audio thread, or the name has changed")
    return float(np.quantile(taken, 1 - 0.01 * QUANTUM / frame))


def _traced(chromium: Browser, page: Page, seconds: float) -> list[dict[str, Any]]:
    """Events of the audio thread."""
    chromium.start_tracing(page=page, categories=["disabled-by-default-audio-worklet"])
    page.wait_for_timeout(1000 * seconds)
    return json.loads(chromium.stop_tracing())["traceEvents"]


def _lags(page: Page) -> list[int]:
    """Samples by which the output lags behind the input, once for each recording."""
    lags = []
    for _ in range(RECORDINGS):
        recorded = page.evaluate("(seconds) => engines.record(seconds)", RECORDED_S)
        dry, wet = (np.frombuffer(base64.b64decode(text), np.float32) for text in recorded)
        lags.append(lag(dry, wet))
    return lags


def _watch(system: str, chromium: Browser, page: Page, seconds: float) -> Record:
    """What it costs while it runs."""
    stats = page.evaluate("engines.settled()")
    page.wait_for_timeout(1000)
    renderers = descendants("--type=renderer")
    spent = processor_seconds(renderers)
    page.wait_for_timeout(1000 * seconds)
    share = (processor_seconds(renderers) - spent) / seconds
    page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    memory = private_bytes(renderers)
    frame = FRAMES.get(system)
    return {
        "cpu_share": round(share, 4),
        "p99_ms": stats and round(stats["computeP99"], 3),
        "p99_of": stats and ("trial" if system == "worklet" else "call"),
        "quantum_p99_ms": frame and round(quantum_p99(_traced(chromium, page, seconds), frame), 3),
        "kernel": stats and stats["kernel"],
        "private_bytes": memory,
    }


def _visit(system: str, folder: Path, visits: int, seconds: float) -> Record:
    """Visit in browsers of their own; the last visit is the one that is watched for longer."""
    times: dict[str, list[float]] = {"cold_ms": [], "warm_ms": []}
    lags: list[int] = []
    watched: Record = {}
    before = load_average()
    for visit in range(visits):
        with served(folder) as (address, requested), browser() as chromium:
            page = chromium.new_context().new_page()
            page.set_default_timeout(PATIENCE_MS)
            times["cold_ms"].append(start(page, address, system))
            requests = list(dict.fromkeys(requested))
            times["warm_ms"].append(start(page, address, system))
            lags += _lags(page)
            if visit == visits - 1:
                watched = _watch(system, chromium, page, seconds)
    files = [path for path in requests if path.startswith(("site/", "peers/")) and (folder / path).is_file()]
    first = [folder / path for path in files if not _is_python(path)]
    sizes = wire_sizes(first)
    return {
        "system": system,
        "brotli_bytes": sum(size["brotli"] for size in sizes.values()),
        "raw_bytes": sum(size["raw"] for size in sizes.values()),
        **{key: round(median(values)) for key, values in times.items()},
        "visits": visits,
        "lags": lags,
        **watched,
        "files": files,
        "load_before": before,
        "load_after": load_average(),
    }


def _python_bytes(site: Path) -> int:
    """Bytes in brotli of what engine 'python' fetches and the others do not, after the first enhanced frame."""
    python, worker = (set(fetched(lambda name: (site / name).read_bytes(), e)) for e in ("python", "worker"))
    return sum(size["brotli"] for size in wire_sizes(site / name for name in python - worker).values())


def _frame_times(audio: Path, site: Path, peers: Path, seconds: float) -> dict[str, float]:
    """99th percentile of a paced frame of the other suppressors, in a Worker: an audio thread has no clock."""
    host = ChromiumHost(audio, site, peers)
    try:
        records = measure(host, [System(peer, peer) for peer in PEERS], seconds)
    finally:
        host.close()
    return {r["system"]: round(r["p99_ms"], 3) for r in records if r["pace"] == "paced" and r["stage"] == "whole"}


def _compare(entry: Record, empty: Record) -> None:
    """Add what is measured against the empty graph."""
    entry["lag_ms"], without = (round(1000 * median(r["lags"]) / SAMPLE_RATE, 1) for r in (entry, empty))
    entry["delay_ms"] = round(entry["lag_ms"] - without, 1)


def run(site: Path, visits: int, seconds: float) -> Iterator[list[Record]]:
    """Measure everything once.

    Parameters
    ----------
    site : Path
        ``dist/``.
    visits : int
        Of each kind and system.
    seconds : float
        For which each system is watched.

    Yields
    ------
    list of dict
        The records so far, one a system, the empty graph first.
    """
    peers = fetch_peers()
    records: list[Record] = []
    with bare_page(site, peers=peers) as folder:
        p99 = _frame_times(folder / AUDIO, site, peers, seconds)
        for system in (EMPTY, *PEERS, *ENGINES):
            entry = _visit(system, folder, visits, seconds)
            if system in p99:
                entry |= {"p99_ms": p99[system], "p99_of": "worker"}
            if system == "python":
                entry["later_bytes"] = _python_bytes(site)
            records.append(entry)
            _compare(entry, records[0])
            yield records


def summary(entry: dict[str, Any]) -> str:
    """Summarise a record in a line."""
    return (
        f"{entry['system']:10} {entry['brotli_bytes'] / 1e6:.2f} MB, cold {entry['cold_ms']} ms, "
        f"warm {entry['warm_ms']} ms, delay {entry['delay_ms']} ms, "
        f"{100 * entry['cpu_share']:.1f} % of a core, p99 {entry['p99_ms']} ms, "
        f"quantum p99 {entry['quantum_p99_ms']} ms, {entry['private_bytes'] / 1e6:.0f} MB of memory"
    )


def main() -> int:
    """Parse the command line, write the records, print a line each."""
    parser = argparse.ArgumentParser(prog="python -m build_scripts.bench.engines", description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the page as built (default: dist)")
    parser.add_argument("--visits", type=int, default=3, help="of each kind and system (default: 3)")
    parser.add_argument("--seconds", type=float, default=8, help="for which each is watched (default: 8)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "engines.json", help="file to write")
    options = parser.parse_args()
    records: list[Record] = []
    try:
        # Written after each system, so that an interruption loses one at most.
        for records in run(options.site, options.visits, options.seconds):
            write_records(options.out, records)
            print(summary(records[-1]), flush=True)
    except (HostError, PeerError, PlaywrightError, FileNotFoundError) as error:
        kept = f"; {options.out} has the {len(records)} systems before it" if records else ""
        print(f"bench.engines: {error}{kept}", file=sys.stderr)
        return 1
    print(f"load average {records[0]['load_before']} to {records[-1]['load_after']} on {os.cpu_count()} processors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
