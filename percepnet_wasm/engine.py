"""A frame's way through the stages, in NumPy: the reference, which runs everywhere."""

import numpy as np
from numpy.typing import NDArray

from .constants import HOP
from .limits import LOUDEST, SILENT, SNR_MEMORY, SNR_TINY
from .model_file import Model
from .network import Network
from .signal.analysis import Analysis
from .signal.bands import BANDS
from .signal.levels import LevelState, relative_levels
from .signal.postfilter import network_postfilter
from .signal.synthesis import Synthesis

__all__ = ["NumpyEngine"]


class NumpyEngine:
    """Enhances one stream; :class:`percepnet_wasm.kernel.engine.KernelEngine` is its twin.

    Parameters
    ----------
    model : Model
    block : int
        Frames a call.

    Attributes
    ----------
    input, output : float32 (block * HOP,)
    gain, strength : float32 (block, BANDS)
    voice : float32 (block, 1)
    period : intp (block,)
    correlation : float32 (block,)
    comb, postfilter : bool
        Whether to use the stage.
    floor : float
        Share of the noisy signal mixed back in.
    voiced, unvoiced : float
        Energy of the frames with and without voice of the last seconds.
    """

    name = "numpy"

    def __init__(self, model: Model, block: int) -> None:
        self.comb = self.postfilter = True
        self.floor = self.voiced = self.unvoiced = 0.0
        self._analysis, self._network, self._synthesis = Analysis(block), Network(model, block), Synthesis(block)
        self.input = np.zeros(block * HOP, np.float32)
        self.output = self._synthesis.samples
        self._magnitudes = np.zeros(block * HOP, np.float32)
        self.gain, self.strength, self.voice = self._network.gain, self._network.strength, self._network.voice
        self._voices = self.voice[:, 0]
        self._levels = LevelState() if model.feature_set == "levels" else None

    @property
    def period(self) -> NDArray[np.intp]:  # noqa: D102 - documented as an attribute
        return self._analysis.period

    @property
    def correlation(self) -> NDArray[np.float32]:  # noqa: D102
        return self._analysis.correlation

    def reset(self) -> None:
        """Forget the stream."""
        for part in (self._analysis, self._network, self._synthesis):
            part.reset()
        self.voiced = self.unvoiced = 0.0
        self._levels = self._levels and LevelState()

    def step(self) -> None:
        """Enhance ``input`` into ``output``.

        Raises
        ------
        ValueError
            ``input`` holds a sample that is not finite, or absurdly loud; nothing has changed.
        """
        peak = np.maximum.reduce(np.abs(self.input, out=self._magnitudes))
        if not peak <= LOUDEST:
            raise bad_samples(peak)
        if peak < SILENT:
            self.input[:] = 0
        analysis, network = self._analysis, self._network
        analysis(self.input)
        network(self._features())
        gains = network_postfilter(network.gain, analysis.energy) if self.postfilter else network.gain
        strengths = network.strength if self.comb else None
        self._synthesis(analysis, gains, strengths, self.floor)
        self._track_levels()

    def _features(self) -> NDArray[np.float32]:
        """The features that the model reads."""
        features = self._analysis.features
        if self._levels is None:
            return features
        levels, self._levels = relative_levels(features[:, :BANDS], self._levels)
        return np.concatenate((features, levels), axis=1)

    def _track_levels(self) -> None:
        """Average the input's energy where the network hears a voice, and where it does not."""
        voices, energies = self._voices.tolist(), np.add.reduce(self._analysis.energy, 1).tolist()
        with_voice = sum(voice * energy for voice, energy in zip(voices, energies, strict=True))
        share, all_frames = sum(voices), sum(energies)
        rest = len(voices) - share
        keep_voiced, keep_rest = SNR_MEMORY**share, SNR_MEMORY**rest
        self.voiced = keep_voiced * self.voiced + (1 - keep_voiced) * with_voice / (share + SNR_TINY)
        self.unvoiced = keep_rest * self.unvoiced + (1 - keep_rest) * (all_frames - with_voice) / (rest + SNR_TINY)


def bad_samples(peak: float) -> ValueError:
    """Make the error for a frame that is no audio."""
    return ValueError(f"frame holds a sample of magnitude {peak}: give finite samples with full scale 1")
