"""Picture typical and worst files: ``python -m build_scripts.typical_and_worst SET ENHANCED FOLDER``.

SET holds ``noisy/`` and ``clean/``, ENHANCED the files that ``build_scripts.evaluate`` wrote. FOLDER gets spectrograms
of the file with the median gain of PESQ (``typical.png``), of the one with the smallest (``least-pesq.png``), and of
the one that lost most intelligibility (``least-stoi.png``).
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile as sf

from percepnet_wasm.evaluation import Scores, score
from percepnet_wasm.figures import STYLE, Audio, draw_grid

_TOP_HZ = 12_000


def read(folder: Path, name: str) -> Audio:
    """Read ``name`` of a folder, whatever its suffix."""
    (path,) = folder.glob(f"{name}.*")
    return sf.read(path, dtype="float32")[0]


def chosen(noisy: dict[str, Scores], enhanced: dict[str, Scores]) -> dict[str, str]:
    """Name the file of each picture."""

    def by_gain(of: str) -> list[str]:
        before, after = ({n: rows[n][of] or 0.0 for n in noisy} for rows in (noisy, enhanced))  # undefined: worst
        gains = {n: after[n] - before[n] for n in noisy}
        return sorted(gains, key=gains.__getitem__)

    pesq = by_gain("pesq_wb")
    return {"typical": pesq[len(pesq) // 2], "least-pesq": pesq[0], "least-stoi": by_gain("stoi")[0]}


def main() -> None:
    """Parse the command line, score, choose and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("enhanced", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    names = sorted(path.stem for path in (args.set / "noisy").iterdir())
    sounds = {n: {"noisy": read(args.set / "noisy", n), "enhanced": read(args.enhanced, n)} for n in names}
    clean = {n: read(args.set / "clean", n) for n in names}
    scores = {
        kind: {n: score(clean[n], sounds[n][kind], dnsmos=False) for n in names} for kind in ("noisy", "enhanced")
    }
    args.folder.mkdir(parents=True, exist_ok=True)
    for picture, name in chosen(**scores).items():
        titles = {}
        for kind, rows in scores.items():
            titles[f"{kind}: PESQ {rows[name]['pesq_wb']:.2f}, STOI {rows[name]['stoi']:.2f}"] = sounds[name][kind]
        with mpl.rc_context(STYLE):
            figure = draw_grid(titles | {f"clean ({name})": clean[name]}, (1, 3), _TOP_HZ)
            figure.savefig(args.folder / f"{picture}.png", dpi=80)
        print(f"{picture}: {name}, PESQ {np.round([scores[k][name]['pesq_wb'] for k in scores], 2)}")


if __name__ == "__main__":
    main()
