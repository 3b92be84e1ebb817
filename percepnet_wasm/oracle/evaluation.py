"""Scores of an enhanced signal: PESQ-WB, STOI, SI-SDR, DNSMOS, and what happens on voiced speech alone.

Needs the extra ``evaluate``. Every score comes from its authors' package or a well-maintained one; this module only
passes them the signals at the rate they need.
"""

import warnings
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..errors import MissingExtraError
from .measures import as_pair, si_sdr, voiced_frames, voiced_scores

try:
    from pesq import NoUtterancesError, pesq
    from pystoi import stoi
    from scipy.signal import resample_poly

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from speechmos import dnsmos as _dnsmos
except (ImportError, OSError) as error:
    raise MissingExtraError("evaluate", error) from error

__all__ = ["SCORES", "mean_scores", "score", "score_table"]

Audio = NDArray[np.float32]
Scores = dict[str, float | None]

SCORES = {
    "pesq_wb": "PESQ, wide band (ITU-T P.862.2), 1 to 4.64",
    "stoi": "short-time objective intelligibility, 0 to 1",
    "si_sdr": "scale-invariant signal to distortion ratio, dB",
    "dnsmos_sig": "DNSMOS P.835, how natural the speech is, 1 to 5",
    "dnsmos_bak": "DNSMOS P.835, how unobtrusive the background is, 1 to 5",
    "dnsmos_ovrl": "DNSMOS P.835, overall, 1 to 5",
    "voiced_snr": "segmental SNR of voiced frames, each limited to -10..35 dB",
    "voiced_lsd": "log-spectral distance of voiced frames up to 5 kHz, dB; lower is better",
}
"""What is measured, by name."""

_DNSMOS = {"dnsmos_sig": "sig_mos", "dnsmos_bak": "bak_mos", "dnsmos_ovrl": "ovrl_mos"}
"""Our names and the package's."""

_MODEL_RATE = 16000
"""Rate of PESQ-WB and DNSMOS."""

_DNSMOS_LENGTH = round(9.01 * _MODEL_RATE)
"""Samples that DNSMOS takes at a time."""


def score(clean: Audio, enhanced: Audio, *, voiced: NDArray[np.bool_] | None = None, dnsmos: bool = True) -> Scores:
    """Compare an enhanced signal with the clean one.

    Parameters
    ----------
    clean, enhanced : float32 (n,)
        48 kHz, aligned.
    voiced : bool (frames,), optional
        From :func:`voiced_frames`, if they are known already.
    dnsmos : bool
        Whether to compute DNSMOS, which takes ten times as long as all the others together.

    Returns
    -------
    dict
        A number for every name in ``SCORES``; None where a score is not defined (no speech, no voiced frame) or not
        wanted.

    Raises
    ------
    TypeError, ValueError
        Samples are not floating point, finite and mono, or the lengths differ.
    """
    clean, enhanced = as_pair(clean, enhanced)
    clean16, enhanced16 = (resample_poly(s, _MODEL_RATE, SAMPLE_RATE).astype(np.float32) for s in (clean, enhanced))
    return {
        "pesq_wb": _pesq(clean16, enhanced16),
        "stoi": float(stoi(clean, enhanced, SAMPLE_RATE)),
        "si_sdr": si_sdr(clean, enhanced),
        **(_dnsmos_scores(enhanced16) if dnsmos else dict.fromkeys(_DNSMOS)),
        **voiced_scores(clean, enhanced, voiced_frames(clean) if voiced is None else voiced),
    }


def _dnsmos_scores(enhanced16: Audio) -> Scores:
    if len(enhanced16) < _DNSMOS_LENGTH:
        # The package would double a short signal until it is long enough, and so score the same sound several times.
        enhanced16 = np.resize(enhanced16, _DNSMOS_LENGTH)
    mos = _dnsmos.run(np.clip(enhanced16, -1, 1), _MODEL_RATE)
    return {ours: float(mos[theirs]) for ours, theirs in _DNSMOS.items()}


def _pesq(clean16: Audio, enhanced16: Audio) -> float | None:
    if not clean16.any():
        return None
    if not enhanced16.any():
        return 1.0  # nothing is left of the speech: the lowest score, which a mean must include
    try:
        return float(pesq(_MODEL_RATE, clean16, enhanced16, "wb"))
    except (NoUtterancesError, ValueError):  # no speech, or less than a quarter of a second
        return None


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """Average each score over signals, leaving out those where it is not defined."""
    rows = list(scores)
    columns = {name: [value for row in rows if (value := row.get(name)) is not None] for name in SCORES}
    return {name: float(np.mean(values)) if values else None for name, values in columns.items()}


def score_table(rows: Mapping[str, Mapping]) -> str:
    """Lay out scores as a Markdown table, which reads well on a terminal too."""
    header = ["", *SCORES]
    lines = [[name, *(_number(row.get(score)) for score in SCORES)] for name, row in rows.items()]
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    table = [[cell.ljust(widths[0]) if not k else cell.rjust(widths[k]) for k, cell in enumerate(line)]
             for line in (header, rule, *lines)]  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
