"""Sound of any sample rate, in pieces of any length, through one enhancer a channel.

Arrays, files and live input all come this way. What comes out lies where it went in: the enhancer's delay and the
resamplers' are taken away again, and as many samples leave as came.
"""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import as_audio
from .constants import DELAY, HOP, SAMPLE_RATE
from .enhancer import Enhancer, Source
from .errors import MissingExtraError
from .model_file import Model
from .settings import Settings

__all__ = ["Line", "RATES", "Stream", "as_rate"]

Audio = NDArray[np.float32]

RATES = (1000, 1_000_000)
"""Hertz: a rate outside is a mistake or a damaged header; at 1 Hz each sample would become 48000."""
_TRIAL_SECONDS = 2
"""The resamplers' delay settles well within this."""


class FrameEnhancer(Protocol):
    """What a line needs of an :class:`Enhancer`."""

    def process(self, frame: Audio, /) -> Audio:
        """Take and give float32 (block * HOP,)."""


def as_rate(name: str, value: Any) -> int:
    """Check a sample rate; whole numbers in floating point, as audio libraries report them, will do.

    Raises
    ------
    ValueError
        It is no whole number of hertz from 1000 to 1000000.
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not RATES[0] <= value <= RATES[1] or value != int(value):
        raise ValueError(f"{name} is {value!r}: give a whole number of hertz, {RATES[0]} to {RATES[1]}")
    return int(value)


class Line:
    """One enhancer a channel between two resamplers, fed with pieces of any length.

    Parameters
    ----------
    make_enhancer : callable
        Given the hops of a call, makes one channel's enhancer.
    channels : int
    sample_rate : int
        Hertz, of what goes in and of what comes out.
    block : int
        Hops a call.

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
        """Take float32 (n, channels) and give what is ready of the same shape but for its length."""
        self._taken += len(piece)
        out = self._enhance(self._up(piece, False))
        out = self._down(out, False)
        self._given += len(out)
        return out

    def flush(self) -> Audio:
        """Give all that is still inside; in all as many samples come out as went in. The line has then ended."""
        nothing = self._pending[:0]
        rest = self._up(nothing, True)
        owed = self._inside + len(rest)
        padding = DELAY + -(len(self._pending) + len(rest) + DELAY) % self._step
        out = self._enhance(np.concatenate((rest, np.zeros((padding, rest.shape[1]), np.float32))))[:owed]
        out = self._down(out, True)
        # Rounding twice, the two resamplers may end a sample long or short.
        return exactly(out, self._taken - self._given)

    def _enhance(self, piece: Audio) -> Audio:
        """Feed whole blocks to the enhancers; without their delay."""
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
    """Make the ways up to 48 kHz and back; each takes a piece, and whether it is the last."""
    if sample_rate == SAMPLE_RATE:
        return (lambda piece, last: piece,) * 2
    try:
        import soxr
    except ImportError as error:
        raise MissingExtraError("files", f"a sample rate of {sample_rate} Hz takes resampling ({error})") from error
    up = soxr.ResampleStream(sample_rate, SAMPLE_RATE, channels, dtype="float32")
    down = soxr.ResampleStream(SAMPLE_RATE, sample_rate, channels, dtype="float32")
    return up.resample_chunk, down.resample_chunk


def exactly(audio: Audio, length: int) -> Audio:
    """Cut, or repeat the last sample."""
    missing = max(0, length - len(audio))
    if not missing:
        return audio[:length]
    last = audio[-1:] if len(audio) else np.zeros((1, *audio.shape[1:]), np.float32)
    return np.concatenate((audio, np.repeat(last, missing, axis=0)))


class Stream:
    """Enhances sound that arrives piece by piece, at any sample rate and in pieces of any length.

    Parameters
    ----------
    model : path, bytes, Model or None
        None takes the default tier that comes with the package.
    sample_rate : int
        Hertz, of what goes in and of what comes out. Other rates than 48000 need soxr (extra ``files``).
    live : bool
        False: :meth:`process` gives what is ready, :meth:`flush` the rest, and the two together are what
        :func:`enhance` gives: as long as the input, and in its place. True: every call gives exactly as many samples as
        it was given, as a sound card's callback wants them, :attr:`delay` samples late.
    block : int
        Hops a call of the enhancer: 1 for the least delay, more for more speed.
    attenuation_limit_db, comb, postfilter, kernel
        As for :class:`Enhancer`.

    Attributes
    ----------
    sample_rate : int
    enhancers : list of Enhancer
        One a channel, once the first piece has said how many there are.

    Raises
    ------
    ModelFileError, KernelError, ValueError
        As for :class:`Enhancer`, or ``sample_rate`` is no sample rate.
    MissingExtraError
        ``sample_rate`` takes resampling, and soxr is not installed.

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
        attenuation_limit_db: float = math.inf,
        comb: bool = True,
        postfilter: bool = True,
        kernel: str = "auto",
    ) -> None:
        self.sample_rate = as_rate("sample_rate", sample_rate)
        self.live = bool(live)
        self._block = block
        settings = Settings(Model.load(model), attenuation_limit_db, comb, postfilter, kernel)
        self._make_enhancer = settings.make_enhancer
        # A wrong argument is refused now, not with the first piece.
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
            Floating point with full scale 1, or 16-bit, 32-bit or unsigned 8-bit PCM. Any length, 0 too; every piece
            has the channels of the first.

        Returns
        -------
        float32 (m,) or (m, channels)
            What is ready: at first nothing, in the long run as much as came in. If ``live``, m is n.

        Raises
        ------
        TypeError, ValueError
            Samples of another type, not finite, or beyond any full scale; other channels than before. The stream can
            go on with the next piece.
        """
        samples = as_audio("audio", audio, piece=True)
        shape = samples.shape[1:]
        if self._shape is None:
            self._begin(shape, len(samples))
        elif shape != self._shape:
            one, before = (f"(n, {s[0]})" if s else "(n,)" for s in (shape, self._shape))
            raise ValueError(f"audio has shape {one}, the stream {before}: give pieces of one shape, or flush() first")
        columns = samples.reshape(len(samples), -1) if shape else samples[:, None]
        ready = self._line.process(columns)
        if self.live:
            ready = self._keep_pace(ready, len(samples))
        return ready if shape else ready[:, 0]

    def flush(self) -> NDArray[np.float32]:
        """End the sound and give what is still inside; the next piece begins another one."""
        rest = np.concatenate((self._ready, self._line.flush()))
        mono = not self._shape
        self.reset()
        return rest[:, 0] if mono else rest

    def reset(self) -> None:
        """Forget the sound so far: the next piece begins another one."""
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
        """Give as many samples as are wanted, silence first where too few are ready."""
        queue = np.concatenate((self._ready, ready))
        missing = max(0, wanted - len(queue))  # after the first piece only where the pieces' length changes
        if missing:
            self._delay += missing
            queue = np.concatenate((np.zeros((missing, queue.shape[1]), np.float32), queue))
        self._ready = queue[wanted:]
        return queue[:wanted]


def _shortfall(rate: int, length: int, block: int) -> int:
    """Find how many samples pieces of this length can be ahead of what is ready, at most."""
    step = block * HOP
    if rate == SAMPLE_RATE:
        return DELAY + step - math.gcd(length, step)
    # What the resamplers hold back varies from piece to piece and is not documented: ask them.
    line = Line(lambda _: _Nothing(), 1, rate, block)
    most = taken = given = 0
    while length and taken < _TRIAL_SECONDS * rate:
        taken += length
        given += len(line.process(np.zeros((length, 1), np.float32)))
        most = max(most, taken - given)
    return most


class _Nothing:
    """An enhancer that takes no time."""

    def process(self, frame: Audio, /) -> Audio:
        return frame
