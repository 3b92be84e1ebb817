"""Audio files written so that nothing is lost: beside the target first, and moved there once they are whole."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..checks import as_path, as_signal
from ..errors import AudioFileError, MissingExtraError

try:
    import soundfile
except (ImportError, OSError) as error:  # OSError: soundfile without its C library
    raise MissingExtraError("files", error) from error

__all__ = ["check_target", "created", "write_wav"]

Audio = NDArray[np.float32]

_ALIASES = {"AIF": "AIFF", "WAVE": "WAV", "OGA": "OGG", "OPUS": "OGG"}
"""Suffixes that are not the name of their container."""
_WAV_LIMIT = 2**32 - 2**16
"""Bytes beyond which WAV's 32-bit lengths overflow, less room for the header."""
_FINE = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32"}
"""Subtypes with more than 16 bits, worth keeping in a container that has another name for them."""


def check_target(source: Path, target: Path) -> None:
    """Refuse what would destroy the input, or cannot be written."""
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
def created(target: Path, source: soundfile.SoundFile) -> Iterator[Callable[[Audio], None]]:
    """Give a function that writes blocks beside ``target``, and move the file there once all is well.

    Parameters
    ----------
    target : path
    source : soundfile.SoundFile
        Has the rate, the channels and, where the target's container knows it, the sample format to use.

    Raises
    ------
    AudioFileError
        It cannot be written; a file that was there before stays as it was.
    """
    container, subtypes = _sample_formats(target, source)
    target = target.resolve()
    partial = _partial(target)
    try:
        with open(partial, "wb", buffering=0) as file:
            sink = _Sink(file)
            with _writer(sink, target, source, container, subtypes) as writer:

                def write(block: Audio) -> None:
                    writer.write(block)
                    sink.check()

                yield write
            sink.check()
        os.replace(partial, target)
    except (OSError, soundfile.LibsndfileError) as error:
        reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        raise AudioFileError(f"{target} cannot be written ({reason}): is the disk full?") from error
    finally:
        partial.unlink(missing_ok=True)


def _writer(
    sink: "_Sink", target: Path, source: soundfile.SoundFile, container: str, subtypes: list[str]
) -> soundfile.SoundFile:
    """Open for writing with the first sample format that serves."""
    # libsndfile knows combinations on paper that it cannot write (MP3 frames in WAV): go on to the next.
    for subtype in subtypes:
        try:
            return soundfile.SoundFile(sink, "w", source.samplerate, source.channels, subtype, format=container)
        except soundfile.LibsndfileError as error:
            reason = error.error_string
            sink.clear()
    kind = f"{source.samplerate} Hz, {source.channels} channels as {container}"
    raise AudioFileError(f"{target} cannot be written with {kind} ({reason}): use .wav or .flac")


class _Sink:
    """A file that remembers what went wrong.

    Of most formats libsndfile does not tell when it could not write the last bytes: of a full disk nobody would learn.

    Parameters
    ----------
    file : raw binary file
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.seek, self.tell = file.seek, file.tell

    def write(self, data: bytes) -> int:
        """Write. The caller is C, which can do nothing with an exception: it is kept for check()."""
        left = memoryview(data)
        try:
            while left and not self._error:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._error = error
        return len(data)

    def check(self) -> None:
        """Raise what a write raised."""
        if self._error:
            raise self._error

    def clear(self) -> None:
        """Begin anew."""
        self._file.seek(0)
        self._file.truncate()


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
