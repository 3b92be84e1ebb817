"""Climb the oracle ladder over a set of mixes, for the README's table.

    python -m build_scripts.evaluate.ladder SET [--out FOLDER]

SET holds ``clean/`` and ``noisy/`` with the same file names. Printed, and written to FOLDER: a Markdown table of the
mean of each score and rung, with the period tracked on the noisy and on the clean signal, and how often a rung
helped.
Scores of finished files are kept in FOLDER/scores.jsonl, so that an interrupted run resumes where it stopped.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from percepnet_wasm.constants import SAMPLE_RATE
from percepnet_wasm.oracle.evaluation import SCORES, mean_scores, score, score_table
from percepnet_wasm.oracle.ladder import ladder
from percepnet_wasm.oracle.measures import voiced_frames
from percepnet_wasm.oracle.report import read_pair

Rows = dict[str, dict[str, dict[str, float | None]]]
"""Scores by rung and period, then by file."""


def climb(mixes: Path, name: str, dnsmos: bool) -> dict[str, dict]:
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
    return {rung: score(clean, signal, voiced=voiced, dnsmos=dnsmos) for rung, signal in signals.items()}


def helped(rows: Rows, better: str, than: str, name: str) -> str:
    """Count the files on which one rung beats another."""
    pairs = [(rows[better][file].get(name), rows[than][file].get(name)) for file in rows[better]]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    sign = -1 if name == "voiced_lsd" else 1
    return f"{sum(sign * a > sign * b for a, b in known)} of {len(known)}"


def table(rows: Rows) -> str:
    """Lay out the means, and the comb's and the postfilter's record."""
    files = len(next(iter(rows.values())))
    heard = sum(scores["dnsmos_ovrl"] is not None for scores in next(iter(rows.values())).values())
    lines = [
        f"Means over {files} mixes, DNSMOS over {heard}.",
        "",
        score_table({rung: mean_scores(rows[rung].values()) for rung in rows}),
        "",
    ]
    comb, postfilter = "3-comb, period of the noisy", "4-postfilter, period of the noisy"
    lines += [
        f"- Files on which rung 3 beats rung 2 in {name}: {helped(rows, comb, '2-gains', name)}" for name in SCORES
    ]
    lines += [
        f"- Files on which rung 4 beats rung 3 in {name}: {helped(rows, postfilter, comb, name)}" for name in SCORES
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Score what is not scored yet, print the table."""
    parser = argparse.ArgumentParser(description="Climb the oracle ladder over a set of mixes.")
    parser.add_argument("mixes", type=Path, metavar="SET", help="folder with clean/ and noisy/")
    parser.add_argument("--out", type=Path, default=Path("build/ladder"), help="folder for the table and the scores")
    parser.add_argument(
        "--dnsmos-every", type=int, default=1, metavar="N", help="DNSMOS, which is slow, on each Nth mix"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    store = options.out / "scores.jsonl"
    done: dict[str, Any] = {}
    if store.exists():
        done = {record["file"]: record["rungs"] for record in map(json.loads, store.read_text().splitlines())}
    names = sorted(path.name for path in (options.mixes / "noisy").iterdir() if path.is_file())
    if not names:
        raise SystemExit(f"{options.mixes / 'noisy'} holds no files")
    for name in tqdm([name for name in names if name not in done], unit="mix", disable=None):
        done[name] = climb(options.mixes, name, names.index(name) % options.dnsmos_every == 0)
        with store.open("a") as lines:
            lines.write(json.dumps({"file": name, "rungs": done[name]}) + "\n")
    rows: Rows = defaultdict(dict)
    for name in names:
        for rung, scores in done[name].items():
            rows[rung][name] = scores
    means = {rung: mean_scores(rows[rung].values()) for rung in rows}
    (options.out / "ladder.json").write_text(json.dumps({"files": len(names), "rungs": means}, indent=1))
    text = table(rows)
    (options.out / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
