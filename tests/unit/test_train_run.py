"""A training run: its schedule, what stops it, how it resumes, and what the trainer's command leaves behind."""

import csv
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scenery import corpora

from build_scripts.train import pool as pools
from build_scripts.train import train
from build_scripts.train.dataset import WIDTH, example, row, split
from build_scripts.train.export import to_model
from build_scripts.train.inputs import Inputs
from build_scripts.train.model import TIERS, PercepNet, Size, from_checkpoint
from build_scripts.train.pool import write_shards
from build_scripts.train.run import Diverged, Run, checkpoint, learning_rate, resume, train_step
from build_scripts.train.scenes import FRAMES, PIECE, SceneMixer
from percepnet_wasm.layers import WEIGHT_LIMIT
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import ENERGY_FLOOR, FEATURE_SETS, FEATURES
from percepnet_wasm.signal.levels import relative_levels

SMALL = Size(16, 24, 24, 8)
SILENCE = np.float32(np.log10(ENERGY_FLOOR))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a shard of two scenes."""
    root = tmp_path_factory.mktemp("shards")
    mixer = SceneMixer(*corpora(root / "audio"), [])
    plan = {"snr": 10.0, "pause_first": 0.1, "microphone_level": -26.0}
    made = [mixer.make(np.random.default_rng(k), plan) for k in range(2)]
    folder = root / "pool"
    folder.mkdir()
    np.save(folder / "000-000000.npy", np.stack([row(example(scene)) for scene in made]))
    return folder


def batch(shards: Path, frames: int = 100) -> dict[str, torch.Tensor]:
    """The beginning of both scenes."""
    columns = np.load(shards / "000-000000.npy")[:, 100 : 100 + frames].astype(np.float32)
    target = {name: torch.from_numpy(value.copy()) for name, value in split(columns).items()}
    return target | {"inputs": target["features"], "fresh": torch.ones(len(columns))}


def small_run(target: dict[str, torch.Tensor], steps: int = 100) -> Run:
    """A run of a small network."""
    torch.manual_seed(0)
    flat = target["features"].reshape(-1, FEATURES)
    return Run.start(PercepNet(SMALL, flat.mean(0), flat.std(0) + 1e-3), steps)


def test_the_rate_warms_up_and_ends_on_the_foot_of_a_cosine() -> None:
    rates = [learning_rate(step, 1000, 1e-3) for step in range(1001)]
    assert rates[0] == pytest.approx(1e-5)
    assert max(rates) == pytest.approx(1e-3, rel=0.03) and 90 < int(np.argmax(rates)) < 110
    assert rates[1000] == pytest.approx(2e-5)
    assert (np.diff(rates[100:]) <= 0).all()


def test_a_network_learns_and_its_weights_stay_in_range(shards: Path) -> None:
    target = batch(shards)
    run = small_run(target, 60)
    values = []
    for _ in range(60):
        parts = train_step(run, target, run.model.initial_state(2), 1e-2)
        values.append(parts["gain"] + parts["spectrum"])
    assert values[-1] < 0.6 * values[0]
    assert max(w.abs().max() for w in run.model.weights()) <= WEIGHT_LIMIT
    assert run.step == 60 and run.frames == 60 * 200
    assert run.model.quantise, "the end of a training knows that weights are rounded"


def weights(model: PercepNet) -> torch.Tensor:
    """All of the weights, copied."""
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])


def test_a_run_that_diverges_stops_and_keeps_its_weights(shards: Path) -> None:
    target = batch(shards)
    run = small_run(target)
    train_step(run, target, run.model.initial_state(2), 1e-3)
    before, average = weights(run.model), weights(run.average)
    with pytest.raises(Diverged, match="step 1: the loss is nan"):
        train_step(run, target | {"gain": target["gain"] * math.nan}, run.model.initial_state(2), 1e-3)
    run.typical = 1e-3
    with pytest.raises(Diverged, match="over 3 times"):
        for _ in range(30):
            train_step(run, target, run.model.initial_state(2), 0.0)
    torch.testing.assert_close(weights(run.model), before, rtol=0, atol=0)
    assert torch.isfinite(average).all() and torch.isfinite(weights(run.average)).all()


def test_a_run_goes_on_with_its_rate_averages_and_counts(shards: Path, tmp_path: Path) -> None:
    """As if it had never stopped."""
    target = batch(shards)
    whole, first = small_run(target), small_run(target)
    for run, steps in ((whole, 6), (first, 3)):
        for step in range(steps):
            torch.manual_seed(step)  # the noise is drawn again
            train_step(run, target, run.model.initial_state(2), 1e-3)
    first.reads = {"000-000000.npy": [3, 2]}
    checkpoint(first, tmp_path)
    again = resume(tmp_path)
    assert again is not None and again.reads == first.reads and (again.step, again.frames) == (3, first.frames)
    rates = []
    for step in (3, 4, 5):
        torch.manual_seed(step)
        rates.append(train_step(again, target, again.model.initial_state(2), 1e-3)["rate"])
    assert rates == [learning_rate(step, 100, 1e-3) for step in (3, 4, 5)]
    for one, other in ((again.model, whole.model), (again.average, whole.average)):
        torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=1e-7)
    assert resume(tmp_path / "nothing") is None


def test_microphones_vary_the_level_but_leave_digital_silence(shards: Path) -> None:
    rng = np.random.default_rng(0)
    features = np.full((2, 10, FEATURES), -3, np.float32)
    features[:, 5:, :BANDS] = SILENCE
    inputs = Inputs(2, "paper", rng)
    one = inputs(features, np.ones(2, bool), np.ones(2, bool))
    assert np.abs(one[:, :5, :BANDS] + 3).max() > 0.1
    np.testing.assert_array_equal(one[:, 5:, :BANDS], SILENCE)
    np.testing.assert_array_equal(one[..., BANDS:], features[..., BANDS:])
    same = inputs(features, np.array([False, True]), np.zeros(2, bool))
    np.testing.assert_array_equal(same[0], one[0], err_msg="a scene keeps its microphone")
    assert not np.array_equal(same[1], one[1])


def test_levels_continue_from_piece_to_piece_and_start_over_where_a_row_is_reset(shards: Path) -> None:
    """By the enhancer's own code."""
    features = split(np.load(shards / "000-000000.npy").astype(np.float32))["features"]
    inputs, none = Inputs(2, "levels"), np.zeros(2, bool)
    fresh = np.array([False, True])
    first = inputs(features[:, :PIECE], none, none)
    second = inputs(features[:, PIECE : 2 * PIECE], none, fresh)
    assert first.shape == (2, PIECE, FEATURE_SETS["levels"])
    whole = relative_levels(features[0, : 2 * PIECE, :BANDS])[0]
    np.testing.assert_array_equal(np.concatenate((first[0], second[0]))[:, FEATURES:], whole)
    again = relative_levels(features[1, PIECE : 2 * PIECE, :BANDS])[0]
    np.testing.assert_array_equal(second[1][:, FEATURES:], again)


@pytest.mark.parametrize("unrelated", [0.0, 1.0])
def test_rows_are_reset_at_new_scenes_or_go_on_into_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unrelated: float
) -> None:
    """A tenth of the rows is reset in each step in any case."""
    monkeypatch.setattr(pools, "SHARD", 40)
    write_shards(lambda rng: np.zeros((FRAMES, WIDTH), np.float16), tmp_path, 0, 100, 3)
    model = PercepNet(SMALL, torch.zeros(FEATURES), torch.ones(FEATURES))
    feed = train.Feed(pools.Pool(tmp_path), 40, model, "paper", np.random.default_rng(0), unrelated)
    assert feed.next()["fresh"].all()
    shares = []
    for _ in range(9):
        feed.state = {name: torch.ones_like(value) for name, value in feed.state.items()}
        fresh = feed.next()["fresh"]
        for value in feed.state.values():
            torch.testing.assert_close(value.flatten(1).mean(1), 1 - fresh)
        shares.append(fresh.mean().item())
    # A third of the rows begins a scene each time.
    assert (0.03 < np.mean(shares) < 0.12) if unrelated else (0.33 < np.mean(shares) < 0.5)


def command(monkeypatch: pytest.MonkeyPatch, shards: Path, out: Path, *more: str) -> None:
    """Run the trainer on a copy of the shards."""
    monkeypatch.setitem(TIERS, "c20", SMALL)
    if not (out / "pool").exists():
        shutil.copytree(shards, out / "pool")
    given = ["--pool", out / "pool", "--validate", shards, "--out", out / "run", "--batch", "2"]
    given += ["--log-every", "1", "--validate-every", "2", "--device", "cpu", *more]
    monkeypatch.setattr("sys.argv", ["train", *map(str, given)])
    train.main()


def test_the_command_trains_validates_exports_and_goes_on(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--features", "levels", "--bf16")
    command(monkeypatch, shards, tmp_path, "--steps", "2", *more)
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").open()))
    assert [r["step"] for r in rows] == ["1", "2"]
    assert float(rows[0]["train_gain"]) > 0 and float(rows[1]["valid_gain"]) > 0
    shipped = from_checkpoint(torch.load(tmp_path / "run" / "average.pt", weights_only=True))
    assert len(to_model(shipped, {}).feature_mean) == FEATURE_SETS["levels"]
    last = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    torch.save(last | {"steps": 4}, tmp_path / "run" / "last.pt")  # as if it had been stopped half way
    command(monkeypatch, shards, tmp_path, *more)
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").open()))
    assert [r["step"] for r in rows] == ["1", "2", "3", "4"]


def test_the_command_stops_when_a_run_diverges(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a message, and with the weights of its last checkpoint."""

    def diverge(run: Run, *_: object) -> dict[str, float]:
        if run.step == 2:
            raise Diverged("step 2: the loss is nan")
        return train_step(run, *_)  # type: ignore[arg-type]

    monkeypatch.setattr(train, "train_step", diverge)
    with pytest.raises(SystemExit, match="diverged, step 2.*holds the last good weights"):
        command(monkeypatch, shards, tmp_path, "--steps", "5")
    kept = resume(tmp_path / "run")
    assert kept is not None and kept.step == 2
