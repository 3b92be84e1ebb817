"""The network's features: 70 numbers, each from the right frame."""

import numpy as np
import pytest
from signals import noise, speech_like

from percepnet_wasm.constants import HOP, LAG_MAX, LAG_MIN, LOOKAHEAD, WINDOW
from percepnet_wasm.signal.analysis import AnalysisState, analyse
from percepnet_wasm.signal.bands import BANDS, energies
from percepnet_wasm.signal.features import ENERGY_FLOOR, FEATURE_SETS, FEATURES, features
from percepnet_wasm.signal.levels import LEVELS
from percepnet_wasm.signal.pitch import PitchState, track_pitch
from percepnet_wasm.signal.stft import windowed_fft

FRAMES = 200


@pytest.fixture(scope="module")
def samples():
    return speech_like(FRAMES / 100, seed=5) + noise(FRAMES / 100, 0.005)


def stream(samples, block):
    """Features, periods and correlations of all calls."""
    pitch, analysis = PitchState(), AnalysisState()
    rows = []
    for piece in samples.reshape(-1, block * HOP):
        period, correlation = track_pitch(piece, pitch)
        noisy = analyse(piece, period, analysis)
        rows.append((features(noisy.newest_energy, noisy.coherence, period, correlation), period, correlation))
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("block", [1, 10])
def test_streaming_equals_batch(samples, block):
    streamed, periods, _ = stream(samples, block)
    batch, batch_periods, _ = stream(samples, FRAMES)
    np.testing.assert_array_equal(periods, batch_periods)
    np.testing.assert_allclose(streamed, batch, atol=2e-5)


def test_layout(samples):
    """Energies of the newest frame; coherences, period and correlation of the output frame."""
    rows, period, correlation = stream(samples, FRAMES)
    assert rows.shape == (FRAMES, FEATURES)
    assert FEATURE_SETS == {"paper": FEATURES, "levels": FEATURES + LEVELS} == {"paper": 70, "levels": 138}
    padded = np.concatenate((np.zeros(HOP, np.float32), samples))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectra = windowed_fft(frames)
    energy = energies(spectra.real**2 + spectra.imag**2)
    np.testing.assert_allclose(rows[:, :BANDS], np.log10(energy + ENERGY_FLOOR), atol=1e-4)
    np.testing.assert_allclose(rows[:, -2], np.log2(period / LAG_MIN) / 3, atol=1e-6)
    np.testing.assert_array_equal(rows[:, -1], correlation)


def test_energies_run_ahead_of_coherences(samples):
    """After silence the sound shows in the energies at once, in the coherences LOOKAHEAD frames later."""
    onset = 30
    rows = stream(np.concatenate((np.zeros(onset * HOP, np.float32), samples[: 50 * HOP])), onset + 50)[0]
    first_energy = np.flatnonzero(rows[:, :BANDS].max(axis=1) > np.log10(ENERGY_FLOOR) + 0.1)[0]
    first_coherence = np.flatnonzero(rows[:, BANDS : 2 * BANDS].max(axis=1) > 0)[0]
    assert first_energy == onset
    assert first_coherence == onset + LOOKAHEAD


def test_ranges(samples):
    for level in (0, 1e-6, 1e-3, 1, 10):
        rows = stream(samples * np.float32(level), FRAMES)[0]
        assert np.isfinite(rows).all()
        assert rows[:, :BANDS].min() >= np.log10(ENERGY_FLOOR) - 1e-5
        assert rows[:, :BANDS].max() < 8
        assert rows[:, BANDS : 2 * BANDS].min() >= 0
        assert rows[:, BANDS : 2 * BANDS].max() <= 1
        assert rows[:, -2].min() >= 0
        assert rows[:, -2].max() <= 1
        assert np.abs(rows[:, -1]).max() <= 1


def test_the_floor_lies_at_the_faintest_noise_worth_hearing():
    """White noise at -100 dBFS has about the floor's energy in a bin."""
    rows = stream(noise(2.0, 1e-5), FRAMES)[0][5:]
    assert np.abs(np.median(rows[:, 1]) - np.log10(ENERGY_FLOOR)) < 0.5


def test_the_period_counts_in_octaves_from_the_shortest_to_the_longest():
    energy, coherence = np.zeros((2, 3, BANDS), np.float32)
    rows = features(energy, coherence, np.array([LAG_MIN, 2 * LAG_MIN, LAG_MAX]), np.zeros(3, np.float32))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows[:, -2], [0, 1 / 3, 1], atol=1e-6)
