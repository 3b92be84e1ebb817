"""Write the measured tables into the documents: ``python -m build_scripts.site.tables [--check]``.

A document holds ``<!-- table: NAME -->`` ... ``<!-- end -->``; everything in between is generated here from
``build_scripts/results/*.json``. ``--check`` only says whether the documents are up to date.
"""

import argparse
import re
import sys
from collections.abc import Callable
from functools import partial

from build_scripts import ROOT
from build_scripts.conformance.sources import FOLDERS
from build_scripts.systems import system
from percepnet_wasm.constants import SAMPLE_RATE
from percepnet_wasm.model_file import DEFAULT_TIER

from . import cost_tables, engine_tables
from .results import CALLS, DEVELOPMENT, PEERS, RIVAL, SCORES, Table, load, ours, peers, rung, snr_groups

__all__ = ["DOCUMENTS", "TABLES", "markdown", "updated"]

DOCUMENTS = tuple(
    ROOT / name
    for name in (
        "README.md",
        "build_scripts/results/COST.md",
        "build_scripts/results/QUALITY.md",
        "percepnet_wasm/MODEL_CARD.md",
        "percepnet_wasm/kernel/STAGES.md",
        "tests/mutation/README.md",
        "worklet/README.md",
    )
)
_BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

_LADDER = {
    "noisy": "noisy input",
    "1-magnitudes": "1 clean magnitudes",
    "2-gains": "2 gains",
    "3-comb, period of the noisy": "3 comb",
    "3-comb-plain-gains, period of the noisy": "3 without the attenuation",
    "4-postfilter, period of the noisy": "4 postfilter",
    "3-comb, period of the clean": "3 comb, clean period",
    "3-comb-plain-gains, period of the clean": "3 without the attenuation, clean period",
    "4-postfilter, period of the clean": "4 postfilter, clean period",
}
_LADDER_SCORES = {
    "pesq_wb": ("PESQ-WB", 2),
    "stoi": ("STOI", 3),
    "si_sdr": ("SI-SDR", 1),
    "voiced_snr": ("voiced SNR", 1),
    "voiced_lsd": ("voiced LSD", 1),
    "dnsmos_sig": ("SIG", 2),
    "dnsmos_bak": ("BAK", 2),
    "dnsmos_ovrl": ("OVR", 2),
}
OURS = system("percepnet").name


def markdown(table: Table) -> str:
    """Lay out a table in Markdown."""
    lines = [table.header, ["---"] + ["---:"] * (len(table.header) - 1), *table.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _scores(label: str, scores: dict[str, float], bold: bool = False) -> list[str]:
    cells = [f"{scores[s]:.{digits}f}" if s in scores else "" for s, (_, digits) in SCORES.items()]
    return [f"**{label}**" if bold else label, *cells]


def _header(first: str) -> list[str]:
    return [first, *(title for title, _ in SCORES.values())]


def ladder() -> Table:
    """What the representation can do, rung by rung."""
    rows = [
        [title, *(f"{rung(name, s):.{digits}f}" for s, (_, digits) in _LADDER_SCORES.items())]
        for name, title in _LADDER.items()
    ]
    return Table(["rung", *(title for title, _ in _LADDER_SCORES.values())], rows)


def quality(mixes: str = CALLS) -> Table:
    """Our tiers and the peers."""
    scored = peers(mixes)
    rows = [_scores(system(peer).title, scored[peer]["all"]) for peer in PEERS if peer in scored]
    for r in load("evaluation")["ours"]:
        if r["set"] == mixes and r["variant"] == "full":
            rows.append(_scores(f"{OURS}, {r['tier']}, {r['weights']}", r["scores"]["all"], r["weights"] == "int8"))
    return Table(_header("system"), rows)


def ablation() -> Table:
    """What comb and postfilter are worth."""
    rows = [r for r in load("evaluation")["ours"] if r["set"] == DEVELOPMENT and r["weights"] == "int8"]
    return Table(_header("variant"), [_scores(f"{r['tier']}, {r['variant']}", r["scores"]["all"]) for r in rows])


def by_snr() -> Table:
    """Our default tier and RNNoise, per SNR."""
    rows = []
    for group in snr_groups(ours()):
        for peer in ("noisy", RIVAL):
            rows.append(_scores(f"{group}: {system(peer).title}", peers()[peer][group]))
        rows.append(_scores(f"{group}: {OURS}, {DEFAULT_TIER}", ours()[group], True))
    return Table(_header("SNR and system"), rows)


def by_kind(mixes: str) -> Table:
    """Our default tier and RNNoise, by how a file begins or which fault it shows."""
    scored, rows = peers(mixes), []
    for group, scores in ours(mixes=mixes).items():
        if group != "all" and not group.endswith(" dB"):
            for peer in ("noisy", RIVAL):
                rows.append(_scores(f"{group}: {system(peer).title}", scored[peer][group]))
            rows.append(_scores(f"{group}: {OURS}, {DEFAULT_TIER}", scores, True))
    return Table(_header("kind and system"), rows)


def rooms() -> Table:
    """Reverberant mixes: the noisy input, and ours."""
    rows = [
        _scores(system("noisy").title if r["variant"] == "noisy" else f"{OURS}, {r['tier']}", r["scores"]["all"])
        for r in sorted(load("evaluation")["ours"], key=lambda r: r["variant"] != "noisy")
        if r["set"] == "reverberant" and r["weights"] in ("int8", "")
    ]
    return Table(_header("system"), rows)


def over_suppression() -> Table:
    """How much speech is lost, how much noise is left."""
    figures = load("over_suppression")
    rows = [[f"lost of {name}, dB", f"{q['median']:.1f}", f"{q['p90']:.1f}"] for name, q in figures["loss_db"].items()]
    noise, clean = figures["noise_attenuation_db"], figures["clean_pesq"]
    rows.append(["noise alone lowered by, dB", f"{noise['median']:.1f}", f"least {noise['least']:.1f}"])
    rows.append(["PESQ-WB of clean input", f"{clean['median']:.2f}", f"least {clean['least']:.2f}"])
    return Table(["figure", "median", "9th decile"], rows)


def mutation() -> Table:
    """How many of the mistakes planted in each module its tests notice, and how many are harmless."""
    rows = [
        [
            f"`{name}.{'js' if found['tests'][0].startswith('worklet') else 'py'}`",
            f"`{found['commit']}`",
            str(found["mutants"]),
            f"{found['every']}",
            str(found["killed"]),
            str(sum(bool(survivor["why"]) for survivor in found["survivors"])),
            str(sum(not survivor["why"] for survivor in found["survivors"])),
            f"{100 * found['killed'] / found['mutants']:.0f} %",
        ]
        for name, found in load("mutation").items()
    ]
    columns = ["as of", "tried", "one in", "noticed", "harmless, with a reason", "unexplained", "score"]
    return Table(["module", *columns], rows)


def soak() -> Table:
    """What an hour faster than real time and ten minutes in real time left behind."""
    results, rows = load("soak"), []
    for title, name in (("simulated", "simulated"), ("real time", "real_time")):
        found = results[name]
        looks = found.get("rows") or found["by_minute"]
        last = found if name == "simulated" else looks[-1]
        heaps = [look.get("page_heap_bytes") or look["worker_heap_bytes"] for look in looks]
        delays = sorted({look["delay"] for look in looks})
        loads = [look["load_average"] for look in looks if "load_average" in look] or [found["load_average"]]
        rows.append(
            [
                f"{found['minutes']:g} min {title}",
                found.get("weights", "earlier"),
                " to ".join(f"{1000 * delay / SAMPLE_RATE:g}" for delay in sorted({delays[0], delays[-1]})),
                f"{100 * last['underruns'] / last['quanta']:.1f} %",
                str(last["skipped"]),
                f"{(looks[-1]['wasm_bytes'] - looks[0]['wasm_bytes']) / 1e3:.0f}",
                f"{(heaps[-1] - heaps[0]) / 1e3:.0f}",
                f"{sum(loads) / len(loads):.0f}",
            ]
        )
    columns = ["delay ms", "late", "frames skipped", "WebAssembly grew kB", "JavaScript grew kB", "load average"]
    return Table(["run", "weights", *columns], rows)


def conformance() -> Table:
    """Which of the web platform's tests pass without the script tag, and with it."""
    entries = load("conformance")
    header, columns = ["folder"], []
    for browser in ("chromium", "firefox"):
        own = {entry["folder"]: entry for entry in entries if entry["browser"] == browser}
        columns.append(own)
        versions = sorted({entry["version"].split(".")[0] for entry in own.values()})
        title = " ".join([browser.capitalize(), ", ".join(versions)]).strip()
        header += [f"{title}: pass without the tag", "with it", "lost"]
    rows: list[list[str]] = []
    left: list[list[str]] = []
    for folder in FOLDERS:
        row = [folder]
        for own in columns:
            if entry := own.get(folder):
                lost = len(entry["lost"]) + len(entry["expected"])
                row += [f"{entry['passed_plain']} of {entry['subtests']}", str(entry["passed_tag"]), str(lost)]
            else:
                row += ["not run", "", ""]
        (rows if any(folder in own for own in columns) else left).append(row)
    if left:
        rows.append(["not run: " + ", ".join(row[0] for row in left), *[""] * 6])
    return Table(header, rows)


def flaky() -> Table:
    """Subtests of the web platform that pass by chance, with the script tag and without."""
    rows = [
        [f"{each['test']}: {each['subtest']}, {entry['browser'].capitalize()}", f"{each['plain']} of {each['runs']}"]
        + [f"{each['tag']} of {each['runs']}"]
        for entry in load("conformance")
        for each in entry["flaky"]
    ]
    return Table(["subtest", "passes without the tag", "with it"], rows or [["none", "", ""]])


TABLES: dict[str, Callable[[], Table]] = {
    "ladder": ladder,
    "quality": quality,
    "quality-dev": partial(quality, DEVELOPMENT),
    "starts": partial(by_kind, CALLS),
    "faults": partial(by_kind, "faults"),
    "ablation": ablation,
    "snr": by_snr,
    "rooms": rooms,
    "over-suppression": over_suppression,
    "mutation": mutation,
    "soak": soak,
    "conformance": conformance,
    "flaky": flaky,
    **cost_tables.TABLES,
    **engine_tables.TABLES,
}


def updated(text: str) -> str:
    """Fill the tables of a document.

    Raises
    ------
    KeyError
        There is no table of that name.
    """
    return _BLOCK.sub(lambda m: m[1] + markdown(TABLES[m[2]]()) + m[3], text)


def main() -> int:
    """Update the documents, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with the number of stale documents")
    args = parser.parse_args()
    stale = 0
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        fresh = updated(text)
        if fresh != text:
            stale += 1
            print(f"{document.relative_to(ROOT)}: {'out of date' if args.check else 'updated'}")
            if not args.check:
                document.write_text(fresh, encoding="utf-8")
    return stale if args.check else 0


if __name__ == "__main__":
    sys.exit(main())
