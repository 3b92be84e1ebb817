"""A teacher: what DeepFilterNet3 keeps of a scene becomes part of the target, without being taken for the truth.

Where the clean recording has speech, the target keeps at least as much as the teacher does; elsewhere it lies half way
between the two; above the bandwidth of a narrow recording the teacher is all there is to go by.
"""

import numpy as np

from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.oracle.targets import Targets

from .activity import active_level
from .deepfilternet import DeepFilterNet3
from .scenes import Scene

__all__ = ["Teacher", "merge_targets"]

_LEVEL_DB = -26
"""Level of the speech that it is given: what it was trained at."""
_PRIME = SAMPLE_RATE // 2
"""Heard before the scene, so that its running means and state know the room when the scene begins."""
_SPEECH_GAIN = 0.3
"""Ideal gain above which a cell holds speech, whatever else it holds: -10 dB local SNR."""


class Teacher:
    """DeepFilterNet3 on scenes."""

    def __init__(self) -> None:
        self._network = DeepFilterNet3()

    def __call__(self, scene: Scene) -> np.ndarray:
        """Enhance a scene, float32 (samples,), aligned, at the scene's own level.

        The changes of the talker's level are undone before and redone after. Long before the first
        word everything is noise; if the scene begins with speech, its own start is played backwards first.
        """
        course = scene.level if scene.level is not None else np.float32(1)
        level = active_level(scene.clean / course) or active_level(scene.noisy) or 1.0
        scale = np.float32(10 ** (_LEVEL_DB / 20) / level)
        feed = scene.noisy * (scale / course)
        first = int(np.argmax(scene.clean != 0)) // HOP * HOP - _PRIME // 2
        if first >= _PRIME:
            out = np.zeros_like(feed)
            out[first:] = self._network(feed[first - _PRIME :])[_PRIME:]
        else:
            out = self._network(np.concatenate((feed[_PRIME:0:-1], feed)))[_PRIME:]
        return out / scale * course


def merge_targets(clean: Targets, teacher: Targets, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Combine both targets.

    Parameters
    ----------
    clean, teacher : Targets
        Of the clean recording, of the teacher's output.
    unknown : bool (BANDS,)
        Bands above the recording's bandwidth.

    Returns
    -------
    gain, strength : float32 (frames, BANDS)
        The larger gain where the clean one is above 0.3, half way between both elsewhere, the teacher's in unknown
        bands; each with the strength of the larger gain.
    """
    ours, theirs = clean.plain_gain, teacher.plain_gain
    gain = np.where(ours > _SPEECH_GAIN, np.maximum(ours, theirs), (ours + theirs) / 2)
    return (
        np.where(unknown, theirs, gain),
        np.where(unknown | (theirs > ours), teacher.strength, clean.strength),
    )
