"""Bands: RNNoise's layout, weights that sum to one, and nothing invented above 20 kHz."""

import numpy as np
import pytest

from percepnet_wasm.constants import BAND_TOP_HZ, BINS, SAMPLE_RATE, WINDOW
from percepnet_wasm.signal.bands import BANDS, INTERPOLATION, edges, energies, spread

# What the generator published with RNNoise 0.2 prints.
PUBLISHED = """0 2 4 6 8 10 12 14 16 18 21 24 28 32 36 41 47 53 60 68 77 87 98 110 124 140 157 176 198 223 251 282
               317 356 400"""
TOP_BIN = BAND_TOP_HZ * WINDOW // SAMPLE_RATE


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def test_edges_are_the_published_ones():
    assert edges().tolist() == [int(bin) for bin in PUBLISHED.split()]
    assert BANDS == 34


def test_bands_are_never_wider_than_half_an_octave_nor_narrower_than_100_hz():
    tips = edges()[1:] * SAMPLE_RATE / WINDOW
    assert np.diff(tips).min() >= 100
    assert (tips[9:] / tips[8:-1]).max() < 2**0.5


def test_weights_of_every_bin_sum_to_one():
    assert INTERPOLATION.shape == (BINS, BANDS)
    assert INTERPOLATION.min() >= 0
    np.testing.assert_allclose(INTERPOLATION.sum(axis=1), 1, atol=1e-6)


def test_a_tip_belongs_to_its_band_alone_and_the_middle_to_two():
    tips = edges()[1:]
    np.testing.assert_array_equal(INTERPOLATION[tips], np.eye(BANDS))
    between = INTERPOLATION[(tips[-2] + tips[-1]) // 2]
    np.testing.assert_allclose(between[-2:], 0.5, atol=0.02)
    assert np.count_nonzero(between) == 2


def test_flat_below_the_first_tip_and_above_the_last():
    assert (INTERPOLATION[: edges()[1] + 1, 0] == 1).all()
    assert (INTERPOLATION[TOP_BIN:, -1] == 1).all()


def test_bins_above_20_khz_hold_the_last_gain_but_count_in_no_band(rng):
    gains = rng.random((3, BANDS), dtype=np.float32)
    bins = spread(gains)
    np.testing.assert_allclose(bins[:, TOP_BIN:], np.repeat(gains[:, -1:], BINS - TOP_BIN, axis=1))
    above = np.zeros((1, BINS), np.float32)
    above[:, TOP_BIN + 1 :] = 1
    assert not energies(above).any()


def test_energy_is_shared_out_completely(rng):
    power = rng.random((5, BINS), dtype=np.float32)
    np.testing.assert_allclose(energies(power).sum(axis=1), power[:, : TOP_BIN + 1].sum(axis=1), rtol=1e-5)


def test_energy_share_is_the_distance_from_the_tips():
    tips = edges()[1:]
    band, j = 20, tips[20] + 3
    f = 3 / (tips[21] - tips[20])
    power = np.zeros((1, BINS), np.float32)
    power[0, j] = 8
    expected = np.zeros(BANDS)
    expected[band], expected[band + 1] = 8 * (1 - f), 8 * f
    np.testing.assert_allclose(energies(power)[0], expected, rtol=1e-6)


def test_interpolation_is_linear_between_tips(rng):
    gains = rng.random((1, BANDS), dtype=np.float32)
    expected = np.interp(np.arange(BINS), edges()[1:], gains[0])
    np.testing.assert_allclose(spread(gains)[0], expected, atol=1e-6)


def test_constant_gains_stay_constant():
    np.testing.assert_allclose(spread(np.full((2, BANDS), 0.3, np.float32)), 0.3, rtol=1e-6)


@pytest.mark.parametrize("frames", [1, 4])
def test_two_bands_per_bin_give_what_the_whole_matrix_gives(rng, frames):
    power = rng.random((frames, BINS), dtype=np.float32) ** 8
    values = rng.random((frames, BANDS), dtype=np.float32)
    projection = np.where(np.arange(BINS) <= TOP_BIN, INTERPOLATION.T.astype(np.float64), 0)
    np.testing.assert_allclose(energies(power), power @ projection.T, rtol=1e-5)
    np.testing.assert_allclose(spread(values), values @ INTERPOLATION.T.astype(np.float64), atol=1e-7)
