"""Checks of callers' arguments: an error names the argument, its value and what to pass instead."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .limits import LOUDEST

__all__ = ["MOST_CHANNELS", "UNSCALED", "as_audio", "as_floats", "as_path", "as_signal", "bad_sample", "unscaled"]

MOST_CHANNELS = 64
"""More than this suggests that the axes are swapped."""
UNSCALED = 32.0
"""A peak beyond this, 30 dB over full scale, means unscaled integers; a decoded mp3 stays far below."""
_PCM = {("u", 1): (128.0, 128.0), ("i", 2): (2.0**15, 0.0), ("i", 4): (2.0**31, 0.0)}
"""Full scale and midpoint of each integer format."""


def as_audio(name: str, values: ArrayLike, *, piece: bool = False) -> NDArray[np.float32]:
    """Check audio in any accepted dtype and convert it to float32 with full scale 1; float32 is passed on as it is.

    Parameters
    ----------
    name : str
        The argument's name, for error messages.
    values : (samples,) or (samples, channels)
        Floating point with full scale 1, or PCM: uint8, int16, int32.
    piece : bool
        Whether it is a piece of a stream, which may be empty, or have fewer samples than channels.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Another shape, no samples, a sample that is not finite, or a peak beyond any full scale.
    """
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be array-like ({error})") from error
    kind = given.dtype.kind, given.dtype.itemsize
    if kind[0] != "f" and kind not in _PCM:
        raise TypeError(
            f"{name} must be floating point with full scale 1, or PCM as uint8, int16 or int32; its dtype is"
            f" {given.dtype}"
        )
    if given.ndim not in (1, 2) or not (given.size or (piece and given.shape[1:] != (0,))):
        raise ValueError(
            f"{name} must be of shape (samples,) or (samples, channels) and not empty; its shape is {given.shape}"
        )
    if given.ndim == 2 and given.shape[1] > (MOST_CHANNELS if piece else min(len(given), MOST_CHANNELS)):
        count, channels = given.shape
        what = f"{count} sample{'s' * (count != 1)} of {channels} channels"
        remedy = f"pass {name}.T, of shape {given.T.shape}"
        if count == 1:
            remedy += f", or {name}[0]"
        elif count > MOST_CHANNELS:
            remedy = f"pass (samples, channels), with at most {MOST_CHANNELS} channels"
        raise ValueError(f"{name} has shape {given.shape}, which is {what}: {remedy}")
    if kind in _PCM:
        full_scale, middle = _PCM[kind]
        return ((given.astype(np.float64) - middle) / full_scale).astype(np.float32)
    with np.errstate(over="ignore"):
        samples = given.astype(np.float32, copy=False)
    magnitudes = np.abs(samples)
    plausible = magnitudes <= UNSCALED  # false for NaN too
    if not plausible.all():
        finite = np.isfinite(given)
        where = np.unravel_index(np.argmin(finite) if not finite.all() else np.argmax(magnitudes), given.shape)
        index = f"{name}[{', '.join(str(int(k)) for k in where)}]"
        if not np.isfinite(given[where]):
            raise ValueError(f"{name} must be finite and within ±1 full scale; {index} is {given[where]}")
        peak = float(abs(given[where]))
        raise ValueError(f"{name} has a peak of {peak:g} at {index}, but {unscaled(peak)}")
    return samples


def unscaled(peak: float) -> str:
    """Say what is wrong with a peak this high, and what to do."""
    bits = next((bits for bits in (8, 16, 24, 32) if peak <= 2 ** (bits - 1)), None)
    if bits is None:
        return "full scale is 1: scale the samples to the range from -1 to 1"
    divisor = 2 ** (bits - 1)
    return f"full scale is 1: these look like unscaled {bits}-bit integers; divide them by {divisor}"


def as_floats(name: str, values: ArrayLike) -> NDArray:
    """Convert to a floating point array of any shape and precision, or raise an error that names the argument."""
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be array-like ({error})") from error
    if given.dtype.kind != "f":
        raise TypeError(f"{name} must be floating point with full scale 1, not {given.dtype}")
    return given


def bad_sample(name: str, values: NDArray) -> ValueError:
    """Make the error for samples that are not finite or too loud; it names the first one."""
    with np.errstate(over="ignore"):
        sound = np.abs(values.astype(np.float32)) <= LOUDEST  # false for NaN too
    where = np.unravel_index(np.argmin(sound), values.shape)
    index = ", ".join(str(int(k)) for k in where)
    return ValueError(f"{name} must be finite and within ±1 full scale; {name}[{index}] is {values[where]}")


def as_signal(name: str, values: ArrayLike) -> NDArray[np.float32]:
    """Check a whole mono signal and convert it to float32; a float32 array is returned as it is.

    Parameters
    ----------
    name : str
        The argument's name, for error messages.
    values : float (samples,)
        Full scale is 1.

    Raises
    ------
    TypeError
        Not floating point.
    ValueError
        Wrong shape, empty, or a sample that is not finite or far beyond full scale.
    """
    given = as_floats(name, values)
    if given.ndim != 1 or not given.size:
        raise ValueError(f"{name} must be of shape (samples,) and not empty; its shape is {given.shape}")
    with np.errstate(over="ignore"):
        samples = given.astype(np.float32, copy=False)
    if not (np.abs(samples) <= LOUDEST).all():
        raise bad_sample(name, given)
    return samples


def as_path(name: str, value: str | os.PathLike[str]) -> Path:
    """Convert to a Path, or raise an error that names the argument."""
    try:
        path = Path(value)
    except TypeError as error:
        raise TypeError(f"{name} must be a path, not {value!r}") from error
    if not str(value):  # probably a variable that was never set; Path would take it for the current folder
        raise ValueError(f"{name} must be a path, not ''")
    return path
