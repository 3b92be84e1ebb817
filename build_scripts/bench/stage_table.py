"""``python -m build_scripts.bench.stage_table RECORDS.json OUT.md [--before RECORDS.json]``: where a frame's time goes.

The file lies beside the code it describes and is written by this command alone. For what a change of the NumPy path was
worth, the records before it come from a build of the page before it: ``python -m build_scripts.bench --kernel numpy
--only chromium peers --tier --site OLD/dist``.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from .records import REFERENCE, Record
from .stages import STAGES

_ROWS = (*STAGES, "whole", REFERENCE)
TITLES = {REFERENCE: "RNNoise 0.2, whole"}


def stage_table(records: list[Record], before: Iterable[Record] = ()) -> str:
    """Lay out stages, a column for each engine, tier and kernel, as Markdown.

    Parameters
    ----------
    records : list of dict
        See :mod:`records`; those of percepnet, back to back, one frame a wake, not slowed down.
    before : iterable of dict
        The same of an earlier state.

    Returns
    -------
    str
        p10 and p50 in microseconds.
    """
    columns: dict[tuple[str, ...], dict[str, Record]] = {}
    for state, entries in (("before:", before), ("", records)):
        peers = {}
        for entry in entries:
            usual = entry.get("frames_a_wake", 1) == entry.get("throttling", 1) == 1
            if not usual or entry["pace"] != "back-to-back":
                continue
            if entry["system"] == REFERENCE:
                peers[entry["engine"]] = entry
            elif entry["system"] == "percepnet":
                engine = entry["engine"].removeprefix("pyodide-")
                key = tuple(filter(None, (state, engine, entry["tier"], entry["kernel"])))
                columns.setdefault(key, {})[entry["stage"]] = entry
        for names, column in columns.items():
            if "chromium" in names and (names[0] == "before:") == bool(state) and "chromium" in peers:
                column[REFERENCE] = peers["chromium"]
    lines = [
        "# Where a frame's time goes",
        "",
        "Microseconds a frame of 10 ms, back to back: 10th percentile / median. `numpy` is the reference path, before",
        "the kernel; the others are the compiled kernel, whose stages are called one by one here, a whole frame in one",
        "call. Compare columns of one table only, times of different runs or machines not at all. Written by",
        "`python -m build_scripts.bench.stage_table` from the records of `make bench`; `before` is another run, with",
        "the page as it was before the NumPy path's buffers and views were made once: RNNoise 0.2 in the same run, on",
        "the last line, tells how fast the machine was.",
        "",
        "| stage | " + " | ".join(" ".join(key) for key in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for stage in _ROWS:
        cells = [_cell(column.get(stage)) for column in columns.values()]
        lines.append(f"| {TITLES.get(stage, stage)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(entry: Record | None) -> str:
    return f"{1000 * entry['p10_ms']:.0f} / {1000 * entry['p50_ms']:.0f}" if entry else ""


def main() -> int:
    """Write the table."""
    parser = argparse.ArgumentParser(prog="python -m build_scripts.bench.stage_table", description=__doc__)
    parser.add_argument("records", type=Path, help="JSON that the bench wrote")
    parser.add_argument("out", type=Path, help="Markdown file to write")
    parser.add_argument("--before", type=Path, help="the same, of an earlier state")
    options = parser.parse_args()
    before = json.loads(options.before.read_text()) if options.before else []
    options.out.write_text(stage_table(json.loads(options.records.read_text()), before), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
