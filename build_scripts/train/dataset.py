"""Features and targets of a scene, side by side.

An example is made by the enhancer's own code (:class:`percepnet_wasm.signal.analysis.analyse`,
:func:`percepnet_wasm.oracle.targets.targets`), so that training sees exactly what the enhancer will.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from percepnet_wasm.constants import HOP, LOOKAHEAD, SAMPLE_RATE, WINDOW
from percepnet_wasm.oracle.targets import targets
from percepnet_wasm.signal.analysis import AnalysisState, analyse
from percepnet_wasm.signal.bands import BANDS, edges
from percepnet_wasm.signal.features import ENERGY_FLOOR, FEATURES, features
from percepnet_wasm.signal.pitch import PitchState, track_pitch

from .scenes import Scene
from .teacher import merge_targets

__all__ = ["COLUMNS", "WIDTH", "Example", "example", "row", "split"]

ACTIVE_DB = 45
"""A frame this far below the loud ones contains no speech."""
COLUMNS = {"features": FEATURES, "gain": BANDS, "strength": BANDS, "weight": BANDS, "voice": 1}
"""What a frame of an example holds, side by side."""
WIDTH = sum(COLUMNS.values())
_LOWER_HZ = edges()[:-1] * (SAMPLE_RATE / WINDOW)
_EDGE = 0.95
"""The last twentieth below a recording's bandwidth is on the slope of its filter."""
_TEACHER_ONLY = 0.3
"""Weight of bands about which only the teacher knows."""


@dataclass
class Example:
    """Arrays (frames, ...) as in COLUMNS; ``weight`` is 0 where a target is unknown."""

    features: np.ndarray
    gain: np.ndarray
    strength: np.ndarray
    weight: np.ndarray
    voice: np.ndarray


def example(scene: Scene, teacher: Callable[[Scene], np.ndarray] | None = None) -> Example:
    """Features and targets of a scene.

    Parameters
    ----------
    teacher : callable, optional
        Enhances a scene; what it keeps is merged into the targets (:func:`build_scripts.train.teacher.merge_targets`).
        It is not used for scenes without speech or without noise.
    """
    period, correlation = track_pitch(scene.noisy, PitchState())
    noisy, clean = (analyse(signal, period, AnalysisState()) for signal in (scene.noisy, scene.clean))
    ideal = targets(noisy, clean, period)
    voice = _voice(scene, clean.energy.sum(axis=1))
    weight = (noisy.energy > ENERGY_FLOOR).astype(np.float32)
    weight[:LOOKAHEAD] = 0
    # Above the recording's bandwidth the clean speech is unknown. The pauses are left out with the speech, or the upper
    # bands would be taught silence by every narrow recording.
    unknown = (_LOWER_HZ > scene.bandwidth_hz * _EDGE) & voice.any()
    # g_att of the paper lowers every score of the oracle here (see the oracle's table), so the plain gain is learned.
    gain, strength = ideal.plain_gain, ideal.strength
    if teacher and voice.any() and "no_noise" not in scene.plan:
        taught = analyse(teacher(scene), period, AnalysisState())
        gain, strength = merge_targets(ideal, targets(noisy, taught, period), unknown)
        weight[:, unknown] *= _TEACHER_ONLY
    else:
        weight[:, unknown] = 0
    heard = features(noisy.newest_energy, noisy.coherence, period, correlation)
    return Example(heard, gain, strength, weight, voice[:, None].astype(np.float32))


def _voice(scene: Scene, energy: np.ndarray) -> np.ndarray:
    """Frames, bool (frames,), with speech: within ACTIVE_DB of the loud ones, the talker's level changes undone."""
    usual = energy
    if scene.level is not None:
        late = np.concatenate((np.repeat(scene.level[:1], LOOKAHEAD), scene.level[::HOP]))[: len(energy)]
        usual = energy / late**2
    loud = np.quantile(usual, 0.95)
    return (usual > loud * 10 ** (-ACTIVE_DB / 10)) & (energy > BANDS * ENERGY_FLOOR)


def row(made: Example) -> np.ndarray:
    """COLUMNS of an example side by side, float16 (frames, WIDTH)."""
    columns = [getattr(made, name) for name in COLUMNS]
    return np.concatenate(columns, axis=1, dtype=np.float16, casting="same_kind")


def split(batch: np.ndarray) -> dict[str, np.ndarray]:
    """Name the columns of (..., WIDTH) arrays."""
    ends = np.cumsum(list(COLUMNS.values()))
    return {name: batch[..., end - width : end] for (name, width), end in zip(COLUMNS.items(), ends, strict=True)}
