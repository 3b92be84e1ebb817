"""PercepNet speech enhancement in NumPy: 48 kHz, 34 bands, 30 ms of delay.

``enhance(audio)`` cleans a whole signal and ``enhance_file(source, target)`` a file; a ``Stream`` cleans sound that
arrives piece by piece, and an ``Enhancer`` single frames of 10 ms. They all run the same code.

In the repository, ``.github/ARCHITECTURE.md`` follows a sample through the code, file by file.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .enhancer import Enhancer, info
    from .errors import AudioFileError, MissingExtraError, ModelFileError
    from .model_file import Model
    from .offline import enhance, enhance_file
    from .stream import Stream

__all__ = [
    "AudioFileError", "Enhancer", "MissingExtraError", "Model", "ModelFileError", "Stream", "enhance", "enhance_file",
    "info",
]  # fmt: skip

__version__ = "0.1.0"

_HOMES = {
    "AudioFileError": "errors",
    "Enhancer": "enhancer",
    "MissingExtraError": "errors",
    "Model": "model_file",
    "ModelFileError": "errors",
    "Stream": "stream",
    "enhance": "offline",
    "enhance_file": "offline",
    "info": "enhancer",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    Importing the package must not import NumPy: the command line, which is part of the package, has to set the number
    of BLAS threads first (:mod:`percepnet_wasm.threads`).
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
