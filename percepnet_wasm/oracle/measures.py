"""Measures that need no package: SI-SDR, and what happens on voiced speech, where a comb filter can help."""

import numpy as np
from numpy.typing import NDArray

from ..checks import as_signal
from ..constants import HOP, SAMPLE_RATE, VOICED
from ..signal.pitch import PitchState, track_pitch
from ..signal.stft import overlapping

__all__ = ["si_sdr", "voiced_frames", "voiced_scores"]

Audio = NDArray[np.float32]

_FRAME = 2048
"""Samples of the frames the voiced scores compare: 43 ms, long enough to tell a low voice's harmonics apart."""
_VOICED_RANGE_DB = 40
"""Frames further below the loudest one are pauses, however periodic their hum."""
_VOICED_TOP_HZ = 5000
"""Above this, voices are hardly periodic."""


def as_pair(clean: Audio, enhanced: Audio) -> tuple[Audio, Audio]:
    """Check two signals before they are compared."""
    clean, enhanced = as_signal("clean", clean), as_signal("enhanced", enhanced)
    if clean.shape != enhanced.shape:
        raise ValueError(f"clean and enhanced must be of equal length, not {len(clean)} and {len(enhanced)} samples")
    return clean, enhanced


def si_sdr(clean: Audio, enhanced: Audio) -> float | None:
    """Scale-invariant SDR in dB (Le Roux et al. 2019); None where a signal is silent.

    Parameters
    ----------
    clean, enhanced : float32 (n,)

    Raises
    ------
    TypeError, ValueError
        Samples are not floating point, finite and mono, or the lengths differ.
    """
    clean, enhanced = as_pair(clean, enhanced)
    reference, estimate = (s.astype(np.float64) - np.mean(s, dtype=np.float64) for s in (clean, enhanced))
    power = reference @ reference
    if not power or not estimate.any():
        return None
    target = (estimate @ reference / power) * reference
    residue = estimate - target
    return float(10 * np.log10((target @ target + 1e-20) / (residue @ residue + 1e-20)))


def voiced_frames(clean: Audio) -> NDArray[np.bool_]:
    """Find where the clean speech is voiced: periodic by our own tracker, and not in a pause.

    Parameters
    ----------
    clean : float32 (n,)
        48 kHz.

    Returns
    -------
    bool (frames,)
        For frames of 43 ms, HOP samples apart, the first beginning at sample 0.

    Raises
    ------
    TypeError, ValueError
        Samples are not floating point, finite and mono.
    """
    clean = as_signal("clean", clean)
    frames = _frames(clean)
    # The tracker describes the frame centred on hop k two calls after hop k; ours is centred _FRAME / 2 later.
    late = 2 + round(_FRAME / 2 / HOP)
    state = PitchState()
    hops = np.pad(clean, (0, _FRAME + 4 * HOP))[: (len(frames) + late) * HOP].reshape(-1, HOP)
    correlation = np.array([track_pitch(hop, state)[1][0] for hop in hops])[late:]
    energy = np.einsum("fn,fn->f", frames, frames)
    loud = energy > energy.max(initial=0) * 10 ** (-_VOICED_RANGE_DB / 10)
    return (correlation >= VOICED) & loud


def voiced_scores(clean: Audio, enhanced: Audio, voiced: NDArray[np.bool_]) -> dict[str, float | None]:
    """Measure voiced frames only, where a comb filter can help.

    Parameters
    ----------
    clean, enhanced : float32 (n,)
    voiced : bool (frames,)
        From :func:`voiced_frames`.

    Returns
    -------
    dict
        ``voiced_snr`` and ``voiced_lsd``, None without a voiced frame.

    Raises
    ------
    TypeError, ValueError
        As for :func:`si_sdr`, or ``voiced`` belongs to another signal.
    """
    clean, enhanced = as_pair(clean, enhanced)
    if not isinstance(voiced, np.ndarray) or voiced.dtype != bool or voiced.shape != (len(_frames(clean)),):
        what = f"{voiced.dtype} {voiced.shape}" if isinstance(voiced, np.ndarray) else type(voiced).__name__
        raise ValueError(f"voiced must be what voiced_frames(clean) returns, not {what}")
    if not voiced.any():
        return {"voiced_snr": None, "voiced_lsd": None}
    window = np.hanning(_FRAME)
    reference, estimate = (_frames(s)[voiced] * window for s in (clean, enhanced))
    signal, error = (np.einsum("fn,fn->f", s, s) for s in (reference, reference - estimate))
    snr = np.clip(10 * np.log10((signal + 1e-20) / (error + 1e-20)), -10, 35)
    top = round(_VOICED_TOP_HZ * _FRAME / SAMPLE_RATE)
    power = [np.abs(np.fft.rfft(s)[:, 1:top]) ** 2 for s in (reference, estimate)]
    # 40 dB below the frame's mean, a bin is masked and its logarithm is arbitrary.
    floor = 1e-4 * power[0].mean(axis=1, keepdims=True) + 1e-20
    difference = 10 * np.log10((power[0] + floor) / (power[1] + floor))
    distance = np.sqrt(np.mean(difference**2, axis=1))
    return {"voiced_snr": float(snr.mean()), "voiced_lsd": float(distance.mean())}


def _frames(signal: Audio) -> NDArray[np.float32]:
    """Overlapping frames (frames, _FRAME), HOP apart; a signal shorter than one is padded to one."""
    return overlapping(np.pad(signal, (0, max(0, _FRAME - len(signal)))), _FRAME, HOP)
