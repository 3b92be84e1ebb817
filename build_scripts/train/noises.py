"""Synthetic noises, for kinds that recordings have too little of. Each returns float32 (samples,) of RMS 1."""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from percepnet_wasm.constants import SAMPLE_RATE


def generate(rng: np.random.Generator, length: int) -> np.ndarray:
    """Draw one kind of noise."""
    kinds = (coloured, coloured, hum, fan, siren, wind, clicks, typing, engine, music, calls, drops, drops, insects)
    noise = kinds[rng.integers(len(kinds))](rng, length)
    return (noise / (np.sqrt(np.mean(noise**2)) + 1e-9)).astype(np.float32)


def white(rng: np.random.Generator, length: int) -> np.ndarray:
    """White noise."""
    return rng.standard_normal(length)


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


def engine(rng: np.random.Generator, length: int) -> np.ndarray:
    """A motor that speeds up and slows down: the firing's harmonics, and air that pulses with it, through a body."""
    course = _slow_modulation(rng, length, depth_db=rng.uniform(0.5, 4))
    phase = 2 * np.pi * np.cumsum(rng.uniform(12, 150) * course) / SAMPLE_RATE
    slope = rng.uniform(0.3, 1.5)
    tones = sum(rng.uniform(0.2, 1) * k**-slope * np.sin(k * phase + rng.uniform(0, 6)) for k in range(1, 25))
    air = rng.standard_normal(length) * (1 + rng.uniform(0, 1) * np.sin(phase * rng.integers(1, 4)))
    return _body(rng, tones + rng.uniform(0.05, 1) * air, 4)


def music(rng: np.random.Generator, length: int) -> np.ndarray:
    """Notes of a scale in one to three parts, plucked or held."""
    out = 1e-4 * rng.standard_normal(length)
    scale = 2 ** (np.cumsum(rng.choice([1, 2, 2, 3], 14)) / 12)
    for _ in range(rng.integers(1, 4)):
        lowest, beat, held = rng.uniform(50, 500), rng.uniform(0.1, 0.7), rng.random() < 0.5
        timbre = rng.uniform(0, 1, 12) * np.arange(1, 13) ** -rng.uniform(0.3, 2)
        position = 0
        while position < length:
            time = np.arange(int(beat * rng.choice([1, 1, 2, 4]) * SAMPLE_RATE)) / SAMPLE_RATE
            phase = 2 * np.pi * lowest * rng.choice(scale) * time
            course = np.minimum(1, time / rng.uniform(0.002, 0.05)) * np.minimum(1, (time[-1] - time) / 0.01)
            note = course * (1 if held else np.exp(-time * rng.uniform(2, 15)))
            note = note * sum(a * np.sin(k * phase) for k, a in enumerate(timbre, 1))
            piece = out[position : position + len(note)]
            piece += rng.uniform(0.3, 1) * note[: len(piece)]
            position += len(note)
    return out


def calls(rng: np.random.Generator, length: int) -> np.ndarray:
    """Animals, a crying child, squeaks: gliding harmonics through a throat, again and again."""
    out = 1e-4 * rng.standard_normal(length)
    pitch_hz, duration_s, pause_s = np.exp(rng.uniform(np.log((150, 0.08, 0.05)), np.log((2500, 1.2, 1.5))))
    harmonics = int(min(20, 16000 / pitch_hz))
    levels = rng.uniform(0, 1, harmonics) * np.arange(1, harmonics + 1) ** -rng.uniform(0, 1.5)
    rough, glide, vibrato = rng.uniform(0, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(0, 0.1)
    position = int(rng.exponential(pause_s) * SAMPLE_RATE)
    while position < length:
        time = np.linspace(0, 1, int(duration_s * rng.lognormal(0, 0.3) * SAMPLE_RATE) + 2)
        seconds = len(time) / SAMPLE_RATE
        bend = 1 + glide * (time - time**2) * 4 + vibrato * np.sin(2 * np.pi * rng.uniform(4, 12) * seconds * time)
        phase = 2 * np.pi * np.cumsum(pitch_hz * rng.uniform(0.85, 1.15) * bend) / SAMPLE_RATE
        call = sum(a * np.sin(k * phase) for k, a in enumerate(levels, 1)) + rough * rng.standard_normal(len(time))
        call = call * np.sin(np.pi * time) ** rng.uniform(0.3, 1.5)
        piece = out[position : position + len(call)]
        piece += rng.lognormal(0, 0.3) * call[: len(piece)]
        position += len(call) + int(rng.exponential(pause_s) * SAMPLE_RATE)
    return _body(rng, out, 3)


def drops(rng: np.random.Generator, length: int) -> np.ndarray:
    """Rain, running water, gravel, rustling: from a few to thousands of short sounds a second, over a bed of noise."""
    density = np.exp(rng.uniform(np.log(4), np.log(3000)))
    times = rng.integers(0, length, max(1, rng.poisson(density * length / SAMPLE_RATE)))
    strikes = np.zeros(length, np.float32)
    np.add.at(strikes, times, (rng.lognormal(0, rng.uniform(0.3, 1.2), len(times)) * rng.choice([-1, 1], len(times))))
    out = np.zeros(length)
    for _ in range(rng.integers(1, 4)):  # a few kinds of drops, each a ringing of its own
        some = strikes * (rng.random(length) < 0.6)
        radius, angle = np.exp(-rng.uniform(30, 3000) / SAMPLE_RATE), 2 * np.pi * rng.uniform(300, 12000) / SAMPLE_RATE
        ringing = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], some)
        out += ringing / (np.std(ringing) + 1e-12) * rng.uniform(0.2, 1)
    bed = coloured(rng, length)
    return out + rng.uniform(0, 0.7) * bed / (np.std(bed) + 1e-9)


def insects(rng: np.random.Generator, length: int) -> np.ndarray:
    """Crickets, cicadas, whirring bearings: a narrow hiss or tone, pulsed fast, in verses with pauses."""
    time = np.arange(length) / SAMPLE_RATE
    out = np.zeros(length)
    for _ in range(rng.integers(1, 4)):
        centre = np.exp(rng.uniform(np.log(1500), np.log(11000)))
        width = centre * np.exp(rng.uniform(np.log(0.01), np.log(0.4)))
        band = (centre - width, min(centre + width, SAMPLE_RATE / 2 - 1))
        hiss = sosfilt(butter(2, band, "band", fs=SAMPLE_RATE, output="sos"), rng.standard_normal(length))
        pulse = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(8, 180) * time + rng.uniform(0, 6))
        out += rng.uniform(0.2, 1) * hiss / np.std(hiss) * pulse ** rng.uniform(0.1, 4)
    verse_s, sung = np.exp(rng.uniform(np.log(0.1), np.log(8))), rng.uniform(0.2, 1)
    return out * ((time / verse_s + rng.random()) % 1 < sung) + 1e-4 * rng.standard_normal(length)


def _body(rng: np.random.Generator, source: np.ndarray, most: int) -> np.ndarray:
    """The source, and up to ``most`` resonances that it excites."""
    out = source / (np.std(source) + 1e-9)
    for _ in range(rng.integers(1, most + 1)):
        centre = np.exp(rng.uniform(np.log(150), np.log(6000)))
        width = centre / rng.uniform(3, 20)
        band = np.minimum((centre - width, centre + width), SAMPLE_RATE / 2 - 1)
        ringing = sosfilt(butter(1, band, "band", fs=SAMPLE_RATE, output="sos"), source)
        out = out + rng.uniform(0.3, 3) * ringing / (np.std(ringing) + 1e-9)
    return out


def _slow_modulation(rng: np.random.Generator, length: int, depth_db: float = 6) -> np.ndarray:
    """A gain that wanders by about ``depth_db``, interpolated between points a third of a second apart."""
    points = np.cumsum(rng.standard_normal(3 + 3 * length // SAMPLE_RATE)) * depth_db / 3
    points = lfilter([1], [1, -0.5], points - points.mean())
    position = np.linspace(0, len(points) - 1, length)
    return 10 ** (np.interp(position, np.arange(len(points)), np.clip(points, -depth_db, depth_db)) / 20)
