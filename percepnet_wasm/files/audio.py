"""Audio files: read, enhanced and written in blocks, so that an hour costs no more memory than a minute.

Needs the extra ``files``. Any sample rate and channel count soundfile reads is kept in the output; each channel is
enhanced on its own at 48 kHz, resampled by soxr on the way in and out where the file has another rate. The output
starts where the input starts and has its length: the resamplers compensate their own delay, the enhancer's is cut off.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..checks import as_path, as_signal
from ..constants import DELAY, HOP, SAMPLE_RATE
from ..enhancer import Enhancer
from ..errors import AudioFileError, MissingExtraError
from ..limits import LOUDEST
from ..offline import MOST_CHANNELS, OFFLINE_BLOCK
from .output import check_target, created, write_wav

try:
    import soundfile
    import soxr
    from tqdm import tqdm
except (ImportError, OSError) as error:  # OSError: soundfile without its C library
    raise MissingExtraError("files", error) from error

__all__ = ["enhance_file", "read_mono", "resample", "write_wav"]

Audio = NDArray[np.float32]

_RATES = (1000, 1_000_000)
"""Hertz: a rate outside is a damaged header; at 1 Hz each sample would become 48000."""
_BLOCK_SAMPLES = 1 << 20
"""Samples read at once, at most; of all channels together."""
_LOUDEST = LOUDEST / 10
"""The enhancer's own limit, with room for what resampling overshoots."""


def enhance_file(
    source: str | Path, target: str | Path, make_enhancer: Callable[[int], Enhancer], progress: bool = True
) -> None:
    """Enhance an audio file into another.

    Parameters
    ----------
    source, target : path
        The target's suffix chooses its container, without one the source's is kept; so is the sample format, where
        the container has it. Nothing is left at ``target`` when an error ends the work.
    make_enhancer : callable
        Given the frames of a block, makes one channel's enhancer.
    progress : bool
        On a terminal, show how far it is, if that takes longer than a second.

    Raises
    ------
    AudioFileError
        A file is missing, unreadable, empty, not finite, not writable, or both are the same.
    """
    source, target = as_path("source", source), as_path("target", target)
    with _opened(source) as reader:
        check_target(source, target)
        enhancers = [make_enhancer(OFFLINE_BLOCK) for _ in range(reader.channels)]
        with created(target, reader) as write, _progress(reader, progress) as bar:
            for block in _enhanced(_blocks(reader, source, bar), enhancers, reader.samplerate):
                write(block)


def read_mono(path: str | Path) -> tuple[Audio, int]:
    """Read a file of one channel whole.

    Returns
    -------
    float32 (n,)
        Samples at the file's own rate.
    int
        The rate in hertz.

    Raises
    ------
    AudioFileError
        As for :func:`enhance_file`, or the file has several channels.
    """
    path = as_path("path", path)
    with _opened(path) as reader:
        if reader.channels > 1:
            raise AudioFileError(f"{path} has {reader.channels} channels: give a file of one channel")
        return np.concatenate(list(_blocks(reader, path)))[:, 0], reader.samplerate


def resample(signal: Audio, rate: int, to: int, length: int | None = None) -> Audio:
    """Change the rate of a whole signal.

    Parameters
    ----------
    signal : float32 (n,)
    rate, to : int
        Hertz: what it has, and what it shall have.
    length : int, optional
        Samples to give back, where that is known.

    Returns
    -------
    float32 (n,)

    Raises
    ------
    TypeError, ValueError
        The signal is not floating point, finite and of one channel; a rate is none; ``length`` is negative.
    """
    signal = as_signal("signal", signal)
    for name, hertz in (("rate", rate), ("to", to)):
        if not isinstance(hertz, int | np.integer) or not _RATES[0] <= hertz <= _RATES[1]:
            raise ValueError(f"{name} is {hertz!r}: give a whole number of hertz, {_RATES[0]} to {_RATES[1]}")
    if length is not None and (not isinstance(length, int | np.integer) or length < 0):
        raise ValueError(f"length is {length!r}: give a number of samples, 0 or more")
    changed = np.asarray(soxr.resample(signal, rate, to), np.float32)
    return changed if length is None else _exactly(changed, length)


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open for reading, or say why not."""
    if not path.exists():
        raise AudioFileError(f"{path} does not exist: check the path")
    if path.is_dir():
        raise AudioFileError(f"{path} is a folder: give an audio file")
    if not path.stat().st_size:
        raise AudioFileError(f"{path} is empty (0 bytes): record or copy it again")
    try:
        reader = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: .raw, whose rate no header tells
        reason = getattr(error, "error_string", error)
        raise AudioFileError(f"{path} cannot be read as audio ({reason}): convert it to WAV or FLAC first") from error
    with reader:
        if not reader.frames:
            raise AudioFileError(f"{path} holds no samples: there is nothing to enhance")
        if not _RATES[0] <= reader.samplerate <= _RATES[1]:
            raise AudioFileError(f"{path} has {reader.samplerate} Hz: give {_RATES[0]} to {_RATES[1]} Hz, resample it")
        if reader.channels > MOST_CHANNELS:
            raise AudioFileError(f"{path} has {reader.channels} channels: give {MOST_CHANNELS} at most, split it")
        yield reader


def _blocks(reader: soundfile.SoundFile, path: Path, bar: tqdm | None = None) -> Iterator[Audio]:
    """Yield float32 (n, channels) blocks of a second to the file's end, checked."""
    position = 0
    length = min(reader.samplerate, _BLOCK_SAMPLES // reader.channels)
    while True:
        try:
            block = reader.read(length, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            where = position / reader.samplerate
            raise AudioFileError(
                f"{path} breaks off after {where:.1f} s ({error.error_string}): copy it again"
            ) from error
        if not len(block):
            if not position:  # a damaged FLAC file ends without an error where its header promised sound
                raise AudioFileError(f"{path} holds no samples that can be read: copy it again")
            return
        sound = (np.abs(block) <= _LOUDEST).all(axis=1)  # false for NaN too
        if not sound.all():
            where = (position + int(np.argmin(sound))) / reader.samplerate
            raise AudioFileError(f"{path} holds NaN, infinity or a gross value at {where:.3f} s: export it again")
        yield block
        position += len(block)
        if bar is not None:
            bar.update(len(block) / reader.samplerate)


def _enhanced(blocks: Iterator[Audio], enhancers: list[Enhancer], rate: int) -> Iterator[Audio]:
    """Resample, enhance, resample back; as many samples come out as go in, in the same places."""
    channels = _Channels(enhancers)
    native = rate == SAMPLE_RATE
    up = None if native else soxr.ResampleStream(rate, SAMPLE_RATE, len(enhancers), dtype="float32")
    down = None if native else soxr.ResampleStream(SAMPLE_RATE, rate, len(enhancers), dtype="float32")
    taken = given = 0
    for block in blocks:
        taken += len(block)
        out = channels(up.resample_chunk(block) if up else block)
        out = down.resample_chunk(out) if down else out
        given += len(out)
        yield out
    nothing = np.zeros((0, len(enhancers)), np.float32)
    out = channels.flush(up.resample_chunk(nothing, last=True) if up else nothing)
    out = down.resample_chunk(out, last=True) if down else out
    # Rounding twice, the two resamplers may end a sample long or short.
    yield _exactly(out, taken - given)


class _Channels:
    """Feeds one enhancer a channel with whole blocks, whatever the lengths of the pieces that come."""

    def __init__(self, enhancers: list[Enhancer]) -> None:
        self._enhancers = enhancers
        self._pending = np.zeros((0, len(enhancers)), np.float32)
        self._late = DELAY
        self._owed = 0

    def __call__(self, piece: Audio) -> Audio:
        """Take float32 (n, channels), give what is ready, without the enhancer's delay."""
        self._owed += len(piece)
        pending = np.concatenate((self._pending, piece))
        step = OFFLINE_BLOCK * HOP
        whole = len(pending) // step * step
        out = np.empty((whole, len(self._enhancers)), np.float32)
        for start in range(0, whole, step):
            block = slice(start, start + step)
            for channel, enhancer in enumerate(self._enhancers):
                out[block, channel] = enhancer.process(np.ascontiguousarray(pending[block, channel]))
        self._pending = pending[whole:]
        skipped = min(self._late, whole)
        self._late -= skipped
        self._owed -= whole - skipped
        return out[skipped:]

    def flush(self, piece: Audio) -> Audio:
        """Take the last piece and give all that is still inside."""
        owed = self._owed + len(piece)
        step = OFFLINE_BLOCK * HOP
        room = len(self._pending) + len(piece) + DELAY
        padding = DELAY + -room % step
        out = self(np.concatenate((piece, np.zeros((padding, piece.shape[1]), np.float32))))
        return out[:owed]


def _progress(reader: soundfile.SoundFile, wanted: bool) -> tqdm:
    """Bar in seconds of audio, on a terminal only."""
    seconds = round(reader.frames / reader.samplerate, 1)
    layout = "{percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of audio [{elapsed}<{remaining}]"
    return tqdm(total=seconds, bar_format=layout, delay=1, disable=None if wanted else True)


def _exactly(audio: Audio, length: int) -> Audio:
    """Cut, or repeat the last sample."""
    missing = max(0, length - len(audio))
    if not missing:
        return audio[:length]
    last = audio[-1:] if len(audio) else np.zeros((1, *audio.shape[1:]), np.float32)
    return np.concatenate((audio, np.repeat(last, missing, axis=0)))
