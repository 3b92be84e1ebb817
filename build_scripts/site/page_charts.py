"""The pages' charts, by the name that a page asks for: ``CHARTS[name]()`` gives HTML."""

from collections.abc import Callable
from html import escape

from build_scripts.systems import system
from percepnet_wasm.constants import DEFAULT_DEPTH, HOP, LOOKAHEAD, SAMPLE_RATE
from percepnet_wasm.model_file import DEFAULT_TIER
from percepnet_wasm.signal.bands import BIN_HZ, edges

from .charts import Bar, Line, Span, bars, curves, spectrogram, time_line, triangles
from .results import (
    DEVELOPMENT,
    PEERS,
    RIVAL,
    SCORES,
    delays,
    load,
    milliseconds,
    ours,
    peers,
    rung,
    shares,
    snr_groups,
)

__all__ = ["CHARTS"]

_MEANING = {
    "pesq_wb": ("PESQ-WB, 1 to 4.64: how close it sounds to the clean speech. More is better", 1.0, None),
    "stoi": ("STOI, 0 to 1: how intelligible it is. More is better", 0.0, 1.0),
    "sisdr": ("SI-SDR, dB: speech over everything else. More is better", 0.0, None),
    "dns_ovr": ("DNSMOS P.835 overall, 1 to 5: predicted listener rating. More is better", 1.0, None),
}
"""By score: title, the least there can be, and the end of the scale where it is not the best one."""

_PICTURES = {
    "typical": "A typical file: half of the others gain more PESQ, half less",
    "least-pesq": "The smallest gain in PESQ",
    "least-stoi": "The largest loss of intelligibility",
}
OURS = system("percepnet").name
_KINDS = {"noisy": "before", "enhanced": "after", "clean": ""}


def quality(score: str) -> str:
    """One score of every system over all mixes."""
    title, start, end = _MEANING[score]
    digits = SCORES[score][1]
    rows = [
        Bar(system(peer).name, value, f"{value:.{digits}f}", "before" if peer == "noisy" else "")
        for peer in PEERS
        if peer in peers()
        for value in [peers()[peer]["all"][score]]
    ]
    own = ours()["all"][score]
    rows.append(Bar(f"{OURS}, {DEFAULT_TIER}", own, f"{own:.{digits}f}", "ours"))
    return _titled(title, bars(title, rows, start, end))


def by_snr(score: str) -> str:
    """One score over the SNR of the mixes, for some of the peers."""
    title = f"{SCORES[score][0]} over the SNR of the mix. More is better"
    places = snr_groups(ours())
    chosen = ("noisy", RIVAL, "wns-gtcrn", "dfn3")
    lines = [
        Line(system(peer).name, [peers()[peer][place][score] for place in places], "before" if peer == "noisy" else "")
        for peer in chosen
    ]
    lines.append(Line(f"{OURS}, {DEFAULT_TIER}", [ours()[place][score] for place in places], "ours"))
    return _titled(title, curves(title, places, lines, SCORES[score][1]))


def ladder() -> str:
    """PESQ of the oracle's rungs."""
    names = {
        "noisy": ("noisy input", "before"),
        "1-magnitudes": ("clean magnitudes", ""),
        "2-gains": ("34 gains", ""),
        "3-comb, period of the noisy": ("+ comb", ""),
        "4-postfilter, period of the noisy": ("+ postfilter", ""),
    }
    rows = [Bar(name, rung(key), f"{rung(key):.2f}", kind) for key, (name, kind) in names.items()]
    trained = ours(mixes=DEVELOPMENT)["all"]["pesq_wb"]  # the rungs' own mixes
    rows.append(Bar("trained network", trained, f"{trained:.2f}", "ours"))
    title = "PESQ-WB, 1 to 4.64, with the clean speech known, and by the network. More is better"
    return _titled(title, bars(title, rows, 1.0))


def cost() -> str:
    """Processor time of the whole process, live."""
    rows = []
    for entry in shares():
        own = entry["system"] == "percepnet"
        name = system(entry["system"]).name + (f", {entry['kernel']}" if own else "")
        rows.append(Bar(name, entry["cpu_share"], f"{100 * entry['cpu_share']:.1f} %", "ours" if own else ""))
    title = "Share of one core, live, in Chromium. Less is better"
    return _titled(title, bars(title, rows))


def cost_of_files() -> str:
    """Processor time on files, as a share of the sound's length."""
    names = {"percepnet numpy": f"{OURS}, NumPy", "percepnet native": f"{OURS}, kernel"}
    rows = []
    for entry in load("offline"):
        share = 1 / entry["times_real_time"]
        kind = "ours" if entry["system"] in names else ""
        name = names.get(entry["system"]) or system(entry["system"]).name
        rows.append(Bar(name, share, f"{100 * share:.1f} %", kind))
    title = "Share of one core, on files, outside a browser. Less is better"
    return _titled(title, bars(title, rows))


def delay() -> str:
    """From microphone to enhanced sound, compared with the others."""
    rows = [
        Bar(name, value, f"{value:.0f} ms", "ours" if name.startswith(OURS) else "")
        for name, value in sorted(delays().items(), key=lambda item: item[1])
    ]
    title = "Delay from microphone to enhanced sound, ms. Less is better"
    return _titled(title, bars(title, rows))


def delay_parts() -> str:
    """Where the time goes from microphone to output."""
    spans = [
        Span("overlapping windows", milliseconds(HOP), "ours"),
        Span(f"look-ahead of {LOOKAHEAD} frames", milliseconds(LOOKAHEAD * HOP), "ours"),
        Span("buffer between threads", milliseconds(DEFAULT_DEPTH), ""),
    ]
    title = "Where the delay comes from, from microphone to enhanced track"
    return _titled(title, time_line(title, spans))


def bands() -> str:
    """The bands, all drawn equally wide: it is the frequency axis below them that is stretched."""
    title = "The bands: each overlaps its neighbours, spaced as finely as the ear resolves"
    tips = [float(tip) * BIN_HZ for tip in edges()[1:]]
    drawn = triangles(title, tips, (500, 1000, 2000, 5000, 10000), SAMPLE_RATE / 2)
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn}</figure>"


def pictures(name: str) -> str:
    """One file: noisy, enhanced and clean, with its scores and those of the others."""
    facts = load("pictures")[name]
    what = f" ({facts['noise']} noise at {facts['snr_db']:g} dB)" if facts["noise"] else ""
    drawn = []
    for kind, colour in _KINDS.items():
        scores = f", {_scores(facts[kind])}" if kind in facts else ""
        title = f"{kind.capitalize()}{scores}"
        image = spectrogram(title, f"pictures/{name}-{kind}.webp", facts["seconds"], facts["top_hz"] / 1000)
        caption = f'<figcaption><span class="{colour}">{escape(title)}</span></figcaption>'
        drawn.append(f"<figure>{caption}{image}</figure>")
    others = "; ".join(
        f"{system(peer).name} {facts['peers'][peer]['pesq_wb']:.2f}, {facts['peers'][peer]['stoi']:.2f}"
        for peer in PEERS
        if peer in facts["peers"] and peer != "noisy"
    )
    words = f'<p class="help">PESQ and STOI of the others on this file: {escape(others)}.</p>' if others else ""
    heading = f"<h3>{escape(_PICTURES[name] + what)}</h3>"
    return f'<div class="pictures">{heading}<div class="charts three">{"".join(drawn)}</div>{words}</div>'


def _scores(scores: dict[str, float]) -> str:
    return f"PESQ {scores['pesq_wb']:.2f}, STOI {scores['stoi']:.2f}"


def _titled(title: str, chart: str) -> str:
    what, _, better = title.partition(". ")
    note = f"<small>{escape(better)}</small>" if better else ""
    return f'<figure class="card"><figcaption><span>{escape(what)}</span>{note}</figcaption>{chart}</figure>'


CHARTS: dict[str, Callable[[], str]] = {
    **{f"quality {score}": lambda score=score: quality(score) for score in _MEANING},  # type: ignore[misc]
    **{f"pictures {name}": lambda name=name: pictures(name) for name in _PICTURES},  # type: ignore[misc]
    "snr pesq_wb": lambda: by_snr("pesq_wb"),
    "snr stoi": lambda: by_snr("stoi"),
    "ladder": ladder,
    "bands": bands,
    "cost": cost,
    "cost of files": cost_of_files,
    "delay": delay,
    "delay parts": delay_parts,
}
