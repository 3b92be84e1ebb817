"""Pitch tracker: normalised correlation of the signal with its own past, then the best path over time.

The correlation comes from :mod:`.correlation`; the path (Viterbi) forbids large jumps; the period is refined to 48 kHz
by interpolating the correlation's peak. The paper gives no costs: the score, the octave guard and the bounded lag
changes follow LPCNet's tracker; the constants were tuned for this one.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..constants import LAG_MAX, LAG_MIN, LOOKAHEAD
from ..limits import TINY
from .correlation import DECIMATION, FIRST_LAG, LAGS, LAST_LAG, CorrelationState, correlate
from .state import zeros
from .stft import overlapping

__all__ = ["PitchState", "track_pitch"]

JUMP = 4
"""Lags at 16 kHz that the period may change by in one frame."""
JUMP_COST = 0.01
"""Cost of a change, multiplied by its square."""
RESTART_COST = 0.7
"""Cost of restarting from the best lag of the frame before, for onsets."""
OCTAVE_RATIO, OCTAVE_GUARD = 1.1, 0.75
"""A lag's score is reduced by GUARD unless it beats the best score near half the lag by RATIO."""
BACKTRACK = LOOKAHEAD - 1
"""Frames to go back along the path. A correlation is centred half the reference and half a lag before its newest
sample, so an output frame is best described by the correlation of the frame after it."""

_FIRST_DOUBLE = FIRST_LAG
"""Index of the first lag whose half is among the lags, 2 FIRST_LAG."""
_HALF = np.arange(2 * FIRST_LAG, LAST_LAG + 1) // 2 - FIRST_LAG
"""For each lag from there on, the index of its half."""
STEP_COST = (JUMP_COST * np.arange(-JUMP, JUMP + 1) ** 2).astype(np.float32)
"""Cost by step, from -JUMP to JUMP lags."""
UNREACHED = -1e3
"""Score of the lags beyond both ends: no path comes from there."""


def _no_paths() -> NDArray[np.float32]:
    paths = np.full((BACKTRACK, JUMP + LAGS + JUMP), UNREACHED, np.float32)
    paths[:, JUMP:-JUMP] = 0
    return paths


@dataclass
class PitchState:
    """What :func:`track_pitch` remembers of a stream.

    Attributes
    ----------
    correlation : CorrelationState
    correlations : float32 (BACKTRACK, LAGS)
        Those of the last frames.
    paths : float32 (BACKTRACK, JUMP + LAGS + JUMP)
        For the last frames, the score of the best path that ends at each lag; UNREACHED beyond both ends.
    """

    correlation: CorrelationState = field(default_factory=CorrelationState)
    correlations: NDArray[np.float32] = zeros(BACKTRACK, LAGS)
    paths: NDArray[np.float32] = field(default_factory=_no_paths)


def track_pitch(samples: NDArray[np.float32], state: PitchState) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Track the pitch through a stream's next samples; return that of the output frames.

    Parameters
    ----------
    samples : float32 (frames * HOP,)
    state : PitchState

    Returns
    -------
    period : intp (frames,)
        In samples, LAG_MIN to LAG_MAX, of the frame LOOKAHEAD frames before each new one.
    correlation : float32 (frames,)
        Normalised correlation at that period, at most 1; VOICED or more means voiced.
    """
    newest = correlate(samples, state.correlation)
    correlations = np.concatenate((state.correlations, newest))
    paths = _extended(state.paths, _guarded(newest))
    state.correlations, state.paths = correlations[-BACKTRACK:].copy(), paths[-BACKTRACK:].copy()
    return _refined(correlations, _traced_back(paths))


def _guarded(correlations: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score lags: lower if hardly better than half the lag, because multiples of the period look like that."""
    pairs = np.maximum(correlations[:, :-1], correlations[:, 1:])
    near = pairs.copy()  # the best of each lag and its two neighbours
    near[:, 1:] = np.maximum(pairs[:, 1:], pairs[:, :-1])
    scores = correlations.copy()
    doubles = scores[:, _FIRST_DOUBLE:]
    doubles[doubles < OCTAVE_RATIO * near.take(_HALF, axis=1)] *= OCTAVE_GUARD
    return scores


def _extended(paths: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Viterbi recursion: best predecessor within JUMP lags, or a restart from the best of all."""
    paths = np.concatenate((paths, np.full((len(scores), paths.shape[1]), UNREACHED, np.float32)))
    for row, score in enumerate(scores, start=BACKTRACK):
        reached = overlapping(paths[row - 1], LAGS, 1) - STEP_COST[:, None]
        best = np.maximum(reached.max(axis=0), -RESTART_COST) + score
        paths[row, JUMP:-JUMP] = best - best.max()
    return paths


def _traced_back(paths: NDArray[np.float32]) -> list[int]:
    """Follow the best path from each newest frame back to its output frame; pointers are recomputed, not stored."""
    lags = []
    for newest in range(BACKTRACK, len(paths)):
        lag = int(paths[newest, JUMP:-JUMP].argmax())
        for row in range(newest - 1, newest - BACKTRACK - 1, -1):
            reached = paths[row, lag : lag + len(STEP_COST)] - STEP_COST
            step = int(reached.argmax())
            restarts = reached[step] < -RESTART_COST
            lag = int(paths[row, JUMP:-JUMP].argmax()) if restarts else lag + step - JUMP
        lags.append(lag)
    return lags


def _refined(correlations: NDArray[np.float32], lags: list[int]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Fit a parabola to the correlation's peak: three times the resolution of 16 kHz."""
    periods, heights = [], []
    for correlation, lag in zip(correlations, lags, strict=False):
        centre = min(max(lag, 1), LAGS - 2)
        left, middle, right = correlation[centre - 1 : centre + 2].tolist()
        curvature = left - 2 * middle + right
        shift = (left - right) / (2 * curvature) if curvature < -TINY else 0.0
        period = DECIMATION * (centre + FIRST_LAG + min(max(shift, -1), 1))
        periods.append(min(max(round(period), LAG_MIN), LAG_MAX))
        heights.append(correlation[lag])
    return np.array(periods, np.intp), np.array(heights, np.float32)
