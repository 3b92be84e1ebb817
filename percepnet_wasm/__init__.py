"""PercepNet speech enhancement in NumPy: 48 kHz, 34 bands, 30 ms of delay.

``enhance(audio)`` cleans a whole signal; an ``Enhancer`` cleans a stream, 10 ms a call, with the same code.
"""

from .enhancer import Enhancer, info
from .model_file import Model, ModelFileError
from .offline import enhance

__all__ = ["Enhancer", "Model", "ModelFileError", "enhance", "info"]

__version__ = "0.1.0"
