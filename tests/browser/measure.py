"""Measures of recordings: lag, similarity, and the noise left in the pauses."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Audio = NDArray[np.float32]

FRAME = 2400
"""Samples of a frame whose level is judged: 50 ms."""

ENOUGH = 5
"""Seconds to record for not_cleaned() or not_raw(): a second to skip, the delay, and three more, which hold pauses and
speech wherever they are in the noisy clip."""

ATTEMPTS = 5
"""Recordings until one is good. While a loaded machine stands still frames are late, and so raw, and between two tracks
the browser drops sound: that recording says nothing. What is wrong in itself is wrong in every one."""


def soon(judge: Callable[[], str]) -> None:
    """Repeat a check until it has no complaint ('')."""
    for _ in range(ATTEMPTS):
        complaint = judge()
        if not complaint:
            return
        print(complaint)
    raise AssertionError(complaint)


def lag(reference: Audio, delayed: Audio, longest: int = 48000) -> int:
    """Samples by which ``delayed`` is behind ``reference``: the peak of their cross-correlation.

    Parameters
    ----------
    reference, delayed : ndarray of float32, shape (n,)
        Recorded from the same moment on.
    longest : int
        Largest lag considered, in samples; the lag is not negative.
    """
    product = signal.correlate(delayed, reference, method="fft")
    zero = len(reference) - 1
    return int(np.argmax(product[zero : zero + longest]))


def align(reference: Audio, delayed: Audio, skip: int = 0) -> tuple[Audio, Audio]:
    """Cut two recordings so that what belongs together has the same index; ``skip`` leaves out their beginning."""
    behind = lag(reference[skip:], delayed[skip:])
    n = min(len(reference), len(delayed) - behind)
    return reference[skip:n], delayed[skip + behind : n + behind]


def levels(samples: Audio) -> NDArray[np.float64]:
    """Level of each whole frame in dB of full scale."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(float)
    return 10 * np.log10((frames**2).mean(axis=1) + 1e-12)


def pauses(samples: Audio) -> NDArray[np.bool_]:
    """Frames within pauses: near the noise floor, and so are their neighbours."""
    level = levels(samples)
    quiet = level < np.percentile(level, 10) + 3
    return quiet & np.roll(quiet, 1) & np.roll(quiet, -1)


def speech(samples: Audio) -> NDArray[np.bool_]:
    """Frames well above the noise floor."""
    level = levels(samples)
    return level > np.percentile(level, 10) + 6


def power_db(samples: Audio, frames: NDArray[np.bool_]) -> float:
    """Mean power of the chosen frames in dB of full scale."""
    return float(10 * np.log10((10 ** (levels(samples)[frames] / 10)).mean()))


def similarity(a: Audio, b: Audio, frames: NDArray[np.bool_]) -> float:
    """Median, over half seconds with speech, of the best correlation coefficient within 50 ms.

    The lag is determined again in each stretch: a receiver's jitter buffer stretches time now and then.
    """
    size, reach = 10 * FRAME, FRAME
    found = []
    for start in range(reach, min(len(a), len(b)) - size - reach, size):
        if frames[start // FRAME : (start + size) // FRAME].mean() < 0.5:
            continue
        part, around = a[start : start + size].astype(float), b[start - reach : start + size + reach].astype(float)
        product = signal.correlate(around, part, mode="valid", method="fft")
        total = np.concatenate([[0.0], np.cumsum(around**2)])
        energy = total[size:] - total[:-size]
        found.append((product / np.sqrt(energy * (part**2).sum() + 1e-12)).max())
    return float(np.median(found))


def not_cleaned(raw: Audio, out: Audio) -> str:
    """What is wrong with ``out`` if it should be ``raw`` enhanced: 6 dB less noise in pauses, and the same speech.

    Parameters
    ----------
    raw, out : ndarray of float32, shape (n,)
        Aligned.
    """
    noise = power_db(out, pauses(raw)) - power_db(raw, pauses(raw))
    alike = similarity(raw, out, speech(raw))
    told = f"noise in pauses {noise:+.1f} dB, likeness of the speech {alike:.2f}"
    print(told)
    return "" if noise <= -6 and alike > 0.7 else told


def not_raw(raw: Audio, out: Audio) -> str:
    """What is wrong with ``out`` if it should be ``raw`` itself, aligned."""
    louder = power_db(out, speech(raw)) - power_db(raw, speech(raw))
    alike = similarity(raw, out, speech(raw))
    return "" if alike > 0.99 and abs(louder) < 0.5 else f"level of the speech {louder:+.1f} dB, likeness {alike:.2f}"
