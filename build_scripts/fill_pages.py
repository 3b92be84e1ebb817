"""Fill the pages' measured figures in: what a page says of quality and cost comes from ``results/*.json``.

Pages of ``web/`` hold ``<!-- table: NAME -->``, ``<!-- chart: NAME -->`` and ``<!-- number: NAME -->``; the build
replaces each by what is made here or in ``tables.py``. An unknown name stops the build.
"""

import re
import zlib
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import tables
from charts import Bar, Line, Span, bars, curves, time_line, triangles
from tables import Table, load

from percepnet_wasm.bands import BANDS, BIN_HZ, edges
from percepnet_wasm.comb import taps
from percepnet_wasm.constants import BINS, DELAY, HOP, LOOKAHEAD, SAMPLE_RATE, WINDOW
from percepnet_wasm.model_file import DEFAULT_TIER, Model

__all__ = ["fill", "fill_pages"]

_PLACE = re.compile(r"<!-- (table|chart|number): ([^>]+?) -->")

_RIVAL = "rnnoise-shiguredo"
"""The peer that pages use now, and the one to be measured against."""

_MEANING = {
    "pesq_wb": ("PESQ-WB, 1 to 4.64: how close it sounds to the clean speech", 1.0, None),
    "stoi": ("STOI, 0 to 1: how well it can be understood", 0.0, 1.0),
    "sisdr": ("SI-SDR, dB: speech over everything else", 0.0, None),
    "dns_ovr": ("DNSMOS P.835 overall, 1 to 5: what listeners would say", 1.0, None),
}
"""By score: title, the least there can be, and the end of the scale where it is not the best one."""

_SYSTEMS = {
    "floor": "an idle worker",
    "copy": "an idle worker that copies the samples",
    "call": "an idle worker that copies and calls Python",
    "shiguredo": "RNNoise 0.2",
    "sapphi": "RNNoise 0.1, SIMD",
    "percepnet": "this",
}

Files = Mapping[str, bytes]


def fill_pages(plan: Files) -> dict[str, bytes]:
    """Fill every page of a site.

    Parameters
    ----------
    plan : mapping of str to bytes
        All files of the site: some figures are their sizes.

    Returns
    -------
    dict
        The site with its pages filled.
    """
    return {name: fill(data.decode(), plan).encode() if name.endswith(".html") else data for name, data in plan.items()}


def fill(page: str, plan: Files) -> str:
    """Fill one page.

    Raises
    ------
    ValueError
        The page asks for something that is not known.
    """

    def made(place: re.Match) -> str:
        kind, name = place[1], place[2]
        try:
            if kind == "table":
                return html(download_table(plan) if name == "download" else tables.TABLES[name]())
            return CHARTS[name]() if kind == "chart" else escape(NUMBERS[name]())
        except KeyError as error:
            raise ValueError(f"a page asks for the {kind} {name!r}: there is none ({error})") from error

    return _PLACE.sub(made, page)


def html(table: Table) -> str:
    """Lay out a table; a row whose first cell is marked by ** is ours."""
    lines = [_row(table.header, "col")]
    body = [
        _row([row[0].strip("*"), *row[1:]], "row", ' class="ours"' if row[0].startswith("**") else "")
        for row in table.rows
    ]
    return f"<table><thead>{''.join(lines)}</thead><tbody>{''.join(body)}</tbody></table>"


def _row(cells: list[str], scope: str, attributes: str = "") -> str:
    first, *others = (escape(cell) for cell in cells)
    if scope == "col":
        rest = "".join(f'<th scope="col">{cell}</th>' for cell in others)
    else:
        rest = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr{attributes}><th scope="{scope}">{first}</th>{rest}</tr>'


def _ours() -> dict[str, Any]:
    """Scores of the default tier as it ships, by SNR and over all."""
    wanted = {"tier": DEFAULT_TIER, "set": "dev", "variant": "full", "weights": "int8"}
    return next(r for r in load("evaluation")["ours"] if wanted.items() <= r.items())["scores"]


def _peers() -> dict[str, Any]:
    return load("evaluation")["peers"]["dev"]


def _label(peer: str) -> str:
    return tables.PEERS[peer].partition(", @")[0] if peer != "rnnoise-jitsi" else "RNNoise, Jitsi's"


def quality_chart(score: str) -> str:
    """One score of every system over all mixes."""
    title, start, end = _MEANING[score]
    digits = tables.SCORES[score][1]
    rows = [
        Bar(_label(peer), value, f"{value:.{digits}f}", "before" if peer == "noisy" else "")
        for peer in tables.PEERS
        for value in [_peers()[peer]["all"][score]]
    ]
    ours = _ours()["all"][score]
    rows.append(Bar(f"this, {DEFAULT_TIER}", ours, f"{ours:.{digits}f}", "ours"))
    return _titled(title, bars(title, rows, start, end))


def snr_chart(score: str) -> str:
    """One score over the SNR of the mixes, for the peers worth a line."""
    title = f"{tables.SCORES[score][0]} over the SNR of the mix"
    places = [group for group in _ours() if group != "all"]
    chosen = ("noisy", _RIVAL, "wns-gtcrn", "dfn3")
    lines = [
        Line(_label(peer), [_peers()[peer][place][score] for place in places], "before" if peer == "noisy" else "")
        for peer in chosen
    ]
    lines.append(Line(f"this, {DEFAULT_TIER}", [_ours()[place][score] for place in places], "ours"))
    return _titled(title, curves(title, places, lines, tables.SCORES[score][1]))


def ladder_chart() -> str:
    """PESQ of the oracle's rungs."""
    rungs = load("ladder")["rungs"]
    names = {
        "noisy": ("noisy input", "before"),
        "1-magnitudes": ("clean magnitudes", ""),
        "2-gains": ("34 gains", ""),
        "3-comb, period of the noisy": ("+ comb", ""),
        "4-postfilter, period of the noisy": ("+ postfilter", ""),
    }
    rows = [
        Bar(label, rungs[name]["pesq_wb"], f"{rungs[name]['pesq_wb']:.2f}", kind)
        for name, (label, kind) in names.items()
    ]
    trained = _ours()["all"]["pesq_wb"]
    rows.append(Bar("trained network", trained, f"{trained:.2f}", "ours"))
    title = "PESQ-WB with the clean speech known, and by the network"
    return _titled(title, bars(title, rows, 1.0))


def cost_chart() -> str:
    """Processor time of the whole process, live."""
    rows = []
    for entry in load("bench"):
        usual = entry.get("throttling", 1) == 1 and not (entry["tier"] or "").endswith("-random")
        if usual and entry["stage"] == "whole" and entry["pace"] == "paced" and "chromium" in entry["engine"]:
            ours = entry["system"] == "percepnet"
            name = _SYSTEMS[entry["system"]] + (f", {entry['kernel']}" if ours else "")
            kind = "ours" if ours else "before" if entry["system"] == "floor" else ""
            rows.append(Bar(name, entry["cpu_share"], f"{100 * entry['cpu_share']:.1f} %", kind))
    title = "Share of one core, live, in Chromium"
    return _titled(title, bars(title, rows))


def delay_chart() -> str:
    """Where the time goes from microphone to output."""
    spans = [
        Span("overlap of the windows", _ms(HOP), "ours"),
        Span(f"look-ahead of {LOOKAHEAD} frames", _ms(LOOKAHEAD * HOP), "ours"),
        Span("between the threads", _ms(_ring_depth()), ""),
    ]
    title = "From microphone to enhanced track"
    return _titled(title, time_line(title, spans))


def bands_chart() -> str:
    """The bands, as wide as each other: the frequencies below them are what is stretched."""
    title = "The bands: each overlaps with its neighbours, the ear's width apart"
    tips = [float(tip) * BIN_HZ for tip in edges()[1:]]
    drawn = triangles(title, tips, (500, 1000, 2000, 5000, 10000), SAMPLE_RATE / 2)
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn}</figure>"


def _titled(title: str, chart: str) -> str:
    return f'<figure class="card"><figcaption>{escape(title)}</figcaption>{chart}</figure>'


def _ms(samples: int) -> float:
    return 1000 * samples / SAMPLE_RATE


def _ring_depth() -> int:
    """The drop-in's default, samples."""
    source = (tables.ROOT / "worklet" / "options.js").read_text(encoding="utf-8")
    found = re.search(r"DEFAULT_DEPTH = (\d+)", source)
    if not found:
        raise ValueError("worklet/options.js names no DEFAULT_DEPTH: tell fill_pages.py where the ring's depth is")
    return int(found[1])


def download_table(plan: Files) -> Table:
    """What a page fetches before the first enhanced sample, in megabytes; measured on the files of this very build."""
    parts = {
        "Python and its standard library": lambda name: name.startswith("runtime/pyodide") or name.endswith(".zip"),
        "NumPy": lambda name: name.startswith("runtime/numpy"),
        "the enhancer and its weights": lambda name: name.startswith("runtime/percepnet"),
        "worklet, worker and drop-in": lambda name: name.startswith("worklet/") and name.count("/") == 1,
    }
    rows, totals = [], [0, 0]
    for part, belongs in parts.items():
        # The page's own loader is an ES module; pyodide.js is for others.
        files = [data for name, data in plan.items() if belongs(name) and name != "runtime/pyodide.js"]
        sizes = [sum(map(len, files)), sum(min(len(data), len(zlib.compress(data, 9))) for data in files)]
        totals = [total + size for total, size in zip(totals, sizes, strict=True)]
        rows.append([part, *(f"{size / 1e6:.2f}" for size in sizes)])
    rows.append(["**this, in all**", *(f"{size / 1e6:.2f}" for size in totals)])
    for entry in load("bench"):
        if entry["stage"] == "download" and entry["system"] in _SYSTEMS:
            rows.append([_SYSTEMS[entry["system"]], *(f"{entry[k] / 1e6:.2f}" for k in ("raw_bytes", "gzip_bytes"))])
    return Table(["part", "MB", "MB gzipped"], rows)


def _compared() -> tuple[list[str], list[str]]:
    """Scores in which we beat the rival, and the others."""
    ours, theirs = _ours()["all"], _peers()[_RIVAL]["all"]
    better = [title for score, (title, digits) in tables.SCORES.items() if ours[score] > theirs[score]]
    return better, [title for title, _ in tables.SCORES.values() if title not in better]


def verdict() -> str:
    """Where we stand beside RNNoise 0.2, from the scores."""
    better, others = _compared()
    if not others:
        return "better in every score"
    return f"better in {_listed(better)}, and not in {_listed(others)}" if better else "better in no score"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _rung(score: str, name: str) -> float:
    return load("ladder")["rungs"][name][score]


def _cost(**wanted: Any) -> dict[str, Any]:
    wanted = {"stage": "whole", "pace": "paced", "system": "percepnet", "tier": DEFAULT_TIER} | wanted
    return next(r for r in load("bench") if wanted.items() <= r.items())


def _offline(system: str) -> dict[str, Any]:
    return next(r for r in load("offline") if r["system"] == system)


CHARTS: dict[str, Callable[[], str]] = {
    **{f"quality {score}": lambda score=score: quality_chart(score) for score in _MEANING},  # type: ignore[misc]
    "snr pesq_wb": lambda: snr_chart("pesq_wb"),
    "snr stoi": lambda: snr_chart("stoi"),
    "ladder": ladder_chart,
    "bands": bands_chart,
    "cost": cost_chart,
    "delay": delay_chart,
}

NUMBERS: dict[str, Callable[[], str]] = {
    "ladder mixes": lambda: str(load("ladder")["files"]),
    "pesq noisy": lambda: f"{_rung('pesq_wb', 'noisy'):.2f}",
    "pesq magnitudes": lambda: f"{_rung('pesq_wb', '1-magnitudes'):.2f}",
    "pesq gains": lambda: f"{_rung('pesq_wb', '2-gains'):.2f}",
    "pesq comb": lambda: f"{_rung('pesq_wb', '3-comb, period of the noisy'):.2f}",
    "pesq postfilter": lambda: f"{_rung('pesq_wb', '4-postfilter, period of the noisy'):.2f}",
    "background comb": lambda: f"{_rung('dnsmos_bak', '3-comb, period of the noisy'):.2f}",
    "background postfilter": lambda: f"{_rung('dnsmos_bak', '4-postfilter, period of the noisy'):.2f}",
    "pesq network": lambda: f"{_ours()['all']['pesq_wb']:.2f}",
    "verdict": verdict,
    "tier": lambda: DEFAULT_TIER,
    "weights": lambda: f"{Model.load(None).weights / 1e6:.1f} million",
    "bands": lambda: str(BANDS),
    "bins": lambda: str(BINS),
    "numbers": lambda: str(2 * BANDS),
    "window ms": lambda: f"{_ms(WINDOW):g} ms",
    "hop ms": lambda: f"{_ms(HOP):g} ms",
    "delay ms": lambda: f"{_ms(DELAY):g} ms",
    "live delay ms": lambda: f"{_ms(DELAY + _ring_depth()):g} ms",
    "comb taps": lambda: str(len(taps(5))),
    "cpu share": lambda: f"{100 * _cost(kernel='relaxed')['cpu_share']:.1f} %",
    "frame ms": lambda: f"{_cost(kernel='relaxed')['p50_ms']:.2f} ms",
    "bench load": lambda: f"{min(r['load_before'] for r in load('bench') if 'load_before' in r):g}",
    "offline native": lambda: f"{_offline('percepnet native')['times_real_time']:.0f}",
    "offline numpy": lambda: f"{_offline('percepnet numpy')['times_real_time']:.0f}",
}
