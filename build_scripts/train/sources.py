"""Which sources of recordings are held out for validation, and which contain connected speech.

A source is what a manifest's column ``source`` names: a collection, not a file or a talker. Validation on other talkers
from the training collections, or on training noises, is too optimistic.
"""

__all__ = ["HELD_OUT_NOISE", "HELD_OUT_SPEECH", "is_connected"]

HELD_OUT_SPEECH = (
    "Resemblyzer",
    "TTS@dbf1a08a",
    "asterisk-core-sounds-fr",
    "fillets-ng-data-cs",
    "hedgewars",
    "pao-audio",
)
"""Parts of the names of the sources whose speech is used only in validation."""
HELD_OUT_NOISE = (
    "AntumMT",
    "IBM/MAX-Audio",
    "OpenSFX",
    "Taek-D",
    "alphanumeric",
    "chaeyoung-lee",
    "lincity",
    "mechvibes",
    "medley-baby-16000-a3d",
    "oxygen",
    "rafaelmardojai/blanket",
    "torcs",
)
"""The same for noise. The noises in the demo page's samples come from these (``medley-baby`` is a part of file
names)."""

_CONNECTED = (
    "alphanumeric",
    "asterisk",
    "fillets",
    "kerstin",
    "kokoro",
    "ljspeech",
    "nathalie",
    "piper",
    "Resemblyzer",
    "speech-to-intent",
    "speechocean762",
    "synthetic",
    "tuxpaint",
    "yoruba",
)
"""Parts of the names of the sources that hold sentences rather than single words."""


def is_connected(source: str) -> bool:
    """Whether a source of speech holds sentences."""
    return any(name in source for name in _CONNECTED)
