"""Levels above the floor and below the peak, against the definition written out number by number."""

import math

import numpy as np
import pytest
from hostile import covers, examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import ENERGY_FLOOR
from percepnet_wasm.signal.levels import LEVELS, LevelState, relative_levels

SILENCE = np.float32(np.log10(ENERGY_FLOOR))


def by_definition(levels):
    """One band in plain numbers: (frames,) to above, below."""
    smooth = floor = peak = None
    out = []
    for level in map(float, levels):
        heard = 10**level - float(ENERGY_FLOOR) > float(ENERGY_FLOOR)
        if heard and smooth is None:
            smooth = floor = peak = level
        elif heard:
            smooth += 0.3 * (level - smooth)
            floor = min(smooth, floor + (0.012 if smooth - floor > 1.5 else 0.003))
            peak = max(smooth, peak - 0.003)
        begun = smooth is not None
        above = min(max(level - floor, -2), 4) if begun else 0
        below = min(max(level - peak, -4), 2) if begun else 0
        out.append((above, below))
    return np.array(out)


def test_every_band_follows_the_definition():
    rng = np.random.default_rng(1)
    energies = (rng.uniform(-6, 1, BANDS) + 0.5 * rng.standard_normal((400, BANDS))).astype(np.float32)
    energies[100:150] += 3  # a step up, and down again
    energies[:20, :5] = energies[200:240] = energies[300:301, 3] = SILENCE
    found, _ = relative_levels(energies)
    assert found.shape == (400, LEVELS) and found.dtype == np.float32
    for band in range(BANDS):
        expected = by_definition(energies[:, band])
        np.testing.assert_allclose(found[:, band], expected[:, 0], atol=1e-4)
        np.testing.assert_allclose(found[:, BANDS + band], expected[:, 1], atol=1e-4)


def test_digital_silence_changes_nothing_and_is_nothing_before_the_first_sound():
    silence = np.full((50, BANDS), SILENCE)
    found, state = relative_levels(silence)
    assert not found.any() and not state.begun.any()
    sound = np.full((10, BANDS), -3, np.float32)
    _, before = relative_levels(sound, state)
    muted, after = relative_levels(silence, before)
    for name in ("smooth", "floor", "peak", "begun"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)
    np.testing.assert_allclose(muted[-1, :BANDS], np.clip(SILENCE + 3, -2, 4), atol=1e-6)
    np.testing.assert_allclose(muted[-1, BANDS:], np.clip(SILENCE + 3, -4, 2), atol=1e-6)


@pytest.mark.parametrize(("jump", "per_second"), [(0.5, 3), (2.5, 12)])
def test_the_floor_follows_a_step_of_the_noise(jump, per_second):
    """In dB a second; a higher step is followed faster, until the floor is 15 dB away."""
    energies = np.repeat(np.float32([-4, -4 + jump]), [50, 130])[:, None].repeat(BANDS, 1)
    found, _ = relative_levels(energies)
    risen = found[60, 0] - found[110, 0]
    assert risen == pytest.approx(per_second / 10 * 0.5, rel=0.05)


@covers("signal.levels.relative_levels", "signal.levels.LevelState")
@examples(30)
@given(
    arrays(np.float32, (12, BANDS), elements=st.floats(-7.0625, 20, width=32)),
    st.integers(1, 11),
)
def test_cut_anywhere_it_is_the_same_and_bounded(energies, cut):
    whole, last = relative_levels(energies)
    first, state = relative_levels(energies[:cut], LevelState())
    second, end = relative_levels(energies[cut:], state)
    np.testing.assert_array_equal(np.concatenate((first, second)), whole)
    np.testing.assert_array_equal(end.floor, last.floor)
    assert (whole[:, :BANDS] >= -2).all() and (whole[:, :BANDS] <= 4).all()
    assert (whole[:, BANDS:] >= -4).all() and (whole[:, BANDS:] <= 2).all()
    assert math.isfinite(float(last.smooth.sum()))
