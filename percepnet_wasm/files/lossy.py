"""The bit rates of mp3, Opus and Vorbis files, which libsndfile does not report, and how to keep them."""

import io
import struct
from pathlib import Path

import soundfile

__all__ = ["bit_rate", "mp3_level", "opus_level", "vorbis_level"]

_LIMITS = {1: (32_000, 320_000), 2: (8_000, 160_000), 2.5: (8_000, 64_000)}
"""Bit rates of layer III, by MPEG version."""
_TAG = 10
"""Bytes of an ID3v2 tag's header."""
_OPUS_LIMITS = 6_000, 256_000
"""Bit rates per channel that libsndfile's scale for Opus covers."""
_VORBIS = struct.Struct("<7xIBIiii")
"""A Vorbis file's first packet: version, channels, sample rate, and the highest, nominal and lowest bit rate."""


def bit_rate(path: Path, seconds: float) -> float:
    """Determine a compressed file's bit rate.

    Parameters
    ----------
    path : path
    seconds : float
        Length of the sound in it.

    Returns
    -------
    float
        Bits per second on average, or, for Vorbis, those that its encoder aimed at.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_TAG)
        tag = 0
        if head[:3] == b"ID3" and len(head) == _TAG:  # its length is coded with seven bits per byte
            tag = _TAG + sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(reversed(head[6:])))
        file.seek(tag)
        frame = file.read(300)
    return _nominal(frame) or 8 * (size - tag) / seconds


def mp3_level(bits_per_second: float, sample_rate: int) -> float:
    """Convert an mp3 file's bit rate to libsndfile's scale: 0 is the highest its version of MPEG has, 1 the lowest."""
    version = 1 if sample_rate >= 32_000 else 2 if sample_rate >= 16_000 else 2.5
    least, most = _LIMITS[version]
    return min(max((most - bits_per_second) / (most - least), 0.0), 0.99)


def opus_level(bits_per_second: float, channels: int) -> float:
    """Convert an Opus file's bit rate to libsndfile's scale: 0 is 256 kbit/s per channel, 1 is 6."""
    least, most = _OPUS_LIMITS
    return min(max((most - bits_per_second / channels) / (most - least), 0.0), 1.0)


def vorbis_level(bits_per_second: float, sample_rate: int, channels: int) -> float | None:
    """Convert a Vorbis file's bit rate to libsndfile's scale, or return None if the encoder states none at this rate.

    What the scale means depends on the rate and the channels, so it is searched by trial.
    """
    low, high = 0.0, 1.0
    for _ in range(8):
        level = (low + high) / 2
        trial = io.BytesIO()
        form = {"subtype": "VORBIS", "format": "OGG", "compression_level": level}
        soundfile.SoundFile(trial, "w", sample_rate, channels, **form).close()
        nominal = _nominal(trial.getvalue())
        if not nominal:
            return None
        low, high = (level, high) if nominal > bits_per_second else (low, level)
    return (low + high) / 2


def _nominal(head: bytes) -> int:
    """Read the bit rate that a Vorbis file states; 0 if it states none, or is not one."""
    at = head.find(b"\x01vorbis")
    if not 0 <= at <= len(head) - _VORBIS.size:
        return 0
    return max(0, _VORBIS.unpack_from(head, at)[4])
