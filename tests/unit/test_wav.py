"""WAV files whose headers are wrong or unfinished, pipes, files that break off, and the bit rates of mp3 and Opus."""

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hostile import covers, examples
from hypothesis import given
from hypothesis import strategies as st
from signals import speech_like

from percepnet_wasm import AudioFileError, enhance, enhance_file
from percepnet_wasm.files import lossy
from percepnet_wasm.files.wav import PIPED, Body, WavPipe, read_header

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "bench" / "faults" / "files"
"""Files that programs left behind, where they are at hand."""
AUDIO = speech_like(2.0, 1)
NEUTRAL = {"attenuation_limit_db": 0}


def wav(audio=AUDIO, subtype="PCM_16", rate=48000, **options):
    """Bytes of a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, audio, rate, subtype, format=options.pop("container", "WAV"))
    return bytearray(file.getvalue())


def with_sizes(content, riff, data):
    """Change the lengths in a WAV file's header."""
    at = content.index(b"data")
    content[4:8], content[at + 4 : at + 8] = struct.pack("<I", riff), struct.pack("<I", data)
    return content


@pytest.mark.parametrize("subtype", PIPED)
@pytest.mark.parametrize(
    ("riff", "data"),
    [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0), (0x7FFFF024, 0x7FFFF000), (36, 0), (None, 0)],
    ids=[
        "a recorder that was cut off",
        "FFmpeg to a pipe",
        "no data size",
        "SoX to a pipe",
        "a header for no samples",
        "the file's own size",
    ],
)
def test_a_wav_file_without_a_length_is_read_to_the_end(tmp_path, subtype, riff, data):
    content = wav(subtype=subtype)
    (tmp_path / "in.wav").write_bytes(with_sizes(content, len(content) - 8 if riff is None else riff, data))
    done = enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", **NEUTRAL)
    # Some headers have a fact chunk behind which the samples begin; all of these are read.
    assert done.seconds == pytest.approx(2.0, abs=1e-3) and done.lost == 0
    out, rate = soundfile.read(tmp_path / "out.wav")
    assert rate == 48000 and soundfile.info(tmp_path / "out.wav").subtype == subtype
    tolerance = 0.02 if subtype in ("PCM_U8", "ALAW", "ULAW") else 2e-4
    np.testing.assert_allclose(out[:96000], AUDIO, atol=tolerance)


def test_a_wav_file_that_really_is_empty_stays_empty(tmp_path):
    content = wav(np.zeros(0))
    listed = content + b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf59.27.100\0"
    (tmp_path / "in.wav").write_bytes(with_sizes(listed, len(listed) - 8, 0))
    with pytest.raises(AudioFileError, match="in.wav contains no samples: there is nothing to enhance"):
        enhance_file(tmp_path / "in.wav", tmp_path / "out.wav")


def unknown_length(content):
    """A FLAC file as an encoder writes it to a pipe: no number of samples, no checksum."""
    at = content.index(b"fLaC") + 8
    content[at + 13] &= 0xF0
    content[at + 14 : at + 34] = bytes(20)
    return content


def test_a_flac_file_without_a_length_is_read_to_the_end(tmp_path):
    (tmp_path / "in.flac").write_bytes(unknown_length(wav(container="FLAC")))
    assert soundfile.info(tmp_path / "in.flac").frames > 10**15
    done = enhance_file(tmp_path / "in.flac", tmp_path / "out.flac", **NEUTRAL)
    assert (done.seconds, done.lost) == (2.0, 0.0)
    np.testing.assert_allclose(soundfile.read(tmp_path / "out.flac")[0], AUDIO, atol=1e-4)


@pytest.mark.parametrize("name", ["flac_of_unknown_length_from_a_pipe.flac", "wav_with_data_size_0.wav"])
def test_headers_that_programs_left_incomplete_are_read(tmp_path, name):
    if not (RECORDED / name).exists():
        pytest.skip(f"no recorded {name} here")
    done = enhance_file(RECORDED / name, tmp_path / "out.wav")
    assert (done.seconds, done.lost) == (2.0, 0.0)


def short(content, container):
    """Cut the last half second or so off."""
    return content[: len(content) * 3 // 4] if container != "WAV" else content[: 44 + 2 * 72000]


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_truncated_file_is_refused_and_salvaged_on_request(tmp_path, container):
    name = f"in.{container.lower()}"
    (tmp_path / name).write_bytes(short(wav(container=container), container))
    remedy = r"copy it again, or enhance what can be read \(--salvage, salvage=True\)"
    with pytest.raises(AudioFileError, match=rf"{name} is truncated after \d\.\d s of 2\.0 s.*: {remedy}"):
        enhance_file(tmp_path / name, tmp_path / "out.wav", **NEUTRAL)
    assert not (tmp_path / "out.wav").exists()
    done = enhance_file(tmp_path / name, tmp_path / "out.wav", salvage=True, **NEUTRAL)
    assert 0.9 < done.seconds <= 1.6 and done.lost == pytest.approx(2.0 - done.seconds)
    out, _ = soundfile.read(tmp_path / "out.wav")
    np.testing.assert_allclose(out, AUDIO[: len(out)], atol=1e-4)
    assert len(out) == round(48000 * done.seconds)


def test_a_whole_file_is_nothing_to_salvage(tmp_path):
    for number, content in enumerate((wav(), wav() + b"LIST\4\0\0\0INFO", wav(subtype="PCM_U8")[:-1])):
        (tmp_path / "in.wav").write_bytes(content)
        done = enhance_file(tmp_path / "in.wav", tmp_path / f"{number}.wav", salvage=True, **NEUTRAL)
        assert done.seconds == pytest.approx(2.0, abs=1e-3)


COMMAND = [sys.executable, "-m", "percepnet_wasm", "enhance", "-", "-", "--kernel", "numpy"]


def piped(content, *options):
    return subprocess.run([*COMMAND, *options], input=bytes(content), capture_output=True, cwd=ROOT)


@covers("files.wav.WavPipe")
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_pipe_carries_wav_in_and_out(subtype, rate):
    done = piped(with_sizes(wav(subtype=subtype, rate=rate), 0xFFFFFFFF, 0xFFFFFFFF))
    assert done.returncode == 0, done.stderr
    out, out_rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    given, _ = soundfile.read(io.BytesIO(bytes(wav(subtype=subtype, rate=rate))), dtype="float32")
    assert out_rate == rate and out.shape == given.shape
    np.testing.assert_allclose(out, enhance(given, sample_rate=rate, kernel="numpy"), atol=2e-4)
    assert done.stderr.decode().startswith(f"wrote standard output: {len(out) / rate:.1f} s in ")
    assert len(done.stderr.decode().splitlines()) == 1


def test_a_pipe_whose_length_is_stated_ends_there(tmp_path):
    done = piped(wav() + b"LIST\4\0\0\0INFO")
    assert len(soundfile.read(io.BytesIO(done.stdout))[0]) == len(AUDIO)
    assert piped(wav()[:-96000]).returncode == 2, "a truncated stream is not a whole one"
    salvaged = piped(wav()[:-96000], "--salvage")
    assert salvaged.returncode == 0 and b"is truncated" in salvaged.stderr


@pytest.mark.parametrize(
    "content",
    [b"", b"no audio", wav(container="FLAC"), wav(subtype="MS_ADPCM")],
    ids=["nothing", "text", "FLAC", "a WAV file of compressed samples"],
)
def test_a_pipe_of_something_else_is_named(content):
    done = piped(content)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.decode() == (
        "percepnet-wasm enhance: standard input is not a WAV file: convert it, as ffmpeg -i FILE -f wav - does\n"
    )


def test_a_reader_that_ends_early_ends_the_command_in_one_line():
    pipe = subprocess.PIPE
    with subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT) as job:
        job.stdout.close()
        try:
            job.stdin.write(bytes(wav(np.tile(AUDIO, 20))))
            job.stdin.close()
        except BrokenPipeError:
            pass
        said = job.stderr.read().decode()
        assert job.wait(120) == 2
    assert said == "percepnet-wasm enhance: standard output was closed too early: the program that reads it has ended\n"


@covers("files.wav.WavPipe")
@examples(30)
@given(st.sampled_from(sorted(PIPED)), st.integers(1, 8), st.integers(1000, 200000), st.binary(max_size=200))
def test_a_piped_header_is_read_back(subtype, channels, rate, samples):
    file = io.BytesIO()
    pipe = WavPipe(file, rate, channels, subtype)
    assert pipe.write(samples) == len(samples) and pipe.tell() == len(samples) == pipe.seek(0)
    pipe.check()
    file.seek(0)
    header = read_header(file)
    assert (header.subtype, header.channels, header.sample_rate, header.size) == (subtype, channels, rate, None)
    assert header.lacks(0) == 0
    body = Body(file)
    assert body.read(10**6) == samples and body.tell() == len(samples)


@pytest.mark.parametrize("rate", [48000, 22050, 8000])
@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE"])
@pytest.mark.parametrize("level", [0.2, 0.6])
def test_mp3_keeps_its_bit_rate(tmp_path, rate, mode, level):
    audio = np.tile(np.random.default_rng(1).normal(0, 0.1, rate), 6)
    with soundfile.SoundFile(
        tmp_path / "in.mp3", "w", rate, 1, "MPEG_LAYER_III", compression_level=level, bitrate_mode=mode
    ) as file:
        file.write(audio)
    # A cover picture is not sound.
    picture = b"ID3\3\0\0" + bytes([0, 0x0C, 0, 0]) + bytes(0x0C << 14)
    (tmp_path / "in.mp3").write_bytes(picture + (tmp_path / "in.mp3").read_bytes())
    enhance_file(tmp_path / "in.mp3", tmp_path / "out.mp3", **NEUTRAL)
    before, after = (lossy.bit_rate(tmp_path / name, 6.0) for name in ("in.mp3", "out.mp3"))
    assert after == pytest.approx(before, rel=0.15)
    assert os.stat(tmp_path / "out.mp3").st_size < 0.9 * os.stat(tmp_path / "in.mp3").st_size


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("level", [0.9, 0.7])
@pytest.mark.parametrize(
    ("codec", "rate", "output"),
    [
        ("OPUS", 48000, "out.opus"),
        ("OPUS", 48000, "out.ogg"),
        ("VORBIS", 44100, "out.ogg"),
        ("VORBIS", 16000, "out.oga"),
    ],
)
def test_opus_and_vorbis_keep_their_bit_rate(tmp_path, channels, level, codec, rate, output):
    audio = np.random.default_rng(1).normal(0, 0.1, (6 * rate, channels))
    with soundfile.SoundFile(
        tmp_path / "in.ogg", "w", rate, channels, codec, format="OGG", compression_level=level
    ) as file:
        file.write(audio)
    enhance_file(tmp_path / "in.ogg", tmp_path / output, **NEUTRAL)
    before, after = (lossy.bit_rate(tmp_path / name, 6.0) for name in ("in.ogg", output))
    assert after == pytest.approx(before, rel=0.1)


@covers("files.lossy.vorbis_level")
@examples(10)
@given(st.floats(0, 1e7), st.sampled_from([8000, 24000, 48000, 96000]), st.sampled_from([1, 2, 6]))
def test_any_bit_rate_has_a_place_on_the_vorbis_encoders_scale(bits, rate, channels):
    level = lossy.vorbis_level(bits, rate, channels)
    assert level is None if rate == 96000 else 0 < level < 1


def test_vorbis_at_a_rate_for_which_the_encoder_states_none_has_its_default(tmp_path):
    soundfile.write(tmp_path / "in.ogg", np.random.default_rng(1).normal(0, 0.1, 96000), 96000, "VORBIS")
    enhance_file(tmp_path / "in.ogg", tmp_path / "out.ogg", **NEUTRAL)
    before, after = (os.stat(tmp_path / name).st_size for name in ("in.ogg", "out.ogg"))
    assert after == pytest.approx(before, rel=0.2)


@pytest.mark.parametrize(("name", "options"), [("in.wav", {}), ("in.mp3", {"bitrate_mode": "CONSTANT"})])
def test_mp3_begins_and_ends_where_its_input_does(tmp_path, name, options):
    """The encoder's delay is in the file's header, by which decoders skip it."""
    signal = np.zeros(2 * 48000, np.float32)
    signal[40000] = 0.9
    soundfile.write(tmp_path / name, signal, 48000, **options)
    signal, _ = soundfile.read(tmp_path / name)
    enhance_file(tmp_path / name, tmp_path / "out.mp3", **NEUTRAL)
    result, _ = soundfile.read(tmp_path / "out.mp3")
    assert (len(result), np.argmax(np.abs(result))) == (len(signal), np.argmax(np.abs(signal)))


@covers("files.lossy.bit_rate", "files.lossy.mp3_level", "files.lossy.opus_level")
@examples(50)
@given(st.binary(max_size=400), st.floats(0.1, 1e4), st.sampled_from([8000, 16000, 24000, 44100, 48000]))
def test_any_file_has_a_bit_rate_that_the_encoder_takes(tmp_path_factory, content, seconds, rate):
    path = tmp_path_factory.mktemp("mp3") / "in.mp3"
    path.write_bytes(content)
    bits = lossy.bit_rate(path, seconds)
    assert 0 <= lossy.mp3_level(bits, rate) < 1
    assert 0 <= lossy.opus_level(bits, 2) <= 1
