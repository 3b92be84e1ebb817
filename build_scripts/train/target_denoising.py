"""Speech recordings without their own noise floor: what a network should make of them, at whatever level they come.

RNNoise 0.2 is trained on speech that an earlier model has denoised. Here the floors are 35 dB and more below the speech
and nearly steady, so that a floor measured in each recording's quietest frames does it, and takes no speech along. (The
first trained network does not: at such ratios it had learnt to keep what the recordings have.)
"""

import numpy as np
from numpy.typing import NDArray

from percepnet_wasm.constants import HOP, LAG_MAX, LOOKAHEAD
from percepnet_wasm.signal.analysis import BandAnalysis
from percepnet_wasm.signal.features import ENERGY_FLOOR
from percepnet_wasm.signal.synthesis import Synthesis

_QUIET_SHARE = 0.1
"""The floor of a band is the level that it exceeds in all but this share of the frames."""
_CAP_DB = 40
"""A floor is at least this far below the loudest band's loud frames: a word without a pause has none of its own."""
_NOISE_DB, _SPEECH_DB = 7, 15
"""Up to the first level over the floor a band is noise, from the second on speech, left as it is."""
_LOWEST_DB = -40


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
    smooth = np.maximum((padded[:-2] + padded[1:-1] + padded[2:]) / 3, energy)
    over_db = 10 * np.log10((smooth + ENERGY_FLOOR) / (floor + ENERGY_FLOOR))
    gain_db = _LOWEST_DB * np.clip((_SPEECH_DB - over_db) / (_SPEECH_DB - _NOISE_DB), 0, 1)
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
    analysis = BandAnalysis(frames)
    analysis.push(padded)
    analysis.compare(np.full(frames, LAG_MAX))  # energies come with the comparison; the comb's period matters to none
    return Synthesis(frames)(analysis, floor_gains(analysis.energy), None)[late : late + len(speech)].copy()
