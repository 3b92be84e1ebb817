"""The enhancer: a hop of noisy samples in, a hop of clean samples out, 30 ms later."""

import math
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import __version__
from .checks import as_floats
from .constants import ATTENUATION_LIMIT_DB, DELAY, HOP, SAMPLE_RATE
from .engine import NumpyEngine
from .kernel.engine import KernelEngine
from .kernel.library import KERNELS, KernelError
from .kernel.loading import candidates, load
from .kernel.program import UnsuitableModelError
from .limits import SNR_TINY
from .model_file import FORMAT_VERSION, Model
from .signal.bands import BANDS

__all__ = ["Enhancer", "Source", "info"]

LARGEST_BLOCK = 1000
"""Hops per call; each takes 0.1 MB."""
_SNR_RANGE_DB = 60.0
_NO_LIMIT_DB = 1e4
"""What is left after this much attenuation is 0 in a double."""

Source = str | Path | bytes | Model | None


class Enhancer:
    """Enhances one stream of 48 kHz mono audio.

    Parameters
    ----------
    model : path, bytes, Model or None
        None loads the default tier bundled with the package. Several enhancers may share a Model.
    block : int
        Hops per call: 1 in real time, more when the whole signal is available. The output is the same.
    attenuation_limit_db : float
        Noise is attenuated by at most this much: 0 passes the input through, with the same delay; inf sets no limit.
    comb, postfilter : bool
        Whether to use the stage; False lets you hear what it contributes. May change at any time.
    kernel : {"auto", "relaxed", "simd", "native", "numpy"}
        The implementation: relaxed SIMD or SIMD in WebAssembly, a native build in CPython, or NumPy alone. "auto" takes
        the fastest available one that passes its self-test; results differ by rounding only.

    Attributes
    ----------
    kernel : str
        The implementation in use, by the names above.
    kernels_refused : dict of str to str
        Faster kernels that are not in use, and why.
    input, output : float32 (block * HOP,)
        Buffers of :meth:`step`: write ``input``, call it, read ``output``.
    gains, strengths : float32 (BANDS,)
        Of the latest output frame, as the network computed them.
    period : int
        Its pitch period in samples.
    correlation : float
        The signal's correlation at that period; 0.3 or more means voiced.
    voice_activity : float
        Probability of speech in that frame, 0 to 1.
    snr_db : float
        Estimated ratio of speech to noise energy, from the last few seconds' frames with and without voice.

    Raises
    ------
    ModelFileError
        The model cannot be used.
    ValueError
        ``block``, ``attenuation_limit_db`` or ``kernel`` is out of range.
    KernelError
        The kernel requested by name cannot be used; never raised with "auto".

    Examples
    --------
    One hop of 10 ms in, one out, 30 ms later:

    >>> import numpy as np
    >>> from percepnet_wasm import Enhancer
    >>> enhancer = Enhancer()
    >>> noisy = np.random.default_rng(0).uniform(-0.1, 0.1, 100 * 480).astype(np.float32)
    >>> enhanced = np.concatenate([enhancer.process(hop) for hop in noisy.reshape(-1, 480)])
    >>> enhanced.shape, enhancer.delay
    ((48000,), 1440)
    >>> bool(np.std(enhanced[24000:]) < 0.1 * np.std(noisy))  # noise alone: hardly anything is left
    True
    """

    delay = DELAY
    """Samples from input to output."""

    def __init__(
        self,
        model: Source = None,
        *,
        block: int = 1,
        attenuation_limit_db: float = ATTENUATION_LIMIT_DB,
        comb: bool = True,
        postfilter: bool = True,
        kernel: str = "auto",
    ) -> None:
        if type(block) is not int or not 1 <= block <= LARGEST_BLOCK:
            raise ValueError(f"block must be a whole number of hops from 1 to {LARGEST_BLOCK}, not {block!r}")
        if not isinstance(kernel, str) or kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, not {kernel!r}")
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
                    raise KernelError(f"kernel {name!r} cannot be used: {error}; use kernel='auto'") from error
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
        """Upper limit of the noise attenuation in dB; may change at any time."""
        return -20 * math.log10(self._floor) if self._floor else math.inf

    @attenuation_limit_db.setter
    def attenuation_limit_db(self, limit: float) -> None:
        if isinstance(limit, bool) or not isinstance(limit, Real) or not limit >= 0:
            raise ValueError(f"attenuation_limit_db must be from 0 (bypass) to inf (no limit), not {limit!r}")
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
        # The gains themselves would not do: a gain just 5 % too low would already suggest 10 dB.
        unvoiced = self._engine.unvoiced
        speech = max(self._engine.voiced - unvoiced, 0.0)
        ratio_db = 10 * math.log10((speech + SNR_TINY) / (unvoiced + SNR_TINY))
        return min(max(ratio_db, -_SNR_RANGE_DB), _SNR_RANGE_DB)

    def reset(self) -> None:
        """Forget the stream: the next samples are the first of a new one."""
        self._engine.reset()

    def process(self, frame: ArrayLike, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Enhance the next samples.

        Parameters
        ----------
        frame : float32 (block * HOP,)
            Full scale is 1.
        out : float32 (block * HOP,), optional
            Receives the result.

        Returns
        -------
        float32 (block * HOP,)
            The samples of DELAY samples ago, enhanced.

        Raises
        ------
        TypeError
            Samples are not floating point.
        ValueError
            Wrong shape, an ``out`` that cannot hold the result, or samples that are not finite; the stream is
            unchanged and continues with the next samples.
        """
        samples = as_floats("frame", frame)
        shape = self.input.shape
        if samples.shape != shape:
            raise ValueError(f"frame must be of shape {shape}, mono at {SAMPLE_RATE} Hz; its shape is {samples.shape}")
        if out is not None and not _fits(out, self.output):
            what = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            raise ValueError(f"out must be a writeable floating point array of shape {shape}, not {what}")
        with np.errstate(over="ignore"):  # a double beyond float32's range becomes inf, which the engine refuses
            samples = samples.astype(np.float32, copy=False)
        enhanced = self._engine.process(samples)
        if out is None:
            return enhanced.copy()
        out[:] = enhanced
        return out

    def step(self) -> None:
        """Enhance :attr:`input` into :attr:`output`: :meth:`process` for callers that share memory, not Python objects.

        Raises
        ------
        ValueError
            :attr:`input` holds a sample that is not finite; state and output are unchanged.
        """
        self.output[:] = self._engine.process(self.input)


def _fits(out: Any, result: NDArray[np.float32]) -> bool:
    """Whether the result can be written into a caller's array without conversion."""
    return isinstance(out, np.ndarray) and out.dtype.kind == "f" and out.shape == result.shape and out.flags.writeable


def info(model: Source = None) -> dict[str, Any]:
    """Describe the package and a model.

    Returns
    -------
    dict
        version, sample_rate, hop, delay_samples, delay_ms, bands, tier, density, weights, quantised, format_version,
        model_sha256, provenance.
    """
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
