"""Synthetic talkers for training: one voice of hibari-tts (Apache-2.0), morphed into as many as you like.

    python -m build_scripts.train.synthesise --text SENTENCES.txt --out FOLDER --talkers 240

hibari-tts predicts the pitch of a pulse train and the envelopes that filter it, so a talker's vocal tract, pitch,
pace, tilt, breath and creak can be changed one by one, without a vocoder's artefacts. Some talkers whisper, and a third
speak a language that does not exist: the sentences with the phonemes of each class permuted. Speech reaches 12 kHz.

FOLDER can then be a ``--speech`` of :mod:`build_scripts.train.generate`. Ten hours take a core about 15 minutes.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

__all__ = ["Envelopes", "Talker", "morph"]

Array = NDArray[np.float32]

_SOURCE = "pypi:hibari-tts 0.2.1, morphed (synthetic)"
_RATE = 24000
_BINS = 601
"""Of an envelope, from 0 to 12 kHz."""
_HZ = np.arange(_BINS) * (_RATE / 2 / (_BINS - 1))
_MIDDLE_HZ = 195.0
"""Middle of the voice's own pitch."""
_VOICED_HZ = 40.0
_REACH_HZ = 11500
"""What the voice reaches with its own vocal tract."""
_CLASSES = ("aeiouæɑɒɔəɛɜɪʊʌ", "AIOWYQ", "pbtdkɡ", "fvθðszʃʒh", "mnŋ", "lɹwj")
"""Phonemes, in the letters of hibari-tts, that may replace each other: vowels, diphthongs, four kinds of consonants."""
_KINDS = {
    "man": (0.47, (80, 165), (0.78, 0.95)),
    "woman": (0.41, (155, 265), (0.9, 1.1)),
    "child": (0.12, (230, 360), (1.05, 1.25)),
}
"""Share of the talkers, range of the pitch in Hz, and of the formants relative to the voice's own."""
_NEPER_DB = 20 / np.log(10)


@dataclass(frozen=True)
class Talker:
    """What makes a voice.

    Attributes
    ----------
    kind : str
    pitch_hz, pitch_range : float
        Middle, and how lively: the exponent of the pitch relative to its middle.
    formants : float64 (bins,)
        Factor by which the envelope moves up, by frequency.
    pace, pause_s, dynamics : float
        Factor; mean pause between sentences; exponent of the slow course of the level.
    response : float64 (bins,)
        Gain of the voice, neper: a tilt and a smooth random curve.
    breath, jitter : float
        Gain of the noise in voiced frames, neper; relative deviation of the pitch from frame to frame.
    creaks, whispers : bool
    phonemes : dict of str to str
        Replacements; empty for a talker of English.
    """

    kind: str
    pitch_hz: float
    pitch_range: float
    formants: NDArray[np.float64]
    pace: float
    pause_s: float
    dynamics: float
    response: NDArray[np.float64]
    breath: float
    jitter: float
    creaks: bool
    whispers: bool
    phonemes: dict[str, str]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Talker":
        """Draw a talker at random."""
        kinds = list(_KINDS)
        kind = kinds[rng.choice(len(kinds), p=[share for share, _, _ in _KINDS.values()])]
        _, pitch, tract = _KINDS[kind]
        tilt_db = rng.normal(0, 1.6)  # an octave
        foreign = rng.random() < 0.33
        return cls(
            kind=kind,
            pitch_hz=float(np.exp(rng.uniform(*np.log(pitch)))),
            pitch_range=rng.uniform(0.5, 1.6),
            formants=rng.uniform(*tract) * (1 + 0.04 * _smooth_curve(rng, 60)),
            pace=rng.uniform(0.82, 1.3),
            pause_s=rng.uniform(0.1, 0.5),
            dynamics=rng.uniform(0.7, 1.5),
            response=tilt_db * np.log2(np.clip(_HZ, 200, 8000) / 1000) / _NEPER_DB
            + rng.uniform(0, 0.4) * _smooth_curve(rng, 35),
            breath=rng.uniform(-0.4, 0.9),
            jitter=rng.exponential(0.006),
            creaks=rng.random() < 0.2,
            whispers=rng.random() < 0.04,
            phonemes={
                a: b for each in _CLASSES if foreign for a, b in zip(each, rng.permutation(list(each)), strict=True)
            },
        )


@dataclass
class Envelopes:
    """What hibari-tts predicts for a sentence: its ``lh``, ``theta``, ``ln``, ``lr``, ``phi`` and ``f0``.

    Attributes
    ----------
    voice, noise, free : float32 (bins, frames)
        Natural logarithms of magnitude: filter of the pulses, noise, and the part with a phase of its own.
    voice_phase, free_phase : float32 (bins, frames)
    pitch_hz : float32 (frames,)
        0 where unvoiced.
    """

    voice: Array
    voice_phase: Array
    noise: Array
    free: Array
    free_phase: Array
    pitch_hz: Array


def morph(said: Envelopes, talker: Talker, rng: np.random.Generator) -> Envelopes:
    """The same sentence in a talker's voice.

    Parameters
    ----------
    said : Envelopes
        As hibari-tts predicts them.
    talker : Talker
    rng : numpy.random.Generator
        For jitter and creak.
    """
    # Without the ripple that the voice's own harmonics have left in its envelopes.
    voice = uniform_filter1d(said.voice, 9, axis=0, mode="nearest")
    noise = uniform_filter1d(said.noise, 5, axis=0, mode="nearest")
    at = np.clip(np.arange(_BINS) / talker.formants, 0, _BINS - 1)
    gain = talker.response[:, None]
    voice, noise, free = (_read(each, at) + gain for each in (voice, noise, said.free))
    phases = [each[np.rint(at).astype(int)] for each in (said.voice_phase, said.free_phase)]
    voiced = said.pitch_hz > _VOICED_HZ
    pitch = said.pitch_hz
    if voiced.any():
        level = np.log(np.exp(voice[5:200]).mean(axis=0) + 1e-6)
        slow = gaussian_filter1d(np.where(voiced, level - level[voiced].mean(), 0), 12)
        for each in (voice, noise, free):
            each += slow * (talker.dynamics - 1)
        pitch = np.where(voiced, _pitch(said.pitch_hz, voiced, talker, rng), 0)
        breath = talker.breath * (0.3 + 0.7 * np.clip((_HZ - 1500) / 2500, 0, 1))
        noise[:, voiced] += breath[:, None]
    if talker.whispers:
        whisper = voice - 1.2 + 0.6 * np.clip((_HZ - 500) / 2000, 0, 1)[:, None]
        noise = np.logaddexp(2 * noise, 2 * whisper) / 2
        pitch = np.zeros_like(pitch)
    voice, noise, free, pitch = (each.astype(np.float32) for each in (voice, noise, free, pitch))
    return Envelopes(voice, phases[0], noise, free, phases[1], pitch)


def _pitch(pitch_hz: Array, voiced: NDArray[np.bool_], talker: Talker, rng: np.random.Generator) -> NDArray[np.float64]:
    """Course of the pitch around the talker's own, with jitter and slow drift, and perhaps a creaking end."""
    frames = len(pitch_hz)
    course = np.log(np.maximum(pitch_hz, _VOICED_HZ) / _MIDDLE_HZ) * talker.pitch_range
    course += 1.9 * talker.jitter * gaussian_filter1d(rng.normal(0, 1, frames), 1)
    course += 0.25 * gaussian_filter1d(rng.normal(0, 1, frames), 25)
    pitch = talker.pitch_hz * np.exp(course)
    if talker.creaks:
        end = np.flatnonzero(voiced)[-int(rng.integers(8, 30)) :]
        pitch[end] *= rng.uniform(0.5, 0.7) * (1 + 0.12 * rng.normal(0, 1, len(end)))
    return np.clip(pitch, 55, 520)


def _read(envelope: Array, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """An envelope at fractional bins."""
    below = np.minimum(at.astype(int), _BINS - 2)
    part = (at - below)[:, None]
    return envelope[below] * (1 - part) + envelope[below + 1] * part


def _smooth_curve(rng: np.random.Generator, width: float) -> NDArray[np.float64]:
    curve = gaussian_filter1d(rng.normal(0, 1, _BINS), width)
    return curve / curve.std()


def _say(voice: Any, phonemes: str, talker: Talker, rng: np.random.Generator) -> Array:
    """A sentence by a talker, float32 at 24 kHz."""
    from hibari import dsp

    ids = voice.ids("".join(talker.phonemes.get(each, each) for each in phonemes))
    pace = talker.pace * rng.uniform(0.94, 1.06)
    inputs = {"ids": np.array([ids], np.int64), "speed": np.array([pace], np.float32)}
    lh, theta, ln, lr, phi, f0 = (each[0] for each in voice.sess.run(None, inputs))
    said = morph(Envelopes(lh, theta, ln, lr, phi, f0), talker, rng)
    sound: Array = dsp.synth(said.voice, said.voice_phase, said.noise, said.free, said.free_phase, said.pitch_hz, rng)
    return sound * np.float32(10 ** (rng.normal(0, 2) / 20))


def _speak(voice: Any, sentences: list[str], talker: Talker, seconds: float, rng: np.random.Generator) -> Array:
    """Sentences with pauses between them, at about -26 dBFS."""
    parts: list[Array] = []
    while sum(map(len, parts)) < seconds * _RATE:
        for phonemes in voice.phonemize(sentences[rng.integers(len(sentences))]):
            pause = int((0.05 + rng.exponential(talker.pause_s)) * _RATE)
            parts += [_say(voice, phonemes, talker, rng), np.zeros(pause, np.float32)]
    sound = np.concatenate(parts)
    active = np.sqrt(np.mean(sound[np.abs(sound) > 1e-3] ** 2))
    return sound * np.float32(min(0.05 / active, 0.95 / np.abs(sound).max()))


def main() -> None:
    """Write the talkers' recordings, and the manifest after each of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="English sentences, one a line")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--talkers", type=int, default=240)
    parser.add_argument("--minutes", type=float, default=2.5, help="of each talker")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sentences = [line for line in args.text.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not sentences:
        parser.error(f"--text {args.text} holds no sentences: give English sentences, one a line")
    import soundfile as sf
    from hibari import Hibari
    from tqdm import tqdm

    args.out.mkdir(parents=True, exist_ok=True)
    manifest = args.out / "manifest.csv"
    begun = manifest.exists()
    voice = Hibari()
    with manifest.open("a", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        if not begun:
            table.writerow(["path", "source", "licence", "speaker", "bandwidth_hz", "kind", "floor_db"])
        for number in tqdm(range(args.talkers), desc="synthesising", unit="talker"):
            rng = np.random.default_rng([args.seed, number])
            talker = Talker.draw(rng)
            name = f"{args.seed:02d}-{number:04d}-{talker.kind}"
            sf.write(args.out / f"{name}.flac", _speak(voice, sentences, talker, 60 * args.minutes, rng), _RATE)
            reach = int(_REACH_HZ * min(1, talker.formants.mean()))
            table.writerow([f"{name}.flac", _SOURCE, "Apache-2.0", f"hibari/{name}", reach, "synthetic", 60])
            lines.flush()


if __name__ == "__main__":
    main()
