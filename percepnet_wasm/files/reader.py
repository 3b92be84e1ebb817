"""What an open audio file offers, whichever library reads it."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioFileError

__all__ = ["Reader", "TruncatedFileError"]

Audio = NDArray[np.float32]


class TruncatedFileError(AudioFileError):
    """The sound ends before the file says it does, or cannot be read any further.

    Parameters
    ----------
    reason : str
        The library's message, if any.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Reader(Protocol):
    """An open audio file.

    Attributes
    ----------
    name : str
        Its name in messages.
    samplerate, channels : int
    format, subtype : str
        Container and sample format, by libsndfile's names.
    seconds : float or None
        Length of the sound, as stated by the file.
    bit_rate : float or None
        Bits per second of a compressed file.
    """

    name: str
    samplerate: int
    channels: int
    format: str
    subtype: str
    seconds: float | None
    bit_rate: float | None

    def blocks(self) -> Iterator[Audio]:
        """Yield float32 (n, channels) to the end; raise TruncatedFileError if that comes too early."""
