"""Noises made by formula, for what recordings have too little of. Each returns float32 (samples,) of RMS 1."""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from percepnet_wasm.constants import SAMPLE_RATE


def generate(rng: np.random.Generator, length: int) -> np.ndarray:
    """Draw one kind of noise."""
    kinds = (coloured, coloured, hum, fan, siren, wind, clicks, typing)
    noise = kinds[rng.integers(len(kinds))](rng, length)
    return (noise / (np.sqrt(np.mean(noise**2)) + 1e-9)).astype(np.float32)


def coloured(rng: np.random.Generator, length: int) -> np.ndarray:
    """Noise with a random slope (white to brown, or rising), a bump or a dip, and slow modulation."""
    spectrum = np.fft.rfft(rng.standard_normal(length).astype(np.float32))
    frequency = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(frequency, 30) / 1000)
    centre, width, depth = rng.uniform(-4, 4), rng.uniform(0.3, 2), rng.uniform(-12, 12)
    shape_db = -rng.uniform(-2, 8) * octaves + depth * np.exp(-(((octaves - centre) / width) ** 2))
    noise = np.fft.irfft(spectrum * 10 ** (shape_db / 20), length)
    return noise * _slow_modulation(rng, length) if rng.random() < 0.5 else noise


def hum(rng: np.random.Generator, length: int) -> np.ndarray:
    """Mains hum: 5 to 40 harmonics of 50 or 60 Hz over a little noise."""
    base = rng.choice([50.0, 60.0]) * rng.uniform(0.998, 1.002)
    time = np.arange(length) / SAMPLE_RATE
    noise = 0.02 * rng.standard_normal(length)
    slope = rng.uniform(0.3, 1.5)
    for harmonic in range(1, rng.integers(5, 41)):
        level = harmonic**-slope * rng.uniform(0.1, 1)
        noise += level * np.sin(2 * np.pi * base * harmonic * time + rng.uniform(0, 2 * np.pi))
    return noise


def fan(rng: np.random.Generator, length: int) -> np.ndarray:
    """Blade tones that drift a little, over broadband air."""
    air = coloured(rng, length)
    air /= np.std(air) + 1e-9
    speed = rng.uniform(20, 250) * (1 + 0.01 * (_slow_modulation(rng, length) - 1))
    phase = 2 * np.pi * np.cumsum(speed) / SAMPLE_RATE
    tones = sum(rng.uniform(0, 1) / k * np.sin(k * phase + rng.uniform(0, 6)) for k in range(1, rng.integers(3, 12)))
    return air + rng.uniform(0.1, 1.5) * tones


def siren(rng: np.random.Generator, length: int) -> np.ndarray:
    """Sirens, alarms, ring tones: swept or stepped tones with harmonics, some in on-off bursts."""
    time = np.arange(length) / SAMPLE_RATE
    low, high = np.sort(rng.uniform(300, 4000, 2))
    rate = rng.uniform(0.2, 8)
    sweep = 0.5 + 0.5 * np.sin(2 * np.pi * rate * time) if rng.random() < 0.6 else (time * rate % 1 < 0.5).astype(float)
    phase = 2 * np.pi * np.cumsum(low + (high - low) * sweep) / SAMPLE_RATE
    tone = sum(rng.uniform(0, 1) / k * np.sin(k * phase) for k in range(1, rng.integers(2, 6)))
    if rng.random() < 0.5:
        tone = tone * (time * rng.uniform(0.5, 4) % 1 < rng.uniform(0.3, 0.8))
    return tone + 1e-3 * rng.standard_normal(length)


def wind(rng: np.random.Generator, length: int) -> np.ndarray:
    """Wind on the microphone: gusts of low-passed noise."""
    corner = rng.uniform(80, 400)
    rumble = sosfilt(butter(2, corner, fs=SAMPLE_RATE, output="sos"), rng.standard_normal(length))
    return rumble * _slow_modulation(rng, length, depth_db=15)


def clicks(rng: np.random.Generator, length: int) -> np.ndarray:
    """Keys, clicks, dishes: short decaying resonances at random times."""
    noise = 1e-4 * rng.standard_normal(length)
    for _ in range(rng.integers(2, 2 + 6 * max(1, length // SAMPLE_RATE))):
        duration = int(rng.uniform(0.005, 0.12) * SAMPLE_RATE)
        start = rng.integers(0, max(1, length - duration))
        time = np.arange(duration) / SAMPLE_RATE
        decay = np.exp(-time * rng.uniform(20, 400))
        body = rng.standard_normal(duration) * rng.uniform(0, 1)
        for _ in range(rng.integers(0, 4)):
            body += np.sin(2 * np.pi * rng.uniform(200, 9000) * time + rng.uniform(0, 6))
        noise[start : start + duration] += rng.lognormal(0, 0.7) * decay * body
    return noise


def typing(rng: np.random.Generator, length: int) -> np.ndarray:
    """A keyboard: each key knocks when it is pressed and, more softly, when it is let go; one board sounds alike."""
    noise = 1e-4 * rng.standard_normal(length)
    body_hz, ring_hz = rng.uniform(100, 500), rng.uniform(1500, 7000, rng.integers(1, 4))
    damping, brightness = rng.uniform(60, 400), rng.uniform(0.2, 3)
    time = np.arange(int(0.05 * SAMPLE_RATE)) / SAMPLE_RATE

    def knock(position: int, level: float) -> None:
        sound = brightness * rng.standard_normal(len(time)) * np.exp(-time * damping * 4)
        for hertz in (body_hz, *ring_hz):
            sound += np.sin(2 * np.pi * hertz * rng.uniform(0.95, 1.05) * time) * np.exp(-time * damping)
        piece = noise[position : position + len(time)]
        piece += level * sound[: len(piece)]

    position, pace_s = 0, rng.uniform(0.07, 0.3)
    while position < length:
        level = rng.lognormal(0, 0.4)
        knock(position, level)
        knock(position + int(rng.uniform(0.04, 0.12) * SAMPLE_RATE), level * rng.uniform(0.1, 0.7))
        position += int((pace_s * rng.lognormal(0, 0.5) + (rng.random() < 0.08) * 0.7) * SAMPLE_RATE) + 1
    return noise


def _slow_modulation(rng: np.random.Generator, length: int, depth_db: float = 6) -> np.ndarray:
    """A gain that wanders by about ``depth_db``, interpolated between points a third of a second apart."""
    points = np.cumsum(rng.standard_normal(3 + 3 * length // SAMPLE_RATE)) * depth_db / 3
    points = lfilter([1], [1, -0.5], points - points.mean())
    position = np.linspace(0, len(points) - 1, length)
    return 10 ** (np.interp(position, np.arange(len(points)), np.clip(points, -depth_db, depth_db)) / 20)
