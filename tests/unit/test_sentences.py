"""Sentences that state results are written by hand; these tests fail when the results no longer say so.

A failure names the sentence and what the results say now: rewrite the sentence, in the document and here.
"""

import re

import pytest

from build_scripts import ROOT
from build_scripts.site import results
from build_scripts.site.results import SCORES
from build_scripts.systems import IDLE
from percepnet_wasm.constants import DEFAULT_DEPTH, DELAY


def text(document):
    """A document's text on one line, without its comments."""
    return " ".join(re.sub(r"<!--.*?-->", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL).split())


def ahead(peer):
    """Titles of the scores in which another system is better than the default tier, as the tables print them."""
    ours, theirs = results.ours()["all"], results.peers()[peer]["all"]
    return {title for score, (title, digits) in SCORES.items() if round(theirs[score] - ours[score], digits) > 0}


EVERY = {title for title, _ in SCORES.values()}
RNNOISE = {"PESQ-WB", "STOI", "SIG", "BAK", "OVR", "P.808"}
COMPARISONS = [
    ("web/numbers.html", "on connected speech it is behind RNNoise 0.2 in most scores", "rnnoise-shiguredo", RNNOISE),
    ("web/numbers.html", "and behind DeepFilterNet3 in every score", "dfn3", EVERY),
    ("web/numbers.html", "DeepFilterNet3 is better in every score.", "dfn3", EVERY),
    ("web/numbers.html", "GTCRN is better in every score but SIG.", "wns-gtcrn", EVERY - {"SIG"}),
    (
        "web/numbers.html",
        "RNNoise 0.2 is better in PESQ-WB, STOI, SIG, BAK, OVR and P.808.",
        "rnnoise-shiguredo",
        RNNOISE,
    ),
    (
        "README.md",
        "on connected speech, as in calls, RNNoise 0.2 is also better in PESQ, STOI and P.808",
        "rnnoise-shiguredo",
        RNNOISE,
    ),
]


@pytest.mark.parametrize(("document", "sentence", "peer", "scores"), COMPARISONS)
def test_a_comparison_of_quality_is_what_was_measured(document, sentence, peer, scores):
    assert sentence in text(document), "the sentence has changed: change it here too"
    assert ahead(peer) == scores, f"{document} says {sentence!r}; {peer} is now better in {sorted(ahead(peer))}"


def test_delays_and_downloads_compare_as_the_page_says():
    page, delays, gzipped = text("web/numbers.html"), results.delays(), results.downloads()
    assert 'RNNoise and GTCRN have less <a href="#delay">delay</a>' in page
    ours, direct, deep = (delays.pop(name) for name in ("PercepNet", results.DIRECT, "DeepFilterNet3"))
    assert {name.split()[0] for name in delays} == {"RNNoise", "GTCRN"}
    assert all(delay < direct < ours for delay in delays.values())
    assert "DeepFilterNet3 has as much as ours without Python" in page and deep == direct
    assert 'RNNoise 0.1 and GTCRN are much smaller <a href="#download">downloads</a>' in page
    own = {engine: results.own_download(engine)["gzip_bytes"] for engine in ("python", "worklet")}
    assert all(5 * gzipped[name]["gzip_bytes"] < own["worklet"] for name in ("RNNoise 0.1, SIMD", "GTCRN"))
    assert "Python makes ours the largest; without it, it is smaller than RNNoise 0.2" in page
    assert own["worklet"] < gzipped["RNNoise 0.2"]["gzip_bytes"] < own["python"]


def sizes(engine):
    record = results.own_download(engine)
    return [f"{record[f'{kind}_bytes'] / 1e6:.1f} MB" for kind in ("raw", "gzip", "brotli")]


def percent(kernel):
    return f"{100 * results.live(kernel)['cpu_share']:.1f} %"


WHOLE, GZIPPED, PRESSED = sizes("python")
SMALL, _, SMALL_PRESSED = sizes("worklet")
LEAST_DELAY = f"{results.delays()[results.DIRECT]:g} ms"


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("README.md", f"{WHOLE}, {GZIPPED} with gzip, {PRESSED} with brotli"),
        ("README.md", f"without Python {SMALL}, {SMALL_PRESSED} with brotli"),
        ("README.md", f"{SMALL} instead of {WHOLE}, and {LEAST_DELAY} of delay instead of {results.live_delay():g}"),
        ("worklet/README.md", f"Pyodide, NumPy, the wheel: {WHOLE}, {PRESSED} with brotli"),
        ("worklet/README.md", f"both builds of the kernel, one image: {SMALL}, {SMALL_PRESSED} with brotli"),
        ("worklet/DEPLOY.md", f"A start loads {WHOLE}, {PRESSED} with brotli; without Python {SMALL}, {SMALL_PRESSED}"),
        ("worklet/README.md", "loads an eighth as much and the delay is 40 ms"),
        ("worklet/LITE.md", f"for WebRTC in {SMALL}, {SMALL_PRESSED} with brotli"),
    ],
)
def test_a_download_has_one_size_everywhere(document, sentence):
    assert sentence in text(document), f"{document} should say: {sentence}"


def test_without_python_a_page_loads_an_eighth():
    ratio = results.own_download()["raw_bytes"] / results.own_download("worklet")["raw_bytes"]
    assert 7.5 < ratio < 9 and LEAST_DELAY == "40 ms"


FIGURES = [
    f"{percent('relaxed')} of a core during a call with relaxed SIMD, {percent('simd')} with SIMD; "
    f"{percent('numpy')} in plain NumPy",
    f"{results.live_delay():g} ms: the algorithm's {results.milliseconds(DELAY):g}, and a buffer of "
    f"{results.milliseconds(DEFAULT_DEPTH):g}",
    f"{results.startup('cold'):.1f} s from opening the page to enhanced sound, "
    f"{results.startup('warm'):.1f} s on later visits",
    f"{results.offline('percepnet numpy'):.0f} times faster than real time on one core in plain NumPy",
]


@pytest.mark.parametrize("figures", FIGURES)
def test_the_readme_states_the_costs_that_were_measured(figures):
    assert figures in text("README.md"), f"README.md should say: {figures}"


def test_the_readme_says_what_it_is_best_at():
    readme = text("README.md")
    assert "A frame costs about as little as with the cheapest of the others" in readme
    cheapest = min(r["cpu_share"] for r in results.shares() if r["system"] not in (*IDLE, "percepnet"))
    assert results.live()["cpu_share"] == pytest.approx(cheapest, rel=0.2)
    assert "(over a whole page RNNoise 0.1 takes less, and so does GTCRN than our Python engine)" in readme
    whole = {r["system"]: r["cpu_share"] for r in results.load("engines")}
    peers = whole.keys() - {"empty", "python", "worker", "worklet"}
    less = {ours: {peer for peer in peers if whole[peer] < whole[ours]} for ours in ("python", "worker", "worklet")}
    assert less == {"python": {"sapphi", "gtcrn"}, "worker": {"sapphi"}, "worklet": {"sapphi"}}
    assert "it is better in PESQ, STOI and P.808, and small" in readme
    assert {"PESQ-WB", "STOI", "P.808"} <= ahead("wns-gtcrn")
    assert "**DeepFilterNet3** if quality matters most, above all for files: it is better in every score" in readme
    assert ahead("dfn3") == EVERY


def test_the_costs_on_the_page_were_measured_in_one_run():
    assert "All of them took turns in one run." in text("web/numbers.html")
    assert len({record["load_before"] for record in results.shares()}) == 1
