"""A whole signal at once: the enhancer's stream in blocks, its delay taken away."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import as_signal
from .constants import DELAY, HOP
from .enhancer import Enhancer, Source
from .model_file import Model

__all__ = ["MOST_CHANNELS", "OFFLINE_BLOCK", "enhance"]

OFFLINE_BLOCK = 100
"""Frames a call when a whole signal is at hand: enough for matrix products, little memory."""
MOST_CHANNELS = 64
"""More is a signal laid out the other way round."""


def enhance(
    audio: ArrayLike,
    model: Source = None,
    *,
    attenuation_limit_db: float = math.inf,
    comb: bool = True,
    postfilter: bool = True,
    kernel: str = "auto",
) -> NDArray[np.float32]:
    """Enhance a whole signal: the stream's output with its delay taken away.

    Parameters
    ----------
    audio : float (samples,) or (samples, channels)
        At 48 kHz, full scale 1. Each channel is enhanced on its own.
    model, attenuation_limit_db, comb, postfilter, kernel
        As for :class:`Enhancer`.

    Returns
    -------
    float32, shape of ``audio``
        Starts where the input starts.

    Raises
    ------
    TypeError, ValueError
        Samples are not floating point; none, more than 64 channels of them, or one that is not finite.
    """
    samples = as_signal("audio", audio, channels=True)
    if samples.ndim == 2 and samples.shape[1] > MOST_CHANNELS:
        raise ValueError(f"audio has shape {samples.shape}: give (samples, channels), {MOST_CHANNELS} channels at most")
    shared = Model.load(model)
    options: dict[str, Any] = {
        "attenuation_limit_db": attenuation_limit_db, "comb": comb, "postfilter": postfilter, "kernel": kernel,
    }  # fmt: skip
    if samples.ndim == 2:
        return np.stack([enhance(channel, shared, **options) for channel in samples.T], axis=1)
    hops = -(-(len(samples) + DELAY) // HOP)
    block = min(OFFLINE_BLOCK, hops)
    blocks = -(-hops // block)
    enhancer = Enhancer(shared, block=block, **options)
    padded = np.zeros(blocks * block * HOP, np.float32)
    padded[: len(samples)] = samples
    for chunk in padded.reshape(blocks, block * HOP):
        enhancer.process(chunk, out=chunk)
    return padded[DELAY : DELAY + len(samples)].copy()
