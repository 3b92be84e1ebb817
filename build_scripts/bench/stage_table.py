"""Where a frame's time goes: ``python -m build_scripts.bench.stage_table RECORDS.json OUT.md``.

The file lies next to the code that it describes and is written only by this command.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from build_scripts.systems import system

from .records import REFERENCE, Record
from .stages import STAGES

Columns = dict[tuple[str, ...], dict[str, Record]]

_REST = "rest"
_ROWS = (*STAGES, _REST, "whole", REFERENCE)
TITLES = {REFERENCE: f"{system(REFERENCE).name}, whole"}

PREFACE = """# Where a frame's time goes

Microseconds per 10 ms frame, back to back: the mean of the middle four fifths of the frames, with the 10th percentile
in brackets. Chromium's clock ticks in steps of 5 microseconds; Node's and CPython's do not.

- `numpy` is the reference path. Its `rest` is what lies between the stages: energies of the bands, coherences,
  features, postfilter.
- `simd` and `relaxed` are the compiled kernel. A whole frame is one call. To time the stages, it is called once for
  each, which costs a few microseconds every time, so they may add up to more than the whole: then there is no rest.
  Energies are part of its stft, coherences and features of its comb, and the postfilter of its synthesis.

Written by `python -m build_scripts.bench.stage_table` from the records of `make bench`.
"""


def stage_table(records: list[Record]) -> str:
    """Lay out stages as Markdown: the tier that ships, in Chromium; the other engines; other tiers.

    Parameters
    ----------
    records : list of dict
        See :mod:`records`; those of percepnet, back to back, one frame a wake, not slowed down.
    """
    columns = _columns(records)
    chromium = {key: column for key, column in columns.items() if key[0] == "chromium"}
    trained = {key: column for key, column in chromium.items() if not key[1].endswith("-random")}
    parts = [
        ("In Chromium", trained),
        ("In Node and CPython", {key: column for key, column in columns.items() if key not in chromium}),
        ("Other tiers, random weights", {key: column for key, column in chromium.items() if key not in trained}),
    ]
    return "\n".join([PREFACE, *(f"## {title}\n\n{_table(of)}" for title, of in parts if of)])


def _columns(records: Iterable[Record]) -> Columns:
    """Records by engine, tier and kernel, then by stage; what ran beside RNNoise has its whole as a stage too."""
    columns: Columns = {}
    peers = {}
    for entry in records:
        usual = entry.get("frames_a_wake", 1) == entry.get("throttling", 1) == 1
        if not usual or entry["pace"] != "back-to-back":
            continue
        if entry["system"] == REFERENCE:
            peers[entry["engine"]] = entry
        elif entry["system"] == "percepnet":
            key = (entry["engine"].removeprefix("pyodide-"), entry["tier"], entry["kernel"])
            columns.setdefault(key, {})[entry["stage"]] = entry
    for names, column in columns.items():
        if names[0] in peers:
            column[REFERENCE] = peers[names[0]]
    return columns


def _table(columns: Columns) -> str:
    cells = {key: {stage: _cell(column, stage) for stage in _ROWS} for key, column in columns.items()}
    lines = ["| stage | " + " | ".join(map(" ".join, cells)) + " |", "|---|" + "---:|" * len(cells)]
    for stage in _ROWS:
        row = [column[stage] for column in cells.values()]
        if any(row):
            lines.append(f"| {TITLES.get(stage, stage)} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _cell(column: dict[str, Record], stage: str) -> str:
    if stage == _REST:
        known = {"whole", *STAGES} <= column.keys()
        rest = _middle(column["whole"]) - sum(_middle(column[name]) for name in STAGES) if known else 0
        return _microseconds(rest) if rest > 0 else ""
    entry = column.get(stage)
    return f"{_microseconds(_middle(entry))} ({_microseconds(entry['p10_ms'])})" if entry else ""


def _middle(entry: Record) -> float:
    milliseconds: float = entry["middle_ms"] if "middle_ms" in entry else entry["p50_ms"]
    return milliseconds


def _microseconds(milliseconds: float) -> str:
    value = 1000 * milliseconds
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def main() -> int:
    """Write the table."""
    parser = argparse.ArgumentParser(prog="python -m build_scripts.bench.stage_table", description=__doc__)
    parser.add_argument("records", type=Path, help="JSON that the bench wrote")
    parser.add_argument("out", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    options.out.write_text(stage_table(json.loads(options.records.read_text())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
