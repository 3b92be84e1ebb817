"""Errors a user can mend: a missing extra, a file that does not serve."""

__all__ = ["AudioFileError", "MissingExtraError"]


class AudioFileError(ValueError):
    """An audio file cannot be read, enhanced or written; the message names it and the remedy."""


class MissingExtraError(ImportError):
    """A package of an optional extra is not installed.

    Parameters
    ----------
    extra : str
        The extra of this distribution that brings the package.
    cause : Exception
        What the import raised.
    """

    def __init__(self, extra: str, cause: Exception) -> None:
        super().__init__(f"{cause}: pip install 'percepnet-wasm[{extra}]'")
        self.extra = extra
