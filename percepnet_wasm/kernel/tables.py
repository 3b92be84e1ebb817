"""Tables for the kernel, computed by the same modules that the NumPy path uses."""

import numpy as np
from numpy.typing import NDArray

from ..constants import COMB_TAPS_SIDE
from ..signal import bands, correlation, pitch
from ..signal.comb import taps
from ..signal.features import OCTAVES
from ..signal.stft import WINDOW_SHAPE
from .layout import ROW

__all__ = ["TABLES", "FftTables"]


def _rise() -> NDArray[np.float32]:
    """Share of each bin that belongs to the upper of its two bands; 0 from the last tip on."""
    rise = np.zeros(ROW, np.float32)
    last = bands.edges()[-1]
    rise[:last] = bands.RISE[:last]
    return rise


def _taps() -> NDArray[np.float32]:
    """Comb weights, one row for each number of future taps."""
    table = np.zeros((COMB_TAPS_SIDE + 1, 2 * COMB_TAPS_SIDE + 1), np.float32)
    for future, row in enumerate(table):
        row[: COMB_TAPS_SIDE + 1 + future] = taps(future)
    return table


TABLES: dict[str, NDArray] = {
    "window": WINDOW_SHAPE,
    "rise": _rise(),
    "edges": bands.edges().astype(np.int32),
    "lowpass": np.ascontiguousarray(correlation.LOWPASS.reshape(-1, correlation.DECIMATION).T),
    "highpass": np.ascontiguousarray(correlation.HIGHPASS),
    "step_cost": pitch.STEP_COST,
    "taps": _taps(),
    "octaves": OCTAVES,
}
"""By the names of the structure's fields."""


class FftTables:
    """Twiddles of a real transform.

    Parameters
    ----------
    length : int
        Samples of the real signal: 8 times a product of 2, 3, 4 and 5.
    """

    def __init__(self, length: int) -> None:
        self.half = length // 2
        radices, rest = [4], self.half // 4
        for radix in (4, 5, 3, 2):
            while rest % radix == 0:
                radices.append(radix)
                rest //= radix
        if rest != 1 or length % 8:
            raise ValueError(f"length must be 8 times a product of 2, 3, 4 and 5, not {length}")
        self.radices = np.array([*radices, 0], np.int32)
        passes, rest = [], self.half
        for radix in radices:
            parts = rest // radix
            turns = -2 * np.pi / rest * np.outer(np.arange(1, radix), np.arange(parts))
            passes.append(np.stack((np.cos(turns), np.sin(turns)), axis=1).ravel())
            rest = parts
        self.twiddles = np.concatenate(passes).astype(np.float32)
        turn = -2 * np.pi * np.arange(self.half) / length
        self.fold = np.stack((np.cos(turn), np.sin(turn))).astype(np.float32)
