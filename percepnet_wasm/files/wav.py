"""WAV headers, checked against the file, and WAV streams of unknown length through a pipe.

libsndfile reads WAV files; this module does what libsndfile does not: notice that a file is shorter than its header
says, read a file whose header was never completed, read from a pipe and write to one.
"""

import os
import struct
from dataclasses import dataclass
from io import SEEK_END, SEEK_SET
from typing import BinaryIO

from ..errors import AudioFileError

__all__ = ["Body", "PIPED", "WavHeader", "WavPipe", "read_header"]

_UNSTATED = 0x7FFFF000
"""A data size that is 0, or this or more with fewer bytes behind it, was written before the length was known: SoX
writes this one, FFmpeg 0xFFFFFFFF, recorders either or 0."""
_EXTENSIBLE = 0xFFFE
_SUBTYPES = {
    (1, 8): "PCM_U8", (1, 16): "PCM_16", (1, 24): "PCM_24", (1, 32): "PCM_32", (3, 32): "FLOAT", (3, 64): "DOUBLE",
    (6, 8): "ALAW", (7, 8): "ULAW",
}  # fmt: skip
"""libsndfile's names for format tags and bit depths."""
PIPED = {subtype: layout for layout, subtype in _SUBTYPES.items()}
"""Sample formats that can be written to a pipe: their tags and bits."""
_MOST_HEADER = 1 << 24
"""Bytes of chunks before the samples, at most."""
_ENDLESS = 1 << 60


@dataclass(frozen=True)
class WavHeader:
    """A WAV file's description of itself, before its samples.

    Attributes
    ----------
    subtype : str or None
        libsndfile's name for the sample format, if it is a plain one.
    sample_rate, channels : int
    frame_bytes, bytes_per_second : int
    start : int
        Offset in the file at which the samples begin.
    size : int or None
        Bytes of samples; None if the header was written before that was known.
    """

    subtype: str | None
    sample_rate: int
    channels: int
    frame_bytes: int
    bytes_per_second: int
    start: int
    size: int | None

    def lacks(self, file_bytes: int) -> float:
        """Seconds of sound that the header promises and the file does not have."""
        missing = self.size - (file_bytes - self.start) if self.size is not None else 0
        return max(0, missing) / self.bytes_per_second if self.bytes_per_second else 0.0


def read_header(file: BinaryIO, file_bytes: int | None = None) -> WavHeader | None:
    """Read a WAV file up to its samples; None if it is not a WAV file, or a variant that only libsndfile knows.

    Parameters
    ----------
    file : binary file
        Read from its beginning, forwards only.
    file_bytes : int, optional
        Length of the file, if known.
    """
    top = file.read(12)
    if len(top) < 12 or top[:4] != b"RIFF" or top[8:] != b"WAVE":
        return None
    riff_bytes = struct.unpack("<I", top[4:8])[0]
    position, layout = 12, b""
    while position < _MOST_HEADER:
        chunk = file.read(8)
        position += 8
        if len(chunk) < 8:
            return None
        name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"data":
            if len(layout) < 16:
                return None
            there = None if file_bytes is None else file_bytes - position
            whole = riff_bytes + 8 == file_bytes
            if whole and there and size == 0:
                whole = _is_chunk(file.read(8), there)
                file.seek(position)
            return _header(layout, position, _stated(size, there, whole))
        size += size % 2
        if size > _MOST_HEADER:
            return None
        body = file.read(size)
        position += size
        if name == b"fmt ":
            layout = body
    return None


def _is_chunk(head: bytes, there: int) -> bool:
    """Whether these bytes begin a chunk that fits into what is there, rather than being samples."""
    return head[:4].rstrip().isalnum() and len(head) == 8 and struct.unpack("<I", head[4:])[0] <= there - 8


def _header(layout: bytes, start: int, size: int | None) -> WavHeader:
    tag, channels, rate, per_second, frame_bytes, bits = struct.unpack("<HHIIHH", layout[:16])
    if tag == _EXTENSIBLE and len(layout) >= 26:
        tag = struct.unpack("<H", layout[24:26])[0]
    plain = frame_bytes == channels * bits // 8
    subtype = _SUBTYPES.get((tag, bits)) if plain else None
    return WavHeader(subtype, rate, channels, frame_bytes, per_second, start, size)


def _stated(size: int, there: int | None, whole: bool) -> int | None:
    """Decide whether to believe the data size."""
    if size == 0 and not whole:  # a file that ends where its first chunk says really is empty
        return None
    if size >= _UNSTATED and (there is None or size > there):
        return None
    return size


class Body:
    """The samples of a WAV file as a file of their own, read forwards, for libsndfile to read as raw samples.

    Parameters
    ----------
    file : binary file
        At the beginning of the samples.
    size : int, optional
        Bytes of samples; by default they extend to the end of the file.
    """

    def __init__(self, file: BinaryIO, size: int | None = None) -> None:
        self._file = file
        self._size = _ENDLESS if size is None else size
        self._position = self._read = 0

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Pretend to seek: libsndfile does so only to find out the length."""
        self._position = {SEEK_SET: 0, SEEK_END: self._size}.get(whence, self._position) + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, count: int) -> bytes:
        """Read the next bytes."""
        data = self._file.read(max(0, min(count, self._size - self._read)))
        self._read += len(data)
        self._position = self._read
        return data


class WavPipe:
    """A pipe to which a WAV file is written: a header without a length, then the samples.

    Parameters
    ----------
    file : binary file
    sample_rate, channels : int
    subtype : str
        One of :data:`PIPED`.
    """

    def __init__(self, file: BinaryIO, sample_rate: int, channels: int, subtype: str) -> None:
        self._file = file
        self._position = 0
        self.error: OSError | None = None
        tag, bits = PIPED[subtype]
        frame_bytes = channels * bits // 8
        layout = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, bits)
        unknown = struct.pack("<I", 0xFFFFFFFF)
        self._put(b"RIFF" + unknown + b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + unknown)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Stay put: raw samples are written one after another."""
        return self._position

    def tell(self) -> int:
        return self._position

    def write(self, data: bytes) -> int:
        """Write. The caller is C code, which cannot handle an exception, so it is kept for check()."""
        self._put(data)
        self._position += len(data)
        return len(data)

    def _put(self, data: bytes) -> None:
        try:
            if self.error is None:
                self._file.write(data)
                self._file.flush()
        except OSError as error:
            self.error = error

    def check(self) -> None:
        """Raise the exception that a write raised, if any."""
        if isinstance(self.error, BrokenPipeError):
            # What is still in the buffer must not fail again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
            raise AudioFileError("standard output was closed too early: the program that reads it has ended")
        if self.error:
            raise self.error
