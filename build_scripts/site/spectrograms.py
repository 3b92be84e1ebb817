"""Draw spectrograms of typical and worst files: ``python -m build_scripts.site.spectrograms SET ENHANCED RESULTS``.

SET holds ``noisy/`` and ``clean/`` (and, where it has them, ``mixes.tsv`` and ``peers.json``), ENHANCED the files that
``build_scripts.evaluate`` wrote. Three are chosen: the file with the smallest gain of PESQ (``least-pesq``), the one
that lost most intelligibility (``least-stoi``), and of the others the one with the median gain (``typical``). RESULTS
gets ``pictures.json``, which describes each, and ``pictures/NAME-KIND.webp``, bare spectrograms of the noisy, enhanced
and clean sound: ``fill_pages.py`` puts axes and words around them.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import soundfile as sf
from PIL import Image

from build_scripts.records import write_records
from percepnet_wasm.constants import SAMPLE_RATE
from percepnet_wasm.oracle.evaluation import score
from percepnet_wasm.oracle.figures import Audio, spectrogram

TOP_HZ = 12_000
RANGE_DB = 75
"""From the clean sound's loudest down to black."""
SIZE = 480, 240
"""Pixels of a picture."""

KINDS = ("noisy", "enhanced", "clean")
CHOSEN = ("pesq_wb", "stoi")
"""Scores by which files are chosen, and which are recorded of them."""


def read(folder: Path, name: str) -> Audio:
    """Read ``name`` of a folder, whatever its suffix."""
    (path,) = folder.glob(f"{name}.*")
    return sf.read(path, dtype="float32")[0]


def chosen(noisy: dict[str, Any], enhanced: dict[str, Any]) -> dict[str, str]:
    """Name the file of each picture, by the scores of every file."""

    def by_gain(of: str) -> list[str]:
        before, after = ({n: rows[n][of] or 0.0 for n in noisy} for rows in (noisy, enhanced))  # undefined: worst
        gains = {n: after[n] - before[n] for n in noisy}
        return sorted(gains, key=gains.__getitem__)

    pesq = by_gain("pesq_wb")
    worst = {"least-pesq": pesq[0], "least-stoi": by_gain("stoi")[0]}
    others = [name for name in pesq if name not in worst.values()]
    return {"typical": others[len(others) // 2], **worst}


def paint(signal: Audio, loudest: float) -> Image.Image:
    """Picture of a signal; ``loudest`` dB is brightest."""
    shares = (spectrogram(signal, TOP_HZ) - loudest) / RANGE_DB + 1
    colours = mpl.colormaps["magma"](np.clip(shares[::-1], 0, 1), bytes=True)
    return Image.fromarray(colours[..., :3]).resize(SIZE, Image.Resampling.LANCZOS)


def known(mixes: Path, name: str) -> dict[str, Any]:
    """What the set records of a file: level and class of the noise, and the other systems' scores."""
    facts: dict[str, Any] = {"noise": "", "snr_db": None, "peers": {}}
    if (mixes / "mixes.tsv").exists():
        with (mixes / "mixes.tsv").open(newline="") as table:
            row = next(row for row in csv.DictReader(table, delimiter="\t") if row["name"] == name)
        facts |= {"noise": row["noise_class"], "snr_db": float(row["snr_db"])}
    if (mixes / "peers.json").exists():
        peers = json.loads((mixes / "peers.json").read_text())
        facts["peers"] = {peer: {of: rows[name][of] for of in CHOSEN} for peer, rows in peers.items() if name in rows}
    return facts


def main() -> None:
    """Parse the command line, score, choose and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("enhanced", type=Path)
    parser.add_argument("results", type=Path, help="for the record build_scripts/results")
    args = parser.parse_args()
    names = sorted(path.stem for path in (args.set / "noisy").iterdir())
    folders = dict(zip(KINDS, (args.set / "noisy", args.enhanced, args.set / "clean"), strict=True))
    sounds = {n: {kind: read(folder, n) for kind, folder in folders.items()} for n in names}
    scores: dict[str, dict[str, Any]] = {
        kind: {n: score(sounds[n]["clean"], sounds[n][kind], dnsmos=False) for n in names} for kind in KINDS[:2]
    }
    (args.results / "pictures").mkdir(parents=True, exist_ok=True)
    facts = {}
    for picture, name in chosen(scores["noisy"], scores["enhanced"]).items():
        loudest = float(spectrogram(sounds[name]["clean"], TOP_HZ).max())
        for kind, sound in sounds[name].items():
            image = paint(sound, loudest)
            image.save(args.results / "pictures" / f"{picture}-{kind}.webp", quality=75, method=6)
        facts[picture] = {
            "file": name,
            "seconds": round(len(sounds[name]["clean"]) / SAMPLE_RATE, 2),
            "top_hz": TOP_HZ,
            "range_db": RANGE_DB,
            **{kind: {of: round(rows[name][of] or 0.0, 4) for of in CHOSEN} for kind, rows in scores.items()},
            **known(args.set, name),
        }
        print(f"{picture}: {name}, {facts[picture]['noisy']} -> {facts[picture]['enhanced']}")
    write_records(args.results / "pictures.json", facts)


if __name__ == "__main__":
    main()
