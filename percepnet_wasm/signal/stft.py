"""Short-time Fourier transform: 20 ms frames every 10 ms, perfect reconstruction."""

import numpy as np
from numpy.typing import NDArray

from ..constants import HOP, WINDOW

__all__ = ["vorbis_window", "analyse", "OverlapAdd"]


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


def analyse(
    frames: NDArray[np.float32], work: NDArray[np.float32], out: NDArray[np.complex64]
) -> NDArray[np.complex64]:
    """Window and transform frames.

    Parameters
    ----------
    frames : float32 (frames, WINDOW)
        Samples; may overlap in memory.
    work : float32 (frames, WINDOW)
        Scratch for the windowed samples.
    out : complex64 (frames, BINS)

    Returns
    -------
    complex64 (frames, BINS)
        ``out``, unscaled: a full-scale sine reaches about WINDOW / 4.
    """
    np.multiply(frames, WINDOW_SHAPE, out=work)
    return np.fft.rfft(work, axis=-1, out=out)  # type: ignore  # NumPy computes it; its stubs know complex128 alone


class OverlapAdd:
    """Inverse transform of consecutive frames; each one completes the hop before its own middle.

    Parameters
    ----------
    block : int
        Frames a call.
    """

    def __init__(self, block: int = 1) -> None:
        self._frames = np.zeros((block, WINDOW), np.float32)
        self._tail = np.zeros(HOP, np.float32)
        self._first, self._last = self._frames[0, :HOP], self._frames[-1, HOP:]

    def reset(self) -> None:
        """Forget the frames heard."""
        self._tail[:] = 0

    def __call__(self, spectra: NDArray[np.complex64], out: NDArray[np.float32]) -> NDArray[np.float32]:
        """Synthesise.

        Parameters
        ----------
        spectra : complex64 (block, BINS)
        out : float32 (block * HOP,)

        Returns
        -------
        float32 (block * HOP,)
            ``out``: the first halves of the frames plus the second halves of those before.
        """
        frames = self._frames
        np.fft.irfft(spectra, WINDOW, axis=-1, out=frames)  # type: ignore  # see above
        np.multiply(frames, WINDOW_SHAPE, out=frames)
        np.add(self._first, self._tail, out=out[:HOP])
        if len(frames) > 1:
            np.add(frames[1:, :HOP], frames[:-1, HOP:], out=out[HOP:].reshape(-1, HOP))
        self._tail[:] = self._last
        return out
