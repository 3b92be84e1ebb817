"""``python -m build_scripts.bench.depths``: how often frames come late, by the depth of the ring.

On the bare page of :mod:`.engines` an engine enhances the track at one depth after another, several times over. What
counts is the share of quanta that are played raw because a frame is late. All of it is done once undisturbed, and once
beside programs that take a processor each.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from build_scripts import ROOT
from build_scripts.records import write_records
from build_scripts.site.serve import serve

from .chromium import PATIENCE_MS, browser
from .engines import bare_page
from .hosts import HostError
from .machine import busy_programs, load_average
from .records import Record

__all__ = ["measure"]

ENGINES = ("python", "worker")
DEPTHS = (768, 960, 1440, 1920, 2880, 3840, "auto")
"""Samples, from the least that is possible on."""


def measure(page: Page, engine: str, programs: int, rounds: int, seconds: float) -> list[Record]:
    """Count late quanta at each depth.

    Parameters
    ----------
    page : Page
        With the track open.
    engine : str
    programs : int
        How many other programs take a processor; only recorded.
    rounds : int
        How often each depth has its turn.
    seconds : float
        Length of a turn.
    """
    found = {depth: {"quanta": 0, "late": 0, "overloads": 0} for depth in DEPTHS}
    last: dict[int | str, Record] = {}
    before = load_average()
    for _ in range(rounds):
        for depth in DEPTHS:
            turn = page.evaluate("(args) => engines.late(...args)", [engine, depth, seconds])
            for figure in found[depth]:
                found[depth][figure] += turn[figure]
            last[depth] = {"last_depth": turn["last_depth"], "tier": turn["tier"]}
    facts = {"engine": engine, "programs": programs}
    loads = {"load_before": before, "load_after": load_average()}
    return [{**facts, "depth": depth, **found[depth], **last[depth], **loads} for depth in DEPTHS]


@contextmanager
def _beside(programs: int) -> Iterator[None]:
    others = busy_programs(programs)
    for each in others:
        each.start()
    try:
        yield
    finally:
        for each in others:
            each.kill()


def run(site: Path, engines: list[str], programs: int, rounds: int, seconds: float) -> Iterator[list[Record]]:
    """Measure; yield the records of each engine."""
    with bare_page(site) as folder, serve(folder) as address, _beside(programs):
        for engine in engines:
            with browser() as chromium:
                page = chromium.new_page()
                page.set_default_timeout(PATIENCE_MS)
                page.goto(address)
                page.wait_for_function("window.engines")
                page.evaluate("engines.open()")
                yield measure(page, engine, programs, rounds, seconds)


def main() -> int:
    """Parse the command line, write the records, print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the page as built (default: dist)")
    parser.add_argument("--engine", nargs="+", choices=ENGINES, default=list(ENGINES), help="default: both")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each depth (default: 2)")
    parser.add_argument("--seconds", type=float, default=12, help="of a turn (default: 12)")
    cores = os.cpu_count() or 1
    parser.add_argument("--programs", type=int, nargs="+", default=[0, cores], help="that take a processor each "
                        f"(default: 0, then {cores})")  # fmt: skip
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "depths.json", help="file to write")
    options = parser.parse_args()
    records: list[Record] = []
    try:
        for programs in options.programs:
            for measured in run(options.site, options.engine, programs, options.rounds, options.seconds):
                records += measured
                write_records(options.out, records)
                for r in measured:
                    share = f"{100 * r['late'] / r['quanta']:.2f} % of {r['quanta']} late"
                    print(f"{r['engine']}, {programs} programs, depth {r['depth']} ({r['last_depth']}): {share}, "
                          f"{r['tier']}, {r['overloads']} overloads, load {r['load_before']} to {r['load_after']}",
                          flush=True)  # fmt: skip
    except (HostError, PlaywrightError) as error:
        print(f"bench.depths: {error}; {options.out} has {len(records)} records", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
