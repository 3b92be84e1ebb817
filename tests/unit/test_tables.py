"""The documents' tables say what the result files say."""

import json

import pytest

from build_scripts.site import results, tables


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


def test_an_unknown_table_is_an_error():
    with pytest.raises(KeyError, match="nonsense"):
        tables.updated("<!-- table: nonsense -->\n<!-- end -->")
