"""Recordings for training: what is held out, skipped and denoised, and how talkers are weighted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from scenery import HELD_OUT, corpora, voice, write_corpus

from build_scripts.train.corpus import Clip, Corpus
from build_scripts.train.scenes import SceneMixer
from build_scripts.train.voices import Voices, worth
from percepnet_wasm.constants import SAMPLE_RATE

TONE = (0.1 * np.sin(np.arange(SAMPLE_RATE) / 9)).astype(np.float32)


def test_sources_are_kept_out_as_a_whole(tmp_path: Path) -> None:
    speech, noise = corpora(tmp_path)
    for corpus in (speech, noise):
        assert sum(clip.held_out for clip in corpus.clips) == 2
        assert all(clip.held_out == any(name in clip.source for name in HELD_OUT) for clip in corpus.clips)
    with pytest.raises(ValueError, match="no audio files"):
        Corpus([Path(__file__).parent], Path("unused"))
    nothing_kept_out = Corpus([tmp_path / "speech"], tmp_path / "cache")
    with pytest.raises(ValueError, match="no held-out speech"):
        Voices(nothing_kept_out, held_out=True)
    with pytest.raises(ValueError, match="no held-out noise"):
        SceneMixer(speech, Corpus([tmp_path / "noise"], tmp_path / "cache"), [], held_out=True)


def test_missing_and_corrupt_recordings_are_named_skipped_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Again each time the corpus is opened; the good ones are used."""
    folder = write_corpus(tmp_path / "noise", [({"class": "rain"}, TONE)] * 5)
    (folder / "1.wav").unlink()
    (folder / "2.wav").write_bytes(b"RIFF, and then nothing of the kind")
    sf.write(folder / "3.wav", np.zeros(100), SAMPLE_RATE)
    for _ in range(2):
        corpus = Corpus([folder], tmp_path / "cache")
        assert len(corpus.clips) == 2
        assert {Path(path).name for path in corpus.skipped} == {"1.wav", "2.wav", "3.wav"}
        said = capsys.readouterr().out
        assert "skipped 3 of 5 recordings" in said and "1.wav: the manifest names it, but it does not exist" in said
        np.testing.assert_allclose(corpus.samples(corpus.clips[1], 0, SAMPLE_RATE), TONE, atol=1e-4)


def test_a_corpus_without_any_good_recording_is_an_error(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path / "noise", [({}, TONE)])
    (folder / "0.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match="none of the 1 recordings"):
        Corpus([folder], tmp_path / "cache")


def test_music_with_vocals_is_no_noise(tmp_path: Path) -> None:
    rows = [{"class": "music", "speech_frac": share} for share in ("0.4", "0.01", "")]
    rows.append({"class": "crowd", "speech_frac": "0.4"})
    corpus = Corpus([write_corpus(tmp_path / "noise", [(row, TONE) for row in rows])], tmp_path / "cache")
    assert [Path(path).name for path in corpus.skipped] == ["0.wav"]
    assert [clip.kind for clip in corpus.clips] == ["music", "music", "crowd"]


def test_recordings_are_resampled_and_folders_need_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "noise").mkdir()
    sf.write(tmp_path / "noise" / "a.wav", TONE, 16000)
    (clip,) = Corpus([tmp_path / "noise"], tmp_path / "cache").clips
    assert clip.length == 3 * SAMPLE_RATE and clip.bandwidth_hz == 8000
    assert clip.source == clip.speaker == str(tmp_path / "noise")


def test_targets_equal_the_recording_until_they_are_denoised(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    speech = voice(rng, 2.0)
    speech[SAMPLE_RATE // 2 : SAMPLE_RATE] = 0
    noisy = speech + 1e-3 * rng.standard_normal(len(speech)).astype(np.float32)
    folder = write_corpus(tmp_path / "speech", [({}, noisy)])
    corpus = Corpus([folder], tmp_path / "cache")
    (clip,) = corpus.clips
    recorded, target = corpus.pair(clip, 100, SAMPLE_RATE)
    np.testing.assert_array_equal(recorded, target)
    corpus.denoise_targets()
    recorded, target = corpus.pair(clip, 100, SAMPLE_RATE)
    np.testing.assert_array_equal(recorded, corpus.samples(clip, 100, SAMPLE_RATE))
    assert not np.array_equal(recorded, target)
    again = Corpus([folder], tmp_path / "cache")
    again.denoise_targets()
    np.testing.assert_array_equal(again.pair(clip, 100, SAMPLE_RATE)[1], target)


CLIP = Clip(0, 60 * SAMPLE_RATE, "piper", "a", "", 16000, 50, False)


def test_recordings_are_weighed_one_by_one_and_softly() -> None:
    """By noise floor and bandwidth, without a step."""
    floors = [worth(replace(CLIP, floor_db=floor)) for floor in np.arange(20, 60, 1.0)]
    assert (np.diff(floors) > 0).all() and np.diff(floors).max() < 0.2
    assert floors[0] < 0.4 and floors[-1] > 1.9
    assert worth(replace(CLIP, bandwidth_hz=7000)) == worth(replace(CLIP, bandwidth_hz=8000)) < worth(CLIP)


def test_one_bad_recording_does_not_cost_a_talker_the_good_ones() -> None:
    """The only hour of wide-band sentences must not count as noisy for its worst minute."""

    class Recordings:
        clips = [CLIP] * 10 + [replace(CLIP, speaker="b")] * 10 + [replace(CLIP, speaker="b", floor_db=15)]

    chance = Voices(Recordings()).chance  # type: ignore[arg-type]
    assert chance[1] >= chance[0]


def test_talkers_with_sentences_are_the_majority() -> None:
    """However many there are with single words."""

    class Recordings:
        clips = [replace(CLIP, speaker=f"w{k}", source="gcompris") for k in range(30)] + [CLIP]

    voices = Voices(Recordings())  # type: ignore[arg-type]
    assert voices.chance[voices.names.index("a")] == pytest.approx(0.75)
