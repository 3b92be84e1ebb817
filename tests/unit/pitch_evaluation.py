"""Errors of the pitch tracker on natural speech in noise.

The reference is Praat's autocorrelation tracker on the clean speech; its voiced frames count. A gross error is a pitch
more than 20 % off; those near a multiple or a fraction of the truth are counted as octave errors too.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import parselmouth
from evaluation_mixes import Audio, Noises, clean_speech
from numpy.typing import NDArray

from percepnet_wasm.constants import HOP, LAG_MAX, LAG_MIN, LOOKAHEAD, SAMPLE_RATE, VOICED
from percepnet_wasm.signal.pitch import PitchState, track_pitch

GROSS = 0.2
SNRS = (20.0, 10.0, 5.0, 0.0)
_RATIOS = np.array([2, 3, 4, 1 / 2, 1 / 3, 1 / 4])


@dataclass
class Score:
    """Errors in percent of the reference's voiced frames.

    Attributes
    ----------
    gross : pitch more than 20 % off.
    octave : of these, within 10 % of 2, 3 or 4 times the truth or a half, third or quarter of it.
    fine : median deviation of the others.
    missed : frames the tracker calls unvoiced.
    """

    noise: str
    snr_db: float
    frames: int
    gross: float
    octave: float
    fine: float
    missed: float


def reference_pitch(clean: Audio) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Praat's pitch of the voiced frames.

    Returns
    -------
    call : intp (voiced,)
        The tracker's call that outputs the frame centred there.
    hertz : float64 (voiced,)
    """
    pitch = parselmouth.Sound(clean.astype(np.float64), SAMPLE_RATE).to_pitch_ac(
        time_step=HOP / SAMPLE_RATE, pitch_floor=SAMPLE_RATE / LAG_MAX, pitch_ceiling=SAMPLE_RATE / LAG_MIN
    )
    hertz = pitch.selected_array["frequency"]
    call = np.rint(pitch.xs() * SAMPLE_RATE / HOP).astype(np.intp) + LOOKAHEAD
    valid = (hertz > 0) & (call < len(clean) // HOP)
    return call[valid], hertz[valid]


def track(samples: Audio) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Pitch in Hz and correlation, call by call."""
    frames = len(samples) // HOP
    period, correlation = track_pitch(samples[: frames * HOP], PitchState())
    return SAMPLE_RATE / period, correlation


def score(noise: str, snr_db: float, pairs: list[tuple[NDArray[np.float64], NDArray[np.float32]]]) -> Score:
    """Summarise found/true ratios and correlations of all clips."""
    ratio = np.concatenate([r for r, _ in pairs])
    correlation = np.concatenate([c for _, c in pairs])
    gross = np.abs(ratio - 1) > GROSS
    octave = gross & (np.abs(ratio[:, None] / _RATIOS - 1) < 0.1).any(axis=1)
    return Score(
        noise,
        snr_db,
        len(ratio),
        100 * float(gross.mean()),
        100 * float(octave.mean()),
        100 * float(np.median(np.abs(ratio[~gross] - 1))),
        100 * float(np.mean(correlation < VOICED)),
    )


def evaluate(
    speech: Path, noise: Path | None = None, clips: int = 30, seconds: float = 12, snrs: tuple[float, ...] = SNRS
) -> list[Score]:
    """Score every kind of noise at every SNR, after the clean speech."""
    clean = clean_speech(speech, clips, seconds)
    references = [reference_pitch(clip) for clip in clean]

    def compare(clip: int, samples: Audio) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        hertz, correlation = track(samples)
        call, truth = references[clip]
        return hertz[call] / truth, correlation[call]

    scores = [score("none", np.inf, [compare(k, x) for k, x in enumerate(clean)])]
    noises = Noises(clean, noise)
    for kind in [*noises.stationary, "babble"]:
        for snr in snrs:
            scores.append(score(kind, snr, [compare(k, x) for k, x in noises.mixes(kind, snr)]))
    return scores
