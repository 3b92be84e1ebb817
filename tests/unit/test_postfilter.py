"""The envelope postfilter against the paper's equations in double precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.postfilter import BETA, DECISIVENESS, WARP, envelope_postfilter, network_postfilter

CAP = np.sqrt((1 + BETA) / (2 * np.sqrt(BETA)))
gains = arrays(np.float32, (1, BANDS), elements=st.floats(0, 1, width=32))
energies = arrays(np.float32, (1, BANDS), elements=st.floats(0, 1e6, width=32))


@pytest.fixture
def rng():
    return np.random.default_rng(9)


def reference(g, energy):
    """g^w = g sin(pi g / 2); E0 = sum (g Y)^2, E1 = sum (g^w Y)^2, over all bands of the frame."""
    g, energy = g.astype(np.float64), energy.astype(np.float64)
    warped = g * np.sin(np.pi / 2 * g)
    ratio = np.sum(g**2 * energy, axis=1) / np.sum(warped**2 * energy, axis=1)
    return np.sqrt((1 + BETA) * ratio / (1 + BETA * ratio**2))[:, None] * warped


def test_equals_the_equations(rng):
    g = rng.random((50, BANDS), dtype=np.float32)
    energy = (10 ** rng.uniform(-6, 3, (50, BANDS))).astype(np.float32)
    np.testing.assert_allclose(envelope_postfilter(g, energy), reference(g, energy), rtol=1e-5, atol=1e-7)


def test_unit_gains_are_unchanged(rng):
    energy = rng.random((3, BANDS), dtype=np.float32)
    np.testing.assert_allclose(envelope_postfilter(np.ones((3, BANDS), np.float32), energy), 1, rtol=1e-6)


def test_zero_gains_and_silence_stay_zero(rng):
    energy = rng.random((1, BANDS), dtype=np.float32)
    zero = np.zeros((1, BANDS), np.float32)
    assert not envelope_postfilter(zero, energy).any()
    np.testing.assert_allclose(envelope_postfilter(np.ones_like(zero), zero), 1)


def test_compensation_peaks_at_5_6_db():
    """E0 / E1 = 1 / sqrt(beta) gives the most: sqrt((1 + beta) / (2 sqrt(beta)))."""
    assert 20 * np.log10(CAP) == pytest.approx(5.6, abs=0.05)
    g = np.linspace(0.001, 1, 4000, dtype=np.float32)[:, None].repeat(BANDS, axis=1)
    compensation = (envelope_postfilter(g, np.ones_like(g)) / (g * np.sin(np.pi / 2 * g)))[:, 0]
    assert compensation.max() == pytest.approx(CAP, rel=1e-3)
    best = compensation.argmax()
    assert 1 / np.sin(np.pi / 2 * g[best, 0]) ** 2 == pytest.approx(1 / np.sqrt(BETA), rel=0.02)


@given(gains, energies)
def test_any_input_is_finite_and_below_the_cap(g, energy):
    with np.errstate(all="raise", under="ignore"):
        out = envelope_postfilter(g, energy)
    assert np.isfinite(out).all()
    warped = g * np.sin(np.float32(np.pi / 2) * g)
    assert (out >= 0).all()
    assert (out <= warped * np.float32(CAP * 1.0001) + 1e-30).all()


def test_the_frames_energy_is_kept_while_noisy_bands_sink():
    g = np.full((1, BANDS), 0.95, np.float32)
    g[:, 10:] = 0.2
    energy = np.ones((1, BANDS), np.float32)
    energy[:, :10] = 100
    out = envelope_postfilter(g, energy)
    assert np.sum(out**2 * energy) == pytest.approx(np.sum(g**2 * energy), rel=0.02)
    assert (out[:, 10:] < 0.5 * g[:, 10:]).all()


def test_compensation_is_one_per_frame(rng):
    """Band by band it would cancel the filter."""
    g = rng.uniform(0.05, 1, (4, BANDS)).astype(np.float32)
    ratio = envelope_postfilter(g, np.ones_like(g)) / (g * np.sin(np.float32(np.pi / 2) * g))
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(BANDS, axis=1), rtol=1e-5)


def test_level_does_not_matter(rng):
    g, energy = rng.random((2, 4, BANDS), dtype=np.float32)
    np.testing.assert_array_equal(envelope_postfilter(g, energy), envelope_postfilter(g, energy * np.float32(2.0**-20)))


def test_a_networks_gains_are_made_decisive(rng):
    g, energy = rng.random((2, 4, BANDS), dtype=np.float32)
    out = network_postfilter(g, energy)
    powered = g.astype(np.float64) ** DECISIVENESS
    warped = powered * np.sin(np.pi / 2 * powered) ** WARP
    ratio = np.sum(powered**2 * energy, axis=1) / np.sum(warped**2 * energy, axis=1)
    expected = warped * np.sqrt((1 + BETA) * ratio / (1 + BETA * ratio**2))[:, None]
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(network_postfilter(np.ones_like(g), energy), 1, rtol=1e-6)
    assert not network_postfilter(np.zeros_like(g), energy).any()


def test_no_warp_leaves_the_gains(rng):
    g, energy = rng.random((2, 4, BANDS), dtype=np.float32)
    np.testing.assert_allclose(envelope_postfilter(g, energy, warp=0), g, rtol=1e-6)
