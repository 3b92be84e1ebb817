"""Audio files: read, enhanced and written in blocks, so that an hour costs no more memory than a minute.

Needs the extra ``files``. Any sample rate and channel count soundfile reads is kept in the output; each channel is
enhanced on its own at 48 kHz, resampled by soxr on the way in and out where the file has another rate. The output
starts where the input starts and has its length: the resamplers compensate their own delay, the enhancer's is cut off.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .checks import as_path, as_signal
from .constants import DELAY, HOP, SAMPLE_RATE
from .enhancer import LOUDEST, MOST_CHANNELS, OFFLINE_BLOCK, Enhancer
from .extras import AudioFileError, MissingExtraError

try:
    import soundfile
    import soxr
    from tqdm import tqdm
except (ImportError, OSError) as error:  # OSError: soundfile without its C library
    raise MissingExtraError("files", error) from error

__all__ = ["enhance_file", "read_mono", "resample", "write_wav"]

Audio = NDArray[np.float32]

_ALIASES = {"AIF": "AIFF", "WAVE": "WAV", "OGA": "OGG", "OPUS": "OGG"}
"""Suffixes that are not the name of their container."""
_WAV_LIMIT = 2**32 - 2**16
"""Bytes beyond which WAV's 32-bit lengths overflow, less room for the header."""
_RATES = (1000, 1_000_000)
"""Hertz: a rate outside is a damaged header; at 1 Hz each sample would become 48000."""
_BLOCK_SAMPLES = 1 << 20
"""Samples read at once, at most; of all channels together."""
_LOUDEST = LOUDEST / 10
"""The enhancer's own limit, with room for what resampling overshoots."""
_FINE = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32"}
"""Subtypes with more than 16 bits, worth keeping in a container that has another name for them."""


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
        _check_target(source, target)
        enhancers = [make_enhancer(OFFLINE_BLOCK) for _ in range(reader.channels)]
        with _created(target, reader) as writer, _progress(reader, progress) as bar:
            for block in _enhanced(_blocks(reader, source, bar), enhancers, reader.samplerate):
                _write(writer, block, target)


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


def write_wav(path: Path, signal: Audio, rate: int) -> None:
    """Write float32 (n,) samples as a WAV file of 32-bit floats: nothing is clipped, whatever a rung overshoots.

    Raises
    ------
    AudioFileError
        It cannot be written; a file that was there before stays as it was.
    TypeError, ValueError
        The signal is not floating point, finite and of one channel.
    """
    signal = as_signal("signal", signal)
    path = as_path("path", path).resolve()
    partial = _partial(path)
    try:
        soundfile.write(partial, signal, rate, format="WAV", subtype="FLOAT")
        os.replace(partial, path)
    except (soundfile.LibsndfileError, OSError) as error:
        reason = getattr(error, "error_string", None) or error
        raise AudioFileError(f"{path} cannot be written at {rate} Hz ({reason}): is there such a folder?") from error
    finally:
        partial.unlink(missing_ok=True)


def _partial(target: Path) -> Path:
    """Where to write what becomes ``target`` once it is whole."""
    return target.with_name(f".{target.name}.{os.getpid()}.partial")


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


def _check_target(source: Path, target: Path) -> None:
    if target.resolve() == source.resolve() or (target.exists() and target.samefile(source)):
        raise AudioFileError(f"{target} is the input itself: give the output another name")
    if target.exists() and not target.is_file():
        raise AudioFileError(f"{target} is not a plain file: give the output another name")
    if not target.parent.is_dir():
        raise AudioFileError(f"{target.parent} is not a folder: make it first, or write elsewhere")


def _sample_formats(target: Path, source: soundfile.SoundFile) -> tuple[str, list[str]]:
    """Choose the container by the target's suffix, and list its sample formats, the nearest to the source's first."""
    suffix = target.suffix[1:].upper()
    container = _ALIASES.get(suffix, suffix) or source.format
    if not suffix and not soundfile.check_format(container, source.subtype):
        container = "WAV"
    if container == "WAV" and source.format in ("WAVEX", "RF64"):
        container = source.format
    subtypes: list[str] = []
    if container in soundfile.available_formats():
        near = ["OPUS"] if suffix == "OPUS" else [source.subtype, *(["PCM_24"] if source.subtype in _FINE else [])]
        usual = soundfile.default_subtype(container)
        subtypes = [subtype for subtype in (*near, usual) if subtype and soundfile.check_format(container, subtype)]
    if not subtypes:
        raise AudioFileError(f"{target}: soundfile cannot write {target.suffix} files: use .wav or .flac")
    if container == "WAV" and source.frames * source.channels * 8 > _WAV_LIMIT:
        container = "RF64"
    return container, subtypes


@contextmanager
def _created(target: Path, source: soundfile.SoundFile) -> Iterator[soundfile.SoundFile]:
    """Open for writing beside ``target``, and move there once all is well."""
    container, subtypes = _sample_formats(target, source)
    target = target.resolve()
    partial = _partial(target)
    kind = f"{source.samplerate} Hz, {source.channels} channels as {container}"
    rate, channels = source.samplerate, source.channels
    writer = None
    try:
        # libsndfile knows combinations on paper that it cannot write (MP3 frames in WAV): go on to the next.
        for subtype in subtypes:
            try:
                writer = soundfile.SoundFile(partial, "w", rate, channels, subtype, format=container)
                break
            except soundfile.LibsndfileError as error:
                reason = error.error_string
        if writer is None:
            raise AudioFileError(f"{target} cannot be written with {kind} ({reason}): use .wav or .flac")
        with writer:
            yield writer
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _write(writer: soundfile.SoundFile, block: Audio, target: Path) -> None:
    try:
        writer.write(block)
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{target} cannot be written ({error.error_string}): is the disk full?") from error


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
