"""How results are written: one record a line, so that a diff shows which of them have changed."""

import json
from pathlib import Path
from typing import Any

__all__ = ["write_records"]


def write_records(path: Path, records: Any, levels: int = 1) -> None:
    """Write JSON, and make its folder.

    Parameters
    ----------
    path : Path
    records : list or dict
    levels : int
        Of nesting that have a line for each entry; what lies deeper is the rest of the line.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_laid_out(records, levels) + "\n", encoding="utf-8")


def _laid_out(value: Any, levels: int) -> str:
    if levels == 0 or not value or not isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)}: {_laid_out(entry, levels - 1)}" for key, entry in value.items()]
        return "{\n" + ",\n".join(entries) + "\n}"
    return "[\n" + ",\n".join(_laid_out(entry, levels - 1) for entry in value) + "\n]"
