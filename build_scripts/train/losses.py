"""The training loss: errors of gains and strengths, with a price on speech that is removed.

Every cell (a band of a frame) has a class, by its ideal gain g, which gives its local signal-to-noise ratio g^2 / (1 -
g^2), and by its place: clear speech, an onset, speech and noise mixed, noise alone. Residual noise costs the same in
all of them; removed speech costs what :func:`price` says. No part of the loss is a metric that judges the result.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, binary_cross_entropy_with_logits, max_pool1d

from percepnet_wasm.constants import LOOKAHEAD
from percepnet_wasm.signal.bands import BANDS

PARTS = ("gain", "strength", "voice", "spectrum", "frame")

_GAMMA = 0.3
_INAUDIBLE = 0.03
"""Gains below -30 dB count as this: no network can know what denoised recordings hold there, and x^0.6 has an infinite
slope at 0."""
_FLOOR = 1e-3
"""The same for magnitudes, which are weighted by what there is to hear."""
_STRENGTH_FLOOR = 1e-3
_VOICE_SHARE = 0.2
_SPECTRUM_SHARE = 2.0
_NOISE_SHARE = 0.05
"""Share of the noise's level in the scale of the spectrum's error: where there is no speech, it is all there is."""

_MIXED, _CLEAR = 1.3, 2.3
"""Price of removed speech relative to residual noise: where noise dominates, and where speech does."""
_CLEAR_AT, _CLEAR_SLOPE = 0.4, 15
"""Ideal gain at which a cell turns from mixed to clear, a local SNR of -7 dB, and how fast."""
_SPEECH, _ONSET = 2.0, 2.0
"""Weight of frames with speech relative to noise alone, and of onsets relative to other speech."""
_LARGEST = 20.0
"""Limit for the spectrum's error in a cell: a single one must not dominate a step."""
_ONSET_FRAMES = 8
"""Speech this soon after a frame without is an onset: 80 ms."""
_START_FRAMES = 50
"""So is all speech in the first half second of a stream: nothing was known before."""
_LOUDNESS_FRAMES = 101
"""Window in which the level of speech and noise is measured: a second, so that a softer talker counts as much as the
louder one before."""


def onsets(voice: Tensor, fresh: Tensor | None = None) -> Tensor:
    """Frames (batch, frames, 1) that hold an onset: 1, others 0.

    Parameters
    ----------
    voice : tensor (batch, frames, 1)
        1 where there is speech.
    fresh : tensor (batch,), optional
        1 for sequences that begin from an initial state: the speech at their start is an onset too.
    """
    silent = torch.cat(((1 - voice[:, :1]).expand(-1, _ONSET_FRAMES, -1), 1 - voice), 1).transpose(1, 2)
    recently_silent = max_pool1d(silent, _ONSET_FRAMES + 1, 1).transpose(1, 2)
    if fresh is not None:
        started = (torch.arange(voice.shape[1], device=voice.device) < _START_FRAMES) * fresh[:, None]
        recently_silent = torch.maximum(recently_silent, started[..., None].to(voice.dtype))
    return voice * recently_silent


def price(ideal: Tensor) -> Tensor:
    """Factor, by cell, on an error that takes speech away; like ``ideal``, (batch, frames, BANDS)."""
    return _MIXED + (_CLEAR - _MIXED) * torch.sigmoid((ideal - _CLEAR_AT) * _CLEAR_SLOPE)


def importance(voice: Tensor, onset: Tensor) -> Tensor:
    """Weight of frames by what they hold, (batch, frames, 1): noise alone 1, speech more, its onsets most.

    Parameters
    ----------
    voice, onset : tensor (batch, frames, 1)
        1 where there is speech, and where it begins (:func:`onsets`).
    """
    return 1 + (_SPEECH - 1) * voice + _SPEECH * (_ONSET - 1) * onset


def gain_loss(ideal: Tensor, gain: Tensor, price: Tensor | float = 1.0) -> Tensor:
    """Relative error of the compressed gains (AEC paper, section 4), per band.

    D = (g^2y - gh^2y)^2 / (max(g^2y, gh^2y) + eps) and 10 D^2: relative, so that quiet speech taken away costs as much
    as loud speech. Over-attenuation costs ``price`` times as much.
    """
    wanted, got = (torch.clamp(g, min=_INAUDIBLE) ** (2 * _GAMMA) for g in (ideal, gain))
    error = (wanted - got) ** 2 / (torch.maximum(wanted, got) + 1e-3)
    return (error + 10 * error**2) * torch.where(got < wanted, price, 1.0)


def strength_loss(ideal: Tensor, strength: Tensor) -> Tensor:
    """Error of the stochastic part's compressed share (paper, section 4), per band."""
    wanted, got = (torch.sqrt(torch.clamp(1 - r, min=_STRENGTH_FLOOR)) for r in (ideal, strength))
    return (wanted - got) ** 2


def _loudness(power: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of (batch, frames, BANDS) over bands and a second around each frame, (batch, frames, 1)."""
    sums = torch.stack(((weight * power).sum(-1), weight.sum(-1)), 1)
    pooled = avg_pool1d(sums, _LOUDNESS_FRAMES, 1, _LOUDNESS_FRAMES // 2, count_include_pad=False)
    return (pooled[:, 0] / (pooled[:, 1] + 1e-3))[..., None]


def spectrum_loss(
    log_energy: Tensor, ideal: Tensor, gain: Tensor, weight: Tensor, price: Tensor | float = 1.0
) -> tuple[Tensor, Tensor]:
    """Errors of the compressed magnitudes that the gains leave, relative to the clean ones within a second.

    Where :func:`gain_loss` treats all bands alike, this one counts where there is something to hear.

    Parameters
    ----------
    log_energy : tensor (batch, frames, BANDS)
        log10 of the noisy bands' energies, of the same frames as the gains.
    ideal, gain, weight, price : tensor (batch, frames, BANDS)

    Returns
    -------
    spectrum : tensor (batch, frames, BANDS)
        Per band.
    frame : tensor (batch, frames, 1)
        What whole frames lose: the level of a frame that is too low, as when the output pumps.
    """
    level = 10 ** (_GAMMA / 2 * log_energy)
    wanted, got = (level * torch.clamp(g, min=_FLOOR) ** _GAMMA for g in (ideal, gain))
    of_speech, of_all = (_loudness(s**2, weight) for s in (wanted, level))
    scale = of_speech + _NOISE_SHARE * of_all + 1e-6
    spectrum = torch.clamp((wanted - got) ** 2 * torch.where(got < wanted, price, 1.0) / scale, max=_LARGEST)
    power = 10**log_energy * weight
    total = [((power * torch.clamp(g, min=_FLOOR) ** 2).sum(-1, keepdim=True) + 1e-9) for g in (ideal, gain)]
    lost = torch.clamp(total[0] ** (_GAMMA / 2) - total[1] ** (_GAMMA / 2), min=0)
    loud = _loudness(total[0] ** _GAMMA, torch.ones_like(total[0]))
    return spectrum, lost**2 / (loud + 1e-6)


def loss(
    target: dict[str, Tensor], gain: Tensor, strength: Tensor, voice: Tensor, frame_share: float = 0.0
) -> tuple[Tensor, dict[str, float]]:
    """Weighted mean over the known bands, and its parts.

    Parameters
    ----------
    target : dict
        ``gain``, ``strength``, ``weight`` (batch, frames, BANDS); ``voice`` (batch, frames, 1); ``features``; and where
        sequences begin from an initial state, ``fresh`` (batch,).
    gain, strength, voice
        The network's outputs.
    frame_share : float
        Weight of what whole frames lose (:func:`spectrum_loss`); it is among the parts in any case.
    """
    frames = importance(target["voice"], onsets(target["voice"], target.get("fresh")))
    weight = target["weight"] * frames
    known = weight.sum() + 1
    taken = price(target["gain"])
    of_gain = (weight * gain_loss(target["gain"], gain, taken)).sum() / known
    of_strength = (weight * strength_loss(target["strength"], strength)).sum() / known
    of_voice = binary_cross_entropy_with_logits(voice, target["voice"])
    # Energies run ahead: row t of the features holds frame t's, row t of the targets belongs to frame t - LOOKAHEAD.
    log_energy = target["features"][:, :-LOOKAHEAD, :BANDS]
    late = [t[:, LOOKAHEAD:] for t in (target["gain"], gain, weight, taken)]
    spectrum, frame = spectrum_loss(log_energy, *late)
    of_spectrum = (late[2] * spectrum).sum() / known
    spoken = (target["voice"] * frames)[:, LOOKAHEAD:]
    of_frame = (spoken * frame).sum() / (spoken.sum() + 1)
    total = of_gain + of_strength + _VOICE_SHARE * of_voice + _SPECTRUM_SHARE * of_spectrum + frame_share * of_frame
    parts = (of_gain, of_strength, of_voice, of_spectrum, of_frame)
    return total, {name: part.item() for name, part in zip(PARTS, parts, strict=True)}
