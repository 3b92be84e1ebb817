"""Install a model and update everything that depends on its weights: ``python -m build_scripts.evaluate.release FILE``.

FILE becomes ``percepnet_wasm/models/TIER.pnw``. The golden output and every table are updated, and for the default
tier the README's sample. With ``--sets`` and ``--compare`` (see :mod:`build_scripts.evaluate`), so are the scores,
and for the default tier the losses of clear speech and the pictures, both of the first set. Hashes of what is served
are made by the build. ``make model FILE=...`` calls this.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import percepnet_wasm
from build_scripts import RESULTS
from build_scripts.records import write_records
from percepnet_wasm.model_file import DEFAULT_TIER, Model

__all__ = ["commands", "current", "put_in_place"]

MODELS = Path(percepnet_wasm.__file__).parent / "models"
WORK = Path("build/evaluation")


def put_in_place(file: Path, models: Path = MODELS) -> Model:
    """Copy a model file to where its tier lies.

    Raises
    ------
    ValueError
        It holds float32 weights, or is of a tier that does not ship.
    """
    model = Model.load(file)
    if not model.quantised:
        raise ValueError(f"{file} holds float32 weights: export it without --float")
    place = models / f"{model.tier}.pnw"
    if not place.exists():
        shipped = ", ".join(sorted(path.stem for path in models.glob("*.pnw")))
        raise ValueError(f"{file} is a {model.tier}, but {shipped} ship: export one of these tiers")
    if place.resolve() != file.resolve():
        shutil.copyfile(file, place)
    return model


def current(evaluation: dict[str, Any], model: Model) -> dict[str, Any]:
    """Scores without those of the tier's earlier weights."""
    ours = [row for row in evaluation["ours"] if row["tier"] != model.tier or row.get("sha256") == model.sha256]
    return evaluation | {"ours": ours}


def commands(model: Model, place: Path, sets: list[Path], compare: Path | None) -> list[list[str]]:
    """The modules to run, in order, as arguments of Python's ``-m``."""
    first = [["build_scripts.evaluate.golden"]]
    if model.tier == DEFAULT_TIER:
        first.append(["build_scripts.site.before_after"])
    last = ["build_scripts.site.tables"]
    if not sets:
        return [*first, last]
    folders = [str(folder) for folder in sets]
    scores = ["build_scripts.evaluate", *folders, "--compare", str(compare), "--models", str(place)]
    made = [*first, [*scores, "--out", str(WORK)]]
    if model.tier == DEFAULT_TIER:
        enhanced = WORK / f"{model.tier}-int8-full-{sets[0].name}"
        over = RESULTS / "over_suppression.json"
        made.append(["build_scripts.evaluate.over_suppression", folders[0], "--model", str(place), "--out", str(over)])
        made.append(["build_scripts.site.spectrograms", folders[0], str(enhanced), str(RESULTS)])
    return [*made, last]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="from build_scripts.train.export")
    parser.add_argument("--sets", type=Path, nargs="*", default=[], help="folders with noisy/ and clean/")
    parser.add_argument("--compare", type=Path, help="script that scores enhanced files and other systems")
    args = parser.parse_args()
    if args.sets and not args.compare:
        parser.error("--sets needs --compare, the script that scores")
    try:
        model = put_in_place(args.file)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    place, kept = MODELS / f"{model.tier}.pnw", RESULTS / "evaluation.json"
    if args.sets:
        WORK.mkdir(parents=True, exist_ok=True)
        scores = current(json.loads(kept.read_text()), model)
        write_records(WORK / "evaluation.json", scores, levels=2)
    *updates, tables = commands(model, place, args.sets, args.compare)
    for command in updates:
        subprocess.run([sys.executable, "-m", *command], check=True)
    if args.sets:
        shutil.copyfile(WORK / "evaluation.json", kept)
    subprocess.run([sys.executable, "-m", *tables], check=True)
    if not args.sets:
        print(f"{place} is in place; its scores are still those of the previous weights: pass --sets and --compare")


if __name__ == "__main__":
    main()
