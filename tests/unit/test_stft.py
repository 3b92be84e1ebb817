"""The transform against SciPy's, and back again."""

import numpy as np
import pytest
from scipy.signal import ShortTimeFFT

from percepnet_wasm.constants import BINS, HOP, SAMPLE_RATE, WINDOW
from percepnet_wasm.signal.stft import IstftState, StftState, istft, stft, vorbis_window, windowed_fft

FRAMES = 40


def framed(samples):
    """Frames t = 0, 1, ...: window t covers samples HOP (t - 1) to HOP (t + 1), and nothing was heard before 0."""
    padded = np.concatenate((np.zeros(HOP, np.float32), samples))
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]


def transformed(samples):
    return windowed_fft(framed(samples))


@pytest.fixture
def noise():
    return np.random.default_rng(1).standard_normal(FRAMES * HOP).astype(np.float32)


def test_window_is_power_complementary():
    window = vorbis_window().astype(np.float64)
    np.testing.assert_allclose(window[:HOP] ** 2 + window[HOP:] ** 2, 1, atol=1e-6)
    np.testing.assert_allclose(window, window[::-1], atol=1e-6)


def test_window_is_vorbis():
    n = np.arange(WINDOW)
    expected = np.sin(np.pi / 2 * np.sin(np.pi * (n + 0.5) / WINDOW) ** 2)
    np.testing.assert_allclose(vorbis_window(), expected, atol=1e-7)


def test_equals_scipy(noise):
    # SciPy's slice p is centred on sample HOP p, as our window t is.
    scipys = ShortTimeFFT(vorbis_window().astype(np.float64), HOP, SAMPLE_RATE, phase_shift=None)
    reference = scipys.stft(noise, 0, FRAMES).T
    ours = transformed(noise)
    assert ours.shape == (FRAMES, BINS)
    np.testing.assert_allclose(ours, reference, atol=2e-4)


@pytest.mark.parametrize("block", [1, 2, 4, FRAMES])
def test_reconstruction_is_perfect_and_one_hop_late(noise, block):
    spectra = transformed(noise)
    state = IstftState()
    out = np.concatenate([istft(spectra[first : first + block], state) for first in range(0, FRAMES, block)])
    np.testing.assert_allclose(out[HOP:], noise[:-HOP], atol=2e-6)
    np.testing.assert_allclose(out[:HOP], 0, atol=1e-6)


@pytest.mark.parametrize("block", [1, 2, FRAMES])
def test_a_stream_has_the_frames_of_the_whole_signal(noise, block):
    state = StftState()
    streamed = np.concatenate([stft(piece, state) for piece in noise.reshape(-1, block * HOP)])
    np.testing.assert_allclose(streamed, transformed(noise), atol=1e-5)


def test_spectra_are_unscaled():
    sine = np.sin(2 * np.pi * 100 * np.arange(4 * HOP) / WINDOW).astype(np.float32)
    level = np.abs(transformed(sine)[2])
    assert level.argmax() == 100
    assert level.max() == pytest.approx(vorbis_window().sum() / 2, rel=1e-5)
