"""A training run's log, one line per record, and its plot."""

import csv
from pathlib import Path

import numpy as np

from .losses import PARTS

__all__ = ["Log"]


class Log:
    """Appends to OUT/log.csv and draws OUT/log.png.

    Parameters
    ----------
    path : Path
        ``log.csv``; a resumed run appends to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns = ["minutes", "step", "hours", "rate"]
        self.columns += [f"{s}_{p}" for s in ("train", "valid") for p in PARTS]
        self._recent: list[dict[str, float]] = []
        if not path.exists():
            path.write_text(",".join(self.columns) + "\n")

    def add(self, parts: dict[str, float]) -> None:
        """Take the parts of a step's loss."""
        self._recent.append(parts)

    def write(self, minutes: float, step: int, hours: float, valid: dict[str, float] | None = None) -> None:
        """Write one record: means since the last one, and what validation found."""
        row = {"minutes": f"{minutes:.2f}", "step": str(step), "hours": f"{hours:.1f}"}
        if self._recent:
            means = {name: float(np.mean([parts[name] for parts in self._recent])) for name in self._recent[0]}
            row["rate"] = f"{means.pop('rate'):.2e}"
            row |= {f"train_{name}": f"{value:.5f}" for name, value in means.items()}
        row |= {f"valid_{name}": f"{value:.5f}" for name, value in (valid or {}).items()}
        with self.path.open("a", newline="") as lines:
            csv.DictWriter(lines, self.columns).writerow(row)
        print(row, flush=True)
        self._recent = []

    def plot(self) -> None:
        """Draw the log, next to its file."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt
        from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

        rows = list(csv.DictReader(self.path.open()))
        figure, axes = plt.subplots(1, len(PARTS), figsize=(4 * len(PARTS), 3.5), layout="constrained")
        for axis, part in zip(axes, PARTS, strict=True):
            for name in ("train", "valid"):
                points = [(float(r["step"]), float(r[f"{name}_{part}"])) for r in rows if r[f"{name}_{part}"]]
                if points:
                    axis.plot(*zip(*points, strict=True), label=name)
            axis.set(title=f"{part} loss", xlabel="step", yscale="log")
            axis.yaxis.set_major_locator(LogLocator(subs=range(1, 10)))  # a loss rarely spans a decade
            axis.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
            axis.yaxis.set_minor_locator(NullLocator())
            axis.legend()
        figure.savefig(self.path.with_suffix(".png"), dpi=100)
        plt.close(figure)
