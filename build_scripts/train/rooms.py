"""Simulated room responses (pyroomacoustics), and the drier response of the training target."""

import warnings
from pathlib import Path

import numpy as np
from tqdm import tqdm

from percepnet_wasm.constants import SAMPLE_RATE

EARLY_S = 0.020
"""Reflections up to here help intelligibility and stay in the target."""
TARGET_RT60 = 0.200
"""The target's tail decays by 60 dB in this time, so that speech does not sound cut out of its room."""
_DIRECT = 40
"""Samples kept before the direct path's peak: the simulated interpolation filter's rise."""


def room_bank(path: Path, count: int, seed: int = 1) -> list[np.ndarray]:
    """Load or simulate ``count`` responses, each aligned to its direct path and scaled to it.

    Parameters
    ----------
    path : Path
        ``.npz`` that keeps them.
    count : int
    seed : int

    Returns
    -------
    list of float32 (samples,)
    """
    if not path.exists():
        rng = np.random.default_rng(seed)
        responses = [_simulate(rng) for _ in tqdm(range(count), desc="rooms")]
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, *[r.astype(np.float16) for r in responses])
    with np.load(path) as bank:
        return [bank[name].astype(np.float32) for name in bank.files]


def _simulate(rng: np.random.Generator) -> np.ndarray:
    """One shoebox room: image sources for the early part, ray tracing for the tail."""
    import pyroomacoustics as pra

    warnings.filterwarnings("ignore", module="pyroomacoustics")
    while True:
        size = rng.uniform([2.5, 2.0, 2.2], [9.0, 7.0, 3.5])
        rt60 = rng.uniform(0.1, 0.9)
        try:
            absorption, _ = pra.inverse_sabine(rt60, size)
        except ValueError:  # a room of this size cannot be this dry
            continue
        room = pra.ShoeBox(
            size,
            fs=SAMPLE_RATE,
            materials=pra.Material(absorption, 0.1),
            max_order=6,
            ray_tracing=True,
            air_absorption=True,
        )
        room.set_ray_tracing(n_rays=2000)
        microphone = rng.uniform(0.4, size - 0.4)
        direction = rng.standard_normal(3) * [1, 1, 0.4]
        source = microphone + direction / np.linalg.norm(direction) * rng.uniform(0.3, 4.0)
        if np.any(source < 0.3) or np.any(source > size - 0.3):
            continue
        room.add_source(source)
        room.add_microphone(microphone)
        room.compute_rir()
        return align(np.asarray(room.rir[0][0], np.float32))


def align(response: np.ndarray, longest_s: float = 1.0) -> np.ndarray:
    """Cut a response so that its direct path is sample 0, scaled to the direct path's energy, float32 (samples,)."""
    peak = int(np.argmax(np.abs(response)))
    start = max(peak - _DIRECT, 0)
    cut = response[start : start + int(longest_s * SAMPLE_RATE)]
    cut = np.concatenate((np.zeros(_DIRECT - (peak - start), np.float32), cut))
    cut = cut / (np.sqrt(np.sum(cut[: 2 * _DIRECT] ** 2)) + 1e-9)
    return cut.astype(np.float32)


def drier(response: np.ndarray) -> np.ndarray:
    """The response the target is made with: early reflections kept, the tail shortened to TARGET_RT60.

    Parameters
    ----------
    response : float32 (samples,)
        From :func:`align`.

    Returns
    -------
    float32 (samples,)
    """
    decay = np.cumsum(response[::-1] ** 2)[::-1]
    level = 10 * np.log10(decay / decay[0] + 1e-12)
    start, stop = np.argmax(level < -5), np.argmax(level < -25)
    rt60 = 3 * (stop - start) / SAMPLE_RATE if stop > start else TARGET_RT60
    if rt60 <= TARGET_RT60:
        return response
    late = np.maximum(np.arange(len(response)) - _DIRECT - int(EARLY_S * SAMPLE_RATE), 0) / SAMPLE_RATE
    slope = 3 * np.log(10) * (1 / TARGET_RT60 - 1 / rt60)
    return (response * np.exp(-slope * late)).astype(np.float32)
