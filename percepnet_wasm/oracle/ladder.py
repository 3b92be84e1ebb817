"""The oracle: what the representation could do with perfect knowledge of the clean speech, rung by rung.

Ideal gains and strengths (:mod:`percepnet_wasm.oracle.targets`, the very ones the network is trained on) go through the
enhancer's own analysis and synthesis. Each rung can be heard and measured, and shows why the next exists. It needs only
NumPy and works in bounded blocks, so the web page runs it unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..checks import as_signal
from ..constants import DELAY, HOP, LOOKAHEAD
from ..limits import SILENT
from ..signal.analysis import Analysis, AnalysisState, analyse
from ..signal.pitch import PitchState, track_pitch
from ..signal.postfilter import envelope_postfilter
from ..signal.stft import IstftState, istft
from ..signal.synthesis import synthesise
from .targets import targets

__all__ = ["MAIN_RUNGS", "RUNGS", "Ladder", "Progress", "ladder"]

Audio = NDArray[np.float32]
Progress = Callable[[int, int], object]

RUNGS = {
    "1-magnitudes": "clean magnitudes, noisy phase",
    "2-gains": "34 ideal gains",
    "3-comb": "gains with the paper's attenuation, and comb strengths",
    "3-comb-plain-gains": "the same without the attenuation",
    "4-postfilter": "rung 3 and the envelope postfilter",
}
"""What each rung adds; all of them keep the noisy phase."""

MAIN_RUNGS = tuple(name for name in RUNGS if name != "3-comb-plain-gains")
"""The article's four; the other one shows what the attenuation alone does."""

_BLOCK = 64
"""Frames per step: enough to keep NumPy's overhead small, few enough for a page to show progress."""


@dataclass
class Ladder:
    """A mix, climbed.

    Attributes
    ----------
    rungs : dict of float32 (n,)
        A signal for each name in ``RUNGS``, aligned with the clean one.
    gains, plain_gains, postfilter_gains, strengths : float32 (frames, BANDS)
        Ideal values; gains with the attenuation, without it, and after the postfilter. Frame k is centred on sample
        k * HOP.
    coherence, clean_coherence : float32 (frames, BANDS)
        q_y and q_x: how periodic the noisy and the clean signal's bands are.
    period : intp (frames,)
        Pitch period used, samples.
    correlation : float32 (frames,)
        Normalised correlation of the signal it was tracked on.
    """

    rungs: dict[str, Audio]
    gains: NDArray[np.float32]
    plain_gains: NDArray[np.float32]
    postfilter_gains: NDArray[np.float32]
    strengths: NDArray[np.float32]
    coherence: NDArray[np.float32]
    clean_coherence: NDArray[np.float32]
    period: NDArray[np.intp]
    correlation: NDArray[np.float32]


def ladder(
    clean: Audio, noisy: Audio, *, period: Literal["noisy", "clean"] = "noisy", progress: Progress | None = None
) -> Ladder:
    """Climb the oracle ladder.

    Parameters
    ----------
    clean, noisy : float32 (n,)
        The speech alone and the mix, 48 kHz, sample-aligned; full scale is 1.
    period : {"noisy", "clean"}
        Signal the pitch is tracked on: the noisy one, as an enhancer must, or the clean one, to learn what a better
        tracker would be worth.
    progress : callable, optional
        Called as ``progress(done, total)``, in samples, after every step of 0.64 s.

    Returns
    -------
    Ladder

    Raises
    ------
    TypeError
        Samples are not floating point.
    ValueError
        A signal is empty, has more than one channel or holds NaN, infinity or a gross value; the lengths differ;
        ``period`` is neither of the two.
    """
    clean, noisy = as_signal("clean", clean), as_signal("noisy", noisy)
    if len(clean) != len(noisy):
        raise ValueError(f"clean and noisy must be of equal length, not {len(clean)} and {len(noisy)} samples")
    if not isinstance(period, str) or period not in ("noisy", "clean"):
        raise ValueError(f"period must be 'noisy' or 'clean', not {period!r}")
    climber = _Climber()
    step = _BLOCK * HOP
    for start in range(0, len(clean) + DELAY, step):
        speech, mix = _padded(clean, start, step), _padded(noisy, start, step)
        climber(speech, mix, tracked=mix if period == "noisy" else speech)
        if progress:
            progress(min(start + step, len(clean)), len(clean))
    return climber.result(len(clean))


class _Climber:
    """Processes both signals a block at a time and keeps the results."""

    def __init__(self) -> None:
        self.parts: dict[str, list[NDArray]] = {}
        self.pitch, self.noisy, self.clean = PitchState(), AnalysisState(), AnalysisState()
        self.rungs = {name: IstftState() for name in RUNGS}

    def __call__(self, clean: Audio, noisy: Audio, tracked: Audio) -> None:
        """Climb one block, float32 (_BLOCK * HOP,) each; the pitch is that of ``tracked``."""
        period, correlation = track_pitch(tracked, self.pitch)
        x, y = analyse(clean, period, self.clean), analyse(noisy, period, self.noisy)
        ideal = targets(y, x, period)
        self._keep("1-magnitudes", istft(_clean_magnitudes(x, y), self.rungs["1-magnitudes"]))
        sharpened = envelope_postfilter(ideal.gain, y.energy)
        filters = {
            "2-gains": (ideal.plain_gain, None),
            "3-comb": (ideal.gain, ideal.strength),
            "3-comb-plain-gains": (ideal.plain_gain, ideal.strength),
            "4-postfilter": (sharpened, ideal.strength),
        }
        for name, (gain, strength) in filters.items():
            self._keep(name, synthesise(y, gain, strength, self.rungs[name]))
        self._keep("gains", ideal.gain)
        self._keep("plain_gains", ideal.plain_gain)
        self._keep("postfilter_gains", sharpened)
        self._keep("strengths", ideal.strength)
        self._keep("coherence", y.coherence)
        self._keep("clean_coherence", x.coherence)
        self._keep("period", period)
        self._keep("correlation", correlation)

    def _keep(self, name: str, values: NDArray) -> None:
        self.parts.setdefault(name, []).append(values)

    def result(self, length: int) -> Ladder:
        """Everything so far, the delay removed, ``length`` samples long."""
        whole = {name: np.concatenate(parts) for name, parts in self.parts.items()}
        rungs = {name: whole.pop(name)[DELAY : DELAY + length] for name in RUNGS}
        # Call t outputs the frame centred on sample (t - LOOKAHEAD) * HOP.
        frames = slice(LOOKAHEAD, LOOKAHEAD + length // HOP + 1)
        return Ladder(rungs=rungs, **{name: values[frames] for name, values in whole.items()})


def _clean_magnitudes(clean: Analysis, noisy: Analysis) -> NDArray[np.complex64]:
    """Noisy frames with the clean ones' magnitude in every bin."""
    wanted, magnitude = np.abs(clean.spectra), np.abs(noisy.spectra)
    # A silent bin has no phase to keep, and nothing worth hearing would go there.
    scale = np.divide(wanted, magnitude, out=np.zeros_like(wanted), where=magnitude > SILENT)
    return noisy.spectra * scale


def _padded(signal: Audio, start: int, length: int) -> Audio:
    """``length`` samples from ``start``, zeros beyond the end."""
    part = signal[start : start + length]
    return np.pad(part, (0, length - len(part)))
