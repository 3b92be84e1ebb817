"""Fifteen seconds of a call: connected speech that starts anywhere, mutes, softer talkers, noise that changes.

A plan says what happens (:mod:`build_scripts.train.scene_table`); :class:`SceneMixer` makes the sound of it.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.signal import oaconvolve

from percepnet_wasm.constants import HOP, SAMPLE_RATE

from . import noises
from .activity import active_level, loud_place, quietest, ramp
from .augmentation import equalise
from .backgrounds import Backgrounds, steady
from .corpus import Corpus
from .microphone import microphone
from .rooms import drier
from .scene_table import AUGMENTATIONS, Plan, draw_plan
from .voices import Voices, play, random_filter

__all__ = ["FRAMES", "PIECE", "Scene", "SceneMixer"]

PIECE = 500
"""Frames that a training step sees at a time: 5 s. The network's state is carried over to the next piece."""
FRAMES = 3 * PIECE
"""Frames of a scene."""
_LEAD = int(1.5 * SAMPLE_RATE)
"""Made before the scene and cut off: what sounds at sample 0 began earlier."""
_LONG_PAUSE_S = 1.5
"""Half of the longest pause between sentences: within twice as long somebody speaks."""
_PHONE_SNR_DB = (0, 10)
_ALL_BANDS_HZ = 20000.0


@dataclass
class Scene:
    """One training scene at 48 kHz.

    Attributes
    ----------
    noisy, clean : float32 (samples,)
    bandwidth_hz : float
        Above this the speech recording holds nothing, so that the target is unknown there.
    plan : dict
        What happens in it.
    level : float32 (samples,), optional
        Course of the wanted speech's level, 1 where it is at its usual one.
    """

    noisy: np.ndarray
    clean: np.ndarray
    bandwidth_hz: float
    plan: Plan = field(default_factory=dict)
    level: np.ndarray | None = None


class SceneMixer:
    """Draws scenes.

    Parameters
    ----------
    speech, noise : Corpus
    rooms : list of float32 (samples,)
        Responses from :func:`build_scripts.train.rooms.room_bank`.
    held_out : bool
        From the sources kept for validation instead of the training's.
    frames : int
        Of a scene.
    """

    def __init__(
        self, speech: Corpus, noise: Corpus, rooms: list[np.ndarray], held_out: bool = False, frames: int = FRAMES
    ) -> None:
        self.frames = frames
        self.voices = Voices(speech, held_out)
        self._backgrounds = Backgrounds(noise, self.voices, rooms, held_out)
        self._rooms = rooms

    def draw(self, rng: np.random.Generator) -> Scene:
        """Make a scene by a random plan."""
        return self.make(rng, draw_plan(rng))

    def make(self, rng: np.random.Generator, plan: Plan) -> Scene:
        """Make a scene by a given plan."""
        length = self.frames * HOP
        total = _LEAD + length
        wet, clean = np.zeros((2, total), np.float32)
        level, bandwidth_hz = np.ones(total, np.float32), _ALL_BANDS_HZ
        speaks = "no_speech" not in plan or "no_noise" in plan
        if speaks:
            wet, clean, level, bandwidth_hz = self._speech(rng, plan, total)
        noise = self._noise(rng, plan, total, level)
        cut = _LEAD
        if speaks and ("start_in_word" in plan or "muted_start" in plan):
            least_db = plan.get("start_in_word", AUGMENTATIONS["start_in_word"].low)
            cut = loud_place(rng, clean, int(0.3 * SAMPLE_RATE), _LEAD, least_db)
        wet, noise, clean, level = (a[cut : cut + length] for a in (wet, noise, clean, level))
        noisy, clean = microphone(rng, plan, wet, noise, clean)
        first, last = self._muted(rng, plan, clean)
        noisy[first:last] = clean[first:last] = 0
        return Scene(noisy, clean, bandwidth_hz, plan, level)

    def _speech(
        self, rng: np.random.Generator, plan: Plan, total: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Wet and wanted speech, the course of its level, and its bandwidth."""
        begin = 0
        for name in ("noise_first", "pause_first"):
            if name in plan:
                begin = _LEAD + int(plan[name] * SAMPLE_RATE)
        wet, clean, bandwidth_hz = self._voice(rng, plan, begin, total)
        change = next((n for n in ("level_drop", "level_rise", "second_talker") if n in plan), None)
        if change is None:
            return wet, clean, np.ones(total, np.float32), bandwidth_hz
        earliest = max(_LEAD, begin) + SAMPLE_RATE
        near = int(rng.uniform(earliest, max(earliest + 1, total - 3 * SAMPLE_RATE)))
        first = max(0, near - SAMPLE_RATE // 2)
        at = first + quietest(clean[first : near + SAMPLE_RATE // 2])
        over = ramp(total, at, int(0.03 * SAMPLE_RATE))
        sign = 1 if change == "level_rise" else -1
        level = (10 ** (sign * plan[change] / 20 * over)).astype(np.float32)
        if change == "second_talker":
            other = self._voice(rng, plan, at + int(rng.uniform(0, 0.7) * SAMPLE_RATE), total)
            wet, clean = (a * (1 - over) + b * level for a, b in zip((wet, clean), other[:2], strict=True))
            return wet, clean, level, min(bandwidth_hz, other[2])
        return wet * level, clean * level, level, bandwidth_hz

    def _voice(
        self, rng: np.random.Generator, plan: Plan, begin: int, total: int
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """A talker in a room who speaks from ``begin`` on, at level 1: with the room, as wanted, and the bandwidth."""
        talker = self.voices.draw(rng)
        speed = plan.get("talker_speed", 1.0)
        phrase = self.voices.speak(rng, talker, int(begin * speed), int(total * speed) + 1, plan)
        dry, target = random_filter(rng, np.stack([play(s, speed, total) for s in phrase]))
        if "talker_response" in plan:
            dry, target = equalise(rng, np.stack((dry, target)), plan["talker_response"])
        if "room" in plan and self._rooms:
            response = self._rooms[rng.integers(len(self._rooms))]
            pairs = ((dry, response), (target, drier(response)))
            dry, target = (oaconvolve(s, h)[:total].astype(np.float32) for s, h in pairs)
        level = active_level(target) or 1.0
        return dry / level, target / level, speed * self.voices.bandwidth_hz(talker)

    def _noise(self, rng: np.random.Generator, plan: Plan, total: int, level: np.ndarray) -> np.ndarray:
        """The background, at its level relative to the speech's level of 1, and the room tone."""
        noise = np.zeros(total, np.float32)
        if "no_noise" not in plan:
            snr_db = next((plan[name] for name in ("snr", "steady_noise", "high_snr") if name in plan), 10.0)
            if any(name.startswith("telephone") for name in plan):
                snr_db = rng.uniform(*_PHONE_SNR_DB)
            # If the talker becomes softer, the ratio applies to the louder part, the softer one, or something between.
            snr_db -= min(0.0, 20 * float(np.log10(level[-1]))) * rng.random()
            background = steady(rng, total) if "steady_noise" in plan else self._backgrounds.draw(rng, total)
            noise = background * np.float32(10 ** (-snr_db / 20))
            for name, sign in (("noise_rise", 1), ("noise_drop", -1)):
                if name in plan:
                    at = _LEAD + int(rng.uniform(0.2, 0.7) * (total - _LEAD))
                    over = ramp(total, at, int(rng.uniform(0.02, 0.5) * SAMPLE_RATE))
                    # The louder side is at the drawn ratio: a step up begins lower, a step down ends lower.
                    noise = noise * 10 ** (plan[name] / 20 * (over - 1 if sign > 0 else -over))
        if "room_tone" in plan:
            tone = noises.coloured(rng, total)
            noise = noise + tone / (np.std(tone) + 1e-9) * 10 ** (plan["room_tone"] / 20)
        return noise.astype(np.float32)

    def _muted(self, rng: np.random.Generator, plan: Plan, clean: np.ndarray) -> tuple[int, int]:
        """First and last sample of the mute, if there is one; it ends inside a word."""
        if "muted_start" in plan:
            kind = AUGMENTATIONS["muted_start"]
            return 0, _in_word(rng, clean, kind.low, kind.high, plan["muted_start"])
        if "mute" in plan:
            span_s = plan["mute"]
            near_s = span_s + rng.uniform(0.1, 0.4) * self.frames * HOP / SAMPLE_RATE
            last = _in_word(rng, clean, near_s, near_s + 2 * _LONG_PAUSE_S, near_s + _LONG_PAUSE_S)
            return last - int(span_s * SAMPLE_RATE), last
        return 0, 0


def _in_word(rng: np.random.Generator, clean: np.ndarray, low_s: float, high_s: float, usual_s: float) -> int:
    """A sample inside a word between two times; at the usual time where nobody speaks."""
    low, high, usual = (int(seconds * SAMPLE_RATE) for seconds in (low_s, high_s, usual_s))
    if not clean[low:high].any():
        return usual
    return min(loud_place(rng, clean, low, high, AUGMENTATIONS["start_in_word"].low), high)
