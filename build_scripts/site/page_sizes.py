"""What a page downloads, measured on the files of the very build."""

import zlib
from collections.abc import Mapping

from .page_results import SYSTEMS, downloads
from .tables import Table

__all__ = ["download_table", "gzipped_total"]

_PARTS = {
    "Python and its standard library": lambda name: name.startswith("runtime/pyodide") or name.endswith(".zip"),
    "NumPy": lambda name: name.startswith("runtime/numpy"),
    "the enhancer and its weights": lambda name: name.startswith("runtime/percepnet"),
    "worklet, worker and drop-in": lambda name: name.startswith("worklet/") and name.count("/") == 1,
}


def _sizes(plan: Mapping[str, bytes]) -> dict[str, tuple[int, int]]:
    """Bytes of each part, as they are and gzipped."""
    measured = {}
    for part, belongs in _PARTS.items():
        # The page's own loader is an ES module; pyodide.js is for others.
        files = [data for name, data in plan.items() if belongs(name) and name != "runtime/pyodide.js"]
        gzipped = sum(min(len(data), len(zlib.compress(data, 9))) for data in files)
        measured[part] = (sum(map(len, files)), gzipped)
    return measured


def gzipped_total(plan: Mapping[str, bytes]) -> int:
    """Bytes before the first enhanced sample."""
    return sum(gzipped for _, gzipped in _sizes(plan).values())


def download_table(plan: Mapping[str, bytes]) -> Table:
    """What a page fetches before the first enhanced sample, in megabytes, and the others' packages."""
    parts = _sizes(plan)
    totals = [sum(column) for column in zip(*parts.values(), strict=True)]
    rows = [[part, *_megabytes(*sizes)] for part, sizes in parts.items()]
    rows.append(["**this, in all**", *_megabytes(*totals)])
    for system, entry in downloads().items():
        rows.append([SYSTEMS[system], *_megabytes(entry["raw_bytes"], entry["gzip_bytes"])])
    return Table(["part", "MB", "MB gzipped"], rows)


def _megabytes(*sizes: int) -> list[str]:
    return [f"{size / 1e6:.2f}" for size in sizes]
