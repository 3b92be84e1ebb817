"""A small formant synthesiser: a glottal source, noise, and resonators that glide from phone to phone.

Not a voice to listen to for long, but speech to a suppressor: harmonics with a moving pitch, formants with transitions,
fricatives, stops. After D. Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980), at 48 kHz.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Array = NDArray[np.float64]

RATE = 48000
"""Samples per second."""

BLOCK = 96
"""Samples between updates of the resonators: 2 ms, too short for the steps to be audible."""

OVERSAMPLING = 4
"""The glottal pulse has a corner in every period; made at four times the rate, its aliases fall away."""


@dataclass(frozen=True)
class Voice:
    """A talker: mean pitch, and the scale of the formants (1 for a man, about 1.16 for a woman)."""

    pitch_hz: float
    tract: float


@dataclass(frozen=True)
class Phone:
    """One sound: its length, formants at its beginning and end, and the strength of its three sources."""

    ms: float
    formants: tuple[float, float, float]
    to: tuple[float, float, float] | None = None
    voice: float = 1.0
    breath: float = 0.0
    hiss: float = 0.0
    hiss_hz: float = 4000.0
    hiss_width: float = 3000.0


def stop(place: tuple[float, float, float], voiced: bool, hz: float, width: float) -> tuple[Phone, ...]:
    """Build a stop consonant: closure, burst, and the puff of breath after a voiceless one."""
    closure = Phone(50, place, voice=0.12 if voiced else 0.0)
    burst = Phone(12, place, voice=0.1 if voiced else 0.0, hiss=0.45, hiss_hz=hz, hiss_width=width)
    puff = Phone(38, place, voice=0.0, breath=0.5, hiss=0.08, hiss_hz=hz, hiss_width=width)
    return (closure, burst) if voiced else (closure, burst, puff)


LIPS, TEETH, PALATE = (260.0, 950.0, 2200.0), (280.0, 1700.0, 2600.0), (280.0, 2000.0, 2500.0)
"""Formants towards which the tongue or lips pull at the place of a consonant, in hertz."""

# Formants in hertz, of a man: after Peterson and Barney (1952) and Klatt (1980).
PHONES: dict[str, tuple[Phone, ...]] = {
    "IY": (Phone(90, (270, 2290, 3010)),),
    "IH": (Phone(75, (390, 1990, 2550)),),
    "EH": (Phone(85, (530, 1840, 2480)),),
    "AE": (Phone(100, (660, 1720, 2410)),),
    "AH": (Phone(85, (640, 1190, 2390)),),
    "AO": (Phone(105, (570, 840, 2410)),),
    "UW": (Phone(85, (300, 870, 2240)),),
    "ER": (Phone(90, (490, 1350, 1690)),),
    "AX": (Phone(55, (500, 1450, 2450)),),
    "EY": (Phone(120, (480, 1980, 2600), (330, 2250, 2900)),),
    "AY": (Phone(140, (740, 1200, 2500), (350, 2100, 2700)),),
    "OW": (Phone(125, (550, 1000, 2400), (350, 820, 2300)),),
    "AW": (Phone(140, (750, 1300, 2500), (390, 900, 2300)),),
    "W": (Phone(65, (290, 640, 2200), voice=0.6),),
    "Y": (Phone(60, (270, 2150, 3000), voice=0.6),),
    "R": (Phone(65, (330, 1080, 1450), voice=0.65),),
    "L": (Phone(65, (340, 1050, 2880), voice=0.6),),
    "M": (Phone(70, (250, 950, 2200), voice=0.35),),
    "N": (Phone(65, (250, 1650, 2600), voice=0.35),),
    "S": (Phone(105, TEETH, voice=0.0, hiss=0.5, hiss_hz=7200, hiss_width=4200),),
    "SH": (Phone(105, PALATE, voice=0.0, hiss=0.5, hiss_hz=3600, hiss_width=2200),),
    "F": (Phone(90, LIPS, voice=0.0, hiss=0.13, hiss_hz=8500, hiss_width=9000),),
    "TH": (Phone(90, TEETH, voice=0.0, hiss=0.13, hiss_hz=7500, hiss_width=8000),),
    "HH": (Phone(60, (500, 1500, 2500), voice=0.0, breath=0.6),),
    "Z": (Phone(75, TEETH, voice=0.3, hiss=0.25, hiss_hz=7200, hiss_width=4200),),
    "V": (Phone(60, LIPS, voice=0.35, hiss=0.05, hiss_hz=8500, hiss_width=9000),),
    "DH": (Phone(45, TEETH, voice=0.4, hiss=0.04, hiss_hz=7500, hiss_width=8000),),
    "P": stop(LIPS, False, 1500, 2500),
    "B": stop(LIPS, True, 1200, 2000),
    "T": stop(TEETH, False, 5500, 4000),
    "D": stop(TEETH, True, 4500, 4000),
    "K": stop(PALATE, False, 2300, 1500),
    "G": stop(PALATE, True, 2100, 1500),
}

FORMANT_WIDTHS_HZ = (70.0, 95.0, 150.0)
"""Bandwidths of the three moving formants."""


def say(phones: str, voice: Voice, rng: np.random.Generator) -> Array:
    """Speak a sentence.

    Parameters
    ----------
    phones : str
        Names from ``PHONES`` between spaces; a ``1`` behind a vowel stresses it (longer, higher, louder).
    voice : Voice
        Who speaks.
    rng : numpy.random.Generator
        Source of the noise and of the voice's small irregularities.

    Returns
    -------
    ndarray of float64, shape (n,)
        Audio at 48 kHz; its level is arbitrary.

    Raises
    ------
    KeyError
        A name is not in ``PHONES``.
    """
    tracks = plan(phones.split(), voice)
    length = tracks["voice"].size * BLOCK
    voiced = glottis(stretch(tracks["pitch"]), rng) * stretch(tracks["voice"])
    breath = rng.standard_normal(length) * (0.02 * stretch(tracks["voice"]) + 0.12 * stretch(tracks["breath"]))
    mouth = glide(voiced + breath, [resonator(tracks[f"f{i}"], FORMANT_WIDTHS_HZ[i]) for i in range(3)])
    mouth = signal.sosfilt(upper_formants(voice.tract), mouth)
    hiss = glide(rng.standard_normal(length), [bandpass(tracks["hiss_hz"], tracks["hiss_width"])])
    # Lips radiate the change of the flow; the pulse is a derivative already, the breath and hiss are made as such.
    return mouth / 1.5 + hiss * stretch(tracks["hiss"])


def plan(names: list[str], voice: Voice) -> dict[str, Array]:
    """Lay the phones on a grid of ``BLOCK`` samples and smooth their targets into movements."""
    rows: list[list[float]] = []
    stressed: list[float] = []
    for place, name in enumerate(names):
        stress = name.endswith("1")
        slow = (1.35 if stress else 1.0) * (1.4 if place >= len(names) - 2 else 1.0)
        for phone in PHONES[name.rstrip("1")]:
            count = max(2, round(phone.ms * slow * RATE / 1000 / BLOCK))
            for part in np.linspace(0, 1, count):
                formants = np.array(phone.formants, dtype=float)
                if phone.to is not None:
                    formants += part * (np.array(phone.to) - formants)
                loud = phone.voice * (1.0 if stress or phone.voice < 1 else 0.75)
                sources = (loud, phone.breath, phone.hiss, phone.hiss_hz, phone.hiss_width)
                rows.append([*(formants * voice.tract), *sources])
                stressed.append(float(stress))
    tail = round(0.06 * RATE / BLOCK)
    rows += [[*rows[-1][:3], 0.0, 0.0, 0.0, *rows[-1][6:]]] * tail
    grid = np.array(rows).T
    fall = np.linspace(1.12, 0.8, grid.shape[1])
    accent = smooth(np.array(stressed + [0.0] * tail), 140)
    tracks = dict(zip(("f0", "f1", "f2", "voice", "breath", "hiss", "hiss_hz", "hiss_width"), grid, strict=True))
    for name in ("f0", "f1", "f2"):
        tracks[name] = smooth(tracks[name], 50)
    for name in ("voice", "breath", "hiss"):
        tracks[name] = smooth(tracks[name], 16)
    tracks["pitch"] = voice.pitch_hz * fall * (1 + 0.25 * accent)
    return tracks


def smooth(track: Array, ms: float) -> Array:
    """Average over a Hann window of ``ms`` milliseconds, the ends held."""
    window = np.hanning(max(3, round(ms * RATE / 1000 / BLOCK)) + 2)[1:-1]
    side = window.size // 2
    padded = np.pad(track, (side, window.size - 1 - side), mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")


def stretch(track: Array) -> Array:
    """Interpolate a track from the grid to samples."""
    grid = (np.arange(track.size) + 0.5) * BLOCK
    return np.interp(np.arange(track.size * BLOCK), grid, track)


def glottis(pitch: Array, rng: np.random.Generator) -> Array:
    """Return the derivative of the glottal flow: cubic pulses (Klatt's KLGLOTT88), slightly irregular.

    Parameters
    ----------
    pitch : ndarray, shape (n,)
        Fundamental frequency in hertz at each sample.
    """
    fine = np.repeat(pitch, OVERSAMPLING)
    wander = np.repeat(smooth(rng.standard_normal(pitch.size // BLOCK), 30), BLOCK * OVERSAMPLING)
    cycles = np.cumsum(fine * (1 + 0.02 * wander)) / (RATE * OVERSAMPLING)
    number = cycles.astype(int)
    loud = 1 + 0.05 * rng.standard_normal(number[-1] + 1)
    opening = (cycles - number) / 0.6
    pulse = np.where(opening < 1, 2 * opening - 3 * opening**2, 0.0) * loud[number]
    # The vocal folds do not close at one instant: soften the corner.
    pulse = signal.lfilter([0.12], [1, -0.88], pulse)
    return signal.resample_poly(pulse, 1, OVERSAMPLING)


def resonator(hz: Array, width: float) -> Array:
    """Return second-order sections, shape (blocks, 6), of formants with unit gain at 0 Hz."""
    radius = np.exp(-np.pi * width / RATE)
    a1, a2 = -2 * radius * np.cos(2 * np.pi * hz / RATE), np.full(hz.shape, radius**2)
    zero, one = np.zeros_like(a1), np.ones_like(a1)
    return np.stack([1 + a1 + a2, zero, zero, one, a1, a2], axis=-1)


def bandpass(hz: Array, width: Array) -> Array:
    """Return second-order sections, shape (blocks, 6), of bands with unit gain at their centres."""
    tangent = np.tan(np.pi * np.minimum(width, 0.45 * RATE) / RATE)
    cosine = np.cos(2 * np.pi * hz / RATE)
    gain = tangent / (1 + tangent)
    zero, one = np.zeros_like(gain), np.ones_like(gain)
    return np.stack([gain, zero, -gain, one, -2 * cosine / (1 + tangent), (1 - tangent) / (1 + tangent)], axis=-1)


def upper_formants(tract: float) -> Array:
    """Return the fixed formants from the fourth upwards, shape (sections, 6).

    A tube has further resonances about every 1000 Hz; without them everything above 5 kHz would be dull.
    """
    hz = np.arange(3500.0, 20000.0, 1000.0) * tract
    hz = hz[hz < 21000]
    return np.stack([resonator(np.array([f]), 100 + f * f / 5e4)[0] for f in hz])


def glide(audio: Array, sections: list[Array]) -> Array:
    """Filter with sections that change from block to block, their state carried over."""
    sos = np.ascontiguousarray(np.stack(sections, axis=1))
    state = np.zeros((sos.shape[1], 2))
    output = np.empty_like(audio)
    for k in range(sos.shape[0]):
        block = slice(k * BLOCK, (k + 1) * BLOCK)
        output[block], state = signal.sosfilt(sos[k], audio[block], zi=state)
    return output
