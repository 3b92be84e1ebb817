"""The documents' tables say what the result files say."""

import json

import pytest

from build_scripts.bench.stages import STAGES
from build_scripts.site import cost_tables, results, tables
from percepnet_wasm.model_file import DEFAULT_TIER


def test_documents_are_up_to_date():
    for document in tables.DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert tables.updated(text) == text, f"run python -m build_scripts.site.tables: {document.name} is out of date"


def test_a_changed_result_changes_the_document(tmp_path, monkeypatch):
    content = json.loads((results.RESULTS / "evaluation.json").read_text())
    row = next(r for r in content["ours"] if r["set"] == "calls" and r["variant"] == "full" and r["weights"] == "int8")
    row["scores"]["all"]["pesq_wb"] = 4.56
    for result in results.RESULTS.glob("*.json"):
        (tmp_path / result.name).write_text(result.read_text())
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    before = tables.updated("<!-- table: quality -->\nold\n<!-- end -->")
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    after = tables.updated("<!-- table: quality -->\nold\n<!-- end -->")
    assert "old" not in before and "4.56" in after and after != before


def test_folders_that_were_not_run_are_named(tmp_path, monkeypatch):
    figures = {"passed_plain": 9, "subtests": 10, "passed_tag": 8, "expected": ["a: b"], "lost": []}
    run = {"folder": "webrtc", "browser": "firefox", "version": "153.8.0esr", **figures}
    (tmp_path / "conformance.json").write_text(json.dumps([run]))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    table = tables.conformance()
    assert table.header[1:5:3] == ["Chromium: pass without the tag", "Firefox 153: pass without the tag"]
    first, last = table.rows
    assert first == ["webrtc", "not run", "", "", "9 of 10", "8", "1"]
    assert last[0].startswith("not run: mediacapture-streams, ") and "webrtc," not in last[0] and len(last) == 7


def test_late_quanta_have_a_column_for_each_engine_with_and_without_other_programs(tmp_path, monkeypatch):
    def of(depth, late, programs=0, last_depth=None):
        counts = {"quanta": 1000, "late": late, "last_depth": last_depth or depth}
        loads = {"load_before": 0.6, "load_after": 2.2}
        return {"engine": "worker", "programs": programs, "depth": depth} | counts | loads

    measured = [of(960, 5), of("auto", 1, last_depth=1200), of(960, 50, 2), of("auto", 2, 2, 2400)]
    (tmp_path / "depths.json").write_text(json.dumps(measured))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    table = tables.TABLES["depths"]()
    assert table.header == ["depth, samples", "in all, ms", "worker, load 1 to 2", "worker, 2 programs, load 1 to 2"]
    assert table.rows == [
        ["960", "50", "0.50 %", "5.00 %"],
        ["auto", "", "0.10 %, at 1200", "0.20 %, at 2400"],
    ]


def test_an_unknown_table_is_an_error():
    with pytest.raises(KeyError, match="nonsense"):
        tables.updated("<!-- table: nonsense -->\n<!-- end -->")


def test_the_stage_tables_have_a_column_for_each_kernel(tmp_path, monkeypatch):
    def of(kernel, stage, milliseconds, tier=DEFAULT_TIER, **more):
        usual = {"engine": "pyodide-chromium", "system": "percepnet", "pace": "back-to-back"}
        times = {"p10_ms": milliseconds, "p50_ms": milliseconds, "middle_ms": 0.9 * milliseconds}
        return usual | {"tier": tier, "kernel": kernel, "stage": stage} | times | more

    parts = [of("numpy", stage, 0.1, engine="cpython") for stage in STAGES]
    measured = [
        of("numpy", "pitch", 0.5), of("simd", "pitch", 0.005), of("simd", "whole", 0.07),
        of("simd", "pitch", 9.0, pace="paced"), of("simd", "pitch", 9.0, throttling=4),
        of("relaxed", "pitch", 0.1, tier="c7"),
        of("wasm", "whole", 1, tier=None, engine="chromium", system="shiguredo"),
    ]  # fmt: skip
    measured += [*parts, of("numpy", "whole", 0.1 * len(STAGES) + 0.04, engine="cpython")]
    (tmp_path / "bench.json").write_text(json.dumps(measured))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    names = ("stages-chromium", "stages-elsewhere", "stages-other-tiers")
    chromium, elsewhere, others = (cost_tables.TABLES[name]() for name in names)
    assert chromium.header == ["stage", f"chromium {DEFAULT_TIER} numpy", f"chromium {DEFAULT_TIER} simd"]
    assert chromium.rows == [
        ["pitch", "450 (500)", "4.5 (5.0)"],
        ["whole", "", "63 (70)"],
        ["RNNoise 0.2, whole", "900 (1000)", "900 (1000)"],
    ]
    assert [row[0] for row in elsewhere.rows] == [*STAGES, "rest", "whole"], "RNNoise did not run there"
    assert elsewhere.rows[-2] == ["rest", "36"], "what belongs to no stage"
    assert others.header == ["stage", "chromium c7 relaxed"] and others.rows[0] == ["pitch", "90 (100)"]
