"""The pages' figures and sentences that depend on results: ``NUMBERS[name]()`` is text, ``LISTS[name](plan)`` items."""

from collections.abc import Callable, Mapping

from percepnet_wasm.constants import BINS, COMB_TAPS_SIDE, DELAY, HOP, WINDOW
from percepnet_wasm.model_file import DEFAULT_TIER, Model
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.comb import taps

from . import tables
from .page_results import (
    IDLE,
    RIVAL,
    SYSTEMS,
    cost,
    delays,
    downloads,
    label,
    live_delay,
    live_shares,
    ms,
    offline,
    ours,
    peers,
    ring_depth,
    rung,
    startup,
)  # fmt: skip
from .page_sizes import gzipped_total
from .tables import load

__all__ = ["LISTS", "NUMBERS", "listed", "verdict", "where_others_are_better"]

COMPARED = {name: title for name, title in tables.PEERS.items() if name != "noisy"}


def listed(names: list[str]) -> str:
    """Names in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def verdict() -> str:
    """Where we stand beside RNNoise 0.2, from the scores."""
    own, theirs = ours()["all"], peers()[RIVAL]["all"]
    better = [title for score, (title, _) in tables.SCORES.items() if own[score] > theirs[score]]
    others = [title for title, _ in tables.SCORES.values() if title not in better]
    if not others:
        return "better in every score"
    return f"better in {listed(better)}, and not in {listed(others)}" if better else "better in no score"


def where_others_are_better(plan: Mapping[str, bytes]) -> list[str]:
    """A sentence for each thing in which somebody else is ahead: quality, delay, cost, download."""
    told = []
    for peer in COMPARED:
        own, theirs = ours()["all"], peers()[peer]["all"]
        ahead = [
            f"{title} ({theirs[score]:.{digits}f} against {own[score]:.{digits}f})"
            for score, (title, digits) in tables.SCORES.items()
            if score in theirs and theirs[score] > own[score]
        ]
        if ahead:
            every = "every score: " if len(ahead) == len(tables.SCORES) else ""
            told.append(f"{label(peer)} is better in {every}{listed(ahead)}.")
    own_delay = live_delay()
    sooner = [f"{value:.0f} ms with {SYSTEMS[name]}" for name, value in delays().items() if value < own_delay]
    if sooner:
        told.append(f"Delay: {own_delay:g} ms here when live; {listed(sooner)}.")
    own_share = cost(kernel="relaxed")["cpu_share"]
    cheaper = [
        f"{100 * entry['cpu_share']:.1f} % with {SYSTEMS[entry['system']]}"
        for entry in live_shares()
        if entry["system"] not in (*IDLE, "percepnet") and entry["cpu_share"] < own_share
    ]
    if cheaper:
        told.append(f"Share of a core: {100 * own_share:.1f} % here; {listed(cheaper)}.")
    own_size = gzipped_total(plan)
    lighter = [
        f"{entry['gzip_bytes'] / 1e6:.1f} MB with {SYSTEMS[name]}"
        for name, entry in downloads().items()
        if entry["gzip_bytes"] < own_size
    ]
    if lighter:
        told.append(f"First download: {own_size / 1e6:.1f} MB here, gzipped; {listed(lighter)}.")
    return told or ["Nowhere in what was measured."]


def five_db(score: str) -> float:
    """What 5 dB less noise in the input do to a score: the scale for differences between systems."""
    by_snr = {float(group.removesuffix(" dB")): scores for group, scores in peers()["noisy"].items() if group != "all"}
    low, high = min(by_snr), max(by_snr)
    return 5 * (by_snr[high][score] - by_snr[low][score]) / (high - low)


def _runs() -> str:
    """Whether the systems of the chart of live costs were measured together."""
    runs: dict[float, set[str]] = {}
    for entry in live_shares():
        runs.setdefault(entry["load_before"], set()).add(SYSTEMS[entry["system"]])
    if len(runs) == 1:
        return "All of them ran in turns."
    most = max(runs.values(), key=len)
    apart = [
        f"{listed(sorted(names))} in a run of its own, the load average being {load_average:g}"
        for load_average, names in runs.items()
        if names is not most
    ]
    usual = next(load_average for load_average, names in runs.items() if names is most)
    return f"They ran in turns, at a load average of {usual:g}; {listed(apart)}: compare that with care."


def _loads() -> str:
    """Range of the load averages before the bench's turns."""
    loads = [r["load_before"] for r in load("bench") if "load_before" in r]
    return f"{min(loads):g} to {max(loads):g}"


LISTS: dict[str, Callable[[Mapping[str, bytes]], list[str]]] = {"others": where_others_are_better}

_COMB, _POSTFILTER = "3-comb, period of the noisy", "4-postfilter, period of the noisy"

NUMBERS: dict[str, Callable[[], str]] = {
    "ladder mixes": lambda: str(load("ladder")["files"]),
    "pesq noisy": lambda: f"{rung('pesq_wb', 'noisy'):.2f}",
    "pesq magnitudes": lambda: f"{rung('pesq_wb', '1-magnitudes'):.2f}",
    "pesq gains": lambda: f"{rung('pesq_wb', '2-gains'):.2f}",
    "pesq comb": lambda: f"{rung('pesq_wb', _COMB):.2f}",
    "pesq postfilter": lambda: f"{rung('pesq_wb', _POSTFILTER):.2f}",
    "background comb": lambda: f"{rung('dnsmos_bak', _COMB):.2f}",
    "background postfilter": lambda: f"{rung('dnsmos_bak', _POSTFILTER):.2f}",
    "pesq untreated": lambda: f"{peers()['noisy']['all']['pesq_wb']:.2f}",
    "pesq network": lambda: f"{ours()['all']['pesq_wb']:.2f}",
    "five dB pesq": lambda: f"{five_db('pesq_wb'):.2f}",
    "five dB stoi": lambda: f"{five_db('stoi'):.2f}",
    "five dB sisdr": lambda: f"{five_db('sisdr'):.1f}",
    "verdict": verdict,
    "tier": lambda: DEFAULT_TIER,
    "weights": lambda: f"{Model.load(None).weights / 1e6:.1f} million",
    "bands": lambda: str(BANDS),
    "bins": lambda: str(BINS),
    "numbers": lambda: str(2 * BANDS),
    "window ms": lambda: f"{ms(WINDOW):g} ms",
    "hop ms": lambda: f"{ms(HOP):g} ms",
    "delay ms": lambda: f"{ms(DELAY):g} ms",
    "live delay ms": lambda: f"{live_delay():g} ms",
    "ring ms": lambda: f"{ms(ring_depth()):g} ms",
    "comb taps": lambda: str(len(taps(COMB_TAPS_SIDE))),
    "cpu share": lambda: f"{100 * cost(kernel='relaxed')['cpu_share']:.1f} %",
    "frame ms": lambda: f"{cost(kernel='relaxed')['p50_ms']:.2f} ms",
    "start cold": lambda: f"{startup('cold'):.1f} s",
    "start warm": lambda: f"{startup('warm'):.1f} s",
    "bench runs": _runs,
    "bench load": _loads,
    "offline native": lambda: f"{offline('percepnet native')['times_real_time']:.0f}",
    "offline numpy": lambda: f"{offline('percepnet numpy')['times_real_time']:.0f}",
    "picture range": lambda: f"{load('pictures')['typical']['range_db']} dB",
}
