"""``percepnet-wasm live``: the microphone, enhanced, to a loudspeaker or to a virtual device that a call listens to.

Needs the extra ``live``. soundcard talks to PulseAudio (and PipeWire) directly, so any sink can be named; PortAudio,
which sounddevice uses, sees them all as one ALSA device.
"""

import math
import sys
import time
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from .constants import HOP, SAMPLE_RATE
from .errors import MissingExtraError
from .settings import Settings
from .stream import Stream

__all__ = ["DeviceError", "Meter", "devices", "run"]

_LATE = 0.15
"""Seconds that may wait unread before some are skipped: two sound cards' clocks are never quite equal."""
_KEPT = 0.03
"""Seconds left waiting after that."""
_SHOWN = 0.2
"""Seconds between updates of the level line."""
_FADE = 0.9
"""A frame's weight in the meter falls to a third within 0.1 s."""
_SILENCE_DB = -99.0


class DeviceError(OSError):
    """A sound device does not exist or cannot be opened; the message names it and the devices there are."""


def _soundcard() -> Any:
    """Import soundcard, which connects to the sound server on import."""
    try:
        import soundcard
    except ImportError as error:
        raise MissingExtraError("live", error) from error
    except (OSError, AssertionError, RuntimeError) as error:
        reason = f" ({error})" if str(error) else ""
        raise DeviceError(f"no sound server is running{reason}: start one (pulseaudio --start)") from error
    return soundcard


def devices() -> str:
    """List the input and output devices, one per line, with the defaults marked."""
    cards = _soundcard()
    lines = []
    for title, found, default in (
        ("inputs", cards.all_microphones(include_loopback=True), _identifier(cards.default_microphone)),
        ("outputs", cards.all_speakers(), _identifier(cards.default_speaker)),
    ):
        lines.append(f"{title}:")
        lines += [f"  {'*' if each.id == default else ' '} {each.name}  ({each.id})" for each in found] or ["    none"]
    return "\n".join(lines)


def _identifier(find: Any) -> str | None:
    try:
        return find().id
    except (RuntimeError, IndexError, AttributeError):  # there is none
        return None


def _choose(kind: str, name: str | None, found: list[Any], default: Any) -> Any:
    """Find a device by its identifier, its name or part of its name."""
    names = ", ".join(f"{each.name} ({each.id})" for each in found) or "none"
    if name is None:
        wanted = _identifier(default)
        matches = [each for each in found if each.id == wanted]
        if not matches:
            raise DeviceError(f"the system has no default {kind}: plug one in, or name one of these: {names}")
        return matches[0]
    exact = [each for each in found if name in (each.id, each.name)]
    matches = exact or [each for each in found if name.lower() in each.name.lower()]
    if len(matches) != 1:
        what = "there is no" if not matches else f"{len(matches)} devices match the"
        raise DeviceError(f"{what} {kind} {name!r}: choose one of these, or type more of its name: {names}")
    return matches[0]


class Meter:
    """Levels of what goes in and what comes out, smoothed, in dB of full scale.

    Attributes
    ----------
    input_db, output_db : float
    """

    def __init__(self) -> None:
        self._powers = [0.0, 0.0]

    def __call__(self, noisy: NDArray[np.float32], clean: NDArray[np.float32]) -> None:
        """Take one frame of each."""
        for index, frame in enumerate((noisy, clean)):
            power = float(np.mean(np.square(frame, dtype=np.float64)))
            self._powers[index] = _FADE * self._powers[index] + (1 - _FADE) * power

    @property
    def input_db(self) -> float:
        return _decibels(self._powers[0])

    @property
    def output_db(self) -> float:
        return _decibels(self._powers[1])

    def line(self, delay: float, skipped: float = 0.0) -> str:
        """Format the line shown on a terminal.

        Parameters
        ----------
        delay, skipped : float
            Seconds: from microphone to loudspeaker, and skipped in order to keep up.
        """
        bar = "#" * round(max(0.0, self.input_db + 60) / 3)
        reduced = max(0.0, self.input_db - self.output_db)
        more = f"  skipped {skipped:.1f} s" if skipped else ""
        return (
            f"[{bar:20.20}] in {self.input_db:4.0f} dB  out {self.output_db:4.0f} dB  reduced by {reduced:3.0f} dB"
            f"  delay {1000 * delay:.0f} ms{more}"
        )


def _decibels(power: float) -> float:
    return max(_SILENCE_DB, 10 * math.log10(power)) if power > 0 else _SILENCE_DB


def run(
    settings: Settings,
    source: str | None = None,
    target: str | None = None,
    *,
    seconds: float = math.inf,
    out: TextIO | None = None,
) -> float:
    """Enhance an input device into an output device.

    Parameters
    ----------
    settings : Settings
    source, target : str, optional
        Identifiers, names or parts of names; the system's defaults unless given.
    seconds : float
        Seconds of sound after which to stop; by default, run until Ctrl-C.
    out : file, optional
        Where the level line goes, standard error by default. If it is not a terminal, one line is written, at the end.

    Returns
    -------
    float
        Seconds of sound enhanced.

    Raises
    ------
    DeviceError
        A device does not exist.
    MissingExtraError
        soundcard is not installed.
    """
    cards, out = _soundcard(), out or sys.stderr
    microphone = _choose("input", source, cards.all_microphones(include_loopback=True), cards.default_microphone)
    speaker = _choose("output", target, cards.all_speakers(), cards.default_speaker)
    stream = Stream(
        settings.model, live=True, attenuation_limit_db=settings.attenuation_limit_db, comb=settings.comb,
        postfilter=settings.postfilter, kernel=settings.kernel,
    )  # fmt: skip
    print(f"{microphone.name} -> {speaker.name}; press Ctrl-C to stop", file=out)
    meter, frames, skipped, delay = Meter(), 0, 0.0, 0.0
    shown = time.monotonic()
    with (
        microphone.recorder(SAMPLE_RATE, channels=1, blocksize=HOP) as recorder,
        speaker.player(SAMPLE_RATE, channels=1, blocksize=HOP) as player,
    ):
        try:
            while frames * HOP < seconds * SAMPLE_RATE:
                noisy = np.clip(recorder.record(HOP), -1, 1)
                clean = stream.process(noisy)
                player.play(clean)
                meter(noisy, clean)
                frames += 1
                # soundcard reports these only on Linux; elsewhere the delay shown is the algorithm's.
                waiting = getattr(recorder, "latency", 0.0)
                delay = stream.delay / SAMPLE_RATE + waiting + getattr(player, "latency", 0.0)
                if waiting > _LATE:
                    excess = round((waiting - _KEPT) * SAMPLE_RATE)
                    recorder.record(excess)
                    skipped += excess / SAMPLE_RATE
                if out.isatty() and time.monotonic() - shown > _SHOWN:
                    print(f"\r{meter.line(delay, skipped)}\033[K", end="", file=out, flush=True)
                    shown = time.monotonic()
        except KeyboardInterrupt:
            pass
        finally:
            start = "\r" if out.isatty() else ""
            print(f"{start}{meter.line(delay, skipped)}", file=out)
    return frames * HOP / SAMPLE_RATE
