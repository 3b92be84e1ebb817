"""Synthetic talkers: what is morphed, and by how much."""

import dataclasses

import numpy as np
import pytest

from build_scripts.train import synthesise
from build_scripts.train.synthesise import Envelopes, Talker, morph

FRAMES = 200
BINS = 601


@pytest.fixture
def said() -> Envelopes:
    """A vowel at 195 Hz with one formant at 2 kHz, between two unvoiced ends."""
    formant = -(((np.arange(BINS) - 100) / 20.0) ** 2)
    envelope = np.repeat(formant[:, None], FRAMES, axis=1).astype(np.float32)
    pitch = np.where((np.arange(FRAMES) > 20) & (np.arange(FRAMES) < 180), 195, 0).astype(np.float32)
    zero = np.zeros_like(envelope)
    return Envelopes(envelope, zero, zero - 9, zero - 9, zero, pitch)


def plain(talker: Talker, **changes: object) -> Talker:
    """A talker without what is random, but for the changes."""
    nothing = {
        "response": np.zeros(BINS),
        "breath": 0.0,
        "jitter": 0.0,
        "creaks": False,
        "whispers": False,
        "dynamics": 1.0,
    }
    return dataclasses.replace(talker, **nothing | changes)


def draws(count: int) -> list[Talker]:
    return [Talker.draw(np.random.default_rng(seed)) for seed in range(count)]


def test_talkers_differ_and_stay_in_their_ranges() -> None:
    talkers = draws(200)
    assert {each.kind for each in talkers} == {"man", "woman", "child"}
    assert np.std([np.log2(each.pitch_hz) for each in talkers]) > 0.4, "octaves"
    for each in talkers:
        _, (low, high), (short, long) = synthesise._KINDS[each.kind]
        assert low <= each.pitch_hz <= high
        assert 0.85 * short < each.formants.mean() < 1.15 * long and each.formants.min() > 0.6
    foreign = [each.phonemes for each in talkers if each.phonemes]
    assert 0.2 < len(foreign) / len(talkers) < 0.5
    assert all(sorted(table) == sorted(table.values()) for table in foreign), "a permutation: nothing is lost"
    assert 0 < sum(each.whispers for each in talkers) < 20


def test_pitch_and_formants_move_by_the_talkers_factors(said: Envelopes) -> None:
    for talker in draws(10):
        out = morph(said, plain(talker, formants=np.full(BINS, 1.2), pitch_range=1.0), np.random.default_rng(1))
        voiced = said.pitch_hz > 0
        assert np.median(out.pitch_hz[voiced]) == pytest.approx(talker.pitch_hz, rel=0.15)  # it drifts
        assert (out.pitch_hz[~voiced] == 0).all()
        assert abs(int(out.voice[:, 100].argmax()) - 120) <= 1
        assert out.voice.dtype == out.noise.dtype == out.pitch_hz.dtype == np.float32


def test_breath_is_noise_in_voiced_frames_alone(said: Envelopes) -> None:
    out = morph(said, plain(draws(1)[0], breath=0.5), np.random.default_rng(1))
    assert out.noise[300, 100] == pytest.approx(-8.5, abs=0.01)
    assert out.noise[300, 5] == pytest.approx(-9, abs=0.01)


def test_a_whisper_has_no_pitch_and_keeps_its_formant(said: Envelopes) -> None:
    out = morph(said, plain(draws(1)[0], whispers=True, formants=np.ones(BINS)), np.random.default_rng(1))
    assert not out.pitch_hz.any()
    assert abs(int(out.noise[:, 100].argmax()) - 100) <= 4


def test_a_creaking_voice_falls_at_the_end(said: Envelopes) -> None:
    out = morph(said, plain(draws(1)[0], creaks=True), np.random.default_rng(1))
    voiced = out.pitch_hz[said.pitch_hz > 0]
    assert np.median(voiced[-8:]) < 0.8 * np.median(voiced[:100])


def test_an_empty_text_is_refused(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    monkeypatch.setattr(
        "sys.argv", ["synthesise", "--text", str(tmp_path / "empty.txt"), "--out", str(tmp_path / "out")]
    )
    with pytest.raises(SystemExit):
        synthesise.main()
    assert "holds no sentences: give English sentences, one a line" in capsys.readouterr().err
