"""m4a, mp4, mkv and webm through PyAV: sound enhanced, picture untouched, both still together."""

import sys
from fractions import Fraction

import numpy as np
import pytest
import soundfile
from hostile import covers, examples
from hypothesis import given
from hypothesis import strategies as st
from signals import noise, speech_like

from percepnet_wasm import AudioFileError, MissingExtraError, cli, enhance, enhance_file

av = pytest.importorskip("av", reason="no PyAV (pip install av)")

SECONDS = 2
NEUTRAL = {"attenuation_limit_db": 0}


def make(path, codecs, rate=48000, layout="mono", start=0.0, audio=None, tracks=1, bit_rate=96000, container=None):
    """Write a video with a changing picture, or sound alone; return the sound as well."""
    picture, sound = codecs
    audio = speech_like(SECONDS, 1) if audio is None else audio
    channels = {"mono": 1, "stereo": 2}[layout]
    with av.open(str(path), "w", format=container) as out:
        if picture:
            video = out.add_stream(picture, rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        streams = [out.add_stream(sound, rate=rate) for _ in range(tracks)]
        for stream in streams:
            stream.layout, stream.bit_rate = layout, bit_rate
        out.metadata["title"] = "A film"
        made = []
        for number in range(25 * SECONDS if picture else 0):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            made += video.encode(frame)
        if picture:
            made += video.encode(None)
        for number, stream in enumerate(streams):
            resampler = av.AudioResampler(stream.format, layout, rate, 960)
            samples = np.repeat(audio[: SECONDS * rate, None], channels, axis=1).astype(np.float32) / (1 + number)
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "flt", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate), Fraction(1, rate)
            for piece in resampler.resample(frame) + resampler.resample(None):
                made += stream.encode(piece)
            made += stream.encode(None)
        out.mux(sorted(made, key=lambda packet: packet.dts * packet.time_base))


def packets(path, kind="video", number=0):
    """What a stream holds, and when."""
    with av.open(str(path)) as file:
        stream = [stream for stream in file.streams if stream.type == kind][number]
        found = [packet for packet in file.demux(stream) if packet.dts is not None]
        return [(bytes(packet), float(packet.pts * packet.time_base)) for packet in found]


def heard(path):
    """float32 (n, channels), the rate, and when it begins."""
    with av.open(str(path)) as file:
        frames = [frame for frame in file.decode(audio=0)]
        rate, channels = frames[0].sample_rate, frames[0].layout.nb_channels
        resampler = av.AudioResampler("flt", frames[0].layout, rate)
        begins = float(frames[0].pts * frames[0].time_base)
        pieces = [piece.to_ndarray().reshape(-1, channels) for frame in frames for piece in resampler.resample(frame)]
        return np.concatenate(pieces), rate, begins


FILMS = [
    ("in.mp4", ("mpeg4", "aac"), 44100, "out.mp4"),
    ("in.mkv", ("mpeg4", "aac"), 48000, "out.mkv"),
    ("in.mkv", ("mpeg4", "flac"), 48000, "out.mkv"),
    ("in.webm", ("libvpx", "libopus"), 48000, "out.webm"),
    ("in.mov", ("mpeg4", "aac"), 48000, "out.mkv"),
]


@pytest.mark.parametrize(("name", "codecs", "rate", "output"), FILMS)
def test_a_videos_picture_is_untouched_and_its_sound_in_place(tmp_path, name, codecs, rate, output):
    make(tmp_path / name, codecs, rate, "stereo")
    done = enhance_file(tmp_path / name, tmp_path / output, **NEUTRAL)
    assert done.seconds == pytest.approx(SECONDS, abs=0.06)
    before, after = packets(tmp_path / name), packets(tmp_path / output)
    assert [data for data, _ in before] == [data for data, _ in after] and len(after) == 25 * SECONDS
    np.testing.assert_allclose([at for _, at in after], [at for _, at in before], atol=0.002)
    given, given_rate, begins = heard(tmp_path / name)
    out, out_rate, out_begins = heard(tmp_path / output)
    assert (out_rate, out.shape[1]) == (given_rate, 2) and out_begins == pytest.approx(begins, abs=0.03)
    length = min(len(given), len(out))
    lag = np.argmax(np.correlate(out[:length, 0], given[2000 : length - 2000, 0], "valid")) - 2000
    assert abs(lag / rate - (begins - out_begins)) < 0.001, "sound and picture have come apart"
    with av.open(str(tmp_path / output)) as file:
        assert {key.lower(): value for key, value in file.metadata.items()}["title"] == "A film"


def test_sound_that_begins_late_still_does(tmp_path):
    make(tmp_path / "in.mkv", ("mpeg4", "aac"), start=0.5)
    enhance_file(tmp_path / "in.mkv", tmp_path / "out.mkv", **NEUTRAL)
    begins, out_begins = heard(tmp_path / "in.mkv")[2], heard(tmp_path / "out.mkv")[2]
    assert begins > 0.4 and out_begins == pytest.approx(begins, abs=0.03)


def test_other_sound_tracks_are_copied(tmp_path):
    make(tmp_path / "in.mkv", ("mpeg4", "aac"), tracks=2)
    enhance_file(tmp_path / "in.mkv", tmp_path / "out.mkv")
    tracks = [[data for data, _ in packets(tmp_path / "out.mkv", "audio", number)] for number in (0, 1)]
    originals = [[data for data, _ in packets(tmp_path / "in.mkv", "audio", number)] for number in (0, 1)]
    assert tracks[1] == originals[1] and tracks[0] != originals[0]


def test_m4a_is_enhanced_and_keeps_its_bit_rate(tmp_path):
    noisy = speech_like(SECONDS, 1) + noise(SECONDS, 0.03)
    make(tmp_path / "in.m4a", (None, "aac"), 44100, audio=noisy, bit_rate=64000)
    enhance_file(tmp_path / "in.m4a", tmp_path / "out.m4a")
    given, rate, _ = heard(tmp_path / "in.m4a")
    out, out_rate, _ = heard(tmp_path / "out.m4a")
    assert out_rate == rate == 44100
    expected = enhance(given[:, 0], sample_rate=44100)
    length = min(len(expected), len(out))
    error = np.std(out[4096:length, 0] - expected[4096:length]) / np.std(expected)
    assert error < 0.35 and np.std(out) < 0.8 * np.std(given)
    sizes = [sum(len(data) for data, _ in packets(tmp_path / name, "audio")) for name in ("in.m4a", "out.m4a")]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.25)


def stated(path):
    """Seconds of sound that a file states."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        return float(stream.duration * stream.time_base)


@pytest.mark.parametrize("suffix", [".m4a", ".mp4"])
def test_a_codecs_padding_is_not_taken_for_sound(tmp_path, suffix):
    """AAC comes in frames of 1024 samples; what fills up the last one is not part of the recording."""
    samples = 3 * 1024 + 100
    source, target, plain = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", tmp_path / "out.wav"
    soundfile.write(tmp_path / "in.wav", speech_like(1, 1)[:samples], 48000)
    enhance_file(tmp_path / "in.wav", source, **NEUTRAL)
    assert stated(source) == pytest.approx(samples / 48000, abs=0.001)
    enhance_file(source, target, **NEUTRAL)
    enhance_file(source, plain, **NEUTRAL)
    assert stated(target) == stated(source)
    assert soundfile.info(plain).frames == round(48000 * stated(source))


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_a_picture_may_outlast_the_sound(tmp_path, name):
    make(tmp_path / name, ("mpeg4", "aac"), audio=speech_like(1, 1))
    for output in ("out.wav", name.replace("in", "out")):
        done = enhance_file(tmp_path / name, tmp_path / output, **NEUTRAL)
        assert done.seconds == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("output", ["out.wav", "out.flac", "out.mp3", "out.mka", "out.aac"])
def test_a_videos_sound_can_be_extracted(tmp_path, output):
    make(tmp_path / "in.mp4", ("mpeg4", "aac"), 44100, "stereo")
    enhance_file(tmp_path / "in.mp4", tmp_path / output, **NEUTRAL)
    out, rate, _ = heard(tmp_path / output)
    assert (rate, out.shape[1]) == (44100, 2) and len(out) / rate == pytest.approx(SECONDS, abs=0.1)
    with av.open(str(tmp_path / output)) as file:
        assert not file.streams.video


@pytest.mark.parametrize("output", ["out.m4a", "out.mp4", "out.webm", "out.mka"])
def test_a_wav_file_can_become_compressed_sound(tmp_path, output):
    soundfile.write(tmp_path / "in.wav", speech_like(SECONDS, 1), 48000)
    enhance_file(tmp_path / "in.wav", tmp_path / output, **NEUTRAL)
    out, rate, _ = heard(tmp_path / output)
    assert rate == 48000 and len(out) / rate == pytest.approx(SECONDS, abs=0.1)


def test_a_rate_that_the_codec_lacks_is_resampled(tmp_path):
    soundfile.write(tmp_path / "in.wav", speech_like(1, 1)[::2], 22050)
    enhance_file(tmp_path / "in.wav", tmp_path / "out.webm", **NEUTRAL)
    out, rate, _ = heard(tmp_path / "out.webm")
    assert rate == 48000 and len(out) / rate == pytest.approx(24000 / 22050, abs=0.1)


def test_a_truncated_video_is_refused_and_salvaged_on_request(tmp_path):
    make(tmp_path / "in.mkv", ("mpeg4", "aac"))
    content = (tmp_path / "in.mkv").read_bytes()
    (tmp_path / "in.mkv").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioFileError, match=r"in\.mkv is truncated after \d\.\d s of 2\.\d s.*--salvage"):
        enhance_file(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
    done = enhance_file(tmp_path / "in.mkv", tmp_path / "out.mkv", salvage=True)
    assert 0.1 < done.seconds < 1.9 and done.lost > 0.1


@pytest.mark.parametrize(
    ("name", "content", "output", "words"),
    [
        ("in.mp4", b"no film" * 99, "out.mp4", r"in\.mp4 cannot be read as audio \(.*\): copy or export it again"),
        ("silent.mp4", None, "out.mp4", r"silent\.mp4 has no sound: there is nothing to enhance"),
        ("in.mkv", None, "out.webm", r"out\.webm cannot be written \(.*\): use \.mkv, which holds any video"),
    ],
)
def test_impossible_requests_are_named(tmp_path, name, content, output, words):
    if content is None and name == "silent.mp4":
        with av.open(str(tmp_path / name), "w") as out:
            video = out.add_stream("mpeg4", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
            out.mux(video.encode(None))
    elif content is None:
        make(tmp_path / name, ("mpeg4", "aac"))
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioFileError, match=words):
        enhance_file(tmp_path / name, tmp_path / output)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@covers("files.media.MediaReader", "files.media.open_media", "files.media.written")
@examples(10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.booleans())
def test_a_damaged_video_is_refused_or_enhanced(tmp_path_factory, seed, count, salvage):
    folder = tmp_path_factory.mktemp("film")
    make(folder / "in.mkv", ("mpeg4", "aac"), audio=speech_like(SECONDS, 1))
    content = bytearray((folder / "in.mkv").read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, len(content), count):
        content[at] = rng.integers(256)
    (folder / "in.mkv").write_bytes(content)
    (folder / "out.mkv").write_bytes(b"precious")
    try:
        enhance_file(folder / "in.mkv", folder / "out.mkv", overwrite=True, salvage=salvage)
    except AudioFileError as error:
        assert "in.mkv" in str(error) or "out.mkv" in str(error)
        assert (folder / "out.mkv").read_bytes() == b"precious"
    assert {path.name for path in folder.iterdir()} == {"in.mkv", "out.mkv"}


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "in.m4a").write_bytes(b"sound")
    soundfile.write(tmp_path / "in.wav", noise(0.1), 48000)
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "percepnet_wasm.files.media", raising=False)
    for source, target in (("in.m4a", "out.wav"), ("in.wav", "out.m4a")):
        with pytest.raises(MissingExtraError, match="pip install .*'av.*extra 'media'"):
            enhance_file(tmp_path / source, tmp_path / target)
    assert cli.main(["enhance", str(tmp_path / "in.m4a"), str(tmp_path / "out.wav")]) == 2
    assert "extra 'media'" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.m4a", "in.wav"]
