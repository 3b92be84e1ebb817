"""Mix the pages' samples from recordings of people and noises: ``web/samples/*.opus`` and ``*.mp3`` for older Safaris.

::

    python -m build_scripts.site.make_samples --voices FOLDER --noises FOLDER --rooms FOLDER

``web/samples/samples.json`` is both the recipe and the credits: which stretch of which file is in which sample, whose
it is and under which licence. Its ``voices`` are speech alone, for the article. The recordings are not part of this
project; the samples made from them are.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from scipy import signal

from build_scripts import ROOT
from percepnet_wasm.constants import SAMPLE_RATE

SAMPLES = ROOT / "web" / "samples"

Audio = NDArray[np.float64]

LEAD_S, PAUSE_S, TAIL_S = 1.0, 0.8, 0.6
"""Seconds of noise alone before, between and after the utterances."""

SPEECH_DBFS = -24.0
"""Level of the speech while it lasts."""

EDGE_S = 0.02
"""Fades where a stretch was cut out; ten times as long where a noise is repeated."""

ENCODINGS: dict[str, dict[str, Any]] = {
    # libsndfile spreads 6 to 256 kbit/s over the range of compression_level: 44 kbit/s, variable.
    "opus": {"format": "OGG", "subtype": "OPUS", "compression_level": 0.848},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": 0.9},
}


def stretch(path: Path, from_s: float = 0.0, to_s: float | None = None) -> Audio:
    """Read a stretch of a recording as mono at 48 kHz, its ends faded.

    Raises
    ------
    ValueError
        The recording has another rate, or ends before ``to_s``.
    """
    audio, rate = sf.read(path, always_2d=True)
    if rate != SAMPLE_RATE:
        raise ValueError(f"{path} is at {rate} Hz: use recordings at {SAMPLE_RATE} Hz")
    audio = audio.mean(axis=1)
    start, end = round(from_s * rate), len(audio) if to_s is None else round(to_s * rate)
    if end > len(audio) + rate // 10:
        raise ValueError(f"{path} lasts {len(audio) / rate:.2f} s, and {to_s} s were asked for")
    return faded(audio[start:end], round(EDGE_S * rate))


def faded(audio: Audio, edge: int) -> Audio:
    """Fade both ends over ``edge`` samples."""
    ramp = np.sin(np.linspace(0, np.pi / 2, edge)) ** 2
    audio = audio.copy()
    audio[:edge] *= ramp
    audio[-edge:] *= ramp[::-1]
    return audio


def trimmed(audio: Audio) -> Audio:
    """Leave out digital silence before and after."""
    (sound,) = np.nonzero(np.abs(audio) > 1e-4)
    return audio[sound[0] : sound[-1] + 1]


def repeated(audio: Audio, length: int) -> Audio:
    """Repeat a noise, cross-faded at constant power, until it is ``length`` samples long."""
    edge = round(10 * EDGE_S * SAMPLE_RATE)
    ramp = np.sin(np.linspace(0, np.pi / 2, edge))
    result = audio
    while len(result) < length:
        joint = result[-edge:] * ramp[::-1] + audio[:edge] * ramp
        result = np.concatenate([result[:-edge], joint, audio[edge:]])
    return result[:length]


def active_level(audio: Audio) -> float:
    """RMS of the 10 ms frames within 40 dB of the loudest: speech without its pauses."""
    frames = audio[: len(audio) // 480 * 480].reshape(-1, 480)
    power = np.mean(frames**2, axis=1)
    return float(np.sqrt(power[power > power.max() * 1e-4].mean()))


def through(room: Audio, audio: Audio) -> Audio:
    """Play ``audio`` in a room, the direct sound at the same place."""
    direct = int(np.argmax(np.abs(room)))
    return signal.fftconvolve(audio, room)[direct : direct + len(audio)]


def speech_of(sample: Mapping[str, Any], voices: Path, rooms: Path) -> Audio:
    """String the utterances of a sample together, at ``SPEECH_DBFS``."""
    pieces = [np.zeros(round(LEAD_S * SAMPLE_RATE))]
    for k, (_, name, from_s, to_s) in enumerate(sample["speech"]):
        utterance = stretch(voices / name, from_s, to_s)
        pieces += [np.zeros(round(PAUSE_S * SAMPLE_RATE))] if k else []
        pieces.append(utterance / active_level(utterance))
    speech = np.concatenate([*pieces, np.zeros(round(TAIL_S * SAMPLE_RATE))])
    if "room" in sample:
        speech = through(stretch(rooms / sample["room"][1]), speech)
        speech /= active_level(speech)
    return speech * 10 ** (SPEECH_DBFS / 20)


def noise_of(parts: Sequence[Mapping[str, Any]], length: int, folders: Mapping[str, Path]) -> Audio:
    """Sum the noises of a sample, each at its own level; the sum has an RMS of 1."""
    total = np.zeros(length)
    for part in parts:
        if "babble" in part:
            noise = np.zeros(length)
            for k, name in enumerate(part["babble"]):
                talker = trimmed(stretch(folders["voices"] / name))
                # Each begins at a different point, or all would swell in unison.
                noise += np.roll(np.resize(talker / active_level(talker), length), k * length // 7)
            noise = through(stretch(folders["rooms"] / part["room"][1]), noise)
        else:
            noise = repeated(stretch(folders["noises"] / part["file"], part["from_s"], part["to_s"]), length)
        total += noise / np.sqrt(np.mean(noise**2)) * 10 ** (part["level_db"] / 20)
    return total / np.sqrt(np.mean(total**2))


def mix(sample: Mapping[str, Any], folders: Mapping[str, Path]) -> Audio:
    """Make a sample: its speech and, if it has any, its noise ``snr_db`` below it."""
    speech = speech_of(sample, folders["voices"], folders["rooms"])
    if "noise" not in sample:
        return speech
    noise = noise_of(sample["noise"], len(speech), folders)
    mixed = speech + noise * 10 ** ((SPEECH_DBFS - sample["snr_db"]) / 20)
    return mixed * min(1.0, 0.9 / np.abs(mixed).max())


def main() -> int:
    """Write every sample in both formats."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, required=True, help="folder of the clean speech")
    parser.add_argument("--noises", type=Path, required=True, help="folder of the noises")
    parser.add_argument("--rooms", type=Path, required=True, help="folder of the room responses")
    parser.add_argument("--out", type=Path, default=SAMPLES, help="folder to write (default: web/samples)")
    arguments = parser.parse_args()
    folders = {name: getattr(arguments, name) for name in ("voices", "noises", "rooms")}
    listed = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    for sample in listed["samples"] + listed["voices"]:
        try:
            mixed = mix(sample, folders)
        except (OSError, ValueError, sf.LibsndfileError) as error:
            print(f"make_samples: {sample['id']}: {error}", file=sys.stderr)
            return 1
        for suffix, encoding in ENCODINGS.items():
            path = arguments.out / f"{sample['id']}.{suffix}"
            sf.write(path, mixed, SAMPLE_RATE, **encoding)
            print(f"{path}: {len(mixed) / SAMPLE_RATE:.1f} s, {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
