"""The formats that can be read and written: soundfile's and, with the extra ``media``, those that FFmpeg knows."""

from pathlib import Path

import soundfile

__all__ = ["MEDIA", "READ_ONLY", "SOUND", "VIDEO", "is_media", "known"]

SOUND = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga", ".opus", ".wave"}
SOUND -= {".raw"}  # does not state its rate
"""Suffixes that libsndfile reads and, in most cases, writes."""
VIDEO = {".mkv", ".mov", ".mp4", ".m4v", ".webm"}
"""Suffixes of the videos that PyAV reads and writes; the picture is copied."""
MEDIA = VIDEO | {".aac", ".m4a", ".mka"}
"""Suffixes that PyAV reads and writes."""
READ_ONLY = {".3gp", ".ac3", ".amr", ".avi", ".flv", ".m4b", ".mpg", ".mts", ".ts", ".wma", ".wmv"}
"""Suffixes that PyAV reads."""


def is_media(path: Path) -> bool:
    """Whether PyAV has to read a file, going by its suffix."""
    return path.suffix.lower() in MEDIA | READ_ONLY


def known(path: Path) -> bool:
    """Whether a suffix indicates that a file contains sound."""
    return path.suffix.lower() in SOUND or is_media(path)
