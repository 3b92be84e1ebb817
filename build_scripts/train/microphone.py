"""What a microphone and a line do to a scene: band edges, level, clipping, offset and rounding."""

import numpy as np
import soxr
from scipy.signal import butter, sosfilt

from percepnet_wasm.constants import SAMPLE_RATE

from .activity import active_level
from .scene_table import Plan

__all__ = ["microphone"]

_PHONE_RATE = 8000
_FULL_SCALE = 0.99


def microphone(
    rng: np.random.Generator, plan: Plan, wet: np.ndarray, noise: np.ndarray, clean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Add speech and noise and record them.

    Parameters
    ----------
    plan : dict
        The augmentations of group ``band``, and ``high_pass``, ``microphone_level``, ``clipping``, ``offset``,
        ``rounding``.
    wet, noise, clean : float32 (samples,)
        Speech with its room, noise, and the speech that is wanted.

    Returns
    -------
    noisy, clean : float32 (samples,)
        Clipping, offset and rounding affect only the noisy one.
    """
    if "telephone_voice" in plan:
        wet, clean = _telephone_band(rng, np.stack((wet, clean)), plan["telephone_voice"])
    both = np.stack((wet + noise, clean))
    for name in ("telephone", "telephone_mu_law"):
        if name in plan:
            both = _telephone_band(rng, both, plan[name])
    if "telephone_mu_law" in plan:
        both = _mu_law_line(rng, both)
    if "low_pass" in plan:
        both = sosfilt(butter(8, plan["low_pass"], fs=SAMPLE_RATE, output="sos"), both)
    if "high_pass" in plan:
        both = sosfilt(butter(4, plan["high_pass"], "high", fs=SAMPLE_RATE, output="sos"), both)
    scale = 10 ** (plan.get("microphone_level", -26.0) / 20) / (active_level(both[0]) + 1e-9)
    peak = float(np.max(np.abs(both[0]))) * scale
    limit = _FULL_SCALE
    if "clipping" in plan and peak > 0:
        scale *= min(1.0, 1.0 / peak)
        limit = plan["clipping"] * min(peak, 1.0)
    elif peak > limit:
        scale *= limit / peak
    noisy, target = (both * scale).astype(np.float32)
    noisy = np.clip(noisy, -limit, limit) + np.float32(plan.get("offset", 0.0))
    if "rounding" in plan:
        noisy = np.rint(noisy * 32768) / np.float32(32768)
    return noisy.astype(np.float32), target


def _telephone_band(rng: np.random.Generator, both: np.ndarray, upper_hz: float) -> np.ndarray:
    both = sosfilt(butter(8, upper_hz, fs=SAMPLE_RATE, output="sos"), both)
    if rng.random() < 0.5:
        both = sosfilt(butter(2, rng.uniform(150, 300), "high", fs=SAMPLE_RATE, output="sos"), both)
    return both


def _mu_law_line(rng: np.random.Generator, both: np.ndarray) -> np.ndarray:
    """8 kHz, and 8-bit companding of the first row."""
    scale = 10 ** (rng.uniform(-30, -14) / 20) / (active_level(both[0]) + 1e-9)
    narrow = [soxr.resample(x, SAMPLE_RATE, _PHONE_RATE) for x in both * scale]
    narrow[0] = _mu_law(narrow[0])
    wide = [soxr.resample(x, _PHONE_RATE, SAMPLE_RATE)[: both.shape[1]] for x in narrow]
    return np.stack([np.pad(x, (0, both.shape[1] - len(x))) for x in wide]) / scale


def _mu_law(signal: np.ndarray) -> np.ndarray:
    """To 8 bits and back (ITU-T G.711's curve)."""
    x = np.clip(signal, -1, 1)
    y = np.rint(np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256) * 127) / 127
    return np.sign(y) * np.expm1(np.abs(y) * np.log(256)) / 255
