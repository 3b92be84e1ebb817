"""Coherences and strengths against a brute-force search on the model they are derived from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from percepnet_wasm.signal.coherence import attenuation, coherence, combed_coherence, mixed_power, strength
from percepnet_wasm.signal.comb import noise_power

SIGMAS = [0.2245, 0.1842, 0.1557, 0.1373, 0.1277, 0.125]
unit = st.floats(0, 1, width=32)


def band(value):
    return np.array([[value]], np.float32)


def closed_form(q_x, q_y, q_p):
    return float(strength(band(q_x), band(q_y), band(q_p))[0, 0])


def model_coherence(r, q_y, q_p):
    """Coherence of (1 - r) y + r p where y and p have norm 1 and their noises are uncorrelated."""
    periodic = (1 - r) * q_y + r * q_p
    noise = (1 - r) ** 2 * (1 - q_y**2) + r**2 * (1 - q_p**2)
    return periodic / np.sqrt(periodic**2 + noise)


def searched(q_x, q_y, q_p):
    """Smallest r whose coherence reaches q_x, by a grid and bisection."""
    grid = np.linspace(0, 1, 20001)
    reached = np.flatnonzero(model_coherence(grid, q_y, q_p) >= q_x)
    if not len(reached):
        return 1.0
    high = grid[reached[0]]
    low = max(high - grid[1], 0.0)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if model_coherence(middle, q_y, q_p) >= q_x else (middle, high)
    return high


def after_comb(q_y, sigma):
    return float(combed_coherence(band(q_y), np.array([sigma], np.float32))[0, 0])


@given(unit, unit, st.sampled_from(SIGMAS))
def test_closed_form_equals_brute_force(q_x, q_y, sigma):
    q_p = after_comb(q_y, sigma)
    if not q_y < q_x <= q_p:
        return
    found = closed_form(q_x, q_y, q_p)
    # Near full coherence r is ill-conditioned: what must agree there is the coherence reached.
    assert found == pytest.approx(searched(q_x, q_y, q_p), abs=1e-4) or model_coherence(found, q_y, q_p) == (
        pytest.approx(q_x, abs=1e-6)
    )


@pytest.mark.parametrize("sigma", SIGMAS)
def test_closed_form_equals_brute_force_on_a_grid(sigma):
    for q_y in np.arange(0.02, 0.98, 0.06):
        q_p = after_comb(q_y, sigma)
        for q_x in np.linspace(q_y, q_p, 9)[1:]:
            assert closed_form(q_x, q_y, q_p) == pytest.approx(searched(q_x, q_y, q_p), abs=2e-4)


def test_closed_form_on_vectors():
    """The model as signals: a periodic part, and noises orthogonal to it and to each other."""
    periodic, noise_y, noise_p = np.linalg.qr(np.random.default_rng(8).standard_normal((400, 3)))[0].T
    q_y, sigma = 0.6, 0.1557
    q_p = after_comb(q_y, sigma)
    y = q_y * periodic + np.sqrt(1 - q_y**2) * noise_y
    p = q_p * periodic + np.sqrt(1 - q_p**2) * noise_p
    for q_x in (0.65, 0.75, 0.85):
        r = closed_form(q_x, q_y, q_p)
        mixed = (1 - r) * y + r * p
        assert mixed @ periodic / np.linalg.norm(mixed) == pytest.approx(q_x, abs=1e-5)


def test_combed_coherence_is_that_of_less_noise():
    """The comb leaves the periodic part and sigma^2 of the noise's power."""
    for sigma in SIGMAS:
        for q in (0.0, 0.1, 0.5, 0.9, 1.0):
            expected = q / np.sqrt(q**2 + sigma * (1 - q**2))
            assert after_comb(q, sigma) == pytest.approx(expected, abs=1e-6)


def test_combed_coherence_uses_the_combs_own_power():
    q = np.full((3, 2), 0.5, np.float32)
    found = combed_coherence(q, noise_power(np.array([160, 400, 700])))
    assert (np.diff(found, axis=0) < 0).all(), "fewer future taps leave more noise"


def test_limit_where_a_vanishes():
    """q_p = q_x: alpha = (q_x^2 - q_y^2) / (2 b), and it is continuous from the side where q_p > q_x."""
    for q_y, q in ((0.3, 0.6), (0.5, 0.9), (0.1, 0.25)):
        alpha = (q**2 - q_y**2) / (2 * q * q_y * (1 - q**2))
        q32 = float(np.float32(q))
        assert closed_form(q32, q_y, q32) == pytest.approx(alpha / (1 + alpha), abs=1e-5)
        assert closed_form(q32, q_y, q32 + 1e-6) == pytest.approx(alpha / (1 + alpha), abs=1e-3)


@pytest.mark.parametrize(
    ("q_x", "q_y", "q_p", "expected"),
    [
        (0.0, 0.0, 0.0, 0.0),  # silence, or neither is periodic
        (0.0, 0.4, 0.8, 0.0),  # clean speech unvoiced, noise periodic
        (0.5, 0.5, 0.8, 0.0),  # periodic enough
        (0.3, 0.6, 0.9, 0.0),  # more than enough
        (1.0, 1.0, 1.0, 0.0),  # full coherence
        (1.0, 0.0, 0.0, 1.0),  # speech buried: the comb has nothing to hold on to
        (1.0, 0.5, 0.9, 1.0),  # out of the comb's reach
        (0.9, 0.2, 0.5, 1.0),
        (1.0, 0.9999, 1.0, 1.0),  # only the comb alone is fully coherent
    ],
)
def test_degenerate_cases(q_x, q_y, q_p, expected):
    assert closed_form(q_x, q_y, q_p) == pytest.approx(expected, abs=1e-6)


@given(unit, unit, unit)
def test_any_input_gives_a_strength_and_an_attenuation(q_x, q_y, q_p):
    with np.errstate(all="raise", under="ignore"):
        r = closed_form(q_x, q_y, q_p)
        g = float(attenuation(band(q_x), band(q_p))[0, 0])
        power = float(mixed_power(band(r), band(q_y))[0, 0])
    assert 0 <= r <= 1
    assert 0 < g <= 1
    assert 0.49 <= power <= 1 + 1e-6
    if q_x <= q_y:
        assert r == 0
    elif q_p < q_x:
        assert r == 1


@given(unit, st.sampled_from(SIGMAS))
def test_combed_coherence_of_any_input(q_y, sigma):
    with np.errstate(all="raise", under="ignore"):
        q_p = after_comb(q_y, sigma)
    assert q_y - 1e-6 <= q_p <= 1 + 1e-6


@given(unit, unit, unit, st.sampled_from(SIGMAS))
def test_more_wanted_coherence_never_asks_for_less_comb(low, high, q_y, sigma):
    low, high = min(low, high), max(low, high)
    q_p = after_comb(q_y, sigma)
    assert closed_form(low, q_y, q_p) <= closed_form(high, q_y, q_p) + 1e-4


def test_attenuation_follows_the_formula():
    q_x, q_p = 0.9, 0.6
    assert attenuation(band(q_x), band(q_p))[0, 0] == pytest.approx(
        np.sqrt((1.03 - q_x**2) / (1.03 - q_p**2)), abs=1e-6
    )
    assert attenuation(band(0.6), band(0.6))[0, 0] == 1
    assert attenuation(band(0.3), band(0.9))[0, 0] == 1
    lowest = attenuation(band(1.0), band(0.0))[0, 0]
    assert lowest == pytest.approx(np.sqrt(0.03 / 1.03), abs=1e-6)


def test_coherence_of_known_signals():
    energy = np.array([[4.0, 4.0, 0.0, 4.0]], np.float32)
    combed = np.array([[1.0, 1.0, 0.0, 0.0]], np.float32)
    cross = np.array([[2.0, -1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(coherence(cross, energy, combed), [[1, 0, 0, 0]], atol=1e-6)


def test_coherence_fades_where_nothing_can_be_heard_and_rounding_takes_it_nowhere():
    faint, loud = band(1e-30), band(9.0)
    assert coherence(faint, faint, faint)[0, 0] == pytest.approx(0.5)
    assert coherence(np.nextafter(loud, np.float32(10)), loud, loud)[0, 0] == 1


@given(st.floats(0, 1e4, width=32), st.floats(0, 1e4, width=32), st.floats(-1, 1, width=32))
def test_coherence_stays_between_0_and_1(energy, combed, share):
    cross = np.float32(share) * np.sqrt(np.float32(energy)) * np.sqrt(np.float32(combed))
    with np.errstate(all="raise", under="ignore"):
        q = float(coherence(band(cross), band(energy), band(combed))[0, 0])
    assert 0 <= q <= 1
    if min(energy, combed) > 1e-6 and share > 0:
        assert q == pytest.approx(share, abs=1e-5)


@given(unit, unit)
def test_mixed_power_is_the_power_of_the_mix(r, q_y):
    """y = (1, 0) and p = (q_y, sqrt(1 - q_y^2)) have norm 1 and coherence q_y."""
    y, p = np.array([1, 0]), np.array([q_y, np.sqrt(1 - q_y**2)])
    mix = (1 - r) * y + r * p
    assert mixed_power(band(r), band(q_y))[0, 0] == pytest.approx(mix @ mix, abs=1e-6)
