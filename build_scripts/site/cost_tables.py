"""Tables of what enhancement costs: time, share of a core, start-up, bytes; with the peers of the same run."""

from collections.abc import Callable
from functools import partial
from typing import Any

from build_scripts.bench.stages import STAGES
from build_scripts.systems import IDLE, SYSTEMS, system
from percepnet_wasm.model_file import DEFAULT_TIER

from .results import (
    DIRECT,
    PEERS,
    RIVAL,
    SCORES,
    Table,
    bench,
    delays,
    download_parts,
    downloads,
    load,
    ours,
    own_download,
    peers,
    shares,
)

__all__ = ["TABLES"]

OURS = system("percepnet").name
_KERNELS = {"relaxed": "relaxed SIMD", "simd": "SIMD", "numpy": "NumPy"}
_REST = "rest"
_RIVAL = system(RIVAL)
Column = dict[str, dict[str, Any]]


def _apart(record: dict) -> str:
    """What to append to the name of a system that was measured in a different run from ours."""
    ours = bench(stage="whole", system="percepnet", throttling=record.get("throttling", 1))
    together = {r["load_before"] for r in ours if r["engine"].endswith(record["engine"])}
    return "" if record["load_before"] in together else f" (another run, load average {record['load_before']:.0f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _label(r: dict) -> str:
    """Name, tier and kernel of a record's system."""
    if r["system"] != "percepnet":
        return system(r["system"]).title + _apart(r)
    return f"{OURS}, {r['tier'].removesuffix('-random')}, {_KERNELS[r['kernel']]}"


def _in_order(records: list[dict]) -> list[dict]:
    order = {key: place for place, entry in enumerate(SYSTEMS) for key in entry.keys}
    return sorted(records, key=lambda r: order[r["system"]])


def overview() -> Table:
    """One row per system, to choose by: quality, delay, share of a core, download."""
    scored = {system(peer).name: scores["all"] for peer, scores in peers().items() if peer in PEERS}
    scored |= {OURS: ours()["all"], DIRECT: ours()["all"]}  # the same model in the same arithmetic
    share = {system(r["system"]).name: r["cpu_share"] for r in shares() if r["kernel"] not in ("simd", "numpy")}
    size = {name: r["gzip_bytes"] for name, r in downloads().items()}
    size |= {OURS: own_download()["gzip_bytes"], DIRECT: own_download("worklet")["gzip_bytes"]}
    rows = []
    for name in [*(entry.name for entry in SYSTEMS), DIRECT]:
        late = delays().get(name)
        if late is None:
            continue
        scores = scored.get(name, {})
        cells = [f"{scores[s]:.{SCORES[s][1]}f}" if s in scores else "" for s in ("pesq_wb", "stoi", "dns_p808")]
        cells += [f"{late:.0f}", _percent(share[name]) if name in share else ""]
        title = f"**{name}**" if name.startswith(OURS) else name
        rows.append([title, *cells, f"{size[name] / 1e6:.1f}" if name in size else ""])
    header = ["system", "PESQ", "STOI", "P.808", "delay, ms", "of a core", "download, MB gzipped"]
    return Table(header, rows)


def delay() -> Table:
    """Each system's delay in a page that passes audio on as it arrives."""
    rows = []
    for r in load("delay"):
        ours = r["system"] == "percepnet"
        name = f"**{OURS}, without the buffer between the threads**" if ours else system(r["system"]).title
        rows.append([name, r["package"], str(r["lag"]), str(r["taken"]), f"{r['delay_ms']:.0f}"])
    return Table(["system", "package", "lag, samples", "samples at a time", "delay, ms"], rows)


def short() -> Table:
    """What a frame takes in Chromium: the peers, and ours with every kernel."""
    whole = [r for r in bench(stage="whole") if r["engine"].endswith("chromium")]
    full = {(r["system"], r["tier"], r["kernel"]): r for r in whole if r["pace"] == "back-to-back"}
    rows = []
    for r in _in_order([r for r in whole if r["pace"] == "paced"]):
        if r["system"] == "copy":
            continue
        alone = full.get((r["system"], r["tier"], r["kernel"]))
        rows.append(
            [
                f"**{_label(r)}**" if r["system"] == "percepnet" else _label(r),
                f"{alone['p50_ms']:.2f}" if alone else "",
                f"{r['p50_ms']:.2f}",
                f"{r['p99_ms']:.2f}",
                _percent(r["cpu_share"]),
            ]
        )
    return Table(["system", "back to back, p50 ms", "paced, p50 ms", "paced, p99 ms", "of a core, paced"], rows)


def offline() -> Table:
    """A long file, compared with suppressors from PyPI."""
    records = load("offline")
    names = {"percepnet numpy": f"**{OURS}, NumPy**", "percepnet native": f"**{OURS}, native kernel**"}
    rows = [
        [
            names.get(r["system"]) or system(r["system"]).title,
            f"{r['times_real_time']:.0f}",
            f"{r['peak_memory_mb']:.0f}",
            f"{r['peak_memory_mb_longer']:.0f}",
        ]
        for r in records
    ]
    longer = f"a file {records[0]['longer']} times as long, MB"
    return Table(["system", "times real time", "peak memory, MB", longer], rows)


def startup() -> Table:
    """From navigation to enhanced sound, and to a warm Python."""
    rows = [
        [f"{r['cache']} cache", f"{r['heard_ms'] / 1000:.1f}", f"{r['p50_ms'] / 1000:.1f}", str(r["visits"])]
        for r in bench(stage="startup")
    ]
    return Table(["visit", "enhanced sound, s", "Python is warm, s", "visits"], rows)


def cost() -> Table:
    """Compute per 10 ms frame: the tiers that ship, and the peers in the same run."""
    hosts = {"cpython": "CPython", "node": "Node", "chromium": "Chromium"}
    rows = []
    for r in (r for throttling in (1, 4) for r in bench(stage="whole", throttling=throttling)):
        slower = r.get("throttling", 1)
        rows.append(
            [
                f"{hosts[r['engine'].split('-')[-1]]}: {_label(r)}",
                r["pace"].replace("-", " ") + (f", {slower} times slower" if slower > 1 else ""),
                f"{r['p50_ms']:.2f}",
                f"{r['p99_ms']:.2f}",
                _percent(r["cpu_share"]) if r.get("cpu_share") is not None and slower == 1 else "",
                f"{r['ratio_to_rnnoise']:.1f}" if r["ratio_to_rnnoise"] else "",
            ]
        )
    return Table(["host: system", "pace", "p50 ms", "p99 ms", "of a core", "x RNNoise 0.2"], rows)


def waking() -> Table:
    """What a paced frame costs before anything is computed: waking, then copying too, then calling too."""
    rows = [
        [system(r["system"]).title, f"{1000 * _middle(r):.1f}", _percent(r["cpu_share"])]
        for r in bench(pace="paced")
        if r["system"] in IDLE and r["engine"].endswith("chromium")
    ]
    return Table(["paced, in Chromium", "microseconds, awake", "of a core"], rows)


def limits() -> Table:
    """How far each tier is from what its multiply-adds and its weights' bytes allow."""
    rows = [
        [
            ", ".join((r["engine"], r["tier"], r["kernel"])),
            f"{r['weight_bytes'] / 1e6:.2f}",
            f"{r['gmacs_cached']:.0f}",
            f"{r['gmacs_streamed']:.0f}",
            f"{r['limit_cached_ms']:.3f}",
            f"{r['limit_streamed_ms']:.3f}",
            f"{r['p50_ms']:.3f}",
            f"{r['p50_ms'] / r['limit_cached_ms']:.1f}",
        ]
        for r in bench(pace="back-to-back")
        if "weight_bytes" in r
    ]
    header = ["engine, tier, kernel", "MB", "GMAC/s in cache", "streamed", "limit in cache, ms", "streamed, ms"]
    return Table([*header, "whole frame, p50 ms", "times the first limit"], rows)


def stages(wanted: Callable[[str, str], bool]) -> Table:
    """Where a frame's time goes, in microseconds, for ``percepnet_wasm/kernel/STAGES.md``.

    Parameters
    ----------
    wanted : callable
        Takes an engine and a tier; each kernel of those for which it returns true has a column. RNNoise has a row where
        it ran too.
    """
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


def download() -> Table:
    """Megabytes that a page fetches before the first enhanced sample, and those of the others' packages."""
    rows = []
    for name, engine in ((OURS, "python"), (DIRECT, "worklet")):
        rows += [[f"{name}: {part}", *_megabytes(*sizes)] for part, sizes in download_parts(engine).items()]
        rows.append([f"**{name}, in all**", *_megabytes(*_wire(own_download(engine)))])
    rows += [[name, *_megabytes(*_wire(entry))] for name, entry in downloads().items()]
    return Table(["part", "MB", "with gzip", "with brotli"], rows)


def _wire(record: dict) -> list[int]:
    return [record[f"{kind}_bytes"] for kind in ("raw", "gzip", "brotli")]


def _megabytes(*sizes: int) -> list[str]:
    return [f"{size / 1e6:.2f}" for size in sizes]


TABLES: dict[str, Callable[[], Table]] = {
    "cost": cost,
    "cost-short": short,
    "delay": delay,
    "download": download,
    "limits": limits,
    "offline": offline,
    "overview": overview,
    "stages-chromium": partial(stages, lambda engine, tier: engine == "chromium" and tier == DEFAULT_TIER),
    "stages-elsewhere": partial(stages, lambda engine, tier: engine != "chromium" and tier == DEFAULT_TIER),
    "stages-other-tiers": partial(stages, lambda engine, tier: engine == "chromium" and tier != DEFAULT_TIER),
    "startup": startup,
    "waking": waking,
}
