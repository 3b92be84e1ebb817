"""One training mix: a talker in a room, some noises in it, a microphone; and the clean speech wanted from it.

Ranges follow the PercepNet and RNNoise papers where they give any; the shares of each kind of trouble are ours.
"""

from dataclasses import dataclass

import numpy as np
import soxr
from scipy.signal import butter, lfilter, oaconvolve, sosfilt

from percepnet_wasm.constants import HOP, SAMPLE_RATE

from . import noises
from .augmentation import augment_noise, equalise
from .corpus import Clip, Corpus
from .rooms import drier

_QUIET_FLOOR_DB = 35
"""A clip whose speech is less than this over its quietest frames carries noise of its own: chosen less often."""
_NARROW_HZ = 9000
"""Most recordings end here or below; those that do not teach the upper bands and are chosen more often."""
_SUDDEN = ("animals", "baby", "household", "impacts", "keyboard", "notification", "office")
"""Noises that come and go like speech: the hardest, and what calls are full of. Chosen three times as often."""
_AUGMENTED = 0.6
"""Share of the noises that are changed beyond another speed and filter: hearing the same recordings too often, a
network learns those instead of what noise is."""
_CODECS_HZ = ((300.0, 3400.0), (200.0, 3600.0), (50.0, 7000.0))
"""Pass bands of narrow and wide telephony."""


@dataclass
class Mix:
    """float32 signals of one length at 48 kHz.

    Attributes
    ----------
    noisy, clean : float32 (samples,)
    bandwidth_hz : float
        Above this the speech recording knows nothing.
    """

    noisy: np.ndarray
    clean: np.ndarray
    bandwidth_hz: float


class Mixer:
    """Draws mixes.

    Parameters
    ----------
    speech, noise : Corpus
    rooms : list of float32 (samples,)
    held_out : bool
        Draw from the validation talkers instead of the training talkers.
    """

    def __init__(self, speech: Corpus, noise: Corpus, rooms: list[np.ndarray], held_out: bool = False) -> None:
        self.speech, self.noise, self.rooms = speech, noise, rooms
        self._talkers: dict[str, list[Clip]] = {}
        for clip in speech.clips:
            if clip.held_out == held_out:
                self._talkers.setdefault(clip.speaker, []).append(clip)
        self._names = sorted(self._talkers)
        seconds = np.array([sum(c.length for c in self._talkers[n]) / SAMPLE_RATE for n in self._names])
        weight = np.sqrt(seconds) * [_worth(self._talkers[n]) for n in self._names]
        self._chance = weight / weight.sum()
        by_kind: dict[str, list[Clip]] = {}
        for clip in noise.clips:
            by_kind.setdefault(clip.kind, []).append(clip)
        self._noises = [by_kind[k] for k in sorted(by_kind)]
        weight = np.array([3.0 if kind in _SUDDEN else 1.0 for kind in sorted(by_kind)])
        self._noise_chance = weight / weight.sum()
        self._bursts = [
            c for kind in ("impacts", "keyboard", "household", "notification") for c in by_kind.get(kind, [])
        ]

    def draw(self, rng: np.random.Generator, length: int) -> Mix:
        """Make one mix of ``length`` samples."""
        has_speech, has_noise = rng.random() > 0.06, rng.random() > 0.04
        clip_bandwidth = 20000.0
        wet = clean = np.zeros(length, np.float32)
        if has_speech or not has_noise:
            talker = self._names[rng.choice(len(self._names), p=self._chance)]
            # Played faster or slower, pitch and formants move together: another talker, as far as bands can tell.
            speed = float(np.exp(rng.uniform(np.log(0.82), np.log(1.22)))) if rng.random() < 0.6 else 1.0
            phrase = self._phrase(rng, self._talkers[talker], int(length * speed) + 1)
            dry, target = _random_filter(rng, np.stack([_play(s, speed, length) for s in phrase]))
            if rng.random() < 0.5:
                dry, target = equalise(rng, np.stack((dry, target)), 6)
            clip_bandwidth = speed * float(np.median([c.bandwidth_hz for c in self._talkers[talker]]))
            wet, clean = self._reverberate(rng, dry, target)
            level = _active_level(clean)
            if level > 0:
                wet, clean = wet / level, clean / level
        snr_db = rng.uniform(-5, 25) if rng.random() < 0.85 else rng.uniform(25, 45)
        noise = (
            self._noise(rng, length) * np.float32(10 ** (-snr_db / 20)) if has_noise else np.zeros(length, np.float32)
        )
        return _microphone(rng, wet, noise, clean, clip_bandwidth)

    def _phrase(self, rng: np.random.Generator, clips: list[Clip], length: int) -> np.ndarray:
        """String pieces of one talker together with natural pauses: (2, length), as recorded and without its noise."""
        out = np.zeros((2, length), np.float32)
        position = int(rng.uniform(0, 0.5) * SAMPLE_RATE)
        weight = np.array([c.length for c in clips], np.float64)
        while position < length:
            clip = clips[rng.choice(len(clips), p=weight / weight.sum())]
            wanted = int(rng.uniform(1.0, 5.0) * SAMPLE_RATE)
            start = int(rng.integers(0, max(1, clip.length - wanted)))
            piece = self.speech.pair(clip, start, min(wanted, length - position))
            samples = piece.shape[1]
            fade = np.linspace(0, 1, min(HOP, samples), dtype=np.float32)
            piece[:, : len(fade)] *= fade
            piece[:, samples - len(fade) :] *= fade[::-1]
            out[:, position : position + samples] = piece
            position += samples + int(rng.exponential(0.3) * SAMPLE_RATE)
        return out

    def _reverberate(
        self, rng: np.random.Generator, dry: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if not self.rooms or rng.random() > 0.4:
            return dry, target
        response = self.rooms[rng.integers(len(self.rooms))]
        pairs = ((dry, response), (target, drier(response)))
        wet, drier_target = (oaconvolve(s, h)[: len(s)].astype(np.float32) for s, h in pairs)
        return wet, drier_target

    def _noise(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """One to three noises, RMS 1 together where they sound."""
        total = np.zeros(length, np.float32)
        for _ in range(1 + (rng.random() < 0.35) + (rng.random() < 0.1)):
            draw = rng.random()
            if draw < 0.3:
                noise = noises.generate(rng, length)
            elif draw < 0.4:
                noise = self._babble(rng, length)
            else:
                noise = self._recording(rng, length)
            if rng.random() < _AUGMENTED:
                noise = augment_noise(rng, noise, self._recording(rng, length))
            if self.rooms and rng.random() < 0.2:
                noise = oaconvolve(noise, self.rooms[rng.integers(len(self.rooms))])[:length]
            total += _random_filter(rng, noise) / (_active_level(noise) + 1e-9) * rng.uniform(0.2, 1)
        if self._bursts and rng.random() < 0.4:
            span = int(length * rng.uniform(0.2, 0.8))
            if rng.random() < 0.3:
                burst = noises.typing(rng, span).astype(np.float32)
            else:
                burst = self._stretch(rng, self._bursts[rng.integers(len(self._bursts))], span)
            start = int(rng.integers(0, length - len(burst)))
            total[start : start + len(burst)] += burst / (_active_level(burst) + 1e-9) * rng.uniform(0.3, 2)
        return total / (_active_level(total) + 1e-9)

    def _recording(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """A stretch of any recorded noise, each kind as often as its weight."""
        kind = self._noises[rng.choice(len(self._noises), p=self._noise_chance)]
        return self._stretch(rng, kind[rng.integers(len(kind))], length)

    def _stretch(self, rng: np.random.Generator, clip: Clip, length: int) -> np.ndarray:
        """A random stretch of a recording, repeated where it is too short, sometimes played faster or slower."""
        speed = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6)))) if rng.random() < 0.6 else 1.0
        wanted = int(length * speed) + 1
        piece = self.noise.samples(clip, int(rng.integers(0, max(1, clip.length - wanted))), wanted)
        return _play(np.resize(piece, wanted), speed, length)

    def _babble(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """Many talkers at once."""
        total = np.zeros(length, np.float32)
        for _ in range(rng.integers(4, 10)):
            name = self._names[rng.integers(len(self._names))]
            voice = self._phrase(rng, self._talkers[name], length)[0]
            total += voice / (_active_level(voice) + 1e-9) * rng.uniform(0.3, 1)
        if self.rooms:
            total = oaconvolve(total, self.rooms[rng.integers(len(self.rooms))])[:length].astype(np.float32)
        return total


def _worth(clips: list[Clip]) -> float:
    """How often a talker is chosen, beside the square root of the speech there is: less if noisy or narrow."""
    noisy = min(c.floor_db for c in clips) < _QUIET_FLOOR_DB
    narrow = np.median([c.bandwidth_hz for c in clips]) < _NARROW_HZ
    return (0.3 if noisy else 1.0) * (0.5 if narrow else 1.0)


def _active_level(signal: np.ndarray) -> float:
    """RMS over the frames within 30 dB of the loud ones: pauses do not count."""
    frames = signal[: len(signal) // HOP * HOP].reshape(-1, HOP)
    power = np.einsum("fn,fn->f", frames, frames) / HOP
    loud = np.quantile(power, 0.95)
    return float(np.sqrt(np.mean(power[power >= loud * 1e-3]))) if loud > 0 else 0.0


def _play(signal: np.ndarray, speed: float, length: int) -> np.ndarray:
    """``length`` samples of a signal played at another speed."""
    if speed == 1.0:
        return signal[:length].copy()
    played = soxr.resample(signal, SAMPLE_RATE * speed, SAMPLE_RATE, quality="LQ")[:length]
    return np.pad(played, (0, length - len(played))).astype(np.float32)


def _random_filter(rng: np.random.Generator, signal: np.ndarray) -> np.ndarray:
    """The paper's random second-order filter: another microphone, another distance."""
    r = rng.uniform(-3 / 8, 3 / 8, 4)
    return lfilter([1, r[0], r[1]], [1, r[2], r[3]], signal).astype(np.float32)


def _microphone(
    rng: np.random.Generator, wet: np.ndarray, noise: np.ndarray, clean: np.ndarray, bandwidth_hz: float
) -> Mix:
    """Sum, band limits, level, clipping, offset and rounding; all but the last three reach the target too."""
    both = np.stack((wet + noise, clean))
    if rng.random() < 0.2:
        cut = np.exp(rng.uniform(np.log(3000), np.log(20000)))
        both = sosfilt(butter(8, cut, fs=SAMPLE_RATE, output="sos"), both)
    if rng.random() < 0.05:
        low = rng.choice([50.0, 150.0, 300.0])
        both = sosfilt(butter(4, low, "high", fs=SAMPLE_RATE, output="sos"), both)
    if rng.random() < 0.05:
        band = _CODECS_HZ[rng.integers(len(_CODECS_HZ))]
        both = sosfilt(butter(6, band, "band", fs=SAMPLE_RATE, output="sos"), both)
    level_db = rng.uniform(-50, -10)
    scale = 10 ** (level_db / 20) / (_active_level(both[0]) + 1e-9)
    clipped = rng.random() < 0.05
    limit = rng.uniform(0.2, 0.9) if clipped else 0.99
    peak = float(np.max(np.abs(both[0]))) * scale
    if clipped and peak > 0:
        scale *= min(1.0, 1.0 / peak)
        limit *= peak * min(1.0, 1.0 / peak)
    elif peak > limit:
        scale *= limit / peak
    noisy, target = (both * scale).astype(np.float32)
    noisy = np.clip(noisy, -limit, limit)
    if rng.random() < 0.05:
        noisy = noisy + np.float32(rng.uniform(-0.02, 0.02))
    if rng.random() < 0.3:
        noisy = np.rint(noisy * 32768) / np.float32(32768)
    return Mix(noisy.astype(np.float32), target, bandwidth_hz)
