"""The enhancer: a hop of noisy samples in, a hop of clean samples out, 30 ms later; files go the same way in blocks."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .analysis import Analysis
from .bands import BANDS
from .constants import DELAY, HOP, SAMPLE_RATE
from .model_file import FORMAT_VERSION, Model
from .network import Network
from .postfilter import envelope_postfilter
from .synthesis import Synthesis

__all__ = ["Enhancer", "enhance", "info"]

LOUDEST = 1e6
"""Samples beyond this are no audio; their squares would overflow and spoil the state for good."""
SILENT = 1e-18
"""Samples below this are put to zero: their products would be denormal, which processors handle at a crawl."""
OFFLINE_BLOCK = 100
"""Frames a call when a whole signal is at hand: enough for matrix products, little memory."""
_SNR_MEMORY = 0.98
"""A frame's weight fades to a third within half a second of its kind, voice or none."""
_SNR_RANGE_DB = 60.0
_TINY = 1e-20

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
        Leave a stage out, to hear what it is worth.

    Attributes
    ----------
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
        ``block`` or ``attenuation_limit_db`` is out of range.
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
    ) -> None:
        if not isinstance(block, int) or block < 1:
            raise ValueError(f"block is {block!r}: give a whole number of hops, 1 or more")
        self.model = Model.load(model)
        self.comb = comb
        self.postfilter = postfilter
        self._floor = 0.0
        self.attenuation_limit_db = attenuation_limit_db
        self._analysis = Analysis(block)
        self._network = Network(self.model, block)
        self._synthesis = Synthesis(block)
        self.input = np.zeros(block * HOP, np.float32)
        self.output = np.zeros(block * HOP, np.float32)
        self._magnitudes = np.zeros(block * HOP, np.float32)
        self._voiced = self._unvoiced = 0.0

    @property
    def attenuation_limit_db(self) -> float:
        """At most this much is taken from the noise, in dB; may change at any time."""
        return -20 * math.log10(self._floor) if self._floor else math.inf

    @attenuation_limit_db.setter
    def attenuation_limit_db(self, limit: float) -> None:
        if not limit >= 0:
            raise ValueError(f"attenuation_limit_db is {limit!r}: give 0 (bypass) to inf (no limit)")
        self._floor = 10 ** (-limit / 20)

    @property
    def gains(self) -> NDArray[np.float32]:  # noqa: D102 - documented as an attribute
        return self._network.gain[-1]

    @property
    def strengths(self) -> NDArray[np.float32]:  # noqa: D102
        return self._network.strength[-1]

    @property
    def period(self) -> int:  # noqa: D102
        return int(self._analysis.period[-1])

    @property
    def correlation(self) -> float:  # noqa: D102
        return float(self._analysis.correlation[-1])

    @property
    def voice_activity(self) -> float:  # noqa: D102
        return float(self._network.voice[-1, 0])

    @property
    def snr_db(self) -> float:  # noqa: D102
        speech = max(self._voiced - self._unvoiced, 0.0)
        ratio_db = 10 * math.log10((speech + _TINY) / (self._unvoiced + _TINY))
        return min(max(ratio_db, -_SNR_RANGE_DB), _SNR_RANGE_DB)

    def reset(self) -> None:
        """Forget the stream: the next samples are the first."""
        for part in (self._analysis, self._network, self._synthesis):
            part.reset()
        self._voiced = self._unvoiced = 0.0

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
            Wrong length, or samples that are not finite; the stream can go on with the next ones.
        """
        samples = np.asarray(frame)
        if samples.dtype.kind != "f":
            raise TypeError(f"frame has dtype {samples.dtype}: give floating point samples with full scale 1")
        if samples.shape != self.input.shape:
            raise ValueError(f"frame has shape {samples.shape}: give ({len(self.input)},), mono at {SAMPLE_RATE} Hz")
        self.input[:] = samples
        self.step()
        if out is None:
            return self.output.copy()
        out[:] = self.output
        return out

    def step(self) -> None:
        """Enhance :attr:`input` into :attr:`output`: :meth:`process` without arguments, for callers without Python.

        Raises
        ------
        ValueError
            :attr:`input` holds a sample that is not finite; state and output are as before.
        """
        peak = np.abs(self.input, out=self._magnitudes).max()
        if not peak <= LOUDEST:
            raise ValueError(f"frame holds a sample of magnitude {peak}: give finite samples with full scale 1")
        if peak < SILENT:
            self.input[:] = 0
        analysis, network = self._analysis, self._network
        analysis(self.input)
        network(analysis.features)
        gains = envelope_postfilter(network.gain, analysis.energy) if self.postfilter else network.gain
        strengths = network.strength if self.comb else None
        self.output[:] = self._synthesis(analysis, gains, strengths, self._floor)
        self._track_snr()

    def _track_snr(self) -> None:
        """Average the input's energy where the network hears a voice, and where it does not.

        The gains themselves would do no good here: one that is 5 % too low already claims 10 dB.
        """
        voice = self._network.voice[:, 0]
        energy = self._analysis.energy.sum(axis=1)
        with_voice, all_frames = float(voice @ energy), float(energy.sum())
        share = float(voice.sum())
        keep_voiced, keep_rest = _SNR_MEMORY**share, _SNR_MEMORY ** (len(voice) - share)
        self._voiced = keep_voiced * self._voiced + (1 - keep_voiced) * with_voice / (share + _TINY)
        rest = len(voice) - share
        self._unvoiced = keep_rest * self._unvoiced + (1 - keep_rest) * (all_frames - with_voice) / (rest + _TINY)


def enhance(
    audio: ArrayLike,
    model: Source = None,
    *,
    attenuation_limit_db: float = math.inf,
    comb: bool = True,
    postfilter: bool = True,
) -> NDArray[np.float32]:
    """Enhance a whole signal: the stream's output with its delay taken away.

    Parameters
    ----------
    audio : float (samples,) or (samples, channels)
        At 48 kHz, full scale 1. Each channel is enhanced on its own.
    model, attenuation_limit_db, comb, postfilter
        As for :class:`Enhancer`.

    Returns
    -------
    float32, shape of ``audio``
        Starts where the input starts.

    Raises
    ------
    TypeError, ValueError
        As for :meth:`Enhancer.process`, or no samples.
    """
    samples = np.asarray(audio)
    if samples.dtype.kind != "f":
        raise TypeError(f"audio has dtype {samples.dtype}: give floating point samples with full scale 1")
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise ValueError(f"audio has shape {samples.shape}: give (samples,) or (samples, channels), not empty")
    shared = Model.load(model)
    if samples.ndim == 2:
        options: dict[str, Any] = {"attenuation_limit_db": attenuation_limit_db, "comb": comb, "postfilter": postfilter}
        return np.stack([enhance(channel, shared, **options) for channel in samples.T], axis=1)
    hops = -(-(len(samples) + DELAY) // HOP)
    block = min(OFFLINE_BLOCK, hops)
    blocks = -(-hops // block)
    enhancer = Enhancer(
        shared, block=block, attenuation_limit_db=attenuation_limit_db, comb=comb, postfilter=postfilter
    )
    padded = np.zeros(blocks * block * HOP, np.float32)
    padded[: len(samples)] = samples
    for chunk in padded.reshape(blocks, block * HOP):
        enhancer.process(chunk, out=chunk)
    return padded[DELAY : DELAY + len(samples)].copy()


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
