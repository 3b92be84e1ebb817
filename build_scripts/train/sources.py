"""Which sources of recordings are kept out for validation, and which hold connected speech.

A source is what a manifest's column ``source`` names: a collection, not a file or a talker. Validation on other talkers
of the training's collections, or on noises of the training, flatters.
"""

__all__ = ["HELD_OUT_NOISE", "HELD_OUT_SPEECH", "is_connected"]

HELD_OUT_SPEECH = ("Resemblyzer", "asterisk-core-sounds-es", "fillets-ng-data-cs", "hedgewars", "yoruba_speech")
"""Parts of the names of the sources whose speech only validation hears."""
HELD_OUT_NOISE = (
    "AntumMT/mod-sounds",
    "IBM/MAX-Audio-Classifier",
    "OpenTTD/OpenSFX",
    "Sakshee5/alphanumeric-audio-dataset",
    "chaeyoung-lee/wids_tutorial",
    "esc50",
    "rafaelmardojai/blanket",
)
"""The same for noise. The noises in the demo page's samples come from these (``esc50`` is a part of file names)."""

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
