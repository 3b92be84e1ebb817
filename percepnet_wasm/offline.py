"""Whole signals, as an array or a file: the stream's code, in larger blocks."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import as_audio
from .constants import ATTENUATION_LIMIT_DB, DELAY, HOP, SAMPLE_RATE
from .enhancer import Source
from .model_file import Model
from .settings import Settings
from .stream import OFFLINE_BLOCK, Line, as_rate
from .threads import one_blas_thread

if TYPE_CHECKING:
    from .files.audio import Enhanced

__all__ = ["enhance", "enhance_file"]

_PIECE_SECONDS = 10
"""Seconds of a long signal that are resampled at a time."""


def enhance(
    audio: ArrayLike,
    model: Source = None,
    *,
    sample_rate: float = SAMPLE_RATE,
    attenuation_limit_db: float = ATTENUATION_LIMIT_DB,
    comb: bool = True,
    postfilter: bool = True,
    kernel: str = "auto",
) -> NDArray[np.float32]:
    """Enhance a whole signal.

    Matrix products are limited to one thread: by threadpoolctl where it is installed, else by their size.

    Parameters
    ----------
    audio : (samples,) or (samples, channels)
        Floating point with full scale 1, or PCM as unsigned 8-bit, 16-bit or 32-bit integers. Each channel is enhanced
        on its own.
    model : path, bytes, Model or None
        None loads the default tier bundled with the package.
    sample_rate : int
        Hertz. Audio at rates other than 48000 is resampled to it and back, by soxr (extra ``files``).
    attenuation_limit_db, comb, postfilter, kernel
        As for :class:`Enhancer`.

    Returns
    -------
    float32, shape of ``audio``
        With full scale 1, at the same rate, aligned with the input.

    Raises
    ------
    TypeError
        Samples are neither floating point nor PCM.
    ValueError
        There are no samples, or the axes are swapped; a sample is not finite, or the peak is above 32,
        which suggests unscaled integers; ``sample_rate`` is not a valid sample rate.
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
    ValueError: audio has shape (2, 24000), which is 2 samples of 24000 channels: pass audio.T, of shape (24000, 2)
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
    attenuation_limit_db: float = ATTENUATION_LIMIT_DB,
    comb: bool = True,
    postfilter: bool = True,
    kernel: str = "auto",
    overwrite: bool = False,
    salvage: bool = False,
) -> "Enhanced":
    """Enhance an audio file, or the sound of a video, into another file. Needs the extra ``files``.

    The rate, channels, length and, if the target's format supports it, the sample format are kept; so are the bit rate
    of mp3, Vorbis, Opus and the formats that PyAV writes (extra ``media``: m4a, mp4, mkv, webm), and the picture of a
    video. A file of any length takes the same memory. The target is written whole or not at all.

    Parameters
    ----------
    source, target : path
        The target's suffix determines its format; without one the source's is kept. Missing folders are created.
    model, attenuation_limit_db, comb, postfilter, kernel
        As for :class:`Enhancer`.
    overwrite : bool
        Whether an existing target may be replaced.
    salvage : bool
        Whether to enhance the readable part of a truncated file instead of rejecting it.

    Returns
    -------
    Enhanced
        ``path``, ``seconds`` of sound written, and ``lost``: seconds that the source's header promised but the file did
        not have, or None if it does not say.

    Raises
    ------
    AudioFileError
        The source is missing, unreadable, empty, truncated or not finite; the target exists already or cannot be
        written; or both are the same file.
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
