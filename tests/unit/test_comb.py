"""The comb: its weights, its response, its reach into the future and its effect on white noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from percepnet_wasm.constants import HOP, LAG_MAX, LAG_MIN, LOOKAHEAD, SAMPLE_RATE, WINDOW
from percepnet_wasm.signal.analysis import AnalysisState, analyse
from percepnet_wasm.signal.comb import FUTURE, future_taps, noise_power, taps
from percepnet_wasm.signal.stft import windowed_fft

PAST_TAPS = 5


def combed_directly(samples, frame, period):
    """Spectrum of frame ``frame`` of sum_k w_k x(n - kT), by the definition; no sample exists before 0."""
    first = HOP * (frame - 1)
    n = np.arange(first, first + WINDOW)
    weights = taps(min(FUTURE // period, PAST_TAPS))
    total = np.zeros(WINDOW)
    for w, k in zip(weights, range(-PAST_TAPS, len(weights) - PAST_TAPS), strict=True):
        index = n + k * period
        total += w * np.where(index >= 0, samples[np.maximum(index, 0)], 0)
    return windowed_fft(total.astype(np.float32)[None])[0]


def run(samples, periods, block=1):
    """Plain and combed spectra of all calls."""
    state = AnalysisState()
    plain, combed = [], []
    for first in range(0, len(samples) // HOP, block):
        frames = analyse(samples[HOP * first : HOP * (first + block)], periods[first : first + block], state)
        combed.append(frames.combed)
        plain.append(frames.spectra)
    return np.concatenate(plain), np.concatenate(combed)


@pytest.mark.parametrize("future", range(6))
def test_weights_are_a_hann_window_that_sums_to_one(future):
    weights = taps(future)
    assert len(weights) == 6 + future
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    hann = 0.5 * (1 + np.cos(np.pi * np.arange(-5, future + 1) / 6))
    np.testing.assert_allclose(weights, hann / hann.sum(), atol=1e-6)


@pytest.mark.parametrize(
    ("future", "power"), [(0, 0.2245), (1, 0.1842), (2, 0.1557), (3, 0.1373), (4, 0.1277), (5, 0.125)]
)
def test_noise_power_of_truncated_combs(future, power):
    assert (taps(future) ** 2).sum() == pytest.approx(power, abs=5e-5)
    period = np.array([FUTURE // future if future else LAG_MAX + 300], np.intp)
    assert noise_power(period)[0] == pytest.approx(power, abs=5e-5)


def test_future_taps_reach_as_far_as_the_look_ahead():
    assert FUTURE == LOOKAHEAD * HOP == 960
    hertz = np.array([500, 251, 245, 101, 99, 63])
    assert future_taps(SAMPLE_RATE // hertz).tolist() == [5, 5, 4, 2, 1, 1]
    every = np.arange(LAG_MIN, LAG_MAX + 1)
    assert (future_taps(every) * every <= FUTURE).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(LAG_MIN, LAG_MAX), st.integers(0, 2**32 - 1))
def test_equals_the_definition(period, seed):
    samples = np.random.default_rng(seed).standard_normal(14 * HOP).astype(np.float32)
    _, combed = run(samples, np.full(14, period, np.intp))
    for call in (3, 7, 13):
        np.testing.assert_allclose(combed[call], combed_directly(samples, call - LOOKAHEAD, period), atol=1e-4)


def test_no_sample_beyond_the_look_ahead_is_needed():
    """The comb of a frame is already final when its last call returns: later samples cannot change it."""
    rng = np.random.default_rng(3)
    samples = rng.standard_normal(12 * HOP).astype(np.float32)
    other = samples.copy()
    other[11 * HOP :] = rng.standard_normal(HOP)
    periods = np.full(12, 190, np.intp)
    np.testing.assert_array_equal(run(samples, periods)[1][:11], run(other, periods)[1][:11])


@pytest.mark.parametrize("hertz", [200, 300])
def test_response_to_a_pitch_equals_the_formula(hertz):
    """Tones at every 50 Hz up to 4 kHz through a comb for a 200 Hz pitch (4 future taps) and a 300 Hz one (all 5)."""
    period = SAMPLE_RATE // hertz
    weights = taps(min(FUTURE // period, 5)).astype(np.float64)
    k = np.arange(-5, len(weights) - 5)
    calls = 16
    for bin in range(4, 80):
        omega = 2 * np.pi * bin / WINDOW
        tone = np.cos(omega * np.arange(calls * HOP)).astype(np.float32)
        plain, combed = run(tone, np.full(calls, period, np.intp))
        measured = combed[-1, bin] / plain[-1, bin]
        # np.exp(+j): tap k is the sample k periods later.
        expected = np.sum(weights * np.exp(1j * omega * k * period))
        assert abs(measured - expected) < 1e-4, f"at {50 * bin} Hz"


def test_harmonics_pass_and_the_middle_between_them_is_removed():
    period, calls = 160, 16
    n = np.arange(calls * HOP)
    for hertz, response in ((300, 1.0), (3000, 1.0), (450, 0.0), (1050, 0.0)):
        plain, combed = run(np.cos(2 * np.pi * hertz / 48000 * n).astype(np.float32), np.full(calls, period, np.intp))
        bin = hertz // 50
        assert abs(combed[-1, bin]) / abs(plain[-1, bin]) == pytest.approx(response, abs=1e-4)


@pytest.mark.parametrize("period", [110, 200, 240, 300, 450, 700])
def test_white_noise_falls_by_the_noise_power(period):
    calls = 400
    noise = np.random.default_rng(4).standard_normal(calls * HOP).astype(np.float32)
    plain, combed = run(noise, np.full(calls, period, np.intp), block=calls)
    ratio = np.sum(np.abs(combed[20:]) ** 2) / np.sum(np.abs(plain[20:]) ** 2)
    assert ratio == pytest.approx(noise_power(np.array([period]))[0], rel=0.03)


def test_full_comb_takes_nine_decibels_of_white_noise():
    assert 10 * np.log10(noise_power(np.array([160]))[0]) == pytest.approx(-9.03, abs=0.01)


@pytest.mark.parametrize("block", [2, 5, 20])
def test_blocks_equal_single_frames(block):
    rng = np.random.default_rng(5)
    samples = rng.standard_normal(20 * HOP).astype(np.float32)
    periods = rng.integers(LAG_MIN, LAG_MAX + 1, 20)
    for single, many in zip(run(samples, periods), run(samples, periods, block), strict=True):
        np.testing.assert_array_equal(single, many)


def test_output_is_look_ahead_frames_late():
    samples = np.random.default_rng(6).standard_normal(10 * HOP).astype(np.float32)
    plain, _ = run(samples, np.full(10, 333, np.intp))
    windows = np.stack([samples[HOP * (k - 1) : HOP * (k + 1)] for k in range(1, 10 - LOOKAHEAD)])
    np.testing.assert_allclose(plain[LOOKAHEAD + 1 :], windowed_fft(windows), atol=1e-5)


def test_the_newest_energies_are_those_of_the_newest_samples():
    samples = np.random.default_rng(8).standard_normal(9 * HOP).astype(np.float32)
    state, periods = AnalysisState(), np.full(1, 333, np.intp)
    frames = [analyse(hop, periods, state) for hop in samples.reshape(-1, HOP)]
    for frame, later in zip(frames, frames[LOOKAHEAD:], strict=False):
        np.testing.assert_array_equal(later.energy, frame.newest_energy)
