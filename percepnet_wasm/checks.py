"""Checks of what callers hand in: an error names the argument, what it is and what to give instead."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .limits import LOUDEST

__all__ = ["as_path", "as_signal"]


def as_signal(name: str, values: ArrayLike, *, channels: bool = False) -> NDArray[np.float32]:
    """Check whole signals and make them float32; a float32 array is passed on as it is.

    Parameters
    ----------
    name : str
        The argument's, for the error.
    values : float (samples,), or with ``channels`` (samples, channels) too
        Full scale is 1.
    channels : bool
        Whether there may be more than one.

    Raises
    ------
    TypeError
        Not floating point.
    ValueError
        Another shape, empty, or a sample that is not finite, or absurdly loud.
    """
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is no array ({error}): give floating point samples") from error
    if given.dtype.kind != "f":
        raise TypeError(f"{name} has dtype {given.dtype}: give floating point samples with full scale 1")
    if given.ndim not in ((1, 2) if channels else (1,)) or not given.size:
        wanted = "(samples,) or (samples, channels), not empty" if channels else "one channel of at least one sample"
        raise ValueError(f"{name} has shape {given.shape}: give {wanted}")
    with np.errstate(over="ignore"):
        samples = given.astype(np.float32, copy=False)
    sound = np.abs(samples) <= LOUDEST  # false for NaN too
    if not sound.all():
        where = np.unravel_index(np.argmin(sound), given.shape)
        index = ", ".join(str(int(k)) for k in where)
        raise ValueError(f"{name}[{index}] is {given[where]}: mend the recording, samples are finite with full scale 1")
    return samples


def as_path(name: str, value: str | os.PathLike[str]) -> Path:
    """Make a Path, or say which argument is none."""
    try:
        path = Path(value)
    except TypeError as error:
        raise TypeError(f"{name} is {value!r}: give a path") from error
    if not str(value):  # a variable that was never set; Path would take it for the folder we are in
        raise ValueError(f"{name} is '': give a path")
    return path
