"""Folders of files: every file in its place, on several processes or a cluster, and what fails fails alone."""

import numpy as np
import pytest
import soundfile
from signals import noise, speech_like

from percepnet_wasm import cli, enhance
from percepnet_wasm.constants import SAMPLE_RATE
from percepnet_wasm.errors import AudioFileError
from percepnet_wasm.files.folders import Settings, enhance_folder, enhance_one, pairs

NAMES = ("a.wav", "deep/er/b.flac", "deep/c.WAV")


@pytest.fixture
def corpus(tmp_path):
    """Three short audio files, one of them deeply nested, and one file that is not audio."""
    for number, name in enumerate(NAMES):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, speech_like(0.4, number) + noise(0.4, 0.02, number), SAMPLE_RATE, "PCM_24")
    (tmp_path / "in" / "notes.txt").write_text("no audio")
    return tmp_path / "in"


def check_all(corpus, out):
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == sorted(NAMES)
    for name in NAMES:
        noisy, _ = soundfile.read(corpus / name, dtype="float32")
        enhanced, rate = soundfile.read(out / name, dtype="float32")
        assert rate == SAMPLE_RATE
        np.testing.assert_allclose(enhanced, enhance(noisy), atol=1e-5)


def test_every_file_is_enhanced_into_its_place(corpus, tmp_path):
    assert cli.main(["enhance", str(corpus), str(tmp_path / "out"), "--jobs", "2"]) == 0
    check_all(corpus, tmp_path / "out")


def test_a_bad_file_fails_alone_and_is_named(corpus, tmp_path, capsys):
    (corpus / "broken.wav").write_bytes(b"RIFF....WAVE")
    assert cli.main(["enhance", str(corpus), str(tmp_path / "out"), "--jobs", "2"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert any(line.startswith("not enhanced: ") and "broken.wav cannot be read" in line for line in said)
    assert any(line.endswith("notes.txt: .txt is not a supported audio format") for line in said)
    assert said[-1].startswith(f"wrote 3 files to {tmp_path / 'out'}: 1.2 s in ")
    check_all(corpus, tmp_path / "out")


def test_settings_travel(corpus, tmp_path):
    outcome = enhance_folder(corpus, tmp_path / "out", Settings(attenuation_limit_db=0), jobs=1)
    assert len(outcome.done) == 3 and not outcome.failed
    noisy, _ = soundfile.read(corpus / "a.wav")
    enhanced, _ = soundfile.read(tmp_path / "out" / "a.wav")
    np.testing.assert_allclose(enhanced, noisy, atol=1e-5)


def test_impossible_folders(corpus, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioFileError, match="contains no audio files"):
        pairs(tmp_path / "empty", tmp_path / "out")
    for overlapping in (corpus, corpus / "enhanced", tmp_path):
        with pytest.raises(AudioFileError, match="overlap"):
            pairs(corpus, overlapping)
    with pytest.raises(AudioFileError, match="is not a folder"):
        pairs(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(SystemExit):
        cli.main(["enhance", str(corpus), str(tmp_path / "out"), "--jobs", "0"])


def test_the_recipe_for_dask_runs_on_its_local_cluster(corpus, tmp_path):
    from distributed import Client, LocalCluster, wait

    sources, targets = zip(*pairs(corpus, tmp_path / "out"), strict=True)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        futures = client.map(enhance_one, sources, targets, settings=Settings(), retries=1)
        wait(futures, timeout=120)
        assert [future.status for future in futures] == ["finished"] * len(NAMES)
    check_all(corpus, tmp_path / "out")
