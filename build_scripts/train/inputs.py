"""The network's inputs, made from stored features during training: random microphones, and levels if the model reads
them.

Shards hold the paper's 70 features. What depends on absolute levels is made here, so that one scene serves with many
microphones, and with either set of features (:data:`percepnet_wasm.signal.features.FEATURE_SETS`), by the enhancer's
own code.
"""

import numpy as np

from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import ENERGY_FLOOR
from percepnet_wasm.signal.levels import HEARD, LevelState, relative_levels

__all__ = ["Inputs", "responses"]

_LEVEL_DB, _TILT_DB, _RIPPLE_DB = 6, 6, 3
"""Levels and microphones are varied again by adding to the log energies, which costs nothing: a filter that speech and
noise share does not change ideal gains, strengths and coherences."""
_SILENCE = np.float32(np.log10(ENERGY_FLOOR))


def responses(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random smooth microphone responses to add to log10 energies, float32 (count, 1, BANDS)."""
    place = np.linspace(-1, 1, BANDS)
    level, tilt = (rng.uniform(-most, most, (count, 1, 1)) for most in (_LEVEL_DB, _TILT_DB))
    ripple = rng.uniform(0, _RIPPLE_DB, (count, 1, 1)) * np.sin(
        np.pi * (rng.uniform(0.5, 3, (count, 1, 1)) * place + rng.uniform(0, 2, (count, 1, 1)))
    )
    return ((level + tilt * place + ripple) / 10).astype(np.float32)


class Inputs:
    """Makes the inputs of rows of scenes, piece by piece.

    Parameters
    ----------
    rows : int
    feature_set : str
        Of FEATURE_SETS.
    rng : numpy.random.Generator, optional
        Draws a microphone for each scene; without it the energies stay as they are.
    """

    def __init__(self, rows: int, feature_set: str = "paper", rng: np.random.Generator | None = None) -> None:
        self._rows, self._rng, self._levels = rows, rng, feature_set == "levels"
        self._responses = np.zeros((rows, 1, BANDS), np.float32)
        self._state = _silence(rows)

    def __call__(self, features: np.ndarray, begins: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        """Make the inputs of the next pieces.

        Parameters
        ----------
        features : float32 (rows, frames, FEATURES)
        begins : bool (rows,)
            Pieces that are the first of their scene: they get another microphone.
        fresh : bool (rows,)
            Rows that forget what was before, as after a reset.

        Returns
        -------
        float32 (rows, frames, inputs)
        """
        inputs = features.copy()
        if self._rng is not None:
            self._responses = np.where(begins[:, None, None], responses(self._rng, self._rows), self._responses)
            energies = inputs[..., :BANDS]
            # Digital silence stays silence behind any microphone.
            changed = np.maximum(energies + self._responses, _SILENCE)
            inputs[..., :BANDS] = np.where(energies > HEARD, changed, energies)
        if not self._levels:
            return inputs
        old, new = vars(self._state), vars(_silence(self._rows))
        state = LevelState(**{name: np.where(fresh[:, None], new[name], old[name]) for name in old})
        levels, self._state = relative_levels(inputs[..., :BANDS].swapaxes(0, 1), state)
        return np.concatenate((inputs, levels.swapaxes(0, 1)), axis=-1)


def _silence(rows: int) -> LevelState:
    """State of rows before their first frame."""
    return LevelState(**{name: np.zeros((rows, BANDS), value.dtype) for name, value in vars(LevelState()).items()})
