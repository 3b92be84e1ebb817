"""Tables of where a frame's time goes, in microseconds, for ``percepnet_wasm/kernel/STAGES.md``."""

from collections.abc import Callable
from functools import partial
from typing import Any

from build_scripts.bench.stages import STAGES
from build_scripts.systems import system
from percepnet_wasm.model_file import DEFAULT_TIER

from .results import RIVAL, Table, bench

__all__ = ["TABLES"]

_REST = "rest"
_RIVAL = system(RIVAL)
Column = dict[str, dict[str, Any]]


def stages(wanted: Callable[[str, str], bool]) -> Table:
    """One column per engine, tier and kernel whose engine and tier are wanted, and RNNoise beside those in Chromium."""
    columns: dict[str, Column] = {}
    rival = f"{_RIVAL.name}, whole"
    for r in bench(pace="back-to-back", system="percepnet"):
        engine = r["engine"].removeprefix("pyodide-")
        if wanted(engine, r["tier"]):
            column = columns.setdefault(f"{engine} {r['tier']} {r['kernel']}", {})
            column[r["stage"]] = r
            for peer in bench(pace="back-to-back", system=_RIVAL.keys[0], engine=engine):
                column[rival] = peer
    rows = []
    for stage in (*STAGES, _REST, "whole", rival):
        cells = [_cell(column, stage) for column in columns.values()]
        if any(cells):
            rows.append([stage, *cells])
    return Table(["stage", *columns], rows)


def _cell(column: Column, stage: str) -> str:
    if stage == _REST:
        known = {"whole", *STAGES} <= column.keys()
        rest = _middle(column["whole"]) - sum(_middle(column[name]) for name in STAGES) if known else 0
        return _microseconds(rest) if rest > 0 else ""
    record = column.get(stage)
    return f"{_microseconds(_middle(record))} ({_microseconds(record['p10_ms'])})" if record else ""


def _middle(record: dict[str, Any]) -> float:
    return record.get("middle_ms", record["p50_ms"])


def _microseconds(milliseconds: float) -> str:
    value = 1000 * milliseconds
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


TABLES = {
    "stages-chromium": partial(stages, lambda engine, tier: engine == "chromium" and tier == DEFAULT_TIER),
    "stages-elsewhere": partial(stages, lambda engine, tier: engine != "chromium" and tier == DEFAULT_TIER),
    "stages-other-tiers": partial(stages, lambda engine, tier: engine == "chromium" and tier != DEFAULT_TIER),
}
