"""Opens audio files and reads them in blocks, with whichever library applies, checking every sample on the way in."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import MOST_CHANNELS, UNSCALED, unscaled
from ..errors import AudioFileError, MissingExtraError
from ..stream import RATES
from .reader import Reader, TruncatedFileError
from .wav import Body, WavHeader, read_header

try:
    import soundfile
except (ImportError, OSError) as error:  # OSError: soundfile without its C library
    raise MissingExtraError("files", error) from error

from . import lossy
from .formats import is_media

__all__ = ["STANDARD", "SoundReader", "checked", "opened"]

Audio = NDArray[np.float32]

STANDARD = Path("-")
"""Standard input or output."""
_BLOCK_SAMPLES = 1 << 20
"""Most samples read at a time, all channels together."""
_UNKNOWN_FRAMES = 1 << 48
"""If a header does not state the number of frames, libsndfile reports far more than this."""
_LOSSY = "MPEG_LAYER_III", "OPUS", "VORBIS"
"""Sample formats whose bit rate the output keeps."""
_LOOSE_SECONDS = 0.25
"""By how much an mp3 file's own frame count may be wrong although nothing is missing."""


class _Forwards(soundfile.SoundFile):
    """A file that is only read forwards: libsndfile cannot seek in all, yet soundfile would after every block."""

    def seekable(self) -> bool:
        return False


class SoundReader:
    """A file that libsndfile reads; see :class:`.Reader`."""

    def __init__(self, file: Any, name: str, header: WavHeader | None = None, path: Path | None = None) -> None:
        self.name, self._file = name, file
        self.samplerate, self.channels = file.samplerate, file.channels
        # The samples of a WAV file without a length are read as raw ones.
        self.format = "WAV" if file.format == "RAW" else file.format
        self.subtype = file.subtype
        stated = file.frames / file.samplerate if file.frames < _UNKNOWN_FRAMES else None
        lacking = header.lacks(path.stat().st_size) if header and path else 0.0
        self.seconds = None if stated is None else stated + lacking
        self.bit_rate = lossy.bit_rate(path, stated) if self.subtype in _LOSSY and path and stated else None
        self._loose = _LOOSE_SECONDS if self.format in ("MP3", "OGG") else 0.5 / file.samplerate

    def blocks(self) -> Iterator[Audio]:
        """Yield one-second blocks."""
        length = min(self.samplerate, _BLOCK_SAMPLES // self.channels)
        position = 0
        while True:
            try:
                block = self._file.read(length, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise TruncatedFileError(error.error_string) from error
            if not len(block):
                if self.seconds is not None and position / self.samplerate < self.seconds - self._loose:
                    raise TruncatedFileError
                return
            position += len(block)
            yield block


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Open a file, or standard input for ``-``, or say why it cannot be opened.

    Raises
    ------
    AudioFileError
        It is missing, empty, not audio, or out of range.
    MissingExtraError
        It needs PyAV, which is not installed.
    """
    if path == STANDARD:
        yield _checked_header(_standard_input())
        return
    if not path.exists():
        raise AudioFileError(f"{path} does not exist: check the path")
    if path.is_dir():
        raise AudioFileError(f"{path} is a folder: specify an audio file")
    if not path.stat().st_size:
        raise AudioFileError(f"{path} is empty (0 bytes): record or copy it again")
    if is_media(path):
        from .media import open_media

        with open_media(path) as reader:
            yield _checked_header(reader)
        return
    with path.open("rb") as file:
        header = read_header(file, path.stat().st_size)
        if header and header.subtype and header.size is None:
            with _raw(file, header, path.stat().st_size - header.start, str(path)) as sound:
                yield _checked_header(SoundReader(sound, str(path)))
            return
    try:
        sound = _Forwards(path)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: .raw, which has no header with its rate
        reason = getattr(error, "error_string", error)
        raise AudioFileError(f"{path} cannot be read as audio ({reason}): convert it to WAV or FLAC first") from error
    with sound:
        if not sound.frames:
            raise AudioFileError(f"{path} contains no samples: there is nothing to enhance")
        yield _checked_header(SoundReader(sound, str(path), header, path))


def _checked_header(reader: Any) -> Any:
    """Refuse rates and channel counts that only a damaged header would have."""
    name, rate, channels = reader.name, reader.samplerate, reader.channels
    if not RATES[0] <= rate <= RATES[1]:
        low, high = RATES
        raise AudioFileError(f"{name} has a sample rate of {rate} Hz: resample it to between {low} and {high} Hz")
    if channels > MOST_CHANNELS:
        raise AudioFileError(f"{name} has {channels} channels, more than the {MOST_CHANNELS} supported: split it")
    return reader


def _standard_input() -> SoundReader:
    """Read a WAV file from a pipe."""
    if sys.stdin is None or sys.stdin.isatty():
        raise AudioFileError("standard input is a terminal: pipe a WAV file in, or name a file instead of '-'")
    file = sys.stdin.buffer
    header = read_header(file)
    if header is None or header.subtype is None:
        raise AudioFileError("standard input is not a WAV file: convert it, as ffmpeg -i FILE -f wav - does")
    return SoundReader(_raw(file, header, header.size, "standard input"), "standard input")


def _raw(file: Any, header: WavHeader, size: int | None, name: str) -> soundfile.SoundFile:
    """Open the samples behind a WAV header."""
    if size is not None:
        size -= size % max(1, header.frame_bytes)
    if size is not None and size <= 0:
        raise AudioFileError(f"{name} contains no samples: there is nothing to enhance")
    try:
        return _Forwards(
            Body(file, size), "r", header.sample_rate, header.channels, header.subtype, "LITTLE", "RAW"
        )  # fmt: skip
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{name} has a damaged header ({error.error_string}): record or copy it again") from error


def checked(reader: Reader) -> Iterator[Audio]:
    """Yield a file's blocks, having checked that every sample is finite and within any full scale.

    Raises
    ------
    AudioFileError
        A sample is not; or TruncatedFileError.
    """
    position = 0
    for block in reader.blocks():
        plausible = (np.abs(block) <= UNSCALED).all(axis=1)  # false for NaN too
        if not plausible.all():
            index = int(np.argmin(plausible))
            where = f"at {(position + index) / reader.samplerate:.3f} s"
            peak = float(np.max(np.abs(block[index])))
            if not np.isfinite(peak):
                raise AudioFileError(f"{reader.name} contains NaN or infinity {where}: export it again")
            loudest = float(np.max(np.abs(block[np.isfinite(block)])))
            raise AudioFileError(f"{reader.name} has a peak of {loudest:g} {where}, but {unscaled(loudest)}")
        position += len(block)
        yield block
    if not position:  # a damaged FLAC file ends without an error although its header promised sound
        raise AudioFileError(f"{reader.name} contains no readable samples: copy it again")
