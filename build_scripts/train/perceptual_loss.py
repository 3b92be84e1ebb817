"""Perceptual loss: compare the enhanced spectrum with the clean one, differentiably.

Gains that are right band by band need not sound best: whether an error is audible depends on what surrounds it. So the
back half of the enhancer (:mod:`percepnet_wasm.signal.postfilter`, :mod:`percepnet_wasm.signal.synthesis`) is repeated
here in torch, up to 8 kHz (a 20 ms spectrum cut there is that of the same 20 ms at RATE). No metric that judges the
result (PESQ, STOI, DNSMOS) may be in a loss: it would no longer be independent evidence.
"""

import numpy as np
import torch
from torch import Tensor

from percepnet_wasm.constants import LOOKAHEAD, SAMPLE_RATE, WINDOW
from percepnet_wasm.signal.analysis import Analysis
from percepnet_wasm.signal.bands import BANDS, INTERPOLATION
from percepnet_wasm.signal.features import ENERGY_FLOOR
from percepnet_wasm.signal.postfilter import BETA, DECISIVENESS, WARP
from percepnet_wasm.signal.stft import vorbis_window

__all__ = ["RATE", "SPECTRA", "TorchSynthesis", "perceptual_loss", "spectra_columns", "spectral_distance"]

RATE = 16000
_WINDOW = WINDOW * RATE // SAMPLE_RATE
_HOP = _WINDOW // 2
_BINS = _WINDOW // 2
"""Without the last, at half the rate."""
SPECTRA = {"combed_energy": BANDS, "combed": 2 * _BINS, "plain": 2 * _BINS, "clean": 2 * _BINS}
"""Columns of a frame in addition to :data:`build_scripts.train.dataset.COLUMNS`: log10 of the combed bands'
energies; spectra, real and imaginary parts interleaved."""

_GAMMA = 0.3
_PHASE_SHARE = 0.3
"""Share of the error that includes the phase in :func:`spectral_distance`."""
_FAINTEST = 1e-3
"""Magnitude below which all is silence; a full-scale sine has about 240."""
_QUIETEST_GAIN = 1e-4
_TINY = 1e-30


def spectra_columns(noisy: Analysis, clean: Analysis, level: float) -> np.ndarray:
    """Columns of SPECTRA of an example's frames.

    Parameters
    ----------
    noisy, clean : Analysis
    level : float
        Factor applied to the spectra; the features are left as they are.

    Returns
    -------
    float32 (frames, sum of SPECTRA's widths)
    """
    spectra = (s[:, :_BINS].copy().view(np.float32) for s in (noisy.combed, noisy.spectra, clean.spectra))
    return np.concatenate(
        [np.log10(noisy.combed_energy + ENERGY_FLOOR), *(s * np.float32(level) for s in spectra)], axis=1
    )


class TorchSynthesis:
    """From the network's outputs to enhanced spectra and signals.

    Parameters
    ----------
    device : str
    """

    def __init__(self, device: str = "cpu") -> None:
        self._spread = torch.from_numpy(INTERPOLATION[:_BINS].T.copy()).to(device)
        self._window = torch.from_numpy(vorbis_window(_WINDOW)).to(device)

    def spectrum(self, example: dict[str, Tensor], gain: Tensor, strength: Tensor) -> Tensor:
        """Enhance frames: (batch, frames - LOOKAHEAD, bins, 2), real and imaginary parts.

        Parameters
        ----------
        example : dict
            ``features`` (batch, frames, FEATURES) and the columns of SPECTRA (batch, frames, ...).
        gain, strength : tensor (batch, frames, BANDS)
            The network's outputs.
        """
        # Row t of the energies is frame t's, row t of everything else frame t - LOOKAHEAD's.
        energy = 10 ** example["features"][:, :-LOOKAHEAD, :BANDS]
        coherence = example["features"][:, LOOKAHEAD:, BANDS : 2 * BANDS]
        gain, strength, combed_energy = (t[:, LOOKAHEAD:] for t in (gain, strength, 10 ** example["combed_energy"]))
        powered = torch.clamp(gain, min=_QUIETEST_GAIN) ** DECISIVENESS
        warped = powered * torch.sin(torch.pi / 2 * powered) ** WARP
        before, after = ((g**2 * energy).sum(-1, keepdim=True) for g in (powered, warped))
        ratio = (before + _TINY) / (after + _TINY)
        level = warped * torch.sqrt((1 + BETA) * ratio / (1 + BETA * ratio**2))
        level = level / torch.sqrt(1 - 2 * strength * (1 - strength) * (1 - coherence))
        of_combed = level * strength
        of_plain = level - of_combed
        of_combed = of_combed * torch.sqrt(energy / combed_energy)
        combed, plain = (_bins(example[name]) for name in ("combed", "plain"))
        return (of_combed @ self._spread)[..., None] * combed + (of_plain @ self._spread)[..., None] * plain

    def signal(self, spectrum: Tensor) -> Tensor:
        """Overlap and add frames (batch, frames, bins, 2) to samples at RATE (batch, (frames - 1) hops)."""
        frames = torch.fft.irfft(torch.view_as_complex(spectrum.contiguous()), _WINDOW) * self._window
        frames = frames * (_WINDOW / WINDOW)
        return (frames[:, 1:, :_HOP] + frames[:, :-1, _HOP:]).flatten(1)


def spectral_distance(clean: Tensor, enhanced: Tensor) -> Tensor:
    """Error of compressed spectra (batch, frames, bins, 2), partly with phase, relative to the clean one."""
    wanted, got = (torch.sqrt((s**2).sum(-1) + _FAINTEST**2) for s in (clean, enhanced))
    of_magnitude = ((wanted**_GAMMA - got**_GAMMA) ** 2).sum((1, 2))
    compressed = (s * (m ** (_GAMMA - 1))[..., None] for s, m in ((clean, wanted), (enhanced, got)))
    with_phase = ((next(compressed) - next(compressed)) ** 2).sum((1, 2, 3))
    size = (wanted ** (2 * _GAMMA)).sum((1, 2)) + 1
    return ((1 - _PHASE_SHARE) * of_magnitude + _PHASE_SHARE * with_phase) / size


def perceptual_loss(synthesis: TorchSynthesis, example: dict[str, Tensor], gain: Tensor, strength: Tensor) -> Tensor:
    """Mean spectral distance of a batch after enhancement.

    Parameters
    ----------
    synthesis : TorchSynthesis
    example : dict
        ``features`` (batch, frames, FEATURES) and the columns of SPECTRA.
    gain, strength : tensor (batch, frames, BANDS)
        The network's outputs.
    """
    return spectral_distance(_bins(example["clean"]), synthesis.spectrum(example, gain, strength)).mean()


def _bins(column: Tensor) -> Tensor:
    """(batch, frames, 2 bins) as (batch, frames - LOOKAHEAD, bins, 2)."""
    return column[:, LOOKAHEAD:].unflatten(-1, (_BINS, 2))
