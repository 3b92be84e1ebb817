"""The pages say what the result files say, and stand under a strict content security policy."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from build_scripts import RESULTS, ROOT
from build_scripts.site import charts, cost_tables, engine_tables, fill_pages, tables
from build_scripts.site import results as results_module
from build_scripts.site.charts import Bar, Line, Span

PAGES = sorted((ROOT / "web").glob("*.html"))


def numbers_page() -> str:
    return fill_pages.fill((ROOT / "web" / "numbers.html").read_text())


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Change a result file, for one test."""
    for result in RESULTS.glob("*.json"):
        (tmp_path / result.name).write_text(result.read_text())
    monkeypatch.setattr("build_scripts.site.results.RESULTS", tmp_path)

    def change(name, what):
        content = json.loads((tmp_path / f"{name}.json").read_text())
        what(content)
        (tmp_path / f"{name}.json").write_text(json.dumps(content))

    return change


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_place_is_filled(page):
    filled = fill_pages.fill(page.read_text())
    assert not re.search(r"<!-- (part|table|chart|number)", filled)


def test_a_changed_result_changes_the_page(results):
    before = numbers_page()
    results("evaluation", lambda content: [row["scores"]["all"].update(pesq_wb=4.56) for row in content["ours"]])
    after = numbers_page()
    assert "4.56" not in before and "<td>4.56</td>" in after and ">4.56</text>" in after


def test_the_table_has_the_rows_of_the_readme():
    rows = re.findall(r"<tr", fill_pages.fill("<!-- table: quality -->"))
    assert len(rows) == 1 + len(tables.quality().rows)


def test_the_parts_of_a_download_add_up_to_it():
    rows = {row[0]: [float(cell) for cell in row[1:]] for row in cost_tables.download().rows}
    for name in ("PercepNet", "PercepNet, without Python"):
        parts = [cells for part, cells in rows.items() if part.startswith(f"{name}: ")]
        assert len(parts) >= 2
        sums = [sum(column) for column in zip(*parts, strict=True)]
        assert rows[f"**{name}, in all**"] == pytest.approx(sums, abs=0.03)


def test_what_a_page_fetches_is_what_its_first_modules_import():
    site = {
        "runtime/sizes.json": b'{"python": {"numpy.whl": 1}, "runner": {"models/c20.pni": 1}}',
        "worklet/drop-in.js": b"// bundled",
        "worklet/processor.js": b"// bundled",
        "worklet/worker.js": b"import { serve } from './serve.js';\n",
        "worklet/runner-worker.js": b"import { serve } from './serve.js';\n",
        "worklet/serve.js": b"import { WORD } from './ring.js';\n",
        "worklet/ring.js": b"",
    }
    direct = ["runtime/models/c20.pni", "runtime/sizes.json", "worklet/drop-in.js", "worklet/processor.js"]
    assert results_module.fetched(site.__getitem__, "worklet") == direct
    assert set(site) - set(results_module.fetched(site.__getitem__, "python")) == set()


@pytest.mark.parametrize("kind", ["table", "chart", "number"])
def test_an_unknown_name_stops_the_build(kind):
    with pytest.raises(ValueError, match=f"asks for the {kind} 'nonsense'"):
        fill_pages.fill(f"<p><!-- {kind}: nonsense --></p>")


def test_nothing_but_pages_is_touched_and_their_parts_are_left_out():
    plan = {"a.js": b"<!-- number: nonsense -->", "b.html": b"<p><!-- number: bands --></p>", "parts/c.html": b"c"}
    assert fill_pages.fill_pages(plan) == {"a.js": plan["a.js"], "b.html": b"<p>34</p>"}


def test_pages_share_their_parts_and_know_which_they_are():
    with pytest.raises(ValueError, match="has no nonsense.html"):
        fill_pages.fill("  <!-- part: nonsense -->\n")
    for page in PAGES:
        filled = fill_pages.fill(page.read_text(), page.name)
        assert re.findall(r'href="([^"]+)" aria-current="page"', filled) == [page.name]
        assert filled.count("http-equiv=") == filled.count("service-worker.js") == 1


def test_a_system_that_the_bench_measures_gets_a_bar_and_a_row(results):
    def add(content):
        extra = [dict(row, system="gtcrn") for row in content if row["system"] == "sapphi"]
        content[:] = [row for row in content if row["system"] != "gtcrn"] + extra

    results("bench", add)
    for place in ("chart: cost", "table: download"):
        assert fill_pages.fill(f"<!-- {place} -->").count("GTCRN") >= 1, place


def test_every_picture_of_the_page_is_there():
    site = fill_pages.picture_files()
    shown = re.findall(r'<image href="([^"]+)"', numbers_page())
    assert sorted(shown) == sorted(site)


def test_pages_have_nothing_that_a_strict_policy_refuses():
    for page in PAGES:
        filled = fill_pages.fill(page.read_text())
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", filled), page.name


def test_charts_tell_their_figures_to_those_who_cannot_see_them():
    drawn = [
        charts.bars("Level", [Bar("a < b", 1.0, "1.0"), Bar("ours", 2.0, "2.0", "ours")]),
        charts.curves("Level", ["0 dB", "5 dB"], [Line("ours", [1.0, 2.0], "ours"), Line("theirs", [1.0, 2.0])]),
        charts.time_line("Delay", [Span("window", 10), Span("look-ahead", 20)]),
        charts.spectrogram("Noisy", "a.webp", 2.5, 12),
    ]
    for text in drawn:
        chart = ElementTree.fromstring(text)
        assert chart.get("role") == "img" and "2" in str(chart.get("aria-label"))
    assert "a < b 1.0; ours 2.0" in str(ElementTree.fromstring(drawn[0]).get("aria-label"))
    assert "30 ms in all" in drawn[2]


def test_bands_are_drawn_evenly_whatever_their_width():
    chart = ElementTree.fromstring(charts.triangles("Bands", [100, 200, 400, 900], [200, 900], 2000))
    tips = [re.findall(r"[\d.]+", str(path.get("d"))) for path in chart.iter("path") if path.get("class") == "band"]
    peaks = [float(tips[0][2]), float(tips[1][2]), float(tips[2][2]), float(tips[3][2])]
    assert peaks == pytest.approx([charts.WIDTH * k / 5 for k in (1, 2, 3, 4)], abs=0.1)
    assert [text.text for text in chart.iter("text")] == ["200 Hz", "900 Hz"]


def test_bars_are_as_long_as_their_values():
    chart = ElementTree.fromstring(charts.bars("x", [Bar("a", 2.0, ""), Bar("b", 3.0, ""), Bar("c", -1.0, "")], 1.0))
    widths = [float(str(rect.get("width"))) for rect in chart.iter("rect")]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)
    assert widths[2] == 1, "what is below the scale's start shows as a sliver"


def test_labels_of_curves_keep_clear_of_each_other():
    chart = ElementTree.fromstring(charts.curves("x", ["0", "1"], [Line(str(k), [1.0, 2.0]) for k in range(4)]))
    places = sorted(float(str(t.get("y"))) for t in chart.iter("text") if t.get("class") == "name")
    assert min(b - a for a, b in zip(places, places[1:], strict=False)) >= 15


def test_the_rule_has_a_tick_for_each_band():
    rule = ElementTree.fromstring(charts.bands_rule([0.0, 100.0, 400.0]))
    (path,) = rule.iter("{http://www.w3.org/2000/svg}path")
    assert path.get("d") == "M0 0H1000M0 0V100M250 0V50M1000 0V50"


WORST = {"cold_ms": 501, "brotli_bytes": 1.6e6, "delay_ms": 46.0, "cpu_share": 0.9, "quantum_p99_ms": 1.4}
BEST = {"cold_ms": 499, "brotli_bytes": 1.4e6, "delay_ms": 40.0, "cpu_share": 0.01, "quantum_p99_ms": 1.2}


@pytest.mark.parametrize(("figures", "said"), [(WORST, "missed"), (BEST, "met")])
def test_a_missed_target_is_a_red_row(results, figures, said):
    def change(content):
        for record in content:
            record.update(cpu_share=0.02)
            if record["system"] in ("python", "worker", "worklet"):
                record.update(figures)

    results("engines", change)
    rows = engine_tables.targets().rows
    assert {row[-1] for row in rows} == {said}
    assert {row[0].startswith(engine_tables.MISSED) for row in rows} == {said == "missed"}
    assert numbers_page().count('<tr class="missed"><th scope="row">') == (len(rows) if said == "missed" else 0)
