"""Audio files: any rate, channels and sample format, length and place kept, memory bounded, clear refusals."""

import sys
import tracemalloc

import numpy as np
import pytest
import soundfile
from signals import noise, speech_like

from percepnet_wasm import Enhancer, enhance
from percepnet_wasm.constants import DELAY, SAMPLE_RATE
from percepnet_wasm.errors import AudioFileError, MissingExtraError
from percepnet_wasm.files import audio
from percepnet_wasm.files import output as file_output


class DelayLine:
    """An enhancer that changes nothing: what remains is the work of the file layer."""

    def __init__(self, block):
        self.block = block
        self.memory = np.zeros(DELAY, np.float32)

    def process(self, samples):
        assert samples.dtype == np.float32 and samples.shape == (480 * self.block,)
        heard = np.concatenate((self.memory, samples))
        self.memory = heard[-DELAY:]
        return heard[: len(samples)]


def tones(length, rate, channels):
    """One sine per channel, faded in and out, so that a resampler has nothing to smear."""
    time = np.arange(length) / rate
    fade = np.sin(np.pi * np.arange(length) / max(1, length)) ** 2
    return np.stack([0.4 * fade * np.sin(2 * np.pi * (440 + 310 * k) * time) for k in range(channels)], axis=1)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2])
def test_rate_channels_length_and_place_are_kept(tmp_path, rate, channels):
    signal = tones(2 * rate + 17, rate, channels)
    soundfile.write(tmp_path / "in.wav", signal, rate, "FLOAT")
    audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", DelayLine)
    result, result_rate = soundfile.read(tmp_path / "out.wav", always_2d=True)
    assert result_rate == rate and result.shape == signal.shape
    np.testing.assert_allclose(result, signal, atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("length", [1, 2, 479, 1441, 24000, 24001])
def test_every_length_is_kept(tmp_path, rate, length):
    soundfile.write(tmp_path / "in.wav", np.full(length, 0.25), rate, "FLOAT")
    audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", DelayLine)
    result, _ = soundfile.read(tmp_path / "out.wav")
    assert len(result) == length
    if rate == SAMPLE_RATE:
        np.testing.assert_array_equal(result, 0.25)


@pytest.mark.parametrize(
    ("name", "rate", "subtype", "output", "container", "kept"),
    [
        ("a.wav", 48000, "PCM_24", "b.wav", "WAV", "PCM_24"),
        ("a.wav", 8000, "ULAW", "b.wav", "WAV", "ULAW"),
        ("a.wav", 48000, "FLOAT", "b.flac", "FLAC", "PCM_24"),
        ("a.wav", 8000, "ULAW", "b.flac", "FLAC", "PCM_16"),
        ("a.flac", 44100, "PCM_16", "b.flac", "FLAC", "PCM_16"),
        ("a.flac", 44100, "PCM_16", "b", "FLAC", "PCM_16"),
        ("a.aiff", 48000, "PCM_16", "b.aif", "AIFF", "PCM_16"),
        ("a.ogg", 44100, "VORBIS", "b.ogg", "OGG", "VORBIS"),
        ("a.ogg", 44100, "VORBIS", "b.wav", "WAV", "PCM_16"),
        ("a.ogg", 48000, "OPUS", "b.opus", "OGG", "OPUS"),
        ("a.mp3", 44100, "MPEG_LAYER_III", "b.mp3", "MP3", "MPEG_LAYER_III"),
        ("a.mp3", 44100, "MPEG_LAYER_III", "b.wav", "WAV", "PCM_16"),
    ],
)
def test_container_and_sample_format(tmp_path, name, rate, subtype, output, container, kept):
    signal = tones(rate + 3, rate, 1)
    soundfile.write(tmp_path / name, signal, rate, subtype)
    audio.enhance_file(tmp_path / name, tmp_path / output, DelayLine)
    facts = soundfile.info(tmp_path / output)
    assert (facts.format, facts.subtype, facts.samplerate) == (container, kept, rate)
    assert facts.frames == soundfile.info(tmp_path / name).frames
    result, _ = soundfile.read(tmp_path / output)
    if kept not in ("MPEG_LAYER_III", "VORBIS", "OPUS"):
        heard, _ = soundfile.read(tmp_path / name)
        np.testing.assert_allclose(result, heard, atol=0.01)


def test_too_long_for_wav_becomes_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(file_output, "_WAV_LIMIT", 1000)
    soundfile.write(tmp_path / "in.wav", noise(0.1), SAMPLE_RATE)
    audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", DelayLine)
    assert soundfile.info(tmp_path / "out.wav").format == "RF64"


def test_equals_enhancing_the_samples(tmp_path):
    """The file layer adds nothing, and channels do not hear each other."""
    left, right = speech_like(2.3, 1) + noise(2.3, 0.02, 1), speech_like(2.3, 2) + noise(2.3, 0.02, 2)
    soundfile.write(tmp_path / "in.wav", np.stack((left, right), axis=1), SAMPLE_RATE, "FLOAT")
    audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", lambda block: Enhancer(block=block))
    result, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    for channel, signal in enumerate((left, right)):
        assert np.max(np.abs(result[:, channel] - signal)) > 0.01, "the enhancer changed nothing"
        np.testing.assert_allclose(result[:, channel], enhance(signal), atol=2e-4)


def test_memory_does_not_grow_with_the_file(tmp_path):
    def peak(seconds):
        soundfile.write(tmp_path / "in.wav", np.zeros(seconds * 44100, np.float32), 44100)
        tracemalloc.start()
        audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", DelayLine, overwrite=True)
        bytes_used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return bytes_used

    assert peak(60) < 1.3 * peak(6)


def test_loud_floats_are_not_clipped(tmp_path):
    signal = 4 * tones(SAMPLE_RATE, SAMPLE_RATE, 1)
    soundfile.write(tmp_path / "in.wav", signal, SAMPLE_RATE, "FLOAT")
    audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", DelayLine)
    np.testing.assert_allclose(soundfile.read(tmp_path / "out.wav", always_2d=True)[0], signal, atol=1e-6)


def test_an_existing_output_is_kept_by_default(tmp_path):
    soundfile.write(tmp_path / "in.wav", noise(0.5), SAMPLE_RATE, "FLOAT")
    (tmp_path / "out.wav").write_bytes(b"old")
    with pytest.raises(AudioFileError, match=r"out.wav already exists: choose another name, or overwrite it \(--force"):
        audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", DelayLine)
    assert (tmp_path / "out.wav").read_bytes() == b"old"
    audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", DelayLine, overwrite=True)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], noise(0.5))


def _spoilt(path, value):
    signal = noise(2.0)
    signal[72000] = value
    soundfile.write(path, signal, SAMPLE_RATE, "FLOAT")


def _header_only(path):
    soundfile.write(path, np.zeros(0), SAMPLE_RATE)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda path: None, "does not exist: check"),
        (lambda path: path.mkdir(), "is a folder: specify"),
        (lambda path: path.write_bytes(b""), "empty"),
        (_header_only, "no samples"),
        (lambda path: path.write_bytes(b"no audio at all" * 100), "cannot be read as audio.*convert"),
        (lambda path: _spoilt(path, np.nan), r"NaN or infinity at 1\.500 s: export it again"),
        (lambda path: _spoilt(path, -np.inf), r"NaN or infinity at 1\.500 s: export it again"),
        (lambda path: _spoilt(path, 1e30), r"a peak of 1e\+30 at 1\.500 s, but full scale is 1: scale .* -1 to 1"),
        (lambda path: _spoilt(path, 20000), r"at 1\.500 s, but .* 16-bit integers; divide them by 32768"),
    ],
)
def test_bad_input_is_named_and_leaves_the_output_alone(tmp_path, prepare, words):
    prepare(tmp_path / "in.wav")
    (tmp_path / "out.wav").write_bytes(b"precious")
    with pytest.raises(AudioFileError, match=words) as caught:
        audio.enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", DelayLine, overwrite=True)
    assert "in.wav" in str(caught.value)
    assert (tmp_path / "out.wav").read_bytes() == b"precious"
    assert {path.name for path in tmp_path.iterdir()} <= {"in.wav", "out.wav"}


def test_raw_samples_are_refused(tmp_path):
    (tmp_path / "in.raw").write_bytes(bytes(9600))
    with pytest.raises(AudioFileError, match="in.raw cannot be read as audio"):
        audio.enhance_file(tmp_path / "in.raw", tmp_path / "out.wav", DelayLine)


@pytest.mark.parametrize(
    ("rate", "output", "words"),
    [
        (48000, "in.wav", "is the input itself"),
        (48000, "./../{here}/in.wav", "is the input itself"),
        (48000, "linked.wav", "is the input itself"),
        (48000, "in.wav/out.wav", "in.wav is not a folder: choose another output"),
        (48000, "out.doc", r"\.doc files cannot be written: use \.wav or \.flac"),
        (48000, "folder", "is not a plain file"),
        (96000, "out.mp3", "cannot be written with 96000 Hz, 1 channels as MP3.*use .wav or .flac"),
    ],
)
def test_bad_output_is_named(tmp_path, rate, output, words):
    soundfile.write(tmp_path / "in.wav", noise(0.1), rate)
    (tmp_path / "linked.wav").hardlink_to(tmp_path / "in.wav")
    (tmp_path / "folder").mkdir()
    before = (tmp_path / "in.wav").read_bytes()
    with pytest.raises(AudioFileError, match=words):
        audio.enhance_file(tmp_path / "in.wav", tmp_path / output.format(here=tmp_path.name), DelayLine)
    assert (tmp_path / "in.wav").read_bytes() == before
    assert not list(tmp_path.glob(".*partial"))


def test_one_channel_is_asked_for(tmp_path):
    soundfile.write(tmp_path / "in.wav", tones(100, 8000, 2), 8000)
    with pytest.raises(AudioFileError, match="2 channels: use a file with one"):
        audio.read_mono(tmp_path / "in.wav")


@pytest.mark.parametrize("package", ["soundfile", "soxr", "tqdm"])
def test_missing_extra_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "percepnet_wasm.files.audio")
    with pytest.raises(MissingExtraError, match=rf"{package}.*pip install .*'{package}.*extra 'files'"):
        __import__("percepnet_wasm.files.audio")
