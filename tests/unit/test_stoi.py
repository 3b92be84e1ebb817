"""Our STOI agrees with the package pystoi; the page's NumPy has all it needs."""

import warnings

import numpy as np
import pytest
from pystoi import stoi as reference
from signals import noise, speech_like, talk

from percepnet_wasm.constants import SAMPLE_RATE
from percepnet_wasm.oracle.stoi import _RATE, _resampled, stoi

TOLERANCE = 1e-9
"""Both compute in float64; only the order of the sums differs."""


@pytest.fixture(scope="module")
def clip():
    return talk(3.0)


@pytest.mark.parametrize("snr_db", [-5.0, 3.0, 20.0])
def test_agrees_with_pystoi_on_speech_in_noise(clip, snr_db):
    noisy = clip.clean + clip.noise * np.float32(10 ** ((3.0 - snr_db) / 20))
    assert stoi(clip.clean, noisy) == pytest.approx(reference(clip.clean, noisy, SAMPLE_RATE), abs=TOLERANCE)


@pytest.mark.parametrize("length", [48000, 48001, 50407, 65533])
def test_agrees_with_pystoi_whatever_the_length(length):
    clean = speech_like(1.5)[:length]
    noisy = clean + noise(1.5, 0.1)[:length]
    assert stoi(clean, noisy) == pytest.approx(reference(clean, noisy, SAMPLE_RATE), abs=TOLERANCE)


def test_less_noise_is_more_intelligible(clip):
    scores = [stoi(clip.clean, clip.clean + np.float32(level) * clip.noise) for level in (4, 1, 0.25, 0)]
    assert scores == sorted(scores) and scores[-1] == pytest.approx(1)


def test_is_undefined_without_enough_speech():
    short = speech_like(0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert reference(short, short, SAMPLE_RATE) == 1e-5  # pystoi's way of saying the same
    assert stoi(short, short) is None
    assert stoi(np.zeros(1, np.float32), np.zeros(1, np.float32)) is None


def test_no_sample_at_all_is_refused():
    with pytest.raises(ValueError, match=r"clean must be of shape \(samples,\) and not empty; its shape is \(0,\)"):
        stoi(np.zeros(0, np.float32), np.zeros(0, np.float32))


def test_a_silent_result_is_not_intelligible(clip):
    assert stoi(clip.clean, np.zeros_like(clip.clean)) == pytest.approx(0, abs=1e-6)


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match="equal length, not 9 and 8 samples"):
        stoi(np.zeros(9, np.float32), np.zeros(8, np.float32))


def test_resampling_keeps_a_tone_and_removes_what_the_lower_rate_cannot_hold():
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, high = (_resampled(np.sin(2 * np.pi * f * seconds).astype(np.float32)) for f in (1000, 7000))
    expected = np.sin(2 * np.pi * 1000 * np.arange(len(low)) / _RATE)
    inside = slice(500, -500)
    np.testing.assert_allclose(low[inside], expected[inside], atol=2e-3)
    assert np.abs(high[inside]).max() < 2e-3
