"""The pitch tracker on natural speech in noise, against Praat on the clean speech; and the evaluation's own parts."""

from pathlib import Path

import numpy as np
import pytest
from signals import glide, harmonic, noise, speech_like

from percepnet_wasm.constants import HOP, LOOKAHEAD

pytest.importorskip("parselmouth")
sf = pytest.importorskip("soundfile")

from coherence_error import compare  # noqa: E402
from evaluation_mixes import LEVEL, Noises, active_rms, clean_speech, coloured, rows  # noqa: E402
from pitch_evaluation import evaluate, reference_pitch  # noqa: E402

SPEECH = Path(__file__).parents[3] / "shared" / "data" / "speech"
needs_speech = pytest.mark.skipif(not (SPEECH / "manifest.csv").exists(), reason=f"no natural speech in {SPEECH}")


@needs_speech
def test_natural_speech_in_stationary_noise():
    """Gross errors under 5 % at 20 dB and under 20 % at 0 dB; babble is measured by the script, not limited here."""
    scores = evaluate(SPEECH, clips=8, seconds=5, snrs=(20.0, 0.0))
    found = {(s.noise, s.snr_db): s for s in scores}
    for kind in ("white", "pink", "brown"):
        assert found[kind, 20.0].gross < 5, found[kind, 20.0]
        assert found[kind, 0.0].gross < 20, found[kind, 0.0]
    assert found["none", np.inf].frames > 1500
    for s in scores:
        assert 0 <= s.octave <= s.gross
        assert s.fine < 2


@needs_speech
def test_recordings_are_chosen_by_their_manifest():
    listed = {row["path"]: row for row in rows(SPEECH)}
    assert any(row["kind"] == "synthetic" for row in listed.values())
    clips = clean_speech(SPEECH, 3, 2.0)
    assert len(clips) == 3
    for clip in clips:
        assert active_rms(clip) == pytest.approx(LEVEL, rel=1e-3)


def test_a_folder_without_a_manifest(tmp_path):
    for k in range(2):
        sf.write(tmp_path / f"{k}.wav", 3 * speech_like(1.0, seed=k), 48000, subtype="FLOAT")
    assert [len(clip) for clip in clean_speech(tmp_path, 2, 0.5)] == [24000, 24000]
    with pytest.raises(ValueError, match="holds 2 clips .* 3 were asked for"):
        clean_speech(tmp_path, 3, 0.5)
    sf.write(tmp_path / "0.wav", np.zeros(100), 16000)
    with pytest.raises(ValueError, match="16000 samples a second"):
        clean_speech(tmp_path, 2, 0.5)


def test_the_reference_is_aligned_with_the_tracker():
    """Call t outputs the frame centred on sample HOP (t - LOOKAHEAD)."""
    hertz = glide(100, 400, 2.0)
    call, found = reference_pitch(harmonic(hertz))
    assert len(call) > 150
    np.testing.assert_allclose(found, hertz[HOP * (call - LOOKAHEAD)], rtol=0.02)


@pytest.mark.parametrize(("slope", "fall_db"), [(0.0, 0), (1.0, 10), (2.0, 20)])
def test_coloured_noise_falls_as_named(slope, fall_db):
    power = np.abs(np.fft.rfft(coloured(48000 * 4, slope, np.random.default_rng(0)))) ** 2
    hertz = np.fft.rfftfreq(48000 * 4, 1 / 48000)
    at = [10 * np.log10(power[(hertz > f / 1.2) & (hertz < f * 1.2)].mean()) for f in (200, 2000)]
    assert at[0] - at[1] == pytest.approx(fall_db, abs=0.7)


def test_mixes_have_the_snr_asked_for():
    speech = [speech_like(1.0, seed=k) for k in range(4)]
    speech = [(LEVEL / active_rms(clip) * clip).astype(np.float32) for clip in speech]
    noises = Noises(speech, None)
    for kind in ("white", "brown", "babble"):
        for clip, mix in noises.mixes(kind, 10.0):
            added = mix - speech[clip]
            assert 20 * np.log10(LEVEL / np.std(added)) == pytest.approx(10, abs=0.2)


def test_strength_error_is_small_without_noise_and_shows_with_it():
    voice = harmonic(glide(140, 160, 1.0))
    quiet, loud = (compare(voice, voice + noise(1.0, level)) for level in (0.001, 0.1))
    # The centre tap makes the noisy frame look more coherent than it is.
    assert np.mean(loud.measured) > np.mean(loud.true)
    assert np.mean(np.abs(quiet.closed - quiet.searched)) < np.mean(np.abs(loud.closed - loud.searched)) + 0.1
    # Whatever r does, it must not lose coherence.
    assert np.mean(loud.by_closed) > np.mean(loud.true)
    assert (loud.by_search >= loud.by_closed - 0.02).mean() > 0.5
