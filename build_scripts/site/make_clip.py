"""Make the bundled noisy clip: synthetic speech by ``speech_synthesis`` in generated noise, so its licence is ours.

Tests use its parts: the clean speech, the noise, and where speech is.
"""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from .speech_synthesis import RATE, Voice, say

Audio = NDArray[np.float32]

LOW = Voice(pitch_hz=112, tract=1.0)
HIGH = Voice(pitch_hz=196, tract=1.16)

SENTENCES = (
    (LOW, "W IY W ER AX W EY1 AX Y IH1 R AX G OW1"),  # We were away a year ago.
    (HIGH, "SH IY S EH1 L Z F R EH1 SH F IH1 SH AE N S AH1 N IY D EY1 Z"),  # She sells fresh fish on sunny days.
    (LOW, "P L IY1 Z T EY1 K DH IH S D ER1 T IY T EY1 B AX L K L AO1 TH HH OW1 M"),  # Please take this ... home.
    (HIGH, "HH AW1 D UW Y UW L AY1 K DH AX S AW1 N D AX V IH T N AW1"),  # How do you like the sound of it now?
)

PAUSE_S = 0.9
"""Silence before, between and after the sentences: long enough to measure the noise that is left in it."""

SPEECH_RMS = 0.07
"""Level of the speech while it lasts: -23 dB of full scale, with room for its peaks."""


@dataclass(frozen=True)
class Clip:
    """A noisy recording and its parts.

    Attributes
    ----------
    clean, noise, noisy : ndarray of float32, shape (n,)
        Speech, noise, and their sum, at 48 kHz; full scale is 1.
    speech : ndarray of bool, shape (n,)
        True from the beginning to the end of each sentence.
    """

    clean: Audio
    noise: Audio
    noisy: Audio
    speech: NDArray[np.bool_]

    def beginning(self, sentences: int) -> int:
        """Samples up to the middle of the pause after that many sentences."""
        ends = np.flatnonzero(self.speech[:-1] & ~self.speech[1:])
        return int(ends[sentences - 1]) + 1 + round(PAUSE_S * RATE) // 2


def make_clip(snr_db: float = 8.0, seed: int = 1) -> Clip:
    """Speak the sentences, about 12 s with their pauses, into noise.

    Parameters
    ----------
    snr_db : float
        Speech level (during sentences) over noise level, in decibels.
    seed : int
        Fixes every random choice: equal seeds give equal clips.
    """
    rng = np.random.default_rng(seed)
    pause = np.zeros(round(PAUSE_S * RATE))
    pieces, masks = [pause], [pause > 0]
    for voice, phones in SENTENCES:
        sentence = say(phones, voice, rng)
        pieces += [sentence / np.sqrt(np.mean(sentence**2)), pause]
        masks += [np.ones(sentence.size, bool), pause > 0]
    clean = SPEECH_RMS * np.concatenate(pieces)
    noise = make_noise(clean.size, rng) * SPEECH_RMS * 10 ** (-snr_db / 20)
    loudest = np.max(np.abs(clean + noise))
    if loudest > 0.98:
        raise ValueError(f"snr_db={snr_db} overloads the clip (peak {loudest:.2f}): take a higher one")
    clean32, noise32 = clean.astype(np.float32), noise.astype(np.float32)
    return Clip(clean32, noise32, clean32 + noise32, np.concatenate(masks))


def make_noise(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Make the noise of a room with a fan and people far off, ``length`` samples of unit power."""
    parts = ((coloured(length, rng), 0.6), (fan(length, rng), 0.7), (babble(length, rng), 0.25))
    noise = sum(weight * part / np.sqrt(np.mean(part**2)) for part, weight in parts)
    return noise / np.sqrt(np.mean(noise**2))


def coloured(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Pink noise (-3 dB an octave) whose level swells slowly."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[: round(30 * length / RATE)] = 0
    seconds = np.arange(length) / RATE
    swell = 1 + 0.3 * np.sin(2 * np.pi * 0.23 * seconds + rng.uniform(0, 6))
    return np.fft.irfft(spectrum, length) * swell


def fan(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Hum of a fan: the blades' harmonics, a little unsteady, over rushing air."""
    drift = np.cumsum(rng.standard_normal(length)) * 2e-4
    turns = np.cumsum(117 + 0.5 * np.sin(drift)) / RATE
    blades = sum(np.cos(2 * np.pi * (k * turns + rng.uniform())) / k**1.5 for k in range(1, 13))
    air = signal.sosfilt(signal.butter(2, [150, 1800], "bandpass", fs=RATE, output="sos"), rng.standard_normal(length))
    return blades / np.std(blades) + 1.5 * air / np.std(air)


def babble(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Several people talking at once in the next room: voices of many sizes, dulled by the wall."""
    phones = " ".join(text for _, text in SENTENCES).split()
    mixture = np.zeros(length)
    for _ in range(5):
        voice = Voice(pitch_hz=rng.uniform(95, 240), tract=rng.uniform(0.95, 1.2))
        talk = say(" ".join(rng.choice(phones, 40)), voice, rng)
        talk = np.roll(np.resize(talk, length), rng.integers(length))
        mixture += talk / np.std(talk)
    return signal.sosfilt(signal.butter(2, 1500, fs=RATE, output="sos"), mixture)


def write_wav(path: str | Path, audio: Audio) -> None:
    """Write mono audio as 16-bit WAV at 48 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes())
