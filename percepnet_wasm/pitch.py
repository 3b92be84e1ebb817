"""Pitch tracker: normalised correlation of the signal with its own past, then the best path over time.

The correlation is computed at 16 kHz on a spectrally flattened copy, so that neither a formant nor a loud hum decides;
the path (Viterbi) forbids large jumps; the period is refined to 48 kHz on the correlation's peak. The paper gives no
costs: the score, the octave guard and the bounded lag changes follow LPCNet's tracker, the constants are tuned here.
"""

import numpy as np
from numpy.typing import NDArray

from .constants import HOP, LAG_MAX, LAG_MIN, LOOKAHEAD, SAMPLE_RATE

__all__ = ["PitchTracker", "VOICED"]

DECIMATION = 3
_HOP = HOP // DECIMATION
_LAG_MIN, _LAG_MAX = LAG_MIN // DECIMATION, LAG_MAX // DECIMATION
LAGS = _LAG_MAX - _LAG_MIN + 1
REFERENCE = 512
"""Samples at 16 kHz that are correlated with their past: two periods of the lowest voice."""
SEGMENT = REFERENCE + _LAG_MAX

VOICED = 0.3
"""A correlation from which a frame counts as voiced (LPCNet)."""

JUMP = 4
"""Lags at 16 kHz that the period may change by in one frame."""
JUMP_COST = 0.01
"""Cost of a change, times its square."""
RESTART_COST = 0.7
"""Cost of starting anew from the best lag of the frame before: onsets."""
OCTAVE_RATIO, OCTAVE_GUARD = 1.1, 0.75
"""A lag's score is reduced by GUARD unless it beats the best score near half the lag by RATIO."""
RUMBLE_HZ = 100
"""High-pass before the correlation: rumble, mains hum or an offset would correlate at every lag."""
FLATTENING = 0.2
"""Exponent of the spectral flattening: 0 leaves the spectrum, 1 makes it white."""
BACKTRACK = LOOKAHEAD - 1
"""Frames back along the path. A correlation is centred one hop before its newest sample's frame, at about the
reference's middle less half a lag: the frame put out is best described by the correlation of the frame after it."""

_TINY = np.float32(1e-30)
ROUNDING = np.float32(1e-5)


def _lowpass(length: int = 48) -> NDArray[np.float32]:
    """Windowed sinc at the edge of the decimated band, sum 1."""
    n = np.arange(length) - (length - 1) / 2
    taps = np.sinc(n * 0.9 / DECIMATION) * np.hamming(length)
    return (taps / taps.sum()).astype(np.float32)


def _highpass(length: int = 256) -> NDArray[np.float32]:
    """Minimum-phase impulse response of two one-pole high-passes at RUMBLE_HZ, no gain at 0 Hz."""
    n = np.arange(length)
    pole = np.exp(-2 * np.pi * RUMBLE_HZ * DECIMATION / SAMPLE_RATE)
    taps = np.convolve((n + 1) * pole**n, [1, -2, 1])[:length]
    taps[0] -= taps.sum()
    return taps[::-1].astype(np.float32)


LOWPASS = _lowpass()
HIGHPASS = _highpass()
_FIRST_DOUBLE = _LAG_MIN
"""Index of the first lag whose half is among the lags, 2 _LAG_MIN."""
_HALF = np.arange(2 * _LAG_MIN, _LAG_MAX + 1) // 2 - _LAG_MIN
"""For each lag from there on, the index of its half."""
_STEPS = np.arange(-JUMP, JUMP + 1)
STEP_COST = (JUMP_COST * _STEPS**2).astype(np.float32)
UNREACHED = np.float32(-1e3)


class PitchTracker:
    """Tracks the period over a stream, LOOKAHEAD frames late.

    Parameters
    ----------
    block : int
        Frames a call.
    """

    def __init__(self, block: int = 1) -> None:
        self.block = block
        self._tail = np.zeros(len(LOWPASS) - DECIMATION, np.float32)
        self._rumble_tail = np.zeros(len(HIGHPASS) - 1, np.float32)
        self._decimated = np.zeros(SEGMENT + (block - 1) * _HOP, np.float32)
        stride = self._decimated.itemsize
        self._segments = np.ndarray((block, SEGMENT), np.float32, self._decimated, 0, (_HOP * stride, stride))
        self._correlation = np.zeros((BACKTRACK + block, LAGS), np.float32)
        self._path = np.full((BACKTRACK + block, LAGS + 2 * JUMP), UNREACHED, np.float32)
        self._path[:, JUMP:-JUMP] = 0
        self._rows = np.arange(block)
        self._spectrum, self._reference_spectrum = np.zeros((2, block, SEGMENT // 2 + 1), np.complex64)
        self._weight = np.zeros((block, SEGMENT // 2 + 1), np.float32)
        self._flat, self._cross, self._reference = np.zeros((3, block, SEGMENT), np.float32)
        self._score = np.zeros((block, LAGS), np.float32)
        self._energy = np.zeros((block, SEGMENT + 1), np.float32)
        self._candidates = np.zeros((len(_STEPS), LAGS), np.float32)

    def reset(self) -> None:
        """Forget the signal and the path."""
        for buffer in (self._tail, self._rumble_tail, self._decimated, self._correlation):
            buffer[:] = 0
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
        self._decimate(samples)
        for history in (self._correlation, self._path):
            history[:BACKTRACK] = history[self.block :]
        self._correlate(self._correlation[BACKTRACK:])
        self._extend_path(self._guard_octaves(self._correlation[BACKTRACK:]))
        return self._refine(self._trace_back())

    def _decimate(self, samples: NDArray[np.float32]) -> None:
        """Low-pass, keep every third sample, and high-pass what is left."""
        fresh = self.block * _HOP
        thirds = _fir(self._tail, samples, LOWPASS, DECIMATION, np.empty(fresh, np.float32))
        self._decimated[:-fresh] = self._decimated[fresh:]
        _fir(self._rumble_tail, thirds, HIGHPASS, 1, self._decimated[-fresh:])

    def _correlate(self, out: NDArray[np.float32]) -> None:
        """Score 2 Sxy / (Ex + Ey) of the newest REFERENCE samples against those a lag before, for all lags."""
        spectrum, weight = self._spectrum, self._weight
        np.fft.rfft(self._segments, out=spectrum)  # type: ignore  # stubs: complex128 only
        np.power(np.abs(spectrum, out=weight), np.float32(FLATTENING), out=weight)
        weight += _TINY
        spectrum /= weight
        flat = np.fft.irfft(spectrum, SEGMENT, out=self._flat)  # type: ignore  # stubs: float64 only
        self._reference[:, _LAG_MAX:] = flat[:, _LAG_MAX:]
        energy = self._energy
        np.cumsum(np.multiply(flat, flat, out=self._cross), axis=1, out=energy[:, 1:])
        # The segment is as long as reference and lags together, so the circular correlation never wraps.
        np.conjugate(spectrum, out=spectrum)
        spectrum *= np.fft.rfft(self._reference, out=self._reference_spectrum)  # type: ignore  # stubs: complex128 only
        cross = np.fft.irfft(spectrum, SEGMENT, out=self._cross)  # type: ignore  # stubs: float64 only
        newest = slice(_LAG_MAX - _LAG_MIN + REFERENCE, REFERENCE - 1, -1)
        oldest = slice(_LAG_MAX - _LAG_MIN, None, -1)
        total = energy[:, -1:]
        np.subtract(energy[:, newest], energy[:, oldest], out=out)
        out += total - energy[:, _LAG_MAX : _LAG_MAX + 1]
        np.maximum(out, 0, out=out)
        # What is 50 dB below the rest of the segment drowns in rounding: it scores 0, not a quotient of two errors.
        out += ROUNDING * total + _TINY
        np.divide(cross[:, _LAG_MIN : _LAG_MAX + 1], out, out=out)
        out *= 2
        np.minimum(np.maximum(out, -1, out=out), 1, out=out)

    def _guard_octaves(self, correlation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reduce lags hardly better than half of themselves: multiples of the period score as well as it does."""
        score = self._score
        score[:] = correlation
        short = _HALF[-1] + 1
        near = np.maximum(correlation[:, :short], correlation[:, 1 : short + 1])
        np.maximum(near[:, 1:], correlation[:, : short - 1], out=near[:, 1:])
        near *= OCTAVE_RATIO
        long = score[:, _FIRST_DOUBLE:]
        np.multiply(long, OCTAVE_GUARD, out=long, where=long < near[:, _HALF])
        return score

    def _extend_path(self, score: NDArray[np.float32]) -> None:
        """Viterbi recursion: best predecessor within JUMP lags, or a restart from the best of all."""
        stride = self._path.itemsize
        for k in range(self.block):
            before, now = self._path[BACKTRACK + k - 1], self._path[BACKTRACK + k]
            shifted = np.ndarray(self._candidates.shape, np.float32, before, 0, (stride, stride))
            np.subtract(shifted, STEP_COST[:, None], out=self._candidates)
            best = np.maximum.reduce(self._candidates, axis=0)
            np.maximum(best, -RESTART_COST, out=best)
            best += score[k]
            np.subtract(best, best.max(), out=now[JUMP:-JUMP])

    def _trace_back(self) -> list[int]:
        """Follow the best path from each newest frame back to the one put out; pointers are recomputed, not stored."""
        lags = []
        for newest in range(BACKTRACK, BACKTRACK + self.block):
            lag = int(self._path[newest, JUMP:-JUMP].argmax())
            for row in range(newest - 1, newest - BACKTRACK - 1, -1):
                reached = self._path[row, lag : lag + len(_STEPS)] - STEP_COST
                step = int(reached.argmax())
                restarted = reached[step] < -RESTART_COST
                lag = int(self._path[row, JUMP:-JUMP].argmax()) if restarted else lag + step - JUMP
            lags.append(lag)
        return lags

    def _refine(self, lags: list[int]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Fit a parabola through the correlation's peak: three times finer than 16 kHz."""
        # A frame at a time in plain numbers: arrays of one element would cost ten times as much.
        periods = []
        for correlation, lag in zip(self._correlation, lags, strict=False):
            centre = min(max(lag, 1), LAGS - 2)
            left, middle, right = correlation[centre - 1 : centre + 2].tolist()
            curvature = left - 2 * middle + right
            shift = (left - right) / (2 * curvature) if curvature < -1e-30 else 0.0
            period = DECIMATION * (centre + _LAG_MIN + min(max(shift, -1), 1))
            periods.append(min(max(round(period), LAG_MIN), LAG_MAX))
        return np.array(periods, np.intp), self._correlation[self._rows, lags]


def _fir(
    tail: NDArray[np.float32],
    samples: NDArray[np.float32],
    reversed_taps: NDArray[np.float32],
    step: int,
    out: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Filter a stream, keep every ``step``-th sample; ``tail`` holds the samples before and is brought up to date."""
    padded = np.concatenate((tail, samples))
    tail[:] = padded[-len(tail) :]
    stride = padded.itemsize
    rows = np.ndarray((len(out), len(reversed_taps)), np.float32, padded, 0, (step * stride, stride))
    return np.einsum("nk,k->n", rows, reversed_taps, out=out)
