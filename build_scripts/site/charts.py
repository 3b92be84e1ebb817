"""The numbers page's charts as SVG elements: no style, no script, colours by class (``web/numbers.css``).

Each is inline in the page, so that it follows the colour scheme and its text is real text. They are drawn small, about
as wide as a phone, and set side by side where there is room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 360
"""Width of every chart, in CSS pixels before it is fitted to its column."""
_LABELS, _VALUES = 142, 58
"""Least room for the names at the left, and room for the figures at the right."""
_LETTER = 8.2
"""Width of one, in the bold of our own rows."""
_ROW = 26


@dataclass(frozen=True)
class Bar:
    """A row of a chart.

    Attributes
    ----------
    label, value : what is drawn.
    text : the figure as it is written.
    kind : class of the row: ``ours``, ``before`` for the noisy input, or none.
    """

    label: str
    value: float
    text: str
    kind: str = ""


def bars(title: str, rows: Sequence[Bar], start: float = 0.0, end: float | None = None) -> str:
    """Horizontal bars from ``start``, the smallest possible value, to ``end`` (default: the largest value)."""
    if not rows:
        raise ValueError(f"the chart {title!r} has no rows")
    end = max(row.value for row in rows) if end is None else end
    labels = max(_LABELS, round(_LETTER * max(len(row.label) for row in rows)) + 10)
    room = WIDTH - labels - _VALUES
    lines = []
    for k, row in enumerate(rows):
        top = k * _ROW
        length = room * max(row.value - start, 0) / (end - start)
        lines.append(
            f'<g class="{row.kind or "peer"}">'
            f'<text class="name" x="0" y="{top + 17}">{escape(row.label)}</text>'
            f'<rect x="{labels}" y="{top + 6}" width="{max(length, 1):.1f}" height="14" rx="2"/>'
            f'<text x="{labels + max(length, 1) + 6:.1f}" y="{top + 17}">{escape(row.text)}</text></g>'
        )
    spoken = "; ".join(f"{row.label} {row.text}" for row in rows)
    return _svg(f"{title}: {spoken}", len(rows) * _ROW, "".join(lines))


@dataclass(frozen=True)
class Line:
    """A curve: y over the chart's common x."""

    label: str
    values: Sequence[float]
    kind: str = ""


def curves(title: str, x: Sequence[str], lines: Sequence[Line], digits: int = 2) -> str:
    """Curves over a few named places, each labelled at its right end; labels keep clear of each other."""
    height, left, right, top, bottom = 250, 44, 128, 10, 24
    low, high = (f(v for line in lines for v in line.values) for f in (min, max))
    margin = 0.06 * (high - low or 1)
    low, high = low - margin, high + margin
    places = [left + (WIDTH - left - right) * k / (len(x) - 1) for k in range(len(x))]

    def y_of(value: float) -> float:
        return top + (height - top - bottom) * (high - value) / (high - low)

    parts = []
    for k, name in enumerate(x):
        parts.append(f'<path class="grid" d="M{places[k]:.1f} {top}V{height - bottom}"/>')
        parts.append(
            f'<text class="tick" x="{places[k]:.1f}" y="{height - 6}" text-anchor="middle">{escape(name)}</text>'
        )
    for value in _round_values(low, high):
        parts.append(f'<path class="grid" d="M{left} {y_of(value):.1f}H{places[-1]:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{left - 6}" y="{y_of(value) + 4:.1f}" text-anchor="end">{value:.{digits}f}</text>'
        )
    ends = _apart([y_of(line.values[-1]) for line in lines], 16)
    for line, end in zip(lines, ends, strict=True):
        points = " ".join(f"{px:.1f},{y_of(v):.1f}" for px, v in zip(places, line.values, strict=True))
        dots = "".join(
            f'<circle cx="{px:.1f}" cy="{y_of(v):.1f}" r="3"/>' for px, v in zip(places, line.values, strict=True)
        )
        parts.append(
            f'<g class="{line.kind or "peer"}"><polyline points="{points}"/>{dots}'
            f'<text class="name" x="{places[-1] + 9:.1f}" y="{end + 4:.1f}">{escape(line.label)}</text></g>'
        )
    spoken = "; ".join(
        f"{line.label}: " + ", ".join(f"{v:.{digits}f} at {n}" for n, v in zip(x, line.values, strict=True))
        for line in lines
    )
    return _svg(f"{title}. {spoken}", height, "".join(parts))


@dataclass(frozen=True)
class Span:
    """A stretch of a time line."""

    label: str
    milliseconds: float
    kind: str = ""


def time_line(title: str, spans: Sequence[Span]) -> str:
    """Stretches of time one after another, each with its length; the sum at the end."""
    total = sum(span.milliseconds for span in spans)
    left, parts = 0.0, []
    for k, span in enumerate(spans):
        # The last one's name comes first, so that no line to a name crosses another name.
        width, line = WIDTH * span.milliseconds / total, 58 + 24 * (len(spans) - 1 - k)
        parts.append(
            f'<g class="{span.kind or "peer"}"><rect x="{left:.1f}" y="4" width="{width - 2:.1f}" height="26" rx="2"/>'
            f'<path class="leader" d="M{left + 1:.1f} 30V{line - 5}H{left + 6:.1f}"/>'
            f'<text x="{left + 10:.1f}" y="{line}">{span.milliseconds:g} ms {escape(span.label)}</text></g>'
        )
        left += width
    spoken = ", ".join(f"{span.label} {span.milliseconds:g} ms" for span in spans)
    return _svg(f"{title}: {spoken}; {total:g} ms in all", 66 + 24 * (len(spans) - 1), "".join(parts))


def triangles(title: str, tips: Sequence[float], marks: Sequence[float], top: float) -> str:
    """Bands as triangles between neighbouring tips (Hz), first and last flat, on a scale that spaces them evenly."""
    height, base = 110, 88

    def x_of(hertz: float) -> float:
        # Which tip it is, or between which two.
        places = [0.0, *tips, top]
        k = next(k for k in range(len(places) - 1) if hertz <= places[k + 1])
        return WIDTH * (k + (hertz - places[k]) / (places[k + 1] - places[k])) / (len(places) - 1)

    parts, steps = [], [0.0, *tips, top]
    for k, (left, tip, right) in enumerate(zip(steps, tips, steps[2:], strict=False)):
        start = f"M0 6H{x_of(tip):.1f}" if k == 0 else f"M{x_of(left):.1f} {base}L{x_of(tip):.1f} 6"
        end = f"H{WIDTH}" if k == len(tips) - 1 else f"L{x_of(right):.1f} {base}"
        parts.append(f'<path class="band" d="{start}{end}"/>')
    parts.append(f'<path class="leader" d="M0 {base}H{WIDTH}"/>')
    for mark in marks:
        name = f"{mark / 1000:g} kHz" if mark >= 1000 else f"{mark:g} Hz"
        parts.append(f'<text class="tick" x="{x_of(mark):.1f}" y="{height - 4}" text-anchor="middle">{name}</text>')
    return _svg(f"{title}: {len(tips)} tips from {tips[0]:g} to {tips[-1]:g} Hz", height, "".join(parts))


def spectrogram(title: str, href: str, seconds: float, top_khz: float) -> str:
    """A picture of a sound, time to the right and frequency upwards, within its axes."""
    left, bottom, height = 48, 34, 214
    wide, tall = WIDTH - left - 2, height - bottom - 6
    box = f'x="{left}" y="6" width="{wide}" height="{tall}"'
    parts = [f'<image href="{escape(href)}" {box} preserveAspectRatio="none"/>']
    for khz in range(0, int(top_khz) + 1, 4):
        y = 6 + tall * (1 - khz / top_khz)
        parts.append(f'<path class="leader" d="M{left - 4} {y:.1f}H{left}"/>')
        parts.append(f'<text class="tick" x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{khz}</text>')
    for second in range(int(seconds) + 1):
        x = left + wide * second / seconds
        parts.append(f'<path class="leader" d="M{x:.1f} {6 + tall}v4"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{tall + 21}" text-anchor="middle">{second}</text>')
    parts.append(f'<text class="tick" x="{WIDTH}" y="{height - 1}" text-anchor="end">seconds</text>')
    turned = f"translate(11 {6 + tall / 2}) rotate(-90)"
    parts.append(f'<text class="tick" transform="{turned}" text-anchor="middle">kHz</text>')
    return _svg(f"Spectrogram. {title}. 0 to {top_khz:g} kHz, {seconds:.1f} seconds", height, "".join(parts))


def bands_rule(tips: Sequence[float]) -> str:
    """Draw the rule in the pages' header: a tick at the tip of each band, every tenth longer.

    The style sheet uses it as a mask, so that it takes the scheme's colour; it is stretched to the box it is put in.
    """
    short, long, long_every = 50, 100, 10
    ticks = "".join(
        f"M{1000 * tip / tips[-1]:g} 0V{long if band % long_every == 0 else short}" for band, tip in enumerate(tips)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="100" viewBox="0 0 1000 100" '
        'preserveAspectRatio="none">'
        f'<path d="M0 0H1000{ticks}" fill="none" stroke="#000" vector-effect="non-scaling-stroke"/></svg>'
    )


def _svg(spoken: str, height: float, content: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(spoken)}">{content}</svg>'
    )


def _round_values(low: float, high: float) -> list[float]:
    """Three to six round numbers between two."""
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if (high - low) / s <= 6)
    first = int(low / step) + (low > 0)
    return [k * step for k in range(first, int(high / step) + 1) if low <= k * step <= high]


def _apart(places: Sequence[float], least: float) -> list[float]:
    """Move places down until none is nearer than ``least`` to the one above it."""
    order = sorted(range(len(places)), key=lambda k: places[k])
    moved = list(places)
    for above, below in zip(order, order[1:], strict=False):
        moved[below] = max(moved[below], moved[above] + least)
    return moved
