"""Writing audio files so that nothing is lost: first next to the target, then moved into place once complete."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..checks import as_path, as_signal
from ..errors import AudioFileError, MissingExtraError
from .reader import Reader
from .reading import STANDARD
from .wav import PIPED, WavPipe

try:
    import soundfile
except (ImportError, OSError) as error:  # OSError: soundfile without its C library
    raise MissingExtraError("files", error) from error

from . import lossy
from .formats import MEDIA

__all__ = ["check_target", "created", "write_wav"]

Audio = NDArray[np.float32]
Write = Callable[[Audio], None]

_ALIASES = {"AIF": "AIFF", "WAVE": "WAV", "OGA": "OGG", "OPUS": "OGG"}
"""Suffixes that are not the name of their container."""
_WAV_LIMIT = 2**32 - 2**16
"""Bytes beyond which WAV's 32-bit lengths overflow, less room for the header."""
_FINE = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32"}
"""Subtypes with more than 16 bits, worth keeping in a container that has another name for them."""


def check_target(source: Path, target: Path, overwrite: bool = False) -> None:
    """Refuse a target that would destroy the input or another file, or that cannot be written.

    Raises
    ------
    AudioFileError
        ``target`` is ``source``, is a folder, exists already, or is standard output with nothing reading it.
    """
    if target == STANDARD:
        if sys.stdout is None or sys.stdout.isatty():
            raise AudioFileError("standard output is a terminal: pipe it to a program, or name a file instead of '-'")
        return
    if source != STANDARD and (target.resolve() == source.resolve() or (target.exists() and target.samefile(source))):
        raise AudioFileError(f"{target} is the input itself: choose another name for the output")
    if target.exists() and not target.is_file():
        raise AudioFileError(f"{target} is not a plain file: choose another name for the output")
    if target.exists() and not overwrite:
        raise AudioFileError(f"{target} already exists: choose another name, or overwrite it (--force, overwrite=True)")
    above = next(folder for folder in target.absolute().parents if folder.exists())
    if not above.is_dir():
        raise AudioFileError(f"{above} is not a folder: choose another output")


def _sample_formats(target: Path, source: Reader) -> tuple[str, list[str]]:
    """Choose the container by the target's suffix, and list its sample formats, closest to the source's first."""
    suffix = target.suffix[1:].upper()
    container = _ALIASES.get(suffix, suffix) or source.format
    if not suffix and not (
        container in soundfile.available_formats() and soundfile.check_format(container, source.subtype)
    ):
        container = "WAV"
    if container == "WAV" and source.format in ("WAVEX", "RF64"):
        container = source.format
    subtypes: list[str] = []
    if container in soundfile.available_formats():
        near = ["OPUS"] if suffix == "OPUS" else [source.subtype, *(["PCM_24"] if source.subtype in _FINE else [])]
        usual = soundfile.default_subtype(container)
        subtypes = [name for name in (*near, usual) if name and _possible(container, name)]
    if not subtypes:
        raise AudioFileError(f"{target}: {target.suffix} files cannot be written: use .wav or .flac")
    seconds = source.seconds or 0.0
    if container == "WAV" and seconds * source.samplerate * source.channels * 8 > _WAV_LIMIT:
        container = "RF64"
    return container, subtypes


def _possible(container: str, subtype: str) -> bool:
    return subtype in soundfile.available_subtypes(container) and soundfile.check_format(container, subtype)


@contextmanager
def created(target: Path, reader: Reader) -> Iterator[Write]:
    """Provide a function that writes blocks to a file next to ``target``; move it into place if all goes well.

    Parameters
    ----------
    target : path
        ``-`` is standard output. Missing folders above it are created.
    reader : Reader
        Has the rate, the channels and, if the target's container supports it, the sample format to use; for a video,
        also the picture.

    Raises
    ------
    AudioFileError
        It cannot be written; a file that was there before stays as it was.
    """
    if target == STANDARD:
        with _piped(reader) as write:
            yield write
        return
    media = target.suffix.lower() in MEDIA
    container, subtypes = ("", []) if media else _sample_formats(target, reader)
    target = target.absolute()
    made = _make_folders(target.parent)
    target = target.resolve()
    partial = _partial(target)
    try:
        if media:
            from .media import written

            with written(partial, target, reader) as write:
                yield write
        else:
            with _sound(partial, target, reader, container, subtypes) as write:
                yield write
        os.replace(partial, target)
        made = []
    except (OSError, soundfile.LibsndfileError) as error:
        reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        raise AudioFileError(f"{target} cannot be written ({reason}): is the disk full?") from error
    finally:
        partial.unlink(missing_ok=True)
        for folder in made:
            try:
                folder.rmdir()
            except OSError:  # it is not empty: another file has appeared in it
                break


def _make_folders(folder: Path) -> list[Path]:
    """Create a folder and those above it; return the created ones, innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioFileError(f"{folder} cannot be created ({error.strerror}): choose another output") from error
    return missing


@contextmanager
def _sound(partial: Path, target: Path, reader: Reader, container: str, subtypes: list[str]) -> Iterator[Write]:
    """Write with libsndfile."""
    with open(partial, "wb", buffering=0) as file:
        sink = _Sink(file)
        with _writer(sink, target, reader, container, subtypes) as writer:

            def write(block: Audio) -> None:
                writer.write(block)
                sink.check()

            yield write
        sink.check()


@contextmanager
def _piped(reader: Reader) -> Iterator[Write]:
    """Write a WAV file to standard output as it is produced."""
    subtype = reader.subtype if reader.subtype in PIPED else "PCM_16"
    pipe = WavPipe(sys.stdout.buffer, reader.samplerate, reader.channels, subtype)
    with soundfile.SoundFile(pipe, "w", reader.samplerate, reader.channels, subtype, "LITTLE", "RAW") as writer:

        def write(block: Audio) -> None:
            writer.write(block)
            pipe.check()

        yield write
    pipe.check()


def _writer(sink: "_Sink", target: Path, source: Reader, container: str, subtypes: list[str]) -> soundfile.SoundFile:
    """Open for writing with the first sample format that works."""
    # libsndfile lists some combinations that it cannot in fact write (MP3 frames in WAV): try the next.
    for subtype in subtypes:
        try:
            return soundfile.SoundFile(
                sink, "w", source.samplerate, source.channels, subtype, format=container, **_quality(source, subtype)
            )  # fmt: skip
        except soundfile.LibsndfileError as error:
            reason = error.error_string
            sink.clear()
    kind = f"{source.samplerate} Hz, {source.channels} channels as {container}"
    raise AudioFileError(f"{target} cannot be written with {kind} ({reason}): use .wav or .flac")


def _quality(source: Reader, subtype: str) -> dict[str, float | str | None]:
    """Ask a lossy encoder for the source's bit rate; a scale that it lacks is left at its default."""
    if not source.bit_rate:
        return {}
    bits = source.bit_rate
    if subtype == "MPEG_LAYER_III":  # a file of constant bit rate would lack the header that states the encoder's delay
        return {"compression_level": lossy.mp3_level(bits, source.samplerate), "bitrate_mode": "AVERAGE"}
    if subtype == source.subtype == "OPUS":
        return {"compression_level": lossy.opus_level(bits, source.channels)}
    if subtype == source.subtype == "VORBIS":
        return {"compression_level": lossy.vorbis_level(bits, source.samplerate, source.channels)}
    return {}


class _Sink:
    """A file that remembers its write errors.

    For most formats libsndfile does not report a failure to write the last bytes: a full disk would go unnoticed.

    Parameters
    ----------
    file : raw binary file
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.seek, self.tell = file.seek, file.tell

    def write(self, data: bytes) -> int:
        """Write. The caller is C code, which cannot handle an exception, so it is kept for check()."""
        left = memoryview(data)
        try:
            while left and not self._error:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._error = error
        return len(data)

    def check(self) -> None:
        """Raise the exception that a write raised, if any."""
        if self._error:
            raise self._error

    def clear(self) -> None:
        """Start over."""
        self._file.seek(0)
        self._file.truncate()


def write_wav(path: Path, signal: Audio, rate: int) -> None:
    """Write float32 (n,) samples as a WAV file of 32-bit floats, so that overshoots are not clipped.

    Raises
    ------
    AudioFileError
        It cannot be written; a file that was there before stays as it was.
    TypeError, ValueError
        The signal is not floating point, finite and mono.
    """
    signal = as_signal("signal", signal)
    path = as_path("path", path).resolve()
    partial = _partial(path)
    try:
        soundfile.write(partial, signal, rate, format="WAV", subtype="FLOAT")
        os.replace(partial, path)
    except (soundfile.LibsndfileError, OSError) as error:
        reason = getattr(error, "error_string", None) or error
        raise AudioFileError(f"{path} cannot be written at {rate} Hz ({reason}): does the folder exist?") from error
    finally:
        partial.unlink(missing_ok=True)


def _partial(target: Path) -> Path:
    """Where to write the file that becomes ``target`` once it is complete."""
    return target.with_name(f".{target.name}.{os.getpid()}.partial")
