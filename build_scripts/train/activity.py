"""Where and how loud a signal is active."""

import numpy as np

from percepnet_wasm.constants import HOP

__all__ = ["active_level", "frame_power", "loud_place", "quietest", "ramp"]


def frame_power(signal: np.ndarray) -> np.ndarray:
    """Mean power of each hop, (frames,)."""
    frames = signal[: len(signal) // HOP * HOP].reshape(-1, HOP)
    return np.einsum("fn,fn->f", frames, frames) / HOP


def active_level(signal: np.ndarray) -> float:
    """RMS over the frames within 30 dB of the loud ones: pauses do not count."""
    power = frame_power(signal)
    loud = np.quantile(power, 0.95)
    return float(np.sqrt(np.mean(power[power >= loud * 1e-3]))) if loud > 0 else 0.0


def ramp(total: int, at: int, samples: int) -> np.ndarray:
    """Float32 (total,): 0 before sample ``at``, 1 from ``at + samples`` on."""
    return np.clip((np.arange(total, dtype=np.float32) - at) / max(1, samples), 0, 1)


def quietest(signal: np.ndarray) -> int:
    """Sample in the middle of the quietest 30 ms."""
    power = np.convolve(frame_power(signal), np.ones(3), "valid")
    return int((np.argmin(power) + 1.5) * HOP)


def loud_place(rng: np.random.Generator, signal: np.ndarray, first: int, last: int, least_db: float) -> int:
    """Choose a sample inside a word.

    Parameters
    ----------
    first, last : int
        Samples between which it lies.
    least_db : float
        The frame there is at least this loud relative to the signal's loud frames; if none is, the loudest is taken.
    """
    power = frame_power(signal)
    loud = np.quantile(power, 0.95)
    here = power[first // HOP : max(first // HOP + 1, last // HOP)]
    places = np.flatnonzero(here >= loud * 10 ** (least_db / 10))
    frame = rng.choice(places) if len(places) else np.argmax(here)
    return int((first // HOP + frame) * HOP + rng.integers(0, HOP // 2))
