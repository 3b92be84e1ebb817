"""The enhancer: a hop of noisy samples in, a hop of clean samples out, 30 ms later."""

import math
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .constants import DELAY, HOP, SAMPLE_RATE
from .engine import NumpyEngine
from .kernel.engine import KernelEngine
from .kernel.library import KERNELS, KernelError
from .kernel.loading import candidates, load
from .kernel.program import UnsuitableModelError
from .limits import SNR_TINY
from .model_file import FORMAT_VERSION, Model
from .signal.bands import BANDS

__all__ = ["Enhancer", "Source", "info"]

MOST_BLOCK = 1000
"""Frames a call at most: each takes 0.1 MB."""
_SNR_RANGE_DB = 60.0
_NO_LIMIT_DB = 1e4
"""Of which nothing is left in a double."""

Source = str | Path | bytes | Model | None


class Enhancer:
    """Enhances one stream of 48 kHz mono audio.

    Parameters
    ----------
    model : path, bytes, Model or None
        None takes the default tier that comes with the package. A Model may be shared by several enhancers.
    block : int
        Hops taken a call: 1 in real time, more when a whole signal is at hand. The output is the same.
    attenuation_limit_db : float
        The noise is lowered by at most this much: 0 passes the input on, with the same delay; inf lowers all it can.
    comb, postfilter : bool
        Leave a stage out, to hear what it is worth; may change at any time.
    kernel : {"auto", "relaxed", "simd", "native", "numpy"}
        What computes: relaxed SIMD or SIMD in WebAssembly, a native build in CPython, or NumPy alone. "auto" takes the
        fastest that is there and passes its self-test; the results differ by rounding.

    Attributes
    ----------
    kernel : str
        What computes, by the names above.
    kernels_refused : dict of str to str
        Faster ones, and why they are not used.
    input, output : float32 (block * HOP,)
        The samples of :meth:`step`: write the one, read the other.
    gains, strengths : float32 (BANDS,)
        Of the newest frame put out, as the network gave them.
    period : int
        Its pitch period in samples.
    correlation : float
        Of the signal at that period; 0.3 or more means voiced.
    voice_activity : float
        Probability of speech in it, 0 to 1.
    snr_db : float
        Estimate of the speech's energy over the noise's, from frames with and without voice of the last seconds.

    Raises
    ------
    ModelFileError
        The model cannot be used.
    ValueError
        ``block``, ``attenuation_limit_db`` or ``kernel`` is out of range.
    KernelError
        The kernel asked for by name cannot be used; never with "auto".

    Examples
    --------
    >>> import numpy as np, percepnet_wasm
    >>> enhancer = percepnet_wasm.Enhancer(attenuation_limit_db=20)
    >>> enhancer.process(np.zeros(480, np.float32)).shape
    (480,)
    >>> enhancer.delay
    1440
    """

    delay = DELAY
    """Samples from input to output."""

    def __init__(
        self,
        model: Source = None,
        *,
        block: int = 1,
        attenuation_limit_db: float = math.inf,
        comb: bool = True,
        postfilter: bool = True,
        kernel: str = "auto",
    ) -> None:
        if type(block) is not int or not 1 <= block <= MOST_BLOCK:
            raise ValueError(f"block is {block!r}: give a whole number of hops, 1 to {MOST_BLOCK}")
        if not isinstance(kernel, str) or kernel not in KERNELS:
            raise ValueError(f"kernel is {kernel!r}: give one of {', '.join(KERNELS)}")
        self.model = Model.load(model)
        self.kernels_refused: dict[str, str] = {}
        self._engine = self._choose_engine(kernel, block)
        self.kernel = self._engine.name
        self.input, self.output = (np.zeros(block * HOP, np.float32) for _ in range(2))
        self.comb = comb
        self.postfilter = postfilter
        self.attenuation_limit_db = attenuation_limit_db

    def _choose_engine(self, kernel: str, block: int) -> NumpyEngine | KernelEngine:
        for name in candidates() if kernel == "auto" else (kernel,):
            if name == "numpy":
                break
            try:
                return KernelEngine(load(name), self.model, block)
            except (KernelError, UnsuitableModelError) as error:
                if kernel != "auto":
                    raise KernelError(f"kernel {name!r} cannot be used: {error}; give kernel='auto'") from error
                self.kernels_refused[name] = str(error)
        return NumpyEngine(self.model, block)

    def info(self) -> dict[str, Any]:
        """Describe package and model as :func:`info` does, and the ``kernel`` in use with ``kernels_refused``."""
        return {**info(self.model), "kernel": self.kernel, "kernels_refused": dict(self.kernels_refused)}

    @property
    def comb(self) -> bool:
        return bool(self._engine.comb)

    @comb.setter
    def comb(self, use: bool) -> None:
        self._engine.comb = bool(use)

    @property
    def postfilter(self) -> bool:
        return bool(self._engine.postfilter)

    @postfilter.setter
    def postfilter(self, use: bool) -> None:
        self._engine.postfilter = bool(use)

    @property
    def attenuation_limit_db(self) -> float:
        """At most this much is taken from the noise, in dB; may change at any time."""
        return -20 * math.log10(self._floor) if self._floor else math.inf

    @attenuation_limit_db.setter
    def attenuation_limit_db(self, limit: float) -> None:
        if isinstance(limit, bool) or not isinstance(limit, Real) or not limit >= 0:
            raise ValueError(f"attenuation_limit_db is {limit!r}: give 0 (bypass) to inf (no limit)")
        self._floor: float = 10.0 ** (-float(min(limit, _NO_LIMIT_DB)) / 20)
        self._engine.floor = self._floor

    @property
    def gains(self) -> NDArray[np.float32]:
        return self._engine.gain[-1]

    @property
    def strengths(self) -> NDArray[np.float32]:
        return self._engine.strength[-1]

    @property
    def period(self) -> int:
        return int(self._engine.period[-1])

    @property
    def correlation(self) -> float:
        return float(self._engine.correlation[-1])

    @property
    def voice_activity(self) -> float:
        return float(self._engine.voice[-1, 0])

    @property
    def snr_db(self) -> float:
        # The gains themselves would do no good here: one that is 5 % too low already claims 10 dB.
        unvoiced = self._engine.unvoiced
        speech = max(self._engine.voiced - unvoiced, 0.0)
        ratio_db = 10 * math.log10((speech + SNR_TINY) / (unvoiced + SNR_TINY))
        return min(max(ratio_db, -_SNR_RANGE_DB), _SNR_RANGE_DB)

    def reset(self) -> None:
        """Forget the stream: the next samples are the first."""
        self._engine.reset()

    def process(self, frame: ArrayLike, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Enhance the next samples.

        Parameters
        ----------
        frame : float32 (block * HOP,)
            Full scale is 1.
        out : float32 (block * HOP,), optional

        Returns
        -------
        float32 (block * HOP,)
            The samples of DELAY samples ago, enhanced.

        Raises
        ------
        TypeError
            Samples are not floating point.
        ValueError
            Wrong length, an ``out`` that cannot take the result, or samples that are not finite; the stream can go on
            with the next ones.
        """
        try:
            samples = np.asarray(frame)
        except ValueError as error:
            raise ValueError(f"frame is no array ({error}): give {len(self.input)} floating point samples") from error
        if samples.dtype.kind != "f":
            raise TypeError(f"frame has dtype {samples.dtype}: give floating point samples with full scale 1")
        if samples.shape != self.input.shape:
            raise ValueError(f"frame has shape {samples.shape}: give ({len(self.input)},), mono at {SAMPLE_RATE} Hz")
        if out is not None and not _fits(out, self.output):
            what = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            raise ValueError(f"out is {what}: give a writeable floating point array of shape {self.output.shape}")
        with np.errstate(over="ignore"):  # a double beyond float32's range becomes inf, which the engine refuses
            samples = samples.astype(np.float32, copy=False)
        enhanced = self._engine.process(samples)
        if out is None:
            return enhanced.copy()
        out[:] = enhanced
        return out

    def step(self) -> None:
        """Enhance :attr:`input` into :attr:`output`: :meth:`process` without arguments, for callers without Python.

        Raises
        ------
        ValueError
            :attr:`input` holds a sample that is not finite; state and output are as before.
        """
        self.output[:] = self._engine.process(self.input)


def _fits(out: Any, result: NDArray[np.float32]) -> bool:
    """Whether the result can be written into a caller's array as it is."""
    return isinstance(out, np.ndarray) and out.dtype.kind == "f" and out.shape == result.shape and out.flags.writeable


def info(model: Source = None) -> dict[str, Any]:
    """Describe the package and a model.

    Returns
    -------
    dict
        version, sample_rate, hop, delay_samples, delay_ms, bands, tier, density, weights, quantised, format_version,
        model_sha256, provenance.
    """
    from . import __version__

    loaded = Model.load(model)
    return {
        "version": __version__,
        "sample_rate": SAMPLE_RATE,
        "hop": HOP,
        "delay_samples": DELAY,
        "delay_ms": 1000 * DELAY / SAMPLE_RATE,
        "bands": BANDS,
        "tier": loaded.tier,
        "density": loaded.density,
        "weights": loaded.weights,
        "quantised": loaded.quantised,
        "format_version": FORMAT_VERSION,
        "model_sha256": loaded.sha256,
        "provenance": loaded.provenance,
    }
