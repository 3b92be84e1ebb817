"""The oracle command: climb the ladder for a pair of files, write the sounds, the scores and the figures.

Needs the extra ``files``; scores and figures need ``evaluate``.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..constants import SAMPLE_RATE
from ..errors import AudioFileError
from ..files.audio import read_mono, resample, write_wav
from .ladder import MAIN_RUNGS, RUNGS, ladder

__all__ = ["read_pair", "write_ladder"]

Audio = NDArray[np.float32]


def read_pair(clean: str | Path, noisy: str | Path) -> tuple[Audio, Audio, int]:
    """Read the speech alone and the mix.

    Returns
    -------
    clean, noisy : float32 (n,)
        At the files' own rate.
    rate : int
        Hertz.

    Raises
    ------
    AudioFileError
        A file cannot be used, or the two do not match.
    """
    (speech, rate), (mix, mix_rate) = read_mono(clean), read_mono(noisy)
    if rate != mix_rate:
        raise AudioFileError(f"{clean} and {noisy} must have the same rate, not {rate} and {mix_rate} Hz: resample one")
    if len(speech) != len(mix):
        raise AudioFileError(f"{clean} and {noisy} must be of equal length, not {len(speech)} and {len(mix)} samples")
    return speech, mix, rate


def write_ladder(
    clean: str | Path, noisy: str | Path, out: str | Path, *, period: str = "noisy", scores: bool = True,
    figures: bool = True,
) -> dict:  # fmt: skip
    """Write the rungs, ``ladder.json`` and figures of a pair of files.

    Parameters
    ----------
    clean, noisy : path
        One channel each, the same rate and length.
    out : path
        Created if missing. Gets ``1-magnitudes.wav`` to ``4-postfilter.wav``, aligned with ``clean`` and at its
        rate, ``ladder.json`` and, if wanted, ``spectrograms.png``, ``bands.png``, ``comb.png``, ``gains.png``.
    period : "noisy" or "clean"
        Signal the pitch is tracked on.
    scores, figures : bool
        Whether to compute them.

    Returns
    -------
    dict
        What ``ladder.json`` holds.
    """
    # Imported first, so that a missing extra is reported before the work, not after it.
    if scores:
        from .evaluation import score
    if figures:
        from .figures import draw_all
    speech, mix, rate = read_pair(clean, noisy)
    x, y = (signal if rate == SAMPLE_RATE else resample(signal, rate, SAMPLE_RATE) for signal in (speech, mix))
    climbed = ladder(x, y, period="clean" if period == "clean" else "noisy")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name in MAIN_RUNGS:
        signal = climbed.rungs[name]
        signal = signal if rate == SAMPLE_RATE else resample(signal, SAMPLE_RATE, rate, len(speech))
        write_wav(folder / f"{name}.wav", signal, rate)
    signals = {"noisy": y, **climbed.rungs}
    record: dict = {
        "version": __version__, "clean": str(clean), "noisy": str(noisy), "period": period,
        "seconds": len(speech) / rate, "rungs": {name: {"what": RUNGS.get(name, "the input")} for name in signals},
    }  # fmt: skip
    if scores:
        for name, signal in signals.items():
            record["rungs"][name].update(score(x, signal))
    (folder / "ladder.json").write_text(json.dumps(record, indent=2) + "\n")
    if figures:
        draw_all(folder, x, y, climbed)
    return record
