"""Audio at any sample rate, in pieces of any length, through one enhancer per channel.

Arrays, files and live input all take this path. The output is aligned with the input: the delays of the enhancer and
the resamplers are removed, and the output is as long as the input.
"""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import as_audio
from .constants import ATTENUATION_LIMIT_DB, DELAY, HOP, SAMPLE_RATE
from .enhancer import Enhancer, Source
from .errors import MissingExtraError
from .model_file import Model
from .settings import Settings

__all__ = ["Line", "OFFLINE_BLOCK", "RATES", "Stream", "as_rate"]

Audio = NDArray[np.float32]

RATES = (1000, 1_000_000)
"""Hertz: a rate outside this range is a mistake or a damaged header; at 1 Hz each sample would become 48000."""
OFFLINE_BLOCK = 100
"""Hops per call for a whole signal: enough for matrix products, yet little memory."""
_TRIAL_SECONDS = 2
"""The resamplers' delay settles well within this."""


class FrameEnhancer(Protocol):
    """What a line needs from an :class:`Enhancer`."""

    def process(self, frame: Audio, /) -> Audio:
        """Take and return float32 (block * HOP,)."""


def as_rate(name: str, value: Any) -> int:
    """Check a sample rate; whole numbers in floating point, as some audio libraries report them, are accepted.

    Raises
    ------
    ValueError
        It is not a whole number of hertz from 1000 to 1000000.
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not RATES[0] <= value <= RATES[1] or value != int(value):
        raise ValueError(f"{name} must be a whole number of hertz, {RATES[0]} to {RATES[1]}, not {value!r}")
    return int(value)


class Line:
    """One enhancer per channel between two resamplers, fed with pieces of any length.

    Parameters
    ----------
    make_enhancer : callable
        Takes the number of hops per call and makes one channel's enhancer.
    channels : int
    sample_rate : int
        Hertz, of both input and output.
    block : int
        Hops per call.

    Raises
    ------
    MissingExtraError
        The rate is not 48 kHz, and soxr is not installed.
    """

    def __init__(
        self, make_enhancer: Callable[[int], FrameEnhancer], channels: int, sample_rate: int = SAMPLE_RATE,
        block: int = 1,
    ) -> None:  # fmt: skip
        self.enhancers = [make_enhancer(block) for _ in range(channels)]
        self._up, self._down = _resamplers(sample_rate, channels)
        self._step = block * HOP
        self._pending = np.zeros((0, channels), np.float32)
        self._late = DELAY
        self._taken = self._given = self._inside = 0

    def process(self, piece: Audio) -> Audio:
        """Take float32 (n, channels) and return what is ready, as float32 (m, channels)."""
        self._taken += len(piece)
        out = self._enhance(self._up(piece, False))
        out = self._down(out, False)
        self._given += len(out)
        return out

    def flush(self) -> Audio:
        """Return everything still inside, so that the whole output is as long as the input. This ends the line."""
        nothing = self._pending[:0]
        rest = self._up(nothing, True)
        owed = self._inside + len(rest)
        padding = DELAY + -(len(self._pending) + len(rest) + DELAY) % self._step
        out = self._enhance(np.concatenate((rest, np.zeros((padding, rest.shape[1]), np.float32))))[:owed]
        out = self._down(out, True)
        # The two resamplers each round, so the end may be a sample too long or too short.
        return exactly(out, self._taken - self._given)

    def _enhance(self, piece: Audio) -> Audio:
        """Feed whole blocks to the enhancers, and remove their delay from the output."""
        self._inside += len(piece)
        pending = np.concatenate((self._pending, piece))
        step = self._step
        whole = len(pending) // step * step
        out = np.empty((whole, len(self.enhancers)), np.float32)
        for start in range(0, whole, step):
            block = slice(start, start + step)
            for channel, enhancer in enumerate(self.enhancers):
                out[block, channel] = enhancer.process(np.ascontiguousarray(pending[block, channel]))
        self._pending = pending[whole:]
        skipped = min(self._late, whole)
        self._late -= skipped
        self._inside -= whole - skipped
        return out[skipped:]


def _resamplers(sample_rate: int, channels: int) -> tuple[Callable[[Audio, bool], Audio], ...]:
    """Make the resamplers to 48 kHz and back; each takes a piece, and whether it is the last."""
    if sample_rate == SAMPLE_RATE:
        return (lambda piece, last: piece,) * 2
    try:
        import soxr
    except ImportError as error:
        raise MissingExtraError("files", f"a sample rate of {sample_rate} Hz requires resampling ({error})") from error
    up = soxr.ResampleStream(sample_rate, SAMPLE_RATE, channels, dtype="float32")
    down = soxr.ResampleStream(SAMPLE_RATE, sample_rate, channels, dtype="float32")
    return up.resample_chunk, down.resample_chunk


def exactly(audio: Audio, length: int) -> Audio:
    """Cut to a length, or pad by repeating the last sample."""
    missing = max(0, length - len(audio))
    if not missing:
        return audio[:length]
    last = audio[-1:] if len(audio) else np.zeros((1, *audio.shape[1:]), np.float32)
    return np.concatenate((audio, np.repeat(last, missing, axis=0)))


class Stream:
    """Enhances audio that arrives piece by piece, at any sample rate and in pieces of any length.

    Parameters
    ----------
    model : path, bytes, Model or None
        None loads the default tier bundled with the package.
    sample_rate : int
        Hertz, of both input and output. Rates other than 48000 need soxr (extra ``files``).
    live : bool
        False: :meth:`process` returns what is ready and :meth:`flush` the rest; joined, they are what :func:`enhance`
        returns, as long as the input and aligned with it. True: every call returns exactly as many samples as it
        received, as a sound card's callback needs them, :attr:`delay` samples late.
    block : int
        Hops per call of the enhancer: 1 for the lowest delay, more for higher speed.
    attenuation_limit_db, comb, postfilter, kernel
        As for :class:`Enhancer`.

    Attributes
    ----------
    sample_rate : int
    enhancers : list of Enhancer
        One per channel, from the first piece on, which determines how many there are.

    Raises
    ------
    ModelFileError, KernelError, ValueError
        As for :class:`Enhancer`, or ``sample_rate`` is not a valid sample rate.
    MissingExtraError
        ``sample_rate`` requires resampling, and soxr is not installed.

    Examples
    --------
    >>> import numpy as np, percepnet_wasm
    >>> noisy = np.random.default_rng(1).normal(0, 0.1, 10000)
    >>> stream = percepnet_wasm.Stream()
    >>> clean = [stream.process(piece) for piece in np.array_split(noisy, 7)]
    >>> np.concatenate([*clean, stream.flush()]).shape
    (10000,)

    In a sound card's callback, with blocks of shape (480, 1):

    >>> stream = percepnet_wasm.Stream(live=True)
    >>> stream.process(np.zeros((480, 1), np.float32)).shape, stream.delay
    ((480, 1), 1440)
    """

    def __init__(
        self,
        model: Source = None,
        *,
        sample_rate: float = SAMPLE_RATE,
        live: bool = False,
        block: int = 1,
        attenuation_limit_db: float = ATTENUATION_LIMIT_DB,
        comb: bool = True,
        postfilter: bool = True,
        kernel: str = "auto",
    ) -> None:
        self.sample_rate = as_rate("sample_rate", sample_rate)
        self.live = bool(live)
        self._block = block
        settings = Settings(Model.load(model), attenuation_limit_db, comb, postfilter, kernel)
        self._make_enhancer = settings.make_enhancer
        # Invalid arguments are rejected now, not with the first piece.
        self._line = Line(self._make_enhancer, 1, self.sample_rate, block)
        self._shape: tuple[int, ...] | None = None
        self._ready = np.zeros((0, 1), np.float32)
        self._delay = 0

    @property
    def delay(self) -> int:
        """Samples by which a live stream's output lags; 0 before the first piece, and where ``live`` is off."""
        return self._delay

    @property
    def enhancers(self) -> list[Enhancer]:
        return self._line.enhancers  # type: ignore[return-value]

    def process(self, audio: ArrayLike) -> NDArray[np.float32]:
        """Enhance the next piece.

        Parameters
        ----------
        audio : (n,) or (n, channels)
            Floating point with full scale 1, or 16-bit, 32-bit or unsigned 8-bit PCM. Any length, including 0; every
            piece has as many channels as the first.

        Returns
        -------
        float32 (m,) or (m, channels)
            What is ready: nothing at first, in the long run as much as went in. If ``live``, m is n.

        Raises
        ------
        TypeError, ValueError
            Samples of another type, not finite, or beyond any full scale; a different number of channels from before.
            The stream can continue with the next piece.
        """
        samples = as_audio("audio", audio, piece=True)
        shape = samples.shape[1:]
        if self._shape is None:
            self._begin(shape, len(samples))
        elif shape != self._shape:
            one, before = (f"(n, {s[0]})" if s else "(n,)" for s in (shape, self._shape))
            raise ValueError(
                f"audio has shape {one}, but the stream began with {before}: pass pieces of one shape, or flush() first"
            )
        columns = samples.reshape(len(samples), -1) if shape else samples[:, None]
        ready = self._line.process(columns)
        if self.live:
            ready = self._keep_pace(ready, len(samples))
        return ready if shape else ready[:, 0]

    def flush(self) -> NDArray[np.float32]:
        """End the signal and return what is still inside; the next piece begins a new signal."""
        rest = np.concatenate((self._ready, self._line.flush()))
        mono = not self._shape
        self.reset()
        return rest[:, 0] if mono else rest

    def reset(self) -> None:
        """Discard the signal so far: the next piece begins a new one."""
        channels = len(self._line.enhancers)
        self._line = Line(self._make_enhancer, channels, self.sample_rate, self._block)
        self._shape = None
        self._ready = np.zeros((0, channels), np.float32)
        self._delay = 0

    def _begin(self, shape: tuple[int, ...], length: int) -> None:
        """Make as many enhancers as the first piece has channels."""
        channels = shape[0] if shape else 1
        if channels != len(self._line.enhancers):
            self._line = Line(self._make_enhancer, channels, self.sample_rate, self._block)
        self._shape = shape
        self._delay = _shortfall(self.sample_rate, length, self._block) if self.live else 0
        self._ready = np.zeros((self._delay, channels), np.float32)

    def _keep_pace(self, ready: Audio, wanted: int) -> Audio:
        """Return as many samples as are wanted, with silence first where too few are ready."""
        queue = np.concatenate((self._ready, ready))
        missing = max(0, wanted - len(queue))  # after the first piece, above 0 only if the pieces' length changes
        if missing:
            self._delay += missing
            queue = np.concatenate((np.zeros((missing, queue.shape[1]), np.float32), queue))
        self._ready = queue[wanted:]
        return queue[:wanted]


def _shortfall(rate: int, length: int, block: int) -> int:
    """Find the most samples by which pieces of this length can be ahead of what is ready."""
    step = block * HOP
    if rate == SAMPLE_RATE:
        return DELAY + step - math.gcd(length, step)
    # How much the resamplers hold back varies from piece to piece and is not documented, so measure it.
    line = Line(lambda _: _Unchanged(), 1, rate, block)
    most = taken = given = 0
    while length and taken < _TRIAL_SECONDS * rate:
        taken += length
        given += len(line.process(np.zeros((length, 1), np.float32)))
        most = max(most, taken - given)
    return most


class _Unchanged:
    """An enhancer without delay that returns its input."""

    def process(self, frame: Audio, /) -> Audio:
        return frame
