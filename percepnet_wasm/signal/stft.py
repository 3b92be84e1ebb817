"""Short-time Fourier transform and its inverse: 20 ms frames every 10 ms, perfect reconstruction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..constants import HOP, WINDOW
from .state import zeros

__all__ = ["IstftState", "StftState", "istft", "overlapping", "stft", "vorbis_window", "windowed_fft"]


def vorbis_window(length: int = WINDOW) -> NDArray[np.float32]:
    """Vorbis's power-complementary window: w(n)^2 + w(n + length/2)^2 = 1.

    Parameters
    ----------
    length : int
        Samples, even.

    Returns
    -------
    float32 (length,)

    References
    ----------
    PercepNet paper, section 2; Vorbis I specification, section 4.3.1.
    """
    sine = np.sin(np.pi * (np.arange(length) + 0.5) / length)
    return np.sin(np.pi / 2 * sine**2).astype(np.float32)


WINDOW_SHAPE = vorbis_window()


def overlapping(signal: NDArray, length: int, step: int) -> NDArray:
    """All whole frames of a signal, as a view of its memory.

    ``sliding_window_view(signal, length)[::step]`` would do, but is slow for short signals, and WebAssembly refuses it
    for long ones: its 32 bits cannot count the bytes of a view of all windows.

    Parameters
    ----------
    signal : (n,)
    length, step : int
        Samples in a frame, and from one frame to the next.

    Returns
    -------
    (frames, length)
        Shares the signal's memory (a copy's, if that is not contiguous): do not write to it.
    """
    samples = np.ascontiguousarray(signal)
    frames = max(0, (len(samples) - length) // step + 1)
    strides = step * samples.itemsize, samples.itemsize
    return np.ndarray((frames, length), samples.dtype, samples, 0, strides)


def windowed_fft(frames: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Window and transform frames.

    Parameters
    ----------
    frames : float32 (frames, WINDOW)

    Returns
    -------
    complex64 (frames, BINS)
        Unscaled: a full-scale sine reaches about WINDOW / 4.
    """
    return np.fft.rfft(WINDOW_SHAPE * frames)  # type: ignore[return-value]  # NumPy's stubs know only complex128


@dataclass
class StftState:
    """What :func:`stft` remembers of a stream: its last hop, the first half of the next frame."""

    last_hop: NDArray[np.float32] = zeros(HOP)


def stft(samples: NDArray[np.float32], state: StftState) -> NDArray[np.complex64]:
    """Transform a stream's next samples.

    Parameters
    ----------
    samples : float32 (frames * HOP,)
    state : StftState

    Returns
    -------
    complex64 (frames, BINS)
        Frame k ends with sample (k + 1) * HOP.
    """
    line = np.concatenate((state.last_hop, samples))
    state.last_hop = line[-HOP:].copy()
    return windowed_fft(overlapping(line, WINDOW, HOP))


@dataclass
class IstftState:
    """What :func:`istft` remembers of a stream: the second half of the last frame."""

    tail: NDArray[np.float32] = zeros(HOP)


def istft(spectra: NDArray[np.complex64], state: IstftState) -> NDArray[np.float32]:
    """Turn a stream's next frames into samples by overlap-add.

    Parameters
    ----------
    spectra : complex64 (frames, BINS)
    state : IstftState

    Returns
    -------
    float32 (frames * HOP,)
        The first half of each frame plus the second half of the one before.
    """
    frames: NDArray[np.float32] = WINDOW_SHAPE * np.fft.irfft(spectra, WINDOW)  # type: ignore[assignment]  # as above
    first_halves, second_halves = frames[:, :HOP], frames[:, HOP:]
    before = np.concatenate((state.tail[None], second_halves[:-1]))
    state.tail = second_halves[-1].copy()
    return (first_halves + before).ravel()
