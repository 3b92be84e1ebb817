"""``python -m build_scripts.bench.backlog``: whether delay piles up on an overloaded machine.

A page records its microphone, the clean track and the track of an empty graph (source -> destination) for a while. In
the middle other programs take the processor. What the clean track and the empty graph lag behind the microphone is
measured second by second, at two places:

- ``delivered``: when the track delivers a sound, by the browser's time stamps. The queue in front of the graph counts.
- ``played``: when a page that plays the track in an audio context does. That context's own queue counts too; the
  microphone's there is subtracted.

Samples travel by messages, unless ``--isolated``.
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
from typing import Any

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

BEFORE_S, BUSY_S, AFTER_S = 6, 8, 10
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


class Delivered:
    """What a track has delivered: its samples at SAMPLE_RATE, and how late they were.

    Parameters
    ----------
    record : dict
        As record() in backlog.mjs returns it.
    """

    def __init__(self, record: dict[str, Any]) -> None:
        samples, rate = _decode(record["samples"]), record["rate"]
        wanted = np.arange(len(samples) * SAMPLE_RATE // rate) * (rate / SAMPLE_RATE)
        self.samples = np.interp(wanted, np.arange(len(samples)), samples).astype(np.float32)
        stamps = np.array(record["stamps"]) / 1000
        self.late = stamps - np.linspace(0, 1000 * len(samples) / rate, len(stamps), endpoint=False)
        """Milliseconds from when a block would have come, without any gap, since time 0."""
        self._per_second = rate * len(stamps) / len(samples)

    def lateness(self, second: int) -> float:
        """Of the window that begins there."""
        first, last = (round(at * self._per_second) for at in (second, second + WINDOW // SAMPLE_RATE))
        return float(np.median(self.late[first:last]))


def delivery_lags(microphone: Delivered, track: Delivered) -> list[float]:
    """Milliseconds from when the microphone delivers a sound until a track does, for each second."""
    slack = LONGEST // 4  # either may have been tapped first
    found = lags(microphone.samples, np.pad(track.samples, (slack, 0)))
    earlier = 1000 * slack / SAMPLE_RATE
    return [lag - earlier + track.lateness(i) - microphone.lateness(i) for i, lag in enumerate(found)]


def _decode(text: str) -> Audio:
    return np.frombuffer(base64.b64decode(text), np.float32)


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
    gains: dict[str, list[float]] = {}
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
        print(f"{options.engine}, {transport}, load {load} before, {options.programs} programs; ms, each second:")
        played = [_decode(text) for text in recordings["played"]]
        delivered = [Delivered(record) for record in recordings["delivered"]]
        for i, title in enumerate(("clean", "empty graph"), 1):
            places = {"delivered": delivery_lags(delivered[0], delivered[i]), "played": lags(played[0], played[i])}
            for place, found in places.items():
                gain = median(found[BEFORE_S + BUSY_S :]) - median(found[: BEFORE_S - 1])
                gains.setdefault(f"{title}, {place}", []).append(gain)
                seconds = " ".join(f"{value:.0f}" for value in found)
                print(f"  {title:12} {place:10} {gain:+4.0f}   {seconds}", flush=True)
    print("gained, ms: median, worst, each start")
    for name, values in gains.items():
        print(f"  {name:24} {median(values):+4.0f} {max(values):+4.0f}   ", *(f"{value:+.0f}" for value in values))
    return 0


if __name__ == "__main__":
    sys.exit(main())
