"""Score models on a set of mixes: ``python -m build_scripts.evaluate SET [SET ...] --compare compare.py``.

SET holds ``noisy/`` and ``clean/``, names ending in ``_snrNN``. For every model (each tier here, or ``--models``) and
every variant (with and without comb and postfilter) the files are enhanced by the streaming code and scored by the
given script, next to the peers (SET/peers.json); the means, overall and per SNR, are added to ``OUT/evaluation.json``.
"""

import argparse
import csv
import json
import re
import shutil
import subprocess
import sys
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

import percepnet_wasm
from build_scripts.records import write_records
from build_scripts.site.results import SCORES
from percepnet_wasm import Model, enhance
from percepnet_wasm.constants import SAMPLE_RATE

TIERS = Path(percepnet_wasm.__file__).parent / "models"
VARIANTS = {
    "full": {},
    "no postfilter": {"postfilter": False},
    "no comb": {"comb": False},
    "gains only": {"comb": False, "postfilter": False},
}


def _enhance(job: tuple[Path, Path, str | None, dict]) -> None:
    source, target, model, options = job
    audio, rate = sf.read(source, dtype="float32")
    if rate != SAMPLE_RATE or audio.ndim != 1:
        raise ValueError(f"{source} has {rate} Hz and shape {audio.shape}, but must be 48 kHz mono")
    sf.write(target, enhance(audio, model, **options), rate, subtype="FLOAT")


def enhance_set(noisy: Path, out: Path, model: str | None, options: dict, jobs: int) -> None:
    """Enhance every file of ``noisy`` into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    files = sorted(p for p in noisy.iterdir() if p.suffix in (".flac", ".wav"))
    with Pool(jobs) as pool:
        pool.map(_enhance, [(f, out / f"{f.stem}.wav", model, options) for f in files])


def kinds(mixes: Path) -> dict[str, str]:
    """How each file of a set begins, or which fault it shows: the column ``start`` or ``kind`` of its ``mixes.tsv``."""
    table = mixes / "mixes.tsv"
    if not table.exists():
        return {}
    with table.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["name"]: row.get("start") or row.get("kind") or "" for row in rows}


def means(scores: dict[str, dict[str, float]], kind: dict[str, str] | None = None) -> dict[str, dict[str, float]]:
    """Mean of each score over all files, over the files of each SNR, and over those of each kind."""
    groups: dict[str, list[dict[str, float]]] = {"all": list(scores.values())}
    for name, row in scores.items():
        found = re.search(r"_snr(-?\d+)", name)
        if found:
            groups.setdefault(f"{int(found[1])} dB", []).append(row)
        if kind and kind.get(name):
            groups.setdefault(kind[name], []).append(row)
    return {
        group: {
            s: round(float(np.mean([r[s] for r in rows if s in r])), 4) for s in SCORES if any(s in r for r in rows)
        }
        for group, rows in groups.items()
    }


def main() -> None:
    """Parse the command line, enhance and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--compare", type=Path, required=True, help="called as SCRIPT SET OUT; writes OUT/scores.json")
    parser.add_argument("--models", nargs="*", default=sorted(map(str, TIERS.glob("*.pnw"))), help="model files")
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--out", type=Path, default=Path("build/evaluation"))
    parser.add_argument("--quick", action="store_true", help="without DNSMOS")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    kept = args.out / "evaluation.json"
    known: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"ours": [], "peers": {}}

    def record(label: dict[str, str], mixes: Path, out: Path) -> None:
        """Score a folder, and keep everything that is known so far."""
        print(f"\n{', '.join(label.values())}", flush=True)
        subprocess.run([sys.executable, args.compare, mixes, out] + ["--quick"] * args.quick, check=True)
        scores = means(json.loads((out / "scores.json").read_text()), kinds(mixes))
        label = label | {"set": mixes.name}
        others = [row for row in known["ours"] if any(row.get(key) != value for key, value in label.items())]
        known["ours"] = [*others, label | {"scores": scores}]
        write_records(kept, known, levels=2)

    args.out.mkdir(parents=True, exist_ok=True)
    for mixes in args.sets:
        peers = mixes / "peers.json"
        if peers.exists():
            known["peers"][mixes.name] = {
                name: means(rows, kinds(mixes)) for name, rows in json.loads(peers.read_text()).items()
            }
        else:
            untouched = args.out / f"noisy-{mixes.name}"
            shutil.copytree(mixes / "noisy", untouched, dirs_exist_ok=True)
            record({"tier": "", "weights": "", "variant": "noisy"}, mixes, untouched)
    for model in args.models:
        loaded = Model.load(model)
        weights = "int8" if loaded.quantised else "float32"
        for mixes in args.sets:
            for variant in args.variants:
                label = {"tier": loaded.tier, "weights": weights, "variant": variant}
                out = args.out / re.sub(r"\W+", "-", f"{'-'.join(label.values())}-{mixes.name}")
                enhance_set(mixes / "noisy", out, model, VARIANTS[variant], args.jobs)
                record(label | {"sha256": loaded.sha256}, mixes, out)


if __name__ == "__main__":
    main()
