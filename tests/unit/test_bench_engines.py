"""The bench of the engines without its browser: what it makes of what it has measured."""

import json
from contextlib import contextmanager

import pytest

from build_scripts.bench import engines
from build_scripts.bench.hosts import HostError


def events(durations):
    return [{"name": engines.TRACED, "ph": "X", "dur": 1000 * ms} for ms in durations]


def test_the_percentile_is_of_the_quanta_that_complete_a_frame():
    """Four frames in 15 quanta: of 375 quanta 100 are long, and the longest of them is above the 99th percentile."""
    frames = [0.3] * 98 + [0.9, 2.0]
    others = [0.01] * 275
    other_events = [{"name": "other", "ph": "X", "dur": 9e6}, {"name": engines.TRACED, "ph": "B"}]
    assert 0.8 < engines.quantum_p99(other_events + events(frames + others), 480) <= 0.95
    assert engines.quantum_p99(events([0.3] * 100 + others), 480) == pytest.approx(0.3)


def test_a_trace_without_the_audio_thread_is_an_error():
    with pytest.raises(HostError, match=f"no {engines.TRACED}"):
        engines.quantum_p99([{"name": "other", "ph": "X", "dur": 1}], 480)


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Every system takes a browser's place; the systems after ``fails`` are not reached."""

    @contextmanager
    def bare_page(site, **links):
        yield tmp_path

    def visit(system, folder, visits, seconds):
        if system == measured["fails"]:
            raise HostError("the page is gone")
        late = {"empty": [480, 600], "worklet": [2460, 2400, 8000]}.get(system, [1440])
        entry = {"system": system, "brotli_bytes": 1e6, "cold_ms": 300, "warm_ms": 200, "lags": late, "cpu_share": 0.02}
        return entry | {
            "p99_ms": None, "quantum_p99_ms": None, "private_bytes": 5e7,
            "load_before": 0.5, "load_after": 0.6,
        }  # fmt: skip

    measured = {"fails": None, "out": tmp_path / "engines.json"}
    monkeypatch.setattr(engines, "fetch_peers", lambda: tmp_path)
    monkeypatch.setattr(engines, "bare_page", bare_page)
    monkeypatch.setattr(engines, "_visit", visit)
    monkeypatch.setattr(engines, "_frame_times", lambda *_: {"sapphi": 0.4})
    monkeypatch.setattr(engines, "_python_bytes", lambda site: 6e6)
    monkeypatch.setattr("sys.argv", ["engines", "--out", str(measured["out"])])
    return measured


def test_delay_is_what_is_added_to_an_empty_graph(measured):
    assert engines.main() == 0
    records = {record["system"]: record for record in json.loads(measured["out"].read_text())}
    assert list(records) == ["empty", "sapphi", "gtcrn", "shiguredo", "python", "worker", "worklet"]
    assert (records["empty"]["delay_ms"], records["worklet"]["delay_ms"]) == (0, 40)
    assert records["python"]["later_bytes"] == 6e6
    assert (records["sapphi"]["p99_ms"], records["sapphi"]["p99_of"]) == (0.4, "worker")


def test_a_system_that_fails_costs_none_of_those_before_it(measured, capsys):
    measured["fails"] = "worker"
    assert engines.main() == 1
    assert "the page is gone" in (said := capsys.readouterr().err) and str(measured["out"]) in said
    assert [record["system"] for record in json.loads(measured["out"].read_text())][-1] == "python"
