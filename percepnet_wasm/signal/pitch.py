"""Pitch tracker: normalised correlation of the signal with its own past, then the best path over time.

The correlation comes from :mod:`.correlation`; the path (Viterbi) forbids large jumps; the period is
refined to 48 kHz on the correlation's peak. The paper gives no costs: the score, the octave guard and the bounded lag
changes follow LPCNet's tracker, the constants are tuned here.
"""

import numpy as np
from numpy.typing import NDArray

from ..constants import LAG_MAX, LAG_MIN, LOOKAHEAD, VOICED
from .correlation import DECIMATION, FIRST_LAG, LAGS, LAST_LAG, Correlation

__all__ = ["PitchTracker", "VOICED"]

JUMP = 4
"""Lags at 16 kHz that the period may change by in one frame."""
JUMP_COST = 0.01
"""Cost of a change, times its square."""
RESTART_COST = 0.7
"""Cost of starting anew from the best lag of the frame before: onsets."""
OCTAVE_RATIO, OCTAVE_GUARD = 1.1, 0.75
"""A lag's score is reduced by GUARD unless it beats the best score near half the lag by RATIO."""
BACKTRACK = LOOKAHEAD - 1
"""Frames back along the path. A correlation is centred one hop before its newest sample's frame, at about the
reference's middle less half a lag: the frame put out is best described by the correlation of the frame after it."""

_FIRST_DOUBLE = FIRST_LAG
"""Index of the first lag whose half is among the lags, 2 FIRST_LAG."""
_HALF = np.arange(2 * FIRST_LAG, LAST_LAG + 1) // 2 - FIRST_LAG
"""For each lag from there on, the index of its half."""
_STEPS = np.arange(-JUMP, JUMP + 1)
STEP_COST = (JUMP_COST * _STEPS**2).astype(np.float32)
_STEP_COSTS = STEP_COST[:, None]
UNREACHED = np.float32(-1e3)
# Numbers as the arithmetic wants them: converting one takes as long as using it.
_RESTART = np.float32(-RESTART_COST)
_OCTAVE_RATIO, _OCTAVE_GUARD = np.float32(OCTAVE_RATIO), np.float32(OCTAVE_GUARD)


class PitchTracker:
    """Tracks the period over a stream, LOOKAHEAD frames late.

    Parameters
    ----------
    block : int
        Frames a call.
    """

    def __init__(self, block: int = 1) -> None:
        self._history = np.zeros((BACKTRACK + block, LAGS), np.float32)
        self._path = np.zeros((BACKTRACK + block, LAGS + 2 * JUMP), np.float32)
        self._shifts = [(rows[:BACKTRACK], rows[block:]) for rows in (self._history, self._path)]
        newest = self._history[BACKTRACK:]
        self._correlation = Correlation(block, newest)
        self._score = np.zeros((block, LAGS), np.float32)
        self._long = self._score[:, _FIRST_DOUBLE:]
        near = np.zeros((block, _HALF[-1] + 1), np.float32)
        short = near.shape[1]
        self._near, self._flat_near, self._near_but_first = near, near.reshape(-1), near[:, 1:]
        self._newest, self._rights, self._lefts = newest, newest[:, 1 : short + 1], newest[:, : short - 1]
        self._middles = newest[:, :short]
        # For each lag from FIRST_DOUBLE on, where its half lies in flat numbers: much faster than row and column.
        self._half = short * np.arange(block)[:, None] + _HALF
        # Ways to reach a lag, by rows: from each of the steps, and anew.
        self._candidates = np.full((len(_STEPS) + 1, LAGS), _RESTART)
        self._steps = self._candidates[:-1]
        self._rows = [(row, row[JUMP:-JUMP]) for row in self._path]
        shape, strides = self._steps.shape, 2 * (self._path.itemsize,)
        # Of each new frame: what its lags can be reached from, its score, and its row of the path.
        self._moves = [
            (np.ndarray(shape, np.float32, self._path[row - 1], 0, strides), self._score[k], self._rows[row][1])
            for k, row in enumerate(range(BACKTRACK, BACKTRACK + block))
        ]
        self.block = block
        self.reset()

    def reset(self) -> None:
        """Forget the signal and the path."""
        self._correlation.reset()
        self._history[:] = 0
        self._path[:] = UNREACHED
        self._path[:, JUMP:-JUMP] = 0

    def __call__(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Take the newest samples, give the pitch of the frames to be put out.

        Parameters
        ----------
        samples : float32 (block * HOP,)

        Returns
        -------
        period : intp (block,)
            In samples, LAG_MIN to LAG_MAX; of the frame LOOKAHEAD frames before each newest one.
        correlation : float32 (block,)
            Normalised correlation at that period, at most 1; VOICED or more means voiced.
        """
        for older, newer in self._shifts:
            older[:] = newer
        self._correlation(samples)
        self._guard_octaves()
        self._extend_path()
        return self._refine(self._trace_back())

    def _guard_octaves(self) -> None:
        """Score lags; lower where they are hardly better than half of themselves: so are multiples of the period."""
        np.maximum(self._middles, self._rights, out=self._near)
        np.maximum(self._near_but_first, self._lefts, out=self._near_but_first)
        np.multiply(self._near, _OCTAVE_RATIO, self._near)
        self._score[:] = self._newest
        np.multiply(self._long, _OCTAVE_GUARD, self._long, where=self._long < self._flat_near[self._half])

    def _extend_path(self) -> None:
        """Viterbi recursion: best predecessor within JUMP lags, or a restart from the best of all."""
        for before, score, now in self._moves:
            np.subtract(before, _STEP_COSTS, self._steps)
            np.maximum.reduce(self._candidates, axis=0, out=now)
            np.add(now, score, now)
            np.subtract(now, np.maximum.reduce(now), now)

    def _trace_back(self) -> list[int]:
        """Follow the best path from each newest frame back to the one put out; pointers are recomputed, not stored."""
        lags = []
        for newest in range(BACKTRACK, BACKTRACK + self.block):
            lag = int(self._rows[newest][1].argmax())
            for row in range(newest - 1, newest - BACKTRACK - 1, -1):
                padded, scores = self._rows[row]
                reached = padded[lag : lag + len(_STEPS)] - STEP_COST
                step = int(reached.argmax())
                lag = int(scores.argmax()) if reached[step] < _RESTART else lag + step - JUMP
            lags.append(lag)
        return lags

    def _refine(self, lags: list[int]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Fit a parabola through the correlation's peak: three times finer than 16 kHz."""
        # A frame at a time in plain numbers: arrays of one element would cost ten times as much.
        periods, heights = [], []
        for correlation, lag in zip(self._history, lags, strict=False):
            centre = min(max(lag, 1), LAGS - 2)
            peak = correlation[centre - 1 : centre + 2].tolist()
            left, middle, right = peak
            curvature = left - 2 * middle + right
            shift = (left - right) / (2 * curvature) if curvature < -1e-30 else 0.0
            period = DECIMATION * (centre + FIRST_LAG + min(max(shift, -1), 1))
            periods.append(min(max(round(period), LAG_MIN), LAG_MAX))
            heights.append(peak[lag - centre + 1])
        return np.array(periods, np.intp), np.array(heights, np.float32)
