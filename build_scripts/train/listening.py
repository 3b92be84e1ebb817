"""The last part of a training: what an enhanced example sounds like, as a function that can be differentiated.

Gains that are right band by band need not sound best: an error is heard or not by what stands beside it. So the back
half of the enhancer (:mod:`percepnet_wasm.postfilter`, :mod:`percepnet_wasm.synthesis`) is here once more, in torch and
up to 8 kHz alone (a spectrum of 20 ms cut there is that of the same 20 ms at OPINION_RATE). What it puts out is
compared with the clean speech, and judged by DNSMOS.
"""

import numpy as np
import torch
from torch import Tensor

from percepnet_wasm.analysis import BandAnalysis
from percepnet_wasm.bands import BANDS, INTERPOLATION
from percepnet_wasm.constants import LOOKAHEAD, SAMPLE_RATE, WINDOW
from percepnet_wasm.features import ENERGY_FLOOR
from percepnet_wasm.postfilter import BETA, DECISIVENESS, WARP
from percepnet_wasm.stft import vorbis_window

from .opinion import OPINION_RATE, OPINIONS, Opinion

__all__ = ["EAR", "HEARD_PARTS", "Ear", "Listener", "ear_columns", "likeness"]

_WINDOW = WINDOW * OPINION_RATE // SAMPLE_RATE
_HOP = _WINDOW // 2
_BINS = _WINDOW // 2
"""Without the last, at half the rate."""
EAR = {"combed_energy": BANDS, "combed": 2 * _BINS, "plain": 2 * _BINS, "clean": 2 * _BINS}
"""Columns that a frame of an example to be heard has besides :data:`build_scripts.train.dataset.COLUMNS`: log10 of the
combed bands' energies; spectra, real and imaginary parts in turn."""
HEARD_PARTS = (*OPINIONS, "likeness")

_GAMMA = 0.3
_PHASE_SHARE = 0.3
"""Of the error with phases in :func:`likeness`."""
_FAINTEST = 1e-3
"""Magnitude below which all is silence; a full-scale sine has about 240."""
_QUIETEST_GAIN = 1e-4
_TINY = 1e-30
_LIKENESS_SHARE = 1.5
_OPINION_SHARES = {"SIG": 0.15, "OVR": 0.3}
"""Weights beside the sum of :func:`build_scripts.train.losses.loss`."""


def ear_columns(noisy: BandAnalysis, clean: BandAnalysis, level: float) -> np.ndarray:
    """Columns of EAR of an example's frames.

    Parameters
    ----------
    noisy, clean : BandAnalysis
        After ``compare``.
    level : float
        Factor of the spectra: DNSMOS hears how loud they are, the features are left as they are.

    Returns
    -------
    float32 (frames, sum of EAR's widths)
    """
    spectra = (s[:, :_BINS].copy().view(np.float32) for s in (noisy.combed, noisy.spectra, clean.spectra))
    return np.concatenate(
        [np.log10(noisy.combed_energy + ENERGY_FLOOR), *(s * np.float32(level) for s in spectra)], axis=1
    )


class Ear:
    """From the network's outputs to spectra and signals.

    Parameters
    ----------
    device : str
    """

    def __init__(self, device: str = "cpu") -> None:
        self._spread = torch.from_numpy(INTERPOLATION[:_BINS].T.copy()).to(device)
        self._window = torch.from_numpy(vorbis_window(_WINDOW)).to(device)

    def spectrum(self, heard: dict[str, Tensor], gain: Tensor, strength: Tensor) -> Tensor:
        """Enhance frames: (batch, frames - LOOKAHEAD, bins, 2), real and imaginary parts.

        Parameters
        ----------
        heard : dict
            ``features`` (batch, frames, FEATURES) and the columns of EAR (batch, frames, ...).
        gain, strength : tensor (batch, frames, BANDS)
            The network's outputs.
        """
        # Row t of the energies is frame t's, row t of everything else frame t - LOOKAHEAD's.
        energy = 10 ** heard["features"][:, :-LOOKAHEAD, :BANDS]
        coherence = heard["features"][:, LOOKAHEAD:, BANDS : 2 * BANDS]
        gain, strength, combed_energy = (t[:, LOOKAHEAD:] for t in (gain, strength, 10 ** heard["combed_energy"]))
        powered = torch.clamp(gain, min=_QUIETEST_GAIN) ** DECISIVENESS
        warped = powered * torch.sin(torch.pi / 2 * powered) ** WARP
        before, after = ((g**2 * energy).sum(-1, keepdim=True) for g in (powered, warped))
        ratio = (before + _TINY) / (after + _TINY)
        level = warped * torch.sqrt((1 + BETA) * ratio / (1 + BETA * ratio**2))
        level = level / torch.sqrt(1 - 2 * strength * (1 - strength) * (1 - coherence))
        of_combed = level * strength
        of_plain = level - of_combed
        of_combed = of_combed * torch.sqrt(energy / combed_energy)
        combed, plain = (_bins(heard[name]) for name in ("combed", "plain"))
        return (of_combed @ self._spread)[..., None] * combed + (of_plain @ self._spread)[..., None] * plain

    def signal(self, spectrum: Tensor) -> Tensor:
        """Overlap and add frames (batch, frames, bins, 2) to samples at OPINION_RATE (batch, (frames - 1) hops)."""
        frames = torch.fft.irfft(torch.view_as_complex(spectrum.contiguous()), _WINDOW) * self._window
        frames = frames * (_WINDOW / WINDOW)
        return (frames[:, 1:, :_HOP] + frames[:, :-1, _HOP:]).flatten(1)


def likeness(clean: Tensor, enhanced: Tensor) -> Tensor:
    """Error of compressed spectra (batch, frames, bins, 2), partly with their phases, beside the clean one's size."""
    wanted, got = (torch.sqrt((s**2).sum(-1) + _FAINTEST**2) for s in (clean, enhanced))
    of_magnitude = ((wanted**_GAMMA - got**_GAMMA) ** 2).sum((1, 2))
    compressed = (s * (m ** (_GAMMA - 1))[..., None] for s, m in ((clean, wanted), (enhanced, got)))
    with_phase = ((next(compressed) - next(compressed)) ** 2).sum((1, 2, 3))
    size = (wanted ** (2 * _GAMMA)).sum((1, 2)) + 1
    return ((1 - _PHASE_SHARE) * of_magnitude + _PHASE_SHARE * with_phase) / size


class Listener:
    """Hears what a network does to examples.

    Parameters
    ----------
    device : str
    bf16 : bool
        Multiply in bfloat16: half the time, and the third digit of the opinions.
    """

    def __init__(self, device: str, bf16: bool) -> None:
        self.ear = Ear(device)
        self.judge = Opinion(torch.bfloat16 if bf16 else torch.float32).to(device)

    def __call__(self, heard: dict[str, Tensor], gain: Tensor, strength: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch to be heard, and its parts, HEARD_PARTS.

        Parameters
        ----------
        heard : dict
            ``features`` (batch, frames, FEATURES) and the columns of EAR.
        gain, strength : tensor (batch, frames, BANDS)
            The network's outputs.
        """
        spectrum = self.ear.spectrum(heard, gain, strength)
        unlike = likeness(_bins(heard["clean"]), spectrum).mean()
        opinions = dict(zip(OPINIONS, self.judge(self.ear.signal(spectrum)).mean(0), strict=True))
        liked = sum((share * opinions[name] for name, share in _OPINION_SHARES.items()), torch.zeros(()))
        parts = {name: opinion.item() for name, opinion in opinions.items()} | {"likeness": unlike.item()}
        return _LIKENESS_SHARE * unlike - liked, parts


def _bins(column: Tensor) -> Tensor:
    """(batch, frames, 2 bins) as (batch, frames - LOOKAHEAD, bins, 2)."""
    return column[:, LOOKAHEAD:].unflatten(-1, (_BINS, 2))
