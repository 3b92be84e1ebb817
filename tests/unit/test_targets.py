"""Ideal gains and strengths by their formulas, on band values given by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from percepnet_wasm.oracle.targets import targets
from percepnet_wasm.signal.coherence import attenuation, combed_coherence, strength
from percepnet_wasm.signal.comb import noise_power


def frame(energy, coherence, period=160):
    """What targets() looks at, of one frame with as many bands as there are numbers."""
    energy, coherence = (np.array([values], np.float32) for values in np.broadcast_arrays(energy, coherence))
    return SimpleNamespace(energy=energy, coherence=coherence, period=np.array([period]))


def ideal(noisy, clean):
    return targets(noisy, clean, noisy.period)


def test_gains_are_the_roots_of_what_the_speech_has_of_the_energy_and_at_most_one():
    found = ideal(frame([4, 4, 4, 4], 0.5), frame([0, 1, 4, 9], 0.5))
    np.testing.assert_allclose(found.plain_gain, [[0, 0.5, 1, 1]], atol=1e-6)
    np.testing.assert_array_equal(found.gain, found.plain_gain)  # periodic enough: nothing is attenuated


def test_what_cannot_be_heard_has_gains_too():
    with np.errstate(all="raise", under="ignore"):
        found = ideal(frame([0, 0, 1e-31, 1e-30, 1e-35], 0), frame([0, 1, 1e-31, 1e-30, 1e-36], 0))
    assert found.plain_gain[0, :2].tolist() == [0, 0]
    assert found.plain_gain[0, 3] == pytest.approx(np.sqrt(0.5), rel=1e-4)
    assert ((found.gain >= 0) & (found.gain <= 1)).all()


@pytest.mark.parametrize("period", [100, 160, 400, 700])
def test_the_comb_that_was_used_decides_strength_and_attenuation(period):
    wanted, heard = np.array([0.3, 0.8, 0.95, 1.0]), np.array([0.6, 0.5, 0.6, 0.2])
    found = ideal(frame(4, heard, period), frame(1, wanted, period))
    q_x, q_y = np.float32([wanted]), np.float32([heard])
    q_p = combed_coherence(q_y, noise_power(np.array([period])))
    np.testing.assert_allclose(found.strength, strength(q_x, q_y, q_p), atol=1e-6)
    np.testing.assert_allclose(found.gain, 0.5 * attenuation(q_x, q_p), atol=1e-6)
    assert found.gain[0, 3] < 0.4 and found.gain[0, 0] == pytest.approx(0.5)
