"""The enhancer as users see it: delay, streams and files, bad input, levels."""

import csv
from pathlib import Path

import numpy as np
import pytest
from models import constant_model, random_model
from signals import noise, speech_like, talk

import percepnet_wasm
from percepnet_wasm import Enhancer, enhance, info
from percepnet_wasm.constants import ATTENUATION_LIMIT_DB, DELAY, HOP, LAG_MAX, LAG_MIN, SAMPLE_RATE
from percepnet_wasm.signal.bands import BANDS

DEVELOPMENT = Path(__file__).parents[3] / "shared" / "bench" / "dev"


def stream(enhancer, samples):
    return np.concatenate([enhancer.process(frame) for frame in samples.reshape(-1, len(enhancer.input))])


@pytest.fixture(scope="module")
def clip():
    """Four seconds of synthetic speech in noise."""
    made = talk()
    return made.clean[: 400 * HOP], made.noisy[: 400 * HOP]


@pytest.fixture
def samples():
    return speech_like(1.0, seed=10) + noise(1.0, 0.005)


def test_delay_is_1440_samples():
    assert Enhancer.delay == DELAY == 1440
    assert info()["delay_samples"] == 1440
    assert info()["delay_ms"] == 30.0


@pytest.mark.parametrize("position", [0, 479, 480, 1000, 5555])
def test_an_impulse_comes_out_1440_samples_later(position):
    """With gains 1 and strengths 0: comb taps would put copies before it."""
    impulse = np.zeros(30 * HOP, np.float32)
    impulse[position] = 0.5
    out = stream(Enhancer(constant_model(gain=1, strength=0)), impulse)
    expected = np.zeros_like(impulse)
    expected[position + 1440] = 0.5
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_speech_comes_out_1440_samples_later(clip):
    """With the trained network on: the peak of the cross-correlation with the input."""
    clean, noisy = clip
    out = stream(Enhancer(), noisy)
    for reference in (noisy, clean):
        length = 2 * len(out)
        correlation = np.fft.irfft(np.fft.rfft(out, length) * np.fft.rfft(reference, length).conj(), length)
        assert correlation.argmax() == 1440


def test_streaming_equals_offline_after_the_shift(clip):
    _, noisy = clip
    streamed = stream(Enhancer(), np.concatenate((noisy, np.zeros(DELAY, np.float32))))
    np.testing.assert_allclose(streamed[DELAY:], enhance(noisy), atol=1e-4)


@pytest.mark.parametrize("length", [1, 100, HOP, 1440, 12345, 101 * HOP + 7])
def test_offline_keeps_the_length(length):
    samples = speech_like(1.1)[:length]
    np.testing.assert_allclose(enhance(samples, constant_model()), samples, atol=2e-6)


def test_offline_channels_are_enhanced_separately(samples):
    model = random_model()
    both = np.stack([samples, samples[::-1]], axis=1)
    out = enhance(both, model)
    assert out.shape == both.shape
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[:, 0], enhance(samples, model))
    np.testing.assert_array_equal(out[:, 1], enhance(samples[::-1].copy(), model))


@pytest.mark.parametrize("block", [2, 10])
def test_blocks_equal_single_frames(samples, block):
    model = random_model(seed=1)
    np.testing.assert_allclose(
        stream(Enhancer(model, block=block), samples), stream(Enhancer(model), samples), atol=1e-5
    )


def test_step_is_process_without_arguments(samples):
    model = random_model(seed=2)
    one, other = Enhancer(model), Enhancer(model)
    for buffer in (one.input, one.output):
        assert buffer.dtype == np.float32
        assert buffer.shape == (HOP,)
        assert buffer.flags.c_contiguous
    held = one.input, one.output
    out = np.empty(HOP, np.float32)
    for frame in samples.reshape(-1, HOP):
        one.input[:] = frame
        one.step()
        assert other.process(frame, out=out) is out
        np.testing.assert_array_equal(one.output, out)
    assert held[0] is one.input and held[1] is one.output, "JavaScript keeps views of them"


def test_process_gives_a_copy(samples):
    enhancer = Enhancer(constant_model())
    first = enhancer.process(samples[:HOP])
    kept = first.copy()
    enhancer.process(samples[HOP : 2 * HOP])
    np.testing.assert_array_equal(first, kept)


def test_after_a_reset_the_stream_starts_over(samples):
    enhancer = Enhancer()
    first = stream(enhancer, samples)
    enhancer.reset()
    np.testing.assert_array_equal(stream(enhancer, samples), first)


@pytest.mark.parametrize("length", [0, 1, 479, 481, 960])
def test_wrong_frame_length(length):
    with pytest.raises(ValueError, match=rf"frame must be of shape \(480,\).*its shape is \({length},\)"):
        Enhancer(constant_model()).process(np.zeros(length, np.float32))


def test_wrong_frame_shape():
    with pytest.raises(ValueError, match=r"frame must be of shape .* its shape is \(1, 480\)"):
        Enhancer(constant_model()).process(np.zeros((1, HOP), np.float32))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.complex64, bool, object])
def test_wrong_dtype(dtype):
    with pytest.raises(TypeError, match="frame must be floating point with full scale 1, not"):
        Enhancer(constant_model()).process(np.zeros(HOP, dtype))


def test_doubles_are_taken(samples):
    np.testing.assert_array_equal(enhance(samples.astype(np.float64)), enhance(samples))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_samples_that_are_not_finite_are_refused_and_harm_nothing(samples, value):
    model = random_model(seed=3)
    enhancer, undisturbed = Enhancer(model), Enhancer(model)
    for k, frame in enumerate(samples.reshape(-1, HOP)[:40]):
        if k % 10 == 5:
            before = enhancer.output.copy()
            bad = frame.copy()
            bad[k] = value
            with pytest.raises(ValueError, match="frame must be finite"):
                enhancer.process(bad)
            enhancer.input[:] = bad
            with pytest.raises(ValueError, match="frame must be finite"):
                enhancer.step()
            np.testing.assert_array_equal(enhancer.output, before)
        np.testing.assert_array_equal(enhancer.process(frame), undisturbed.process(frame))


@pytest.mark.parametrize("shape", [(0,), (0, 2), (4, 4, 4), ()])
def test_offline_shapes(shape):
    with pytest.raises(ValueError, match=r"audio must be of shape \(samples,\) or"):
        enhance(np.zeros(shape, np.float32), constant_model())


@pytest.mark.parametrize("block", [0, -1, 1.5, "1"])
def test_wrong_block(block):
    with pytest.raises(ValueError, match="block must be"):
        Enhancer(constant_model(), block=block)


@pytest.mark.parametrize("limit", [-1, float("nan")])
def test_wrong_attenuation_limit(limit):
    with pytest.raises(ValueError, match="attenuation_limit_db"):
        Enhancer(constant_model(), attenuation_limit_db=limit)


def test_limit_zero_passes_the_input_on_with_the_same_delay(clip):
    _, noisy = clip
    enhancer = Enhancer(attenuation_limit_db=0)
    np.testing.assert_allclose(stream(enhancer, noisy)[DELAY:], noisy[:-DELAY], atol=2e-6)


@pytest.mark.parametrize("limit", [6.0, 12.0, None])
def test_limit_bounds_what_is_taken(limit):
    """The network lets nothing through; what is left is the limit's share of the input; None: of the default's."""
    samples = noise(1.0, 0.1)
    given = {} if limit is None else {"attenuation_limit_db": limit}
    enhancer = Enhancer(constant_model(gain=0, strength=0), **given)
    limit = ATTENUATION_LIMIT_DB if limit is None else limit
    assert enhancer.attenuation_limit_db == pytest.approx(limit)
    out = stream(enhancer, samples)
    np.testing.assert_allclose(out[DELAY:], samples[:-DELAY] * 10 ** (-limit / 20), atol=1e-6)


def test_limit_may_change_while_it_runs(samples):
    enhancer = Enhancer(constant_model(gain=0), attenuation_limit_db=np.inf)
    assert not stream(enhancer, samples)[DELAY:].any()
    enhancer.attenuation_limit_db = 0
    np.testing.assert_allclose(stream(enhancer, samples)[DELAY:], samples[:-DELAY], atol=2e-6)


def test_zeros_in_zeros_out():
    enhancer = Enhancer()
    assert not stream(enhancer, np.zeros(100 * HOP, np.float32)).any()


def test_what_is_too_faint_to_hear_counts_as_silence():
    """Its products would be denormal numbers, a hundred times slower."""
    assert not stream(Enhancer(), noise(0.3, 1e-25)).any()


def test_silence_after_speech(samples):
    out = stream(Enhancer(), np.concatenate((samples, np.zeros(40 * HOP, np.float32))))
    assert out[: 100 * HOP].any()
    assert not out[(100 + 12) * HOP :].any()


@pytest.mark.parametrize("block", [1, 10])
def test_the_snr_estimate_follows_the_mix(block):
    estimates = []
    for snr_db in (0.0, 15.0):
        enhancer = Enhancer(block=block)
        noisy = talk(snr_db).noisy
        stream(enhancer, noisy[: len(noisy) // (block * HOP) * block * HOP])
        estimates.append(enhancer.snr_db)
        assert estimates[-1] == pytest.approx(snr_db, abs=6)
    assert estimates[1] - estimates[0] > 8


def test_what_it_reports_about_the_stream(clip):
    clean, noisy = clip
    enhancer = Enhancer()
    voiced = []
    for frame in noisy.reshape(-1, HOP):
        enhancer.process(frame)
        assert enhancer.gains.shape == enhancer.strengths.shape == (BANDS,)
        for values in (enhancer.gains, enhancer.strengths, enhancer.voice_activity):
            assert np.min(values) >= 0 and np.max(values) <= 1
        assert LAG_MIN <= enhancer.period <= LAG_MAX
        assert -1 <= enhancer.correlation <= 1
        assert np.isfinite(enhancer.snr_db)
        voiced.append(enhancer.voice_activity)
    # The output frame is two behind the newest.
    speech = np.square(clean.reshape(-1, HOP)).mean(axis=1)[: -DELAY // HOP] > 1e-5
    voiced = np.array(voiced)[DELAY // HOP :]
    assert voiced[speech].mean() > voiced[~speech].mean() + 0.2


def test_it_lowers_noise_and_keeps_speech(clip):
    clean, noisy = clip
    out = enhance(noisy)
    speech = np.repeat(np.square(clean.reshape(-1, HOP)).mean(axis=1) > 1e-5, HOP)
    pause = ~speech & (np.arange(len(out)) > 20 * HOP)
    assert 10 * np.log10(np.mean(noisy[pause] ** 2) / np.mean(out[pause] ** 2)) > 6
    assert np.corrcoef(out[speech], clean[speech])[0, 1] > 0.85


def si_sdr(estimate, reference):
    """Scale-invariant signal-to-distortion ratio in dB."""
    target = reference * (estimate @ reference) / (reference @ reference)
    return 10 * np.log10(np.sum(target**2) / np.sum((estimate - target) ** 2))


LEVELS = (-45.0, -25.0, -5.0)


def at_level(samples, level_db):
    """Scale to an RMS level in dB of full scale."""
    return (samples * 10 ** (level_db / 20) / np.sqrt(np.mean(samples**2))).astype(np.float32)


def test_level_changes_the_result_little(clip):
    clean, noisy = clip
    scores = [si_sdr(enhance(at_level(noisy, level)).astype(float), clean.astype(float)) for level in LEVELS]
    assert max(scores) - min(scores) < 1.5


def test_pesq_changes_by_less_than_a_tenth_from_45_to_5_db_below_full_scale():
    pesq = pytest.importorskip("pesq", reason="pip install percepnet-wasm[evaluate]").pesq
    soxr = pytest.importorskip("soxr")
    clips = [talk(3.0), talk(), talk(12.0)]
    pairs = [(made.clean, made.noisy) for made in clips]
    if DEVELOPMENT.exists():
        import soundfile as sf

        with (DEVELOPMENT / "mixes.tsv").open(newline="") as lines:
            names = [next(iter(row.values())) for row in csv.DictReader(lines, delimiter="\t")][:48:8]
        pairs = [
            tuple(sf.read(found[0], dtype="float32")[0] for found in both)
            for name in names
            if all(both := [sorted((DEVELOPMENT / side).glob(f"{name}*")) for side in ("clean", "noisy")])
        ]
        assert pairs
    scores = np.array(
        [
            [
                pesq(
                    16000,
                    soxr.resample(clean, SAMPLE_RATE, 16000),
                    soxr.resample(at_level(enhance(at_level(noisy, level)), -26), SAMPLE_RATE, 16000),
                    "wb",
                )
                for level in LEVELS
            ]
            for clean, noisy in pairs
        ]
    )
    mean = scores.mean(axis=0)
    assert mean.max() - mean.min() < 0.1, f"PESQ {mean} at {LEVELS} dB"


def test_the_version_is_printed():
    assert info()["version"] == percepnet_wasm.__version__
    assert info()["model_sha256"] == Enhancer().model.sha256
