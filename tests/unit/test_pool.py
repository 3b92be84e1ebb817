"""The rolling pool of scenes: each is read four times at most, then its shard is deleted; nothing is made twice."""

import threading
from pathlib import Path

import numpy as np
import pytest

from build_scripts.train import pool as pools
from build_scripts.train.pool import MOST_READS, Pool, Rows, hours, write_shards
from build_scripts.train.scenes import FRAMES, PIECE


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four scenes a shard, and no waiting."""
    monkeypatch.setattr(pools, "SHARD", 4)
    monkeypatch.setattr(pools, "_WAIT_S", 0.01)


def scene(rng: np.random.Generator) -> np.ndarray:
    """A scene of one column: its own random number, and the frame."""
    return np.stack((np.full(FRAMES, rng.random()), np.arange(FRAMES)), 1).astype(np.float16)


def names(folder: Path) -> list[str]:
    """Shards on disk."""
    return sorted(path.name for path in folder.glob("*.npy"))


def test_no_scene_is_read_more_than_four_times_and_shards_are_deleted_after_that(tmp_path: Path) -> None:
    write_shards(scene, tmp_path, 0, 100, 2)
    pool, rng = Pool(tmp_path, patience_s=0), np.random.default_rng(0)
    read: dict[float, int] = {}
    for _ in range(MOST_READS * 8):
        number = float(pool.take(rng)[0, 0])
        read[number] = read.get(number, 0) + 1
    assert len(read) == 8 and set(read.values()) == {MOST_READS}
    assert names(tmp_path) == []
    with pytest.raises(TimeoutError, match="is build_scripts.train.generate running"):
        pool.take(rng)


def test_a_writer_that_is_started_again_makes_new_scenes(tmp_path: Path) -> None:
    """Though its old shards are gone by then."""
    made = []
    for _ in range(3):
        write_shards(scene, tmp_path, 7, 100, 1)
        (path,) = tmp_path.glob("*.npy")
        made.append(np.load(path)[:, 0, 0])
        path.unlink()
    assert len(np.unique(made)) == 12


def test_a_writer_waits_while_the_folder_is_full(tmp_path: Path) -> None:
    room_for_two = hours(2 * 4 * FRAMES)
    writer = threading.Thread(target=write_shards, args=(scene, tmp_path, 0, room_for_two, 3), daemon=True)
    writer.start()
    writer.join(1)
    assert writer.is_alive() and len(names(tmp_path)) == 2
    (tmp_path / names(tmp_path)[0]).unlink()
    writer.join(60)
    assert not writer.is_alive() and len(names(tmp_path)) == 2


def test_a_reader_waits_for_a_writer(tmp_path: Path) -> None:
    pool = Pool(tmp_path, patience_s=60)
    later = threading.Timer(0.1, write_shards, (scene, tmp_path, 0, 100, 1))
    later.start()
    assert pool.take(np.random.default_rng(0)).shape == (FRAMES, 2)
    later.join()


def test_corrupt_shards_are_named_and_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shards(scene, tmp_path, 0, 100, 1)
    (tmp_path / "000-000009.npy").write_bytes(b"half a file")
    pool = Pool(tmp_path)
    assert pool.refresh() == 4 and list(pool.corrupt) == ["000-000009.npy"]
    assert "000-000009.npy" in capsys.readouterr().out


def test_counts_of_reads_go_on(tmp_path: Path) -> None:
    """A trainer that is started again reads no scene more often either."""
    write_shards(scene, tmp_path, 0, 100, 1)
    rng = np.random.default_rng(0)
    before = Pool(tmp_path)
    for _ in range(10):
        before.take(rng)
    after = Pool(tmp_path, before.reads, patience_s=0)
    for _ in range(MOST_READS * 4 - 10):
        after.take(rng)
    assert names(tmp_path) == []


def test_rows_go_through_their_scenes_piece_by_piece(tmp_path: Path) -> None:
    write_shards(scene, tmp_path, 0, 100, 6)
    rows = Rows(Pool(tmp_path), 5, np.random.default_rng(0))
    before = None
    fresh = []
    for _ in range(9):
        batch, begins = rows.next()
        assert batch.shape == (5, PIECE, 2) and batch.dtype == np.float32
        for k in range(5):
            if before is not None and not begins[k]:
                assert batch[k, 0, 0] == before[k, -1, 0], "the same scene"
                assert batch[k, 0, 1] > before[k, -1, 1], "continues"
            elif before is not None:
                assert batch[k, 0, 1] == 0, "another scene from its beginning"
        before = batch
        fresh.append(begins)
    assert fresh[0].all()
    assert len({tuple(np.flatnonzero(column)) for column in np.array(fresh).T}) > 1, "rows do not begin together"
