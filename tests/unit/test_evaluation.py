"""Scores: known values, the same as their packages give, and None where there is nothing to measure."""

import sys

import numpy as np
import pytest
from signals import glide, harmonic, noise, speech_like

from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.errors import MissingExtraError
from percepnet_wasm.oracle.measures import si_sdr, voiced_frames, voiced_scores


@pytest.fixture(scope="module")
def evaluation():
    for package in ("pesq", "pystoi", "speechmos.dnsmos"):
        pytest.importorskip(package)
    from percepnet_wasm.oracle import evaluation

    return evaluation


@pytest.mark.parametrize("decibels", [-5, 0, 20])
def test_si_sdr_is_the_ratio_whatever_the_scale(decibels):
    speech = speech_like(2)
    hiss = noise(2)
    hiss -= hiss.mean() + speech * (hiss @ speech) / (speech @ speech)
    hiss *= np.linalg.norm(speech) / np.linalg.norm(hiss) * 10 ** (-decibels / 20)
    for scale in (0.01, 1, 7):
        assert si_sdr(speech, (scale * (speech + hiss)).astype(np.float32)) == pytest.approx(decibels, abs=0.05)


def test_si_sdr_of_silence_is_not_defined():
    assert si_sdr(np.zeros(100, np.float32), noise(0.1)[:100]) is None
    assert si_sdr(noise(0.1)[:100], np.zeros(100, np.float32)) is None


def test_voiced_frames_are_where_the_voice_is():
    """A second of a gliding voice after half a second of silence, then half a second of hiss."""
    voice = harmonic(glide(120, 180, 1.0))
    signal = np.concatenate((np.zeros(SAMPLE_RATE // 2, np.float32), voice, noise(0.5, 0.05)))
    voiced = voiced_frames(signal)
    assert len(voiced) == (len(signal) - 2048) // HOP + 1
    first, last = (SAMPLE_RATE // 2) // HOP, (3 * SAMPLE_RATE // 2 - 2048) // HOP
    assert voiced[first + 2 : last - 2].mean() > 0.95
    assert voiced[: first - 6].mean() == 0
    assert voiced[last + 8 :].mean() < 0.2


def test_voiced_scores_know_their_extremes():
    speech = speech_like(1)
    voiced = voiced_frames(speech)
    assert voiced_scores(speech, speech, voiced) == {"voiced_snr": 35, "voiced_lsd": 0}
    double = voiced_scores(speech, 2 * speech, voiced)
    assert double["voiced_snr"] == pytest.approx(0, abs=0.01)
    assert 4 < double["voiced_lsd"] < 6.1  # 6 dB, less where the floor holds both
    assert set(voiced_scores(speech, speech, np.zeros_like(voiced)).values()) == {None}


def test_score_follows_the_noise(evaluation):
    speech = speech_like(2, 5)
    rows = [evaluation.score(speech, speech + noise(2, level)) for level in (0.0, 0.005, 0.05)]
    assert all(tuple(row) == tuple(evaluation.SCORES) for row in rows)
    for name in ("pesq_wb", "stoi", "si_sdr", "voiced_snr", "dnsmos_bak"):
        values = [row[name] for row in rows]
        assert values == sorted(values, reverse=True), name
    assert rows[0]["pesq_wb"] == pytest.approx(4.64, abs=0.01)
    assert rows[0]["stoi"] == pytest.approx(1, abs=1e-4)


def test_dnsmos_is_the_packages_own(evaluation):
    """For a signal as long as the model's input, our score is exactly the package's."""
    from speechmos import dnsmos

    signal = (speech_like(10, 6) + noise(10, 0.01))[::3]
    theirs = dnsmos.run(signal, 16000)
    ours = evaluation._dnsmos_scores(signal)
    assert ours == {f"dnsmos_{name}": pytest.approx(float(theirs[f"{name}_mos"])) for name in ("sig", "bak", "ovrl")}


def test_silence_has_no_scores_but_a_row(evaluation):
    zeros = np.zeros(SAMPLE_RATE, np.float32)
    row = evaluation.score(zeros, zeros, dnsmos=False)
    assert row["pesq_wb"] is row["si_sdr"] is row["voiced_snr"] is row["dnsmos_bak"] is None
    assert evaluation.score(noise(1.0), zeros, dnsmos=False)["pesq_wb"] == 1
    assert "| -" in evaluation.score_table({"silence": row}).splitlines()[2].replace("  ", "")


def test_means_leave_out_what_is_not_defined(evaluation):
    rows = [dict.fromkeys(evaluation.SCORES, value) for value in (1.0, 2.0)]
    rows[0]["stoi"] = rows[0]["si_sdr"] = rows[1]["si_sdr"] = None
    means = evaluation.mean_scores(rows)
    assert means["pesq_wb"] == 1.5 and means["stoi"] == 2 and means["si_sdr"] is None


def test_lengths_must_agree(evaluation):
    with pytest.raises(ValueError, match="clean and enhanced must be of equal length, not 480 and 481"):
        evaluation.score(np.zeros(480, np.float32), np.zeros(481, np.float32))


@pytest.mark.parametrize("package", ["pesq", "pystoi", "speechmos"])
def test_missing_extra_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "percepnet_wasm.oracle.evaluation", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install .*\(extra 'evaluate' of percepnet-wasm\)"):
        __import__("percepnet_wasm.oracle.evaluation")
