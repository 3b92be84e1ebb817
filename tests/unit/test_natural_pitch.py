"""The pitch tracker on natural speech in noise, compared with Praat's autocorrelation tracker on the clean speech."""

import csv
from pathlib import Path

import numpy as np
import pytest
from signals import glide, harmonic

from percepnet_wasm.constants import HOP, LAG_MAX, LAG_MIN, LOOKAHEAD, SAMPLE_RATE, VOICED
from percepnet_wasm.signal.pitch import PitchState, track_pitch

parselmouth = pytest.importorskip("parselmouth")
sf = pytest.importorskip("soundfile")

SPEECH = Path(__file__).parents[3] / "shared" / "data" / "speech"
CLIPS, SECONDS = 8, 5
LEVEL = 0.05


def reference_pitch(clean):
    """Praat's pitch (Hz) of the voiced frames, and the number of the tracker's call that outputs each of them."""
    pitch = parselmouth.Sound(clean.astype(np.float64), SAMPLE_RATE).to_pitch_ac(
        time_step=HOP / SAMPLE_RATE, pitch_floor=SAMPLE_RATE / LAG_MAX, pitch_ceiling=SAMPLE_RATE / LAG_MIN
    )
    hertz = pitch.selected_array["frequency"]
    call = np.rint(pitch.xs() * SAMPLE_RATE / HOP).astype(np.intp) + LOOKAHEAD
    valid = (hertz > 0) & (call < len(clean) // HOP)
    return call[valid], hertz[valid]


def coloured(count, slope, rng):
    """Gaussian noise with an RMS of 1 whose power falls with frequency^slope above 20 Hz: 0 white, 1 pink, 2 brown."""
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * np.maximum(hertz, 20) ** (-slope / 2), count)
    return (noise / noise.std()).astype(np.float32)


@pytest.fixture(scope="module")
def clips():
    """The beginnings of clean natural recordings by different talkers, each with its reference."""
    if not (SPEECH / "manifest.csv").exists():
        pytest.skip(f"no natural speech in {SPEECH}")
    with (SPEECH / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        rows = [r for r in csv.DictReader(lines) if r["kind"] == "natural" and float(r["floor_db"] or 99) > 40]
    talkers = list({row["speaker"]: row["path"] for row in rows}.values())
    chosen = []
    for path in np.random.default_rng(0).choice(talkers, CLIPS, replace=False):
        audio, rate = sf.read(SPEECH / path, frames=SECONDS * SAMPLE_RATE, dtype="float32", always_2d=True)
        assert rate == SAMPLE_RATE
        clip = audio.mean(axis=1)
        power = np.mean(clip[: len(clip) // HOP * HOP].reshape(-1, HOP) ** 2, axis=1)
        clip = clip * (LEVEL / np.sqrt(power[power > 1e-3 * power.max()].mean()))  # the level outside pauses
        chosen.append((clip, *reference_pitch(clip)))
    return chosen


@pytest.mark.parametrize("slope", [0, 1, 2], ids=["white", "pink", "brown"])
@pytest.mark.parametrize(("snr_db", "most_gross"), [(20, 0.05), (0, 0.2)])
def test_few_gross_errors_in_stationary_noise(clips, slope, snr_db, most_gross):
    """A gross error is a pitch more than 20 % off; the others are within 2 %, in the median."""
    ratios = []
    for number, (clip, call, truth) in enumerate(clips):
        noise = coloured(len(clip), slope, np.random.default_rng(number)) * np.float32(LEVEL * 10 ** (-snr_db / 20))
        noisy = (clip + noise)[: len(clip) // HOP * HOP]
        ratios.append(SAMPLE_RATE / track_pitch(noisy, PitchState())[0][call] / truth)
    error = np.abs(np.concatenate(ratios) - 1)
    assert len(error) > 1000
    assert np.mean(error > 0.2) < most_gross
    assert np.median(error[error <= 0.2]) < 0.02


def test_clean_speech_is_voiced_where_praat_hears_a_pitch(clips):
    found = [track_pitch(clip[: len(clip) // HOP * HOP], PitchState())[1][call] >= VOICED for clip, call, _ in clips]
    assert np.concatenate(found).mean() > 0.9


def test_the_reference_is_aligned_with_the_tracker():
    """Call t outputs the frame centred on sample HOP (t - LOOKAHEAD)."""
    hertz = glide(100, 400, 2.0)
    call, found = reference_pitch(harmonic(hertz))
    assert len(call) > 150
    np.testing.assert_allclose(found, hertz[HOP * (call - LOOKAHEAD)], rtol=0.02)
