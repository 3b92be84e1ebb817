"""What the stages remember: one dataclass each, so that a stream's state can be listed, copied and reset in one place.

A new state is a silent past; :func:`copy.deepcopy` makes an independent copy of one.
"""

from dataclasses import field
from typing import Any

import numpy as np

__all__ = ["zeros"]


def zeros(*shape: int, dtype: type = np.float32) -> Any:
    """Declare a field of a dataclass that is an array of zeros at first."""
    return field(default_factory=lambda: np.zeros(shape, dtype))
