"""Synthetic signals that several tests share; float32 at 48 kHz unless said otherwise."""

import functools

import numpy as np

from build_scripts.site.make_clip import make_clip
from percepnet_wasm.constants import SAMPLE_RATE


@functools.cache
def talk(snr_db=8.0):
    """The bundled clip at a ratio, made once for all tests; its arrays can only be read."""
    clip = make_clip(snr_db=snr_db)
    for array in vars(clip).values():
        array.flags.writeable = False
    return clip


def harmonic(hertz, tilt=1.0, weights=None, top_hz=8000, level=0.1):
    """A harmonic sound whose fundamental follows ``hertz`` (one value a sample).

    ``weights`` gives the amplitudes of the first harmonics; without it, harmonic k has k^-tilt up to ``top_hz``.
    """
    hertz = np.asarray(hertz, float)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    if weights is None:
        weights = [k**-tilt for k in range(1, int(top_hz / hertz.min()) + 1)]
    sound = np.zeros(len(hertz))
    for k, weight in enumerate(weights, 1):
        if weight:
            sound += weight * np.sin(k * phase + 1.7 * k) * (k * hertz < top_hz)
    return (level * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def glide(start_hz, end_hz, seconds):
    """Fundamental moving evenly in octaves, one value a sample."""
    return np.geomspace(start_hz, end_hz, int(seconds * SAMPLE_RATE))


def resonate(samples, hertz, bandwidth_hz):
    """Sharpen one formant: a two-pole resonance."""
    from scipy.signal import lfilter

    radius = np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE)
    out = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hertz / SAMPLE_RATE), radius**2], samples)
    return (out * np.std(samples) / np.std(out)).astype(np.float32)


def noise(seconds, level=0.1, seed=0):
    """White noise."""
    count = int(seconds * SAMPLE_RATE)
    return (level * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def speech_like(seconds, seed=0, level=0.05):
    """Voiced stretches with a wandering pitch and two formants, hisses and pauses of exact zeros."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * SAMPLE_RATE:
        start = rng.uniform(90, 250)
        voiced = harmonic(glide(start, start * rng.uniform(0.8, 1.25), rng.uniform(0.1, 0.4)))
        voiced = resonate(voiced, rng.uniform(300, 800), 100) + resonate(voiced, rng.uniform(1000, 2500), 150)
        parts += [voiced * np.hanning(len(voiced)), noise(rng.uniform(0.03, 0.1), 0.03, rng.integers(2**32))]
        parts.append(np.zeros(int(rng.uniform(0.05, 0.2) * SAMPLE_RATE)))
    sound = np.concatenate(parts)[: int(seconds * SAMPLE_RATE)]
    return (level * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)
