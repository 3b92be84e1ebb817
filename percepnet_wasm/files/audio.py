"""Audio files: read, enhanced and written in blocks, so that an hour costs no more memory than a minute.

Needs the extra ``files``. The output keeps the sample rate and the channel count; each channel is enhanced on its own
at 48 kHz, resampled by soxr on the way in and out if the file has another rate. The output is aligned with the input
and has the same length.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..checks import as_path, as_signal
from ..errors import AudioFileError, MissingExtraError
from ..stream import OFFLINE_BLOCK, FrameEnhancer, Line, as_rate, exactly

try:
    import soundfile  # noqa: F401 - to report at once that it is missing
    import soxr
    from tqdm import tqdm
except (ImportError, OSError) as error:  # OSError: soundfile without its C library
    raise MissingExtraError("files", error) from error

from .output import check_target, created, write_wav
from .reader import Reader, TruncatedFileError
from .reading import checked, opened

__all__ = ["Enhanced", "enhance_file", "read_mono", "resample", "write_wav"]

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Enhanced:
    """A file that was written.

    Attributes
    ----------
    path : Path
    seconds : float
        Length of the sound in it.
    lost : float or None
        Further seconds that the source should have had: above 0 only if it was salvaged, None if it was salvaged and
        does not say how long it was.
    """

    path: Path
    seconds: float
    lost: float | None = 0.0


def enhance_file(
    source: str | Path,
    target: str | Path,
    make_enhancer: Callable[[int], FrameEnhancer],
    *,
    overwrite: bool = False,
    salvage: bool = False,
    progress: bool = True,
    stopped: Callable[[], bool] = lambda: False,
) -> Enhanced:
    """Enhance an audio file into another; :func:`percepnet_wasm.enhance_file` is the public version.

    Parameters
    ----------
    source, target : path
        ``-`` is standard input or output.
    make_enhancer : callable
        Takes the number of hops per block and makes one channel's enhancer.
    overwrite, salvage : bool
        As for :func:`percepnet_wasm.enhance_file`.
    progress : bool
        Whether to show progress, on a terminal, once the work has taken more than a second.
    stopped : callable
        Called at every block; if it returns true, the work ends with KeyboardInterrupt.

    Raises
    ------
    AudioFileError
        The source is missing, unreadable, empty or not finite; the target exists already or cannot be written; or both
        are the same file.
    """
    source, target = as_path("source", source), as_path("target", target)
    lost: float | None = 0.0
    with opened(source) as reader:
        check_target(source, target, overwrite)
        line = Line(make_enhancer, reader.channels, reader.samplerate, OFFLINE_BLOCK)
        taken = 0
        with created(target, reader) as write, _progress(reader, progress) as bar:
            try:
                for block in checked(reader):
                    taken += len(block)
                    write(line.process(block))
                    bar.update(len(block) / reader.samplerate)
                    if stopped():
                        raise KeyboardInterrupt
            except TruncatedFileError as error:
                if not (salvage and taken):
                    raise _truncated(reader, taken / reader.samplerate, error) from error
                lost = None if reader.seconds is None else max(0.0, reader.seconds - taken / reader.samplerate)
            write(line.flush())
    return Enhanced(target, taken / reader.samplerate, lost)


def _truncated(reader: Reader, seconds: float, error: TruncatedFileError) -> AudioFileError:
    """Say where a file is truncated, and what can be done about it."""
    whole = "" if reader.seconds is None else f" of {reader.seconds:.1f} s"
    reason = f" ({error.reason})" if error.reason else ""
    remedy = "copy it again"
    if seconds:
        remedy += ", or enhance what can be read (--salvage, salvage=True)"
    return AudioFileError(f"{reader.name} is truncated after {seconds:.1f} s{whole}{reason}: {remedy}")


def read_mono(path: str | Path) -> tuple[Audio, int]:
    """Read a whole mono file.

    Returns
    -------
    float32 (n,)
        Samples at the file's own rate.
    int
        That rate in hertz.

    Raises
    ------
    AudioFileError
        As for :func:`enhance_file`, or the file has several channels.
    """
    path = as_path("path", path)
    with opened(path) as reader:
        if reader.channels > 1:
            raise AudioFileError(f"{path} has {reader.channels} channels: use a file with one channel")
        blocks: list[Audio] = []
        try:
            blocks.extend(checked(reader))
        except TruncatedFileError as error:
            raise _truncated(reader, sum(map(len, blocks)) / reader.samplerate, error) from error
        return np.concatenate(blocks)[:, 0], reader.samplerate


def resample(signal: Audio, rate: int, to: int, length: int | None = None) -> Audio:
    """Change the rate of a whole signal.

    Parameters
    ----------
    signal : float32 (n,)
    rate, to : int
        Hertz: the signal's rate, and the one to convert it to.
    length : int, optional
        Number of samples to return, if that is known.

    Returns
    -------
    float32 (n,)

    Raises
    ------
    TypeError, ValueError
        The signal is not floating point, finite and mono; a rate is not a valid one; ``length`` is negative.
    """
    signal = as_signal("signal", signal)
    rate, to = as_rate("rate", rate), as_rate("to", to)
    if length is not None and (not isinstance(length, int | np.integer) or length < 0):
        raise ValueError(f"length must be a number of samples, 0 or more, not {length!r}")
    changed = np.asarray(soxr.resample(signal, rate, to), np.float32)
    return changed if length is None else exactly(changed, length)


def _progress(reader: Reader, wanted: bool) -> tqdm:
    """Progress bar in seconds of audio, on a terminal only."""
    if reader.seconds is None:
        layout, total = "{n:.0f} s of audio [{elapsed}]", None
    else:
        layout = "{percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of audio [{elapsed}<{remaining}]"
        total = round(reader.seconds, 1)
    return tqdm(total=total, bar_format=layout, delay=1, leave=False, disable=None if wanted else True)
