"""Figures of the oracle ladder, after the article's: spectrograms, bands, comb, gains and strengths over time.

Needs the extra ``evaluate``. Each ``draw_`` function returns a matplotlib figure; :func:`draw_all` saves them.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constants import COMB_TAPS_SIDE, HOP, SAMPLE_RATE, VOICED
from ..errors import MissingExtraError
from ..signal.bands import BANDS, BIN_HZ, INTERPOLATION, edges
from ..signal.comb import future_taps, noise_power, taps
from .ladder import MAIN_RUNGS, RUNGS, Ladder

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtraError("evaluate", error) from error

__all__ = ["draw_all", "draw_bands", "draw_comb", "draw_gains", "draw_grid", "draw_spectrograms", "spectrogram"]

Audio = NDArray[np.float32]

STYLE: Any = {
    "axes.edgecolor": "#8a8f98", "axes.labelcolor": "#30343b", "axes.linewidth": 0.8, "axes.spines.right": False,
    "axes.spines.top": False, "axes.titlelocation": "left", "axes.titlesize": 11, "axes.titleweight": "bold",
    "figure.dpi": 130, "font.size": 10, "xtick.color": "#5a5f68", "ytick.color": "#5a5f68",
}  # fmt: skip
INK, WARM, FAINT = "#2f5d8c", "#c8553d", "#c9ced6"

_FFT = 2048
"""Samples of a spectrogram's frame: 43 ms resolves the harmonics the comb is about."""
_STEP = 256
_RANGE_DB = 75
"""Span of the spectrograms' colours."""
_TICKS_HZ = (100, 300, 1000, 2000, 4000, 8000, 16000)


def draw_all(folder: Path, clean: Audio, noisy: Audio, climbed: Ladder) -> None:
    """Draw and save every figure of a mix, float32 (n,) at 48 kHz, and its ladder."""
    with mpl.rc_context(STYLE):
        draw_spectrograms(clean, noisy, climbed).savefig(folder / "spectrograms.png")
        draw_bands().savefig(folder / "bands.png")
        draw_comb(_typical_period(climbed)).savefig(folder / "comb.png")
        draw_gains(climbed).savefig(folder / "gains.png")


def draw_spectrograms(clean: Audio, noisy: Audio, climbed: Ladder, top_hz: float = 6000) -> Figure:
    """Noisy input, the article's four rungs, clean speech, on one scale of level.

    Parameters
    ----------
    clean, noisy : float32 (n,)
    climbed : Ladder
    top_hz : float
        Highest frequency shown.
    """
    titles = {"noisy": "noisy", **{name: f"{name}: {RUNGS[name]}" for name in MAIN_RUNGS}, "clean": "clean"}
    signals = {"noisy": noisy, **climbed.rungs, "clean": clean}
    return draw_grid({title: signals[name] for name, title in titles.items()}, (3, 2), top_hz)


def draw_grid(signals: dict[str, Audio], shape: tuple[int, int], top_hz: float) -> Figure:
    """Spectrograms of signals of one length by title, down each column in turn; the last is the clean speech.

    Parameters
    ----------
    signals : dict of str to float32 (n,)
    shape : (int, int)
        Rows and columns.
    top_hz : float
        Highest frequency shown.
    """
    levels = {title: spectrogram(signal, top_hz) for title, signal in signals.items()}
    *_, (clean, reference) = levels.items()
    loudest, seconds = reference.max(), len(signals[clean]) / SAMPLE_RATE
    figure = Figure(figsize=(12.5, 0.5 + 3 * shape[0]), layout="constrained")
    grid = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
    for axes, (title, level) in zip(grid.T.flat, levels.items(), strict=True):
        image = axes.imshow(
            level, origin="lower", aspect="auto", cmap="magma", vmin=loudest - _RANGE_DB, vmax=loudest,
            extent=(0, seconds, 0, top_hz / 1000), interpolation="bilinear",
        )  # fmt: skip
        axes.set_title(title)
    for axes in grid[-1]:
        axes.set_xlabel("time (s)")
    for axes in grid[:, 0]:
        axes.set_ylabel("frequency (kHz)")
    bar = figure.colorbar(image, ax=grid, label="dB below the clean peak", shrink=0.8, pad=0.01)
    decibels = range(0, -_RANGE_DB - 1, -15)
    bar.set_ticks([loudest + level for level in decibels], labels=[str(level) for level in decibels])
    bar.outline.set_visible(False)
    return figure


def draw_bands() -> Figure:
    """The 34 triangles over frequency, and how wide they are."""
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    hertz = np.arange(len(INTERPOLATION)) * BIN_HZ
    tips = edges()[1:] * BIN_HZ
    colours = mpl.colormaps["viridis"](np.linspace(0.05, 0.85, BANDS))
    for weights, colour in zip(INTERPOLATION.T, colours, strict=True):
        (inside,) = np.nonzero(weights)
        shown = slice(max(inside[0] - 1, 0), inside[-1] + 2)
        upper.fill_between(hertz[shown], weights[shown], color=colour, alpha=0.22, linewidth=0)
        upper.plot(hertz[shown], weights[shown], color=colour, linewidth=1.3)
    upper.set(ylabel="weight", ylim=(0, 1.08), title=f"{BANDS} triangular bands: a bin takes its gain from two of them")
    lower.plot(hertz[1:], 24.7 * (4.37 * hertz[1:] / 1000 + 1), color=WARM, label="ERB of Glasberg and Moore")
    lower.scatter(tips, np.diff(edges()) * BIN_HZ, c=colours, s=26, zorder=3, label="from each tip down to the next")
    lower.set(ylabel="width (Hz)", yscale="log", xlabel="frequency (Hz), spaced as the ear spaces it")
    lower.set_title("Their width is the ear's own; below 700 Hz a band is never narrower than two bins")
    lower.set_yticks([50, 100, 500, 1000, 2000], labels=["50", "100", "500", "1k", "2k"])
    lower.minorticks_off()
    lower.legend(frameon=False)
    # ERB-rate scale: a step is one ear's bandwidth, so the triangles come out alike.
    scale = (lambda f: np.log1p(4.37e-3 * np.maximum(f, 0)), lambda e: np.expm1(e) / 4.37e-3)
    for axes in (upper, lower):
        axes.set_xscale("function", functions=scale)
        axes.set_xlim(0, SAMPLE_RATE / 2)
        axes.grid(axis="x", color=FAINT, linewidth=0.5)
    ticks = (0, 250, 500, 1000, 2000, 4000, 8000, 16000)
    lower.set_xticks(ticks, labels=[_hertz(tick) for tick in ticks])
    return figure


def draw_comb(period: int) -> Figure:
    """Response of the comb at a pitch: with the taps the look-ahead affords, and with all eleven.

    Parameters
    ----------
    period : int
        Samples.
    """
    pitch = SAMPLE_RATE / period
    future = int(future_taps(np.array([period]))[0])
    hertz = np.linspace(0, 6 * pitch, 2400)
    figure = Figure(figsize=(11, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 2))
    floor = -60
    full_label = "all 11 taps, with more look-ahead"
    label = f"{COMB_TAPS_SIDE} past and {future} future taps, within it"
    if future == COMB_TAPS_SIDE:
        full_label, label = "", "all 11 taps, within the look-ahead"
    for count, colour, name in ((COMB_TAPS_SIDE, FAINT, full_label), (future, INK, label)):
        if name:
            gain = 20 * np.log10(np.abs(_comb_response(hertz, period, count)) + 1e-9)
            upper.plot(hertz, np.maximum(gain, floor), color=colour, linewidth=1.8, label=name)
    white = 10 * np.log10(float(noise_power(np.array([period]))[0]))
    upper.axhline(
        white, color=WARM, linewidth=1.2, linestyle=(0, (5, 3)), label=f"white noise falls by {-white:.1f} dB"
    )
    upper.set(xlim=(0, hertz[-1]), ylim=(floor, 3), xlabel="frequency (Hz)", ylabel="gain (dB)")
    upper.set_xticks(pitch * np.arange(7), labels=[f"{pitch * k:.0f}" for k in range(7)])
    upper.grid(axis="x", color=FAINT, linewidth=0.5)
    upper.set_title(f"Comb filter at a pitch of {pitch:.0f} Hz: harmonics pass, what lies between is cut")
    upper.legend(frameon=False, loc="lower center", ncols=3, bbox_to_anchor=(0.5, -0.42))
    places = np.arange(-COMB_TAPS_SIDE, COMB_TAPS_SIDE + 1)
    for count, colour in ((COMB_TAPS_SIDE, FAINT), (future, INK)):
        kept = places[: COMB_TAPS_SIDE + 1 + count]
        marker, stems, base = lower.stem(kept * period / SAMPLE_RATE * 1000, taps(count))
        marker.set(color=colour, markersize=6)
        stems.set(color=colour, linewidth=1.6)
        base.set_visible(False)
    lower.set(xlabel="time (ms); 0 is the output sample", ylabel="weight", ylim=(0, None))
    lower.set_title("Its taps, a period apart")
    return figure


def draw_gains(climbed: Ladder) -> Figure:
    """Pitch, coherence, gains and strengths over time, band by band."""
    frames = len(climbed.gains)
    seconds = np.arange(frames) * HOP / SAMPLE_RATE
    figure = Figure(figsize=(12.5, 10), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True, height_ratios=(1, 1.5, 1.5, 1.5))
    voiced = climbed.correlation >= VOICED
    pitch = SAMPLE_RATE / climbed.period
    panels[0].plot(seconds, np.where(voiced, np.nan, pitch), ".", color=FAINT, markersize=2.5, label="unvoiced")
    panels[0].plot(seconds, np.where(voiced, pitch, np.nan), ".", color=INK, markersize=3.5, label="voiced")
    panels[0].set(yscale="log", ylim=(60, 520), ylabel="pitch (Hz)")
    panels[0].set_title("Pitch: the best path through the correlations")
    panels[0].set_yticks([62.5, 125, 250, 500], labels=["62", "125", "250", "500"])
    panels[0].minorticks_off()
    panels[0].legend(frameon=False, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.25), markerscale=3)
    maps = (
        ("Coherence of the noisy signal with its combed copy", climbed.coherence, "cividis"),
        ("Gains: the share of each band's amplitude that is speech", climbed.gains, "magma"),
        (
            "Strengths: the share of the comb that makes a band as periodic as clean",
            climbed.strengths,
            "viridis",
        ),
    )
    for axes, (title, values, colours) in zip(panels[1:], maps, strict=True):
        image = _draw_band_map(axes, values, colours)
        axes.set_title(title)
        bar = figure.colorbar(image, ax=axes, pad=0.01, ticks=(0, 0.5, 1))
        bar.outline.set_visible(False)
    panels[-1].set_xlabel("time (s)")
    panels[-1].set_xlim(0, max(seconds[-1], HOP / SAMPLE_RATE))
    return figure


def _draw_band_map(axes: Axes, values: NDArray[np.float32], colours: str):
    """Draw band values (frames, BANDS) over time, one row per band."""
    end = len(values) * HOP / SAMPLE_RATE
    image = axes.imshow(
        values.T, origin="lower", aspect="auto", cmap=colours, vmin=0, vmax=1, interpolation="nearest",
        extent=(-HOP / SAMPLE_RATE / 2, end - HOP / SAMPLE_RATE / 2, -0.5, BANDS - 0.5),
    )  # fmt: skip
    places = np.interp(_TICKS_HZ, edges()[1:] * BIN_HZ, np.arange(BANDS))
    axes.set_yticks(places, labels=[_hertz(tick) for tick in _TICKS_HZ])
    axes.set_ylabel("band at (Hz)")
    return image


def spectrogram(signal: Audio, top_hz: float) -> NDArray[np.float64]:
    """Level over time and frequency.

    Parameters
    ----------
    signal : float32 (n,)
        48 kHz.
    top_hz : float
        Highest frequency wanted.

    Returns
    -------
    float64 (bins, frames)
        dB, lowest frequency first; a frame of 43 ms every 5.3 ms.
    """
    padded = np.pad(signal, _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_STEP]
    spectra = np.fft.rfft(frames * np.hanning(_FFT))[:, : round(top_hz * _FFT / SAMPLE_RATE)]
    return 20 * np.log10(np.abs(spectra).T + 1e-9)


def _comb_response(hertz: NDArray[np.float64], period: int, future: int) -> NDArray[np.complex128]:
    """Formula: sum over k of w_k exp(-2 pi i f k T)."""
    weights = taps(future)
    places = np.arange(-COMB_TAPS_SIDE, future + 1)
    return np.exp(2j * np.pi * np.outer(hertz, places) * period / SAMPLE_RATE) @ weights


def _typical_period(climbed: Ladder) -> int:
    """Median over the voiced frames, or 200 Hz if there are none."""
    voiced = climbed.period[climbed.correlation >= VOICED]
    return int(np.median(voiced)) if len(voiced) else SAMPLE_RATE // 200


def _hertz(frequency: float) -> str:
    return f"{frequency / 1000:g}k" if frequency >= 1000 else f"{frequency:g}"
