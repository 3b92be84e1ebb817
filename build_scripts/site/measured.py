"""What was measured (``results/*.json``), and tables of it in Markdown."""

import json
from dataclasses import dataclass

from build_scripts import RESULTS


def load(name: str) -> dict:
    """Read a result file."""
    return json.loads((RESULTS / f"{name}.json").read_text())


@dataclass(frozen=True)
class Table:
    """The first column is text, the others are numbers; ``**`` around a row's first cell marks what is ours."""

    header: list[str]
    rows: list[list[str]]


def markdown(table: Table) -> str:
    """Lay out a table in Markdown."""
    header, rows = table.header, table.rows
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
