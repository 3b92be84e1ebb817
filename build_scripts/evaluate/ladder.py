"""Climb the oracle ladder over a set of mixes, for the table in QUALITY.md.

    python -m build_scripts.evaluate.ladder SET [--out FOLDER]

SET has ``clean/`` and ``noisy/`` with the same file names. The mean of each score and rung, with the period tracked on
the noisy and on the clean signal, is printed and written to FOLDER/ladder.json, which belongs in ``results/``. Scores
of finished files are kept in FOLDER/scores.jsonl, so that an interrupted run resumes where it stopped.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from build_scripts.records import write_records
from percepnet_wasm.constants import SAMPLE_RATE
from percepnet_wasm.oracle.evaluation import mean_scores, score, score_table
from percepnet_wasm.oracle.ladder import ladder
from percepnet_wasm.oracle.measures import voiced_frames
from percepnet_wasm.oracle.report import read_pair


def climb(mixes: Path, name: str) -> dict[str, dict]:
    """Score all rungs of a mix; those which do not depend on the period are scored once."""
    clean, noisy, rate = read_pair(mixes / "clean" / name, mixes / "noisy" / name)
    if rate != SAMPLE_RATE:
        raise SystemExit(f"{name} has {rate} Hz: the ladder's scores are for {SAMPLE_RATE} Hz")
    voiced = voiced_frames(clean)
    signals = {"noisy": noisy}
    for period in ("noisy", "clean"):
        for rung, signal in ladder(clean, noisy, period=period).rungs.items():
            free = rung in ("1-magnitudes", "2-gains")
            signals[rung if free else f"{rung}, period of the {period}"] = signal
    return {rung: score(clean, signal, voiced=voiced) for rung, signal in signals.items()}


def main() -> None:
    """Score what is not scored yet, write the means and print them."""
    parser = argparse.ArgumentParser(description="Climb the oracle ladder over a set of mixes.")
    parser.add_argument("mixes", type=Path, metavar="SET", help="folder with clean/ and noisy/")
    parser.add_argument("--out", type=Path, default=Path("build/ladder"), help="folder to write into")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    store = options.out / "scores.jsonl"
    done: dict[str, Any] = {}
    if store.exists():
        done = {record["file"]: record["rungs"] for record in map(json.loads, store.read_text().splitlines())}
    names = sorted(path.name for path in (options.mixes / "noisy").iterdir() if path.is_file())
    if not names:
        raise SystemExit(f"{options.mixes / 'noisy'} contains no files")
    for name in tqdm([name for name in names if name not in done], unit="mix", disable=None):
        done[name] = climb(options.mixes, name)
        with store.open("a") as lines:
            lines.write(json.dumps({"file": name, "rungs": done[name]}) + "\n")
    by_rung = defaultdict(list)
    for name in names:
        for rung, scores in done[name].items():
            by_rung[rung].append(scores)
    means = {rung: mean_scores(rows) for rung, rows in by_rung.items()}
    write_records(options.out / "ladder.json", {"files": len(names), "rungs": means}, levels=2)
    print(score_table(means))


if __name__ == "__main__":
    main()
