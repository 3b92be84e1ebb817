"""Damaged and forged sound files: a clear error or a good result, little memory, and no existing file is lost."""

import io
import resource
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from damage import bounded, damaged
from hostile import JUNK, covers, examples, sounds
from hypothesis import assume, given
from hypothesis import strategies as st
from models import random_model

from percepnet_wasm import Enhancer
from percepnet_wasm.errors import AudioFileError
from percepnet_wasm.files import audio, folders
from percepnet_wasm.files.folders import Settings
from percepnet_wasm.files.reading import SoundReader
from percepnet_wasm.oracle import evaluation, figures, report

MODEL = random_model()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all examples of a property."""
    return tmp_path_factory.mktemp("hostile")


def _audio(container, subtype, rate=16000, channels=2):
    tones = np.sin(np.arange(6000)[:, None] * [0.1, 0.2][:channels])
    file = io.BytesIO()
    soundfile.write(file, 0.5 * tones, rate, format=container, subtype=subtype)
    return file.getvalue()


AUDIO = {
    "wav": [
        _audio("WAV", "PCM_16"), _audio("WAV", "FLOAT", 48000, 1), _audio("WAV", "MS_ADPCM"), _audio("RF64", "PCM_24"),
        # The content determines what a file is.
        _audio("AIFF", "PCM_16"), _audio("CAF", "PCM_16"), _audio("MP3", "MPEG_LAYER_III"),
    ],
    "flac": [_audio("FLAC", "PCM_16"), _audio("FLAC", "PCM_24", 44100, 1)],
    "ogg": [_audio("OGG", "VORBIS"), _audio("OGG", "OPUS")],
}  # fmt: skip


@covers("files.audio.enhance_file", "files.audio.read_mono", "files.audio.Enhanced", "files.output.created",
        "files.output.check_target", "files.reading.opened", "files.reading.checked", "files.reading.SoundReader",
        "files.reader.Reader", "files.reader.TruncatedFileError", "files.wav.WavHeader", "files.wav.read_header",
        "files.wav.Body")  # fmt: skip
@pytest.mark.parametrize("suffix", AUDIO)
@examples(50)
@given(data=st.data(), salvage=st.booleans())
def test_a_damaged_audio_file_is_refused_or_enhanced_and_loses_nothing(folder, suffix, data, salvage):
    source, target = folder / f"in.{suffix}", folder / f"out.{suffix}"
    source.write_bytes(data.draw(damaged(AUDIO[suffix])))
    target.write_bytes(b"precious")
    with bounded():
        try:
            audio.enhance_file(
                source,
                target,
                lambda block: Enhancer(MODEL, block=block, kernel="numpy"),
                overwrite=True,
                salvage=salvage,
            )
        except AudioFileError as error:
            assert source.name in str(error) or target.name in str(error)
            assert ": " in str(error), "no remedy"
            assert target.read_bytes() == b"precious"
        else:
            heard = soundfile.info(source)
            assert soundfile.info(target).samplerate == heard.samplerate
        try:
            samples, rate = audio.read_mono(source)
            assert np.isfinite(samples).all() and rate > 0
        except AudioFileError as error:
            assert source.name in str(error)
    assert {path.name for path in folder.iterdir()} <= {f"{n}.{s}" for n in ("in", "out") for s in AUDIO}


def test_a_file_whose_header_alone_is_sound_does_not_empty_the_output(tmp_path, monkeypatch):
    """Found by make fuzz in a damaged FLAC file: libsndfile reads nothing, and calls that the end."""
    source, target = tmp_path / "in.flac", tmp_path / "out.flac"
    source.write_bytes(_audio("FLAC", "PCM_16"))
    target.write_bytes(b"precious")
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: np.zeros((0, 2), np.float32))
    with pytest.raises(AudioFileError, match=r"in\.flac is truncated after 0\.0 s of 0\.4 s: copy it again$"):
        audio.enhance_file(
            source, target, lambda block: Enhancer(MODEL, block=block, kernel="numpy"), overwrite=True, salvage=True
        )
    assert target.read_bytes() == b"precious"


def _wav(rate=48000, channels=1, frames=100):
    """A WAV header that may lie, before little."""
    data = bytes(2 * channels * frames)
    layout = struct.pack("<HHIIHH", 1, channels, rate, (rate * channels * 2) % 2**32, channels * 2 % 65536, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_wav(rate=1), r"has a sample rate of 1 Hz: resample it to between 1000 and 1000000 Hz"),
        (_wav(rate=2**31 - 1), r"Hz: resample it to between 1000 and 1000000 Hz|cannot be read as audio"),
        (_wav(channels=1000, frames=10), r"has 1000 channels, more than the 64 supported"),
    ],
    ids=["a sample a second", "two thousand million a second", "a thousand channels"],
)
def test_a_header_cannot_ask_for_memory_or_time(tmp_path, content, words):
    (tmp_path / "in.wav").write_bytes(content)
    with bounded(), pytest.raises(AudioFileError, match=words):
        audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", lambda block: Enhancer(MODEL, block=block))


FULL_DISK = """
import resource, sys
from pathlib import Path
from percepnet_wasm.cli import main

folder, suffix, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(["enhance", str(folder / f"in.{suffix}"), str(folder / f"out.{suffix}"), "--kernel", "numpy",
               "--force"]))
"""


@pytest.mark.parametrize("suffix", AUDIO)
@pytest.mark.parametrize("share", [0.1, 0.97])
def test_a_full_disk_leaves_the_old_output_even_if_only_the_last_bytes_do_not_fit(tmp_path, suffix, share):
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    soundfile.write(source, np.random.default_rng(1).normal(0, 0.1, 20000), 48000)
    # Of noise that is lowered, a compressed file is smaller: the limit is a share of what would be written.
    audio.enhance_file(source, target, Settings(kernel="numpy").make_enhancer)
    limit = int(share * target.stat().st_size)
    target.write_bytes(b"precious")
    command = [sys.executable, "-c", FULL_DISK, tmp_path, suffix, str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr and "is the disk full?" in done.stderr and "Traceback" not in done.stderr
    assert target.read_bytes() == b"precious"
    assert {path.name for path in tmp_path.iterdir()} == {source.name, target.name}


def test_many_channels_at_a_high_rate_are_read_in_small_blocks(tmp_path):
    soundfile.write(tmp_path / "in.wav", np.zeros((200_000, 32), np.float32), 192000)
    with soundfile.SoundFile(tmp_path / "in.wav") as reader:
        largest = max(block.size for block in SoundReader(reader, "in.wav").blocks())
    assert largest <= 1 << 20


@covers("files.audio.resample", "files.output.write_wav")
@examples(25)
@given(sounds(2), st.sampled_from([8000, 44100, 48000]), st.sampled_from([8000, 16000, 48000]), JUNK)
def test_resampled_and_written_is_read_back(folder, samples, rate, to, junk):
    path = folder / "out.wav"
    audio.write_wav(path, samples, rate)
    read, read_rate = audio.read_mono(path) if np.abs(samples).max() <= 32 else (samples, rate)
    np.testing.assert_array_equal(read, samples)
    assert read_rate == rate
    assert audio.resample(samples, rate, to, 77).shape == (77,)
    assume(not (isinstance(junk, int) and 1000 <= junk <= 10**6))
    for call in (lambda: audio.resample(samples, junk, to), lambda: audio.resample(samples, rate, junk)):
        with pytest.raises(ValueError, match="(?s)(rate|to) must be a whole number of hertz"):
            call()
    before = path.read_bytes()
    with pytest.raises((TypeError, ValueError), match="signal must be (finite|of shape|floating)"):
        audio.write_wav(path, np.append(samples, np.float32("nan")), rate)
    with pytest.raises(AudioFileError, match="cannot be written .*: does the folder exist"):
        audio.write_wav(folder / "missing" / "out.wav", samples, rate)
    assert path.read_bytes() == before


@covers("files.folders.pairs", "files.folders.enhance_one", "files.folders.enhance_folder",
        "files.folders.left_out", "files.folders.Outcome",
        "settings.Settings", "files.formats.known", "files.formats.is_media")  # fmt: skip
@examples(30)
@given(JUNK)
def test_invalid_folders_and_jobs_are_named(folder, junk):
    for name, call in (
        ("jobs", lambda: folders.enhance_folder(folder, folder.parent / "out", Settings(kernel="numpy"), junk)),
        ("source", lambda: folders.pairs(junk, folder)),
        ("target", lambda: folders.pairs(folder, junk)),
    ):
        if name == "jobs" and (junk is None or (type(junk) is int and junk > 0)):
            continue
        if name == "target" and isinstance(junk, str) and junk:
            continue
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        text = str(caught.value)
        assert name in text or repr(junk) in text or str(junk) in text
    with pytest.raises(AudioFileError):
        folders.enhance_one(folder / "missing.wav", folder / "never" / "out.wav", Settings(kernel="numpy"))


@covers("oracle.evaluation.score", "oracle.evaluation.mean_scores", "oracle.evaluation.score_table")
@examples(5)
@given(sounds(40, level=st.sampled_from([0.1, 1.0])), sounds(40, level=st.sampled_from([1e-12, 0.1, 32768.0])))
def test_scores_are_numbers_or_none_and_make_a_table(clean, enhanced):
    scores = evaluation.score(clean, enhanced, dnsmos=False)
    assert set(scores) == set(evaluation.SCORES)
    assert all(value is None or np.isfinite(value) for value in scores.values())
    means = evaluation.mean_scores([scores, scores])
    assert all(means[name] == pytest.approx(value) for name, value in scores.items() if value is not None)
    table = evaluation.score_table({"one": scores, "mean": means})
    assert len({len(line) for line in table.splitlines()}) == 1


@covers("oracle.report.read_pair", "oracle.report.write_ladder", "oracle.figures.draw_all", "oracle.figures.draw_bands",
        "oracle.figures.draw_comb", "oracle.figures.draw_gains", "oracle.figures.draw_grid",
        "oracle.figures.draw_spectrograms", "oracle.figures.spectrogram")  # fmt: skip
@examples(1)
@given(sounds(60, level=st.sampled_from([1e-4, 1.0])), sounds(60, level=st.sampled_from([1e-4, 1.0])))
def test_strange_pairs_are_reported_and_drawn(tmp_path_factory, clean, noisy):
    out = tmp_path_factory.mktemp("report")
    for name, signal in (("clean", clean), ("noisy", noisy)):
        audio.write_wav(out / f"{name}.wav", signal, 48000)
    pair = out / "clean.wav", out / "noisy.wav"
    assert report.read_pair(*pair)[2] == 48000
    record = report.write_ladder(*pair, out / "ladder", scores=False)
    assert record["seconds"] == pytest.approx(0.6)
    assert len(list((out / "ladder").glob("*.png"))) == 4
    for drawing in (out / "ladder").glob("*.png"):
        assert drawing.stat().st_size > 5000
    levels = figures.spectrogram(noisy, 6000)
    assert np.isfinite(levels).all() and levels.shape[0] == 256


def test_memory_of_the_process_stays_small():
    """All of the above in one process: no leak that tracemalloc cannot see (torch and other tests' data included)."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3_000_000  # kB
