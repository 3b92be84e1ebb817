"""A whole signal at once, an array or a file: the stream's code, in larger blocks."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import as_audio
from .constants import DELAY, HOP, SAMPLE_RATE
from .enhancer import Source
from .model_file import Model
from .settings import Settings
from .stream import Line, as_rate
from .threads import one_blas_thread

if TYPE_CHECKING:
    from .files.audio import Enhanced

__all__ = ["OFFLINE_BLOCK", "enhance", "enhance_file"]

OFFLINE_BLOCK = 100
"""Hops a call when a whole signal is at hand: enough for matrix products, little memory."""
_PIECE_SECONDS = 10
"""Of a long signal, resampled at once."""


def enhance(
    audio: ArrayLike,
    model: Source = None,
    *,
    sample_rate: float = SAMPLE_RATE,
    attenuation_limit_db: float = math.inf,
    comb: bool = True,
    postfilter: bool = True,
    kernel: str = "auto",
) -> NDArray[np.float32]:
    """Enhance a whole signal.

    Matrix products keep to one thread: by threadpoolctl where it is installed, else by their size.

    Parameters
    ----------
    audio : (samples,) or (samples, channels)
        Floating point with full scale 1, or PCM as unsigned 8-bit, 16-bit or 32-bit integers. Each channel is enhanced
        on its own.
    model : path, bytes, Model or None
        None takes the default tier that comes with the package.
    sample_rate : int
        Hertz. Other rates than 48000 are resampled to it and back, by soxr (extra ``files``).
    attenuation_limit_db, comb, postfilter, kernel
        As for :class:`Enhancer`.

    Returns
    -------
    float32, shape of ``audio``
        With full scale 1, at the same rate; starts where the input starts.

    Raises
    ------
    TypeError
        Samples are neither floating point nor PCM.
    ValueError
        No samples, or laid out the other way round; a sample that is not finite, or a peak above 32, which is integers
        that were not scaled; ``sample_rate`` is no sample rate.
    MissingExtraError
        ``sample_rate`` is not 48000, and soxr is not installed.

    Examples
    --------
    >>> import numpy as np, percepnet_wasm
    >>> noisy = np.random.default_rng(1).normal(0, 0.1, (24000, 2))  # 1.5 s of noise in stereo
    >>> clean = percepnet_wasm.enhance(noisy, sample_rate=16000)
    >>> clean.shape, clean.dtype
    ((24000, 2), dtype('float32'))
    >>> bool(clean[8000:].std() < 0.2 * noisy.std())
    True

    >>> percepnet_wasm.enhance(noisy.T)
    Traceback (most recent call last):
    ...
    ValueError: audio has shape (2, 24000), which is 2 samples of 24000 channels: give audio.T, of shape (24000, 2)
    """
    samples = as_audio("audio", audio)
    rate = as_rate("sample_rate", sample_rate)
    columns = samples.reshape(len(samples), -1)
    settings = Settings(Model.load(model), attenuation_limit_db, comb, postfilter, kernel)
    hops = -(-(len(samples) * SAMPLE_RATE // rate + DELAY) // HOP)
    with one_blas_thread():
        line = Line(settings.make_enhancer, columns.shape[1], rate, min(OFFLINE_BLOCK, hops))
        step = _PIECE_SECONDS * rate
        done = [line.process(columns[start : start + step]) for start in range(0, len(columns), step)]
        return np.concatenate([*done, line.flush()]).reshape(samples.shape)


def enhance_file(
    source: str | Path,
    target: str | Path,
    model: Source = None,
    *,
    attenuation_limit_db: float = math.inf,
    comb: bool = True,
    postfilter: bool = True,
    kernel: str = "auto",
    overwrite: bool = False,
    salvage: bool = False,
) -> "Enhanced":
    """Enhance an audio file, or the sound of a video, into another file. Needs the extra ``files``.

    Rate, channels, length and, where the target's format has it, the sample format are kept; so is the bit rate of
    mp3 and of what PyAV writes (extra ``media``: m4a, mp4, mkv, webm), and the picture of a video. A file of any length
    takes the same memory. The target is complete or not there.

    Parameters
    ----------
    source, target : path
        The target's suffix chooses its format; without one the source's is kept. A missing folder is made.
    model, attenuation_limit_db, comb, postfilter, kernel
        As for :class:`Enhancer`.
    overwrite : bool
        Whether a target that is there already may be replaced.
    salvage : bool
        Of a file that breaks off, enhance what there is instead of refusing it.

    Returns
    -------
    Enhanced
        ``path``, ``seconds`` of sound that were written, and ``lost``: seconds that the source promised and did not
        have, None where it does not say.

    Raises
    ------
    AudioFileError
        A file is missing, unreadable, empty, broken off, not finite, there already, or cannot be written; both are the
        same.
    MissingExtraError
        A package for these formats is not installed.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np, soundfile, percepnet_wasm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     noisy, clean = pathlib.Path(folder, "noisy.wav"), pathlib.Path(folder, "clean.wav")
    ...     soundfile.write(noisy, np.random.default_rng(1).normal(0, 0.1, 44100), 44100)
    ...     percepnet_wasm.enhance_file(noisy, clean).seconds
    1.0
    """
    from .files import audio

    settings = Settings(Model.load(model), attenuation_limit_db, comb, postfilter, kernel)
    with one_blas_thread():
        return audio.enhance_file(
            source, target, settings.make_enhancer, overwrite=overwrite, salvage=salvage, progress=False
        )  # fmt: skip
