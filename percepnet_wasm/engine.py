"""A frame's path through the stages in NumPy: the reference implementation, which runs everywhere."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .checks import bad_sample
from .limits import LOUDEST, SILENT, SNR_MEMORY, SNR_TINY
from .model_file import Model
from .network import Network, NetworkState
from .signal.analysis import AnalysisState, analyse
from .signal.bands import BANDS
from .signal.features import features
from .signal.levels import LevelState, relative_levels
from .signal.pitch import PitchState, track_pitch
from .signal.postfilter import network_postfilter
from .signal.stft import IstftState
from .signal.synthesis import synthesise

__all__ = ["NumpyEngine", "StreamState", "track_levels"]


@dataclass
class StreamState:
    """Everything remembered about a stream, stage by stage; a new one stands for silence before the first sample.

    ``voiced`` and ``unvoiced`` belong to :func:`track_levels`.
    """

    network: NetworkState
    pitch: PitchState = field(default_factory=PitchState)
    analysis: AnalysisState = field(default_factory=AnalysisState)
    levels: LevelState = field(default_factory=LevelState)
    synthesis: IstftState = field(default_factory=IstftState)
    voiced: float = 0.0
    unvoiced: float = 0.0


class NumpyEngine:
    """Enhances one stream; :class:`percepnet_wasm.kernel.engine.KernelEngine` is its twin.

    Parameters
    ----------
    model : Model
    block : int
        Frames per call.

    Attributes
    ----------
    state : StreamState
    voiced, unvoiced : float
        Energy of the last few seconds' frames with and without voice.
    gain, strength : float32 (block, BANDS)
        Of the latest output frames, as the network computed them.
    voice : float32 (block, 1)
    period : intp (block,)
    correlation : float32 (block,)
    comb, postfilter : bool
        Whether to use the stage.
    floor : float
        Share of the noisy signal mixed back in.
    """

    name = "numpy"

    def __init__(self, model: Model, block: int) -> None:
        self.comb = self.postfilter = True
        self.floor = 0.0
        self._network = Network(model)
        self._reads_levels = model.feature_set == "levels"
        self.gain, self.strength = np.zeros((2, block, BANDS), np.float32)
        self.voice = np.zeros((block, 1), np.float32)
        self.period, self.correlation = np.zeros(block, np.intp), np.zeros(block, np.float32)
        self.reset()

    @property
    def voiced(self) -> float:
        return self.state.voiced

    @property
    def unvoiced(self) -> float:
        return self.state.unvoiced

    def reset(self) -> None:
        """Forget the stream."""
        self.state = StreamState(self._network.new_state())

    def process(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Enhance a stream's next samples.

        Parameters
        ----------
        samples : float32 (block * HOP,)

        Returns
        -------
        float32 (block * HOP,)
            The samples of DELAY samples ago.

        Raises
        ------
        ValueError
            A sample is not finite, or far beyond full scale; the stream is unchanged.
        """
        peak = np.abs(samples).max()
        if not peak <= LOUDEST:
            raise bad_sample("frame", samples)
        if peak < SILENT:
            samples = np.zeros_like(samples)

        state = self.state
        # This call completes frame l + M (M: LOOKAHEAD) and outputs frame l. First the pitch period T of frame l, and
        # how strongly the signal correlates with itself at that period.
        period, correlation = track_pitch(samples, state.pitch)
        # Spectrum Y of frame l, spectrum P of its comb-filtered copy, and their coherence q_y in each band.
        noisy = analyse(samples, period, state.analysis)
        # The network's input: band energies of frame l + M; q_y, T and correlation of frame l.
        inputs = features(noisy.newest_energy, noisy.coherence, period, correlation)
        if self._reads_levels:
            levels, state.levels = relative_levels(inputs[:, :BANDS], state.levels)
            inputs = np.concatenate((inputs, levels), axis=1)
        # Band gains g, comb strengths r, and the probability of speech.
        gain, strength, voice = self._network(inputs, state.network)
        filtered = network_postfilter(gain, noisy.energy) if self.postfilter else gain
        # X = g ((1 - r) Y + r P) in each band, then the inverse transform and overlap-add.
        enhanced = synthesise(noisy, filtered, strength if self.comb else None, state.synthesis, self.floor)

        track_levels(noisy.energy, voice, state)
        self.gain, self.strength, self.voice = gain, strength, voice
        self.period, self.correlation = period, correlation
        return enhanced


def track_levels(energy: NDArray[np.float32], voice: NDArray[np.float32], state: StreamState) -> None:
    """Track the input's mean energy with and without voice, weighted by the network's probability of speech.

    Parameters
    ----------
    energy : float32 (frames, BANDS)
    voice : float32 (frames, 1)
    state : StreamState
        ``voiced`` and ``unvoiced`` are updated.
    """
    voices, energies = voice[:, 0].astype(np.float64), energy.sum(axis=1, dtype=np.float64)
    with_voice = float(voices @ energies)
    share = float(voices.sum())
    rest = len(voices) - share
    keep_voiced, keep_rest = SNR_MEMORY**share, SNR_MEMORY**rest
    without_voice = float(energies.sum()) - with_voice
    state.voiced = keep_voiced * state.voiced + (1 - keep_voiced) * with_voice / (share + SNR_TINY)
    state.unvoiced = keep_rest * state.unvoiced + (1 - keep_rest) * without_voice / (rest + SNR_TINY)
