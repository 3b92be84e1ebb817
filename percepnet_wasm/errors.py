"""Errors that a user can put right: a missing package, a file that cannot be used."""

__all__ = ["AudioFileError", "MissingExtraError", "ModelFileError"]


class AudioFileError(ValueError):
    """An audio file cannot be read, enhanced or written; the message names it and the remedy."""


class ModelFileError(ValueError):
    """A model file cannot be used; the message says why, and what to do."""


class MissingExtraError(ImportError):
    """A package of an optional extra is not installed; the message has the command that installs what the extra needs.

    Parameters
    ----------
    extra : str
        The extra of this distribution that brings the package.
    cause : Exception or str
        What the import raised, or what needs the package.
    """

    def __init__(self, extra: str, cause: Exception | str) -> None:
        # The packages by name, not this distribution's extra: that would install this package from an index, even if it
        # came from a clone.
        super().__init__(f"{cause}: pip install {' '.join(_packages(extra))} (extra '{extra}' of percepnet-wasm)")
        self.extra = extra


def _packages(extra: str) -> list[str]:
    """List what an extra requires, ready for a shell."""
    from importlib import metadata  # slow to import, and needed only now

    try:
        required = metadata.requires("percepnet-wasm") or []
    except metadata.PackageNotFoundError:  # a checkout on the path
        required = []
    mine = [text.partition(";") for text in required]
    found = [name.strip() for name, _, condition in mine if f"extra == '{extra}'" in condition.replace('"', "'")]
    return [f"'{name}'" for name in found] or [f"'.[{extra}]'"]  # in the clone
