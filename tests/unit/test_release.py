"""One command puts a model in place and updates what depends on its weights."""

from pathlib import Path

import pytest
import torch

from build_scripts.evaluate.release import commands, current, put_in_place
from build_scripts.train.export import to_model
from build_scripts.train.model import TIERS, PercepNet
from percepnet_wasm.model_file import Model
from percepnet_wasm.signal.features import FEATURES


def write(path: Path, tier: str = "c10", quantised: bool = True) -> Path:
    """A model file of a tier with random weights."""
    network = PercepNet(TIERS[tier], torch.zeros(FEATURES), torch.ones(FEATURES))
    path.write_bytes(to_model(network, {"from": "a test"}, quantised).to_bytes())
    return path


def test_a_model_goes_to_the_place_of_its_tier(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    old = write(tmp_path / "models" / "c10.pnw")
    before = old.read_bytes()
    new = write(tmp_path / "trained.pnw")
    model = put_in_place(new, tmp_path / "models")
    assert model.tier == "c10" and old.read_bytes() == new.read_bytes() != before
    assert put_in_place(old, tmp_path / "models").sha256 == model.sha256, "one that lies there already stays"


def test_models_that_cannot_ship_are_refused(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    shipped = write(tmp_path / "models" / "c10.pnw")
    before = shipped.read_bytes()
    with pytest.raises(ValueError, match="float32 weights"):
        put_in_place(write(tmp_path / "float.pnw", quantised=False), tmp_path / "models")
    with pytest.raises(ValueError, match="is a c20, but c10 ship"):
        put_in_place(write(tmp_path / "other.pnw", "c20"), tmp_path / "models")
    assert shipped.read_bytes() == before


def test_scores_of_the_weights_before_go_and_all_others_stay(tmp_path: Path) -> None:
    model = Model.load(write(tmp_path / "c10.pnw"))
    rows = [
        {"tier": "c10", "sha256": "old"},
        {"tier": "c10", "sha256": model.sha256},
        {"tier": "c20", "sha256": "other"},
        {"tier": "", "variant": "noisy"},
    ]
    assert current({"ours": rows, "peers": {"dev": {}}}, model) == {"ours": rows[1:], "peers": {"dev": {}}}


def test_what_is_renewed(tmp_path: Path) -> None:
    """Scores come before the tables; the pictures and losses are the default tier's."""
    small, default = Model.load(write(tmp_path / "c10.pnw")), Model.load(None)
    modules = lambda *args: [command[0].rsplit(".", 1)[1] for command in commands(*args)]  # noqa: E731
    place, sets, compare = tmp_path / "x.pnw", [Path("bench/dev"), Path("bench/calls")], Path("compare.py")
    assert modules(default, place, [], None) == ["golden", "before_after", "tables"]
    assert modules(small, place, [], None) == ["golden", "tables"]
    assert modules(small, place, sets, compare) == ["golden", "evaluate", "tables"]
    everything = commands(default, place, sets, compare)
    assert modules(default, place, sets, compare) == [
        "golden", "before_after", "evaluate", "over_suppression", "spectrograms", "tables",
    ]  # fmt: skip
    assert "c20-int8-full-dev" in everything[4][2], "the folder that evaluate writes"
