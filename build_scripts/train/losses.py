"""What the network is asked to minimise."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from percepnet_wasm.constants import LOOKAHEAD
from percepnet_wasm.signal.bands import BANDS

PARTS = ("gain", "strength", "voice", "spectrum")

_GAMMA = 0.3
_INAUDIBLE = 0.03
"""Gains below -30 dB count as this: what denoised recordings have there no network can know, and x^0.6 has an infinite
slope at 0."""
_FLOOR = 1e-3
"""The same for magnitudes, which are weighted by what there is to hear."""
_OVER_ATTENUATION = 0.5
"""How much more an error costs that takes speech away than one that leaves noise: too aggressive is what users say."""
_STRENGTH_FLOOR = 1e-3
_VOICE_SHARE = 0.2
_SPECTRUM_SHARE = 2.0
_NOISE_SHARE = 0.05
"""Of the noise's level in the scale of the spectrum's error: where there is no speech, it is all there is."""


def gain_loss(ideal: Tensor, gain: Tensor) -> Tensor:
    """Relative error of the compressed gains (AEC paper, section 4), per band.

    D = (g^2y - gh^2y)^2 / (max(g^2y, gh^2y) + eps) and 10 D^2: relative, so that quiet speech taken away costs as much
    as loud speech. Over-attenuation costs more by _OVER_ATTENUATION.
    """
    wanted, got = (torch.clamp(g, min=_INAUDIBLE) ** (2 * _GAMMA) for g in (ideal, gain))
    error = (wanted - got) ** 2 / (torch.maximum(wanted, got) + 1e-3)
    return (error + 10 * error**2) * (1 + _OVER_ATTENUATION * (got < wanted))


def strength_loss(ideal: Tensor, strength: Tensor) -> Tensor:
    """Error of the stochastic part's compressed share (paper, section 4), per band."""
    wanted, got = (torch.sqrt(torch.clamp(1 - r, min=_STRENGTH_FLOOR)) for r in (ideal, strength))
    return (wanted - got) ** 2


def spectrum_loss(log_energy: Tensor, ideal: Tensor, gain: Tensor, weight: Tensor) -> Tensor:
    """Error of the compressed magnitudes that the gains leave, per band, beside the mean of the clean ones.

    Where :func:`gain_loss` takes all bands alike, this one listens where there is something to hear.

    Parameters
    ----------
    log_energy : tensor (batch, frames, BANDS)
        log10 of the noisy bands' energies, of the same frames as the gains.
    ideal, gain, weight : tensor (batch, frames, BANDS)
    """
    level = 10 ** (_GAMMA / 2 * log_energy)
    wanted, got = (level * torch.clamp(g, min=_FLOOR) ** _GAMMA for g in (ideal, gain))
    known = weight.sum((1, 2), keepdim=True) + 1
    of_speech, of_all = ((weight * s**2).sum((1, 2), keepdim=True) / known for s in (wanted, level))
    return (wanted - got) ** 2 * (1 + _OVER_ATTENUATION * (got < wanted)) / (of_speech + _NOISE_SHARE * of_all + 1e-6)


def loss(target: dict[str, Tensor], gain: Tensor, strength: Tensor, voice: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Weighted mean over the known bands, and its parts.

    Parameters
    ----------
    target : dict
        ``gain``, ``strength``, ``weight`` (batch, frames, BANDS); ``voice`` (batch, frames, 1); ``features``.
    gain, strength, voice
        The network's outputs.
    """
    weight = target["weight"]
    known = weight.sum() + 1
    of_gain = (weight * gain_loss(target["gain"], gain)).sum() / known
    of_strength = (weight * strength_loss(target["strength"], strength)).sum() / known
    of_voice = binary_cross_entropy_with_logits(voice, target["voice"])
    # Energies run ahead: row t of the features holds frame t's, row t of the targets belongs to frame t - LOOKAHEAD.
    log_energy = target["features"][:, :-LOOKAHEAD, :BANDS]
    late = (t[:, LOOKAHEAD:] for t in (target["gain"], gain, weight))
    of_spectrum = (weight[:, LOOKAHEAD:] * spectrum_loss(log_energy, *late)).sum() / known
    total = of_gain + of_strength + _VOICE_SHARE * of_voice + _SPECTRUM_SHARE * of_spectrum
    parts = (of_gain, of_strength, of_voice, of_spectrum)
    return total, {name: part.item() for name, part in zip(PARTS, parts, strict=True)}
