"""Noise augmentation: many noises from one recording, so that a few hours of noise are not simply memorised.

Each function takes float32 (samples,) and returns as many; :func:`augment_noise` chains some of them at random.
"""

import numpy as np
from scipy.signal import hilbert

from percepnet_wasm.constants import SAMPLE_RATE

_LOWEST_HZ = 40.0


def augment_noise(rng: np.random.Generator, noise: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Change a noise so that its kind remains recognisable but the recording does not.

    Parameters
    ----------
    rng : numpy.random.Generator
    noise : float32 (samples,)
    other : float32 (samples,)
        Another noise, to borrow a spectrum or an envelope from.
    """
    if rng.random() < 0.3:
        noise = noise[::-1]
    if rng.random() < 0.25:
        noise = shuffle_grains(rng, noise)
    if rng.random() < 0.15:
        noise = shift_frequencies(rng, noise)
    draw = rng.random()
    if draw < 0.15:
        noise = match_spectrum(noise, other)
    elif draw < 0.3:
        noise = match_envelope(noise, other)
    return equalise(rng, noise, 12)


def equalise(rng: np.random.Generator, signal: np.ndarray, most_db: float) -> np.ndarray:
    """Apply a smooth random frequency response within +-``most_db``, set at 2 to 9 points over the octaves.

    ``signal`` may be (..., samples): all rows get the same response.
    """
    samples = signal.shape[-1]
    octave = np.log2(np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), _LOWEST_HZ))
    points = rng.integers(2, 10)
    place = np.sort(rng.uniform(octave[0], octave[-1], points))
    response_db = np.interp(octave, place, rng.uniform(-most_db, most_db, points))
    return np.fft.irfft(np.fft.rfft(signal) * 10 ** (response_db / 20), samples).astype(np.float32)


def shuffle_grains(rng: np.random.Generator, noise: np.ndarray) -> np.ndarray:
    """Reorder the noise in grains of 60 ms to 1.2 s, cross-faded."""
    grain = int(np.exp(rng.uniform(np.log(0.06), np.log(1.2))) * SAMPLE_RATE) // 2 * 2
    window = np.hanning(grain + 1)[:-1].astype(np.float32)
    samples = len(noise)
    if samples <= grain:
        return noise
    out = np.zeros(samples + 2 * grain, np.float32)
    for start in range(0, samples + grain, grain // 2):
        first = rng.integers(0, samples - grain)
        out[start : start + grain] += window * noise[first : first + grain]
    return out[grain // 2 : grain // 2 + samples]


def shift_frequencies(rng: np.random.Generator, noise: np.ndarray) -> np.ndarray:
    """Shift all frequencies by the same amount: tones stay tones, harmonics do not stay harmonic."""
    by_hz = rng.uniform(20, 400) * rng.choice([-1, 1])
    turn = np.exp(2j * np.pi * by_hz / SAMPLE_RATE * np.arange(len(noise)))
    return (hilbert(noise) * turn).real.astype(np.float32)


def match_spectrum(noise: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Keep the noise's envelope and give it the long-term spectrum of another noise."""
    samples = len(noise)
    spectrum = np.fft.rfft(noise)
    width = max(1, int(100 * samples / SAMPLE_RATE))
    ours, theirs = (
        np.convolve(np.abs(s) ** 2, np.ones(width) / width, "same") for s in (spectrum, np.fft.rfft(other, samples))
    )
    gain = np.sqrt(theirs / (ours + 1e-6 * ours.max() + 1e-20))
    return np.fft.irfft(spectrum * gain, samples).astype(np.float32)


def match_envelope(noise: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Keep the noise's spectrum and give it the envelope of another noise, in steps of 20 ms."""
    span = SAMPLE_RATE // 50
    ours, theirs = (_envelope(s, span) for s in (noise, np.resize(other, len(noise))))
    gain = theirs / (ours + 1e-2 * ours.max() + 1e-10)
    place = (np.arange(len(gain)) + 0.5) * span
    return (noise * np.interp(np.arange(len(noise)), place, gain)).astype(np.float32)


def _envelope(signal: np.ndarray, span: int) -> np.ndarray:
    frames = signal[: len(signal) // span * span].reshape(-1, span)
    return np.sqrt(np.mean(frames**2, axis=1))
