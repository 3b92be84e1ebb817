"""``python -m build_scripts.bench.stage_table RECORDS.json OUT.md``: where a frame's time goes, by kernel.

The file lies beside the code it describes and is written by this command alone.
"""

import argparse
import json
import sys
from pathlib import Path

from .records import Record
from .stages import STAGES

_ROWS = (*STAGES, "whole")


def stage_table(records: list[Record]) -> str:
    """Lay out stages, a column for each engine, tier and kernel, as Markdown.

    Parameters
    ----------
    records : list of dict
        See :mod:`records`; those of percepnet, back to back, one frame a wake.

    Returns
    -------
    str
        p10 and p50 in microseconds.
    """
    columns: dict[tuple[str, str, str], dict[str, Record]] = {}
    for entry in records:
        if entry["system"] == "percepnet" and entry["pace"] == "back-to-back" and entry.get("frames_a_wake", 1) == 1:
            key = entry["engine"].removeprefix("pyodide-"), entry["tier"], entry["kernel"]
            columns.setdefault(key, {})[entry["stage"]] = entry
    lines = [
        "# Where a frame's time goes",
        "",
        "Microseconds a frame of 10 ms, back to back: 10th percentile / median. `numpy` is the reference path, before",
        "the kernel; the others are the compiled kernel, whose stages are called one by one here, a whole frame in one",
        "call. Compare columns of one table only, times of different runs or machines not at all. Written by",
        "`python -m build_scripts.bench.stage_table` from the records of `make bench`.",
        "",
        "| stage | " + " | ".join(" ".join(key) for key in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for stage in _ROWS:
        cells = [_cell(column.get(stage)) for column in columns.values()]
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(entry: Record | None) -> str:
    return f"{1000 * entry['p10_ms']:.0f} / {1000 * entry['p50_ms']:.0f}" if entry else ""


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
