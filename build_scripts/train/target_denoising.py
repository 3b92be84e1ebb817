"""Speech recordings without their own noise floor, as training targets, with all of their speech.

RNNoise 0.2 is trained on speech that an earlier model has denoised. Here floors are some 35 dB and more below the
speech and nearly steady, so a floor measured in each recording's quietest frames will do. Pauses are lowered as far as
LOWEST_DB. While the talker speaks a band may still look like its floor (the weak upper bands of a vowel, a word without
a pause): there it is hardly changed, because the network would learn to remove from speech whatever a target lacks.
"""

import numpy as np
from numpy.typing import NDArray

from percepnet_wasm.constants import HOP, LAG_MAX, LOOKAHEAD
from percepnet_wasm.signal.analysis import AnalysisState, analyse
from percepnet_wasm.signal.features import ENERGY_FLOOR
from percepnet_wasm.signal.stft import IstftState
from percepnet_wasm.signal.synthesis import synthesise

__all__ = ["LOWEST_DB", "SPEAKING_DB", "denoise_target", "floor_gains"]

LOWEST_DB, SPEAKING_DB = -40, -6
"""Least gain in pauses, and while the talker speaks."""
_QUIET_SHARE = 0.1
"""The floor of a band is the level that it exceeds in all but this share of the frames."""
_CAP_DB = 40
"""A floor is at least this far below the loudest band's loud frames: a word without a pause has none of its own."""
_NOISE_DB, _SPEECH_DB = 7, 15
"""Up to the first level over the floor a band is noise, from the second on speech, left as it is."""
_SPEECH_BANDS = 3
"""Bands over their floors by _SPEECH_DB that make a frame one of speech."""
_HANGOVER = 8
"""Frames around those that count as speech too: soft onsets and ends."""


def floor_gains(energy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gains that lower each band where it is near its own floor.

    Parameters
    ----------
    energy : float32 (frames, BANDS)
        Of a whole recording; frames of digital silence do not count.

    Returns
    -------
    float32 (frames, BANDS)
    """
    sounding = energy[energy.sum(axis=1) > ENERGY_FLOOR * energy.shape[1]]
    if len(sounding) < 2:
        return np.ones_like(energy)
    quiet, loud = np.quantile(sounding, (_QUIET_SHARE, 0.95), axis=0)
    floor = np.minimum(quiet, loud.max() * 10 ** (-_CAP_DB / 10))
    # Over three frames: a band's energy in a single frame of noise strays by 10 dB.
    padded = np.pad(energy, ((1, 1), (0, 0)), "edge")
    mean = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    over_db, mean_over_db = (10 * np.log10((e + ENERGY_FLOOR) / (floor + ENERGY_FLOOR)) for e in (energy, mean))
    over_db = np.maximum(over_db, mean_over_db)
    speaks = ((mean_over_db > _SPEECH_DB).sum(axis=1) >= _SPEECH_BANDS).astype(float)
    speaks = np.convolve(speaks, np.ones(2 * _HANGOVER + 1), "same")[: len(energy), None] > 0.5
    lowest_db = np.where(speaks, SPEAKING_DB, LOWEST_DB)
    gain_db = lowest_db * np.clip((_SPEECH_DB - over_db) / (_SPEECH_DB - _NOISE_DB), 0, 1)
    return (10 ** (gain_db / 20)).astype(np.float32)


def denoise_target(speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lower a recording's noise floor.

    Parameters
    ----------
    speech : float32 (samples,), 48 kHz

    Returns
    -------
    float32 (samples,), aligned with the input
    """
    late = (LOOKAHEAD + 1) * HOP
    frames = -(-(len(speech) + late) // HOP)
    padded = np.zeros(frames * HOP, np.float32)
    padded[: len(speech)] = speech
    noisy = analyse(padded, np.full(frames, LAG_MAX), AnalysisState())  # no comb is used: any period will do
    return synthesise(noisy, floor_gains(noisy.energy), None, IstftState())[late : late + len(speech)].copy()
