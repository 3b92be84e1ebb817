"""State of the stages: one dataclass each, so that a stream's state can be listed, copied and reset in one place.

A new state stands for silence before the first sample; :func:`copy.deepcopy` makes an independent copy.
"""

from dataclasses import field
from typing import Any

import numpy as np

__all__ = ["zeros"]


def zeros(*shape: int, dtype: type = np.float32) -> Any:
    """Declare a dataclass field that starts as an array of zeros."""
    return field(default_factory=lambda: np.zeros(shape, dtype))
