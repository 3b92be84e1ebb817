"""``python -m build_scripts.bench.backlog``: whether delay piles up on an overloaded machine.

A page records its microphone, the clean track and the track of an empty graph (source -> destination) for a while, all
in one context. In the middle other programs take the processor. What the clean track and the empty graph lag behind the
microphone is measured second by second. Both have a queue in front of the graph and one behind it; that of the
microphone in the recording context is subtracted from both. Samples travel by messages, unless ``--isolated``.
"""

import argparse
import base64
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Timer

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from build_scripts import ROOT
from build_scripts.chromium import launch
from build_scripts.site.serve import serve
from percepnet_wasm.constants import SAMPLE_RATE

from .chromium import PATIENCE_MS, page_folder
from .machine import busy_programs, load_average

__all__ = ["lags"]

BEFORE_S, BUSY_S, AFTER_S = 8, 12, 20
"""Of a recording: undisturbed, while other programs run, and undisturbed again."""

WINDOW = 2 * SAMPLE_RATE
"""Samples that are correlated."""

LONGEST = SAMPLE_RATE // 2

Audio = NDArray[np.float32]


def lags(microphone: Audio, track: Audio) -> list[float]:
    """Milliseconds by which a track lags behind the microphone, for each second."""
    found = []
    for start in range(0, len(microphone) - WINDOW + 1, SAMPLE_RATE):
        before, after = (each[start : start + WINDOW] for each in (microphone, track))
        spectrum = np.fft.rfft(after, 2 * WINDOW) * np.conj(np.fft.rfft(before, 2 * WINDOW))
        found.append(1000 * int(np.fft.irfft(spectrum, 2 * WINDOW)[:LONGEST].argmax()) / SAMPLE_RATE)
    return found


@contextmanager
def _other_programs(number: int, after: float, seconds: float) -> Iterator[None]:
    """Start programs that take the processor, and end them again, while the context lasts."""
    programs = busy_programs(number)

    def start() -> None:
        for program in programs:
            program.start()

    def kill() -> None:
        for program in programs:
            program.kill()

    timers = [Timer(after, start), Timer(after + seconds, kill)]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.join()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the built site (default: dist)")
    parser.add_argument("--engine", default="worker", help="default: worker")
    parser.add_argument("--isolated", action="store_true", help="with shared memory")
    parser.add_argument("--starts", type=int, default=3, help="of the browser (default: 3)")
    cores = os.cpu_count() or 1
    parser.add_argument("--programs", type=int, default=6 * cores, help="that take the processor (default: 6 a core)")
    options = parser.parse_args()
    clip = options.site.resolve() / "clips" / "noisy.wav"
    flags = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={clip}",
    )
    total = BEFORE_S + BUSY_S + AFTER_S
    print("ms behind the microphone, medians: before, during and after the other programs (first half, second half)")
    for _ in range(options.starts):
        with page_folder("backlog.mjs", site=options.site) as folder, sync_playwright() as driver:
            with serve(folder, isolated=options.isolated) as address:
                browser = launch(driver, *flags)
                page = browser.new_page()
                page.set_default_timeout(PATIENCE_MS)
                page.goto(address)
                page.wait_for_function("window.backlog")
                transport = page.evaluate("(engine) => backlog.open(engine)", options.engine)
                load = load_average()
                with _other_programs(options.programs, BEFORE_S, BUSY_S):
                    recordings = page.evaluate("(seconds) => backlog.record(seconds)", total)
                browser.close()
        microphone, *tracks = (np.frombuffer(base64.b64decode(text), np.float32) for text in recordings)
        edges = (1, BEFORE_S - 2, BEFORE_S + BUSY_S - 2, BEFORE_S + BUSY_S + AFTER_S // 2, total - 1)
        print(f"{options.engine}, {transport}, load {load} before, {options.programs} programs:")
        for title, track in zip(("clean", "empty graph"), tracks, strict=True):
            found = lags(microphone, track)
            phases = [median(found[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
            seconds = " ".join(f"{value:.0f}" for value in found)
            print(f"  {title:12}", *(f"{value:6.1f}" for value in phases), f"   {seconds}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
