"""Streams: any rate, pieces of any length, output aligned with the input and as long; or in step with a sound card."""

import numpy as np
import pytest
from hostile import covers, examples
from hypothesis import given
from hypothesis import strategies as st
from models import random_model
from signals import noise, speech_like

from percepnet_wasm import Enhancer, Stream, enhance
from percepnet_wasm.constants import DELAY, HOP
from percepnet_wasm.errors import MissingExtraError
from percepnet_wasm.stream import Line, exactly

MODEL = random_model()


def stream(**options):
    return Stream(MODEL, kernel="numpy", **options)


def feed(stream, signal, lengths):
    """Process a signal in pieces of these lengths, over and over, and join the results."""
    out, position, number = [], 0, 0
    while position < len(signal):
        length = lengths[number % len(lengths)]
        out.append(stream.process(signal[position : position + length]))
        position, number = position + length, number + 1
    return out


def untouched(**options):
    """A stream that changes nothing."""
    return stream(attenuation_limit_db=0, **options)


@covers("stream.Line")
@examples(25)
@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=5).filter(any),
    st.sampled_from([(), (1,), (2,)]),
    st.sampled_from([16000, 44100, 48000]),
    st.integers(1, 4),
)
def test_pieces_of_any_length_give_what_the_whole_gives(lengths, channels, rate, block):
    signal = np.random.default_rng(sum(lengths)).normal(0, 0.1, (7001, *channels)).astype(np.float32)
    one = stream(sample_rate=rate, block=block)
    out = feed(one, signal, lengths)
    joined = np.concatenate([*out, one.flush()])
    assert joined.shape == signal.shape and joined.dtype == np.float32
    np.testing.assert_allclose(joined, enhance(signal, MODEL, sample_rate=rate, kernel="numpy"), atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000])
def test_what_comes_out_lies_where_it_went_in(rate):
    time = np.arange(rate) / rate
    signal = (0.3 * np.sin(np.pi * time) ** 2 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    one = untouched(sample_rate=rate)
    out = np.concatenate([*feed(one, signal, [777]), one.flush()])
    np.testing.assert_allclose(out, signal, atol=1e-3)


def test_a_stream_hands_out_what_is_ready():
    one = untouched()
    counts = [len(one.process(np.zeros(HOP, np.float32))) for _ in range(6)]
    assert counts == [0, 0, 0, HOP, HOP, HOP]
    assert len(one.process(np.zeros(0, np.float32))) == 0
    assert len(one.flush()) == DELAY


def test_flush_and_reset_begin_a_new_signal():
    signal = speech_like(0.5, 1)
    one = stream()
    first = np.concatenate([*feed(one, signal, [1000]), one.flush()])
    second = np.concatenate([*feed(one, signal, [1000]), one.flush()])
    np.testing.assert_array_equal(first, second)
    one.process(signal)
    one.reset()
    stereo = np.stack((signal, signal), axis=1)
    both = np.concatenate([*feed(one, stereo, [1000]), one.flush()])
    np.testing.assert_array_equal(both[:, 1], first)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("length", [64, 441, 480, 512, 1024])
def test_a_live_stream_keeps_pace_without_gaps(rate, length):
    """As a sound card's callback does it: out[:] = stream.process(in), with one delay from beginning to end."""
    signal = np.cumsum(np.random.default_rng(0).normal(0, 1, 2 * rate)).astype(np.float32)
    signal = (0.3 * signal / np.abs(signal).max() + 0.1)[:, None]
    one = untouched(sample_rate=rate, live=True)
    out = np.empty_like(signal)
    delays = set()
    for start in range(0, len(signal) - length, length):
        block = slice(start, start + length)
        out[block] = one.process(signal[block])
        delays.add(one.delay)
    (delay,) = delays
    assert delay < 0.11 * rate or rate == 16000
    assert rate != 48000 or delay <= DELAY + HOP
    heard = slice(delay + rate // 10, start)
    np.testing.assert_allclose(out[heard], signal[heard.start - delay : heard.stop - delay], atol=2e-3)
    assert (out[: delay // 2] == 0).all()


def test_frames_of_a_live_stream_are_as_late_as_the_enhancer():
    one = stream(live=True)
    one.process(np.zeros((HOP, 1), np.int16))
    assert one.delay == DELAY and len(one.enhancers) == 1


def test_a_live_stream_gives_the_rest_at_the_end():
    signal = speech_like(0.3, 2)
    one = untouched(live=True)
    out = np.concatenate([*feed(one, signal, [HOP]), one.flush()])
    assert len(out) == len(signal) + DELAY
    np.testing.assert_allclose(out[DELAY:], signal, atol=1e-5)


def test_longer_pieces_than_before_delay_a_live_stream_once_more():
    one = untouched(live=True)
    for length in (480, 500, 500, 1000, 480):
        assert len(one.process(np.zeros(length, np.float32))) == length
    assert DELAY < one.delay <= DELAY + HOP


@pytest.mark.parametrize(
    ("dtype", "full_scale", "middle"),
    [(np.int16, 2**15, 0), (np.int32, 2**31, 0), (np.uint8, 2**7, 128), (">i2", 2**15, 0)],
)
def test_pcm_is_scaled(dtype, full_scale, middle):
    signal = speech_like(0.3, 1)
    pcm = np.clip(np.rint(signal * full_scale) + middle, *((0, 255) if middle else (-full_scale, full_scale - 1)))
    expected = ((pcm - middle) / full_scale).astype(np.float32)
    one = stream()
    out = np.concatenate([one.process(pcm.astype(dtype)), one.flush()])
    np.testing.assert_allclose(out, enhance(expected, MODEL, kernel="numpy"), atol=1e-6)
    whole = enhance(pcm.astype(dtype), MODEL, kernel="numpy")
    np.testing.assert_array_equal(whole, enhance(expected, MODEL, kernel="numpy"))


@pytest.mark.parametrize(
    ("piece", "error", "words"),
    [
        (np.zeros((3, 2), np.float32), ValueError, r"but the stream began with \(n,\): pass pieces of one shape"),
        (np.full(100, 4000.0), ValueError, r"peak of 4000 at audio\[0\], but .* unscaled 16-bit integers"),
        (np.array([0, np.nan]), ValueError, r"audio must be finite and within ±1 full scale; audio\[1\] is nan"),
        (np.zeros(100, np.int64), TypeError, "audio must be floating point .* int16 or int32; its dtype is int64"),
        (np.zeros((1, 480), np.float32), ValueError, r"480 channels: pass audio\.T, .* or audio\[0\]"),
    ],
)  # fmt: skip
def test_a_bad_piece_is_refused_and_the_stream_goes_on(piece, error, words):
    signal = speech_like(0.2, 1)
    one = stream()
    head = one.process(signal[:4000])
    with pytest.raises(error, match=words):
        one.process(piece)
    out = np.concatenate([head, one.process(signal[4000:]), one.flush()])
    np.testing.assert_allclose(out, enhance(signal, MODEL, kernel="numpy"), atol=1e-6)


@pytest.mark.parametrize("rate", [0, -48000, 44100.5, "48000", None, True, float("nan"), 10**9])
def test_invalid_sample_rates_are_refused(rate):
    for call in (lambda: stream(sample_rate=rate), lambda: enhance(np.zeros(480), MODEL, sample_rate=rate)):
        with pytest.raises(ValueError, match="sample_rate must be a whole number of hertz, 1000 to 1000000, not "):
            call()


def test_other_rates_name_soxr_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soxr", None)
    for call in (lambda: stream(sample_rate=44100), lambda: enhance(np.zeros(480), MODEL, sample_rate=44100.0)):
        with pytest.raises(MissingExtraError, match="44100 Hz requires resampling .*'soxr.*extra 'files'"):
            call()
    assert len(enhance(np.zeros(480), MODEL, sample_rate=48000.0, kernel="numpy")) == 480


def test_wrong_options_are_refused_at_once():
    with pytest.raises(ValueError, match="block must be a whole number of hops from 1 to 1000, not 0"):
        Stream(MODEL, block=0)
    with pytest.raises(ValueError, match="kernel must be one of .*, not 'fast'"):
        Stream(MODEL, kernel="fast")


def test_lines_end_at_their_length():
    assert len(exactly(np.zeros((0, 2), np.float32), 3)) == 3
    line = Line(lambda block: Enhancer(MODEL, block=block, kernel="numpy"), 1, 44100)
    assert len(line.flush()) == 0


def test_resampled_speech_is_enhanced_as_well_as_at_48_khz():
    """The same noisy speech at 16 kHz loses its noise too."""
    speech = speech_like(1.5, 3)[::3]
    noisy = speech + noise(1.5, 0.05)[::3]
    clean = enhance(noisy, sample_rate=16000)
    assert clean.shape == noisy.shape
    assert np.mean((clean - speech) ** 2) < 0.7 * np.mean((noisy - speech) ** 2)
