"""The pitch tracker on sounds whose pitch is known; natural speech is in test_natural_pitch.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from signals import glide, harmonic, noise, resonate, speech_like

from percepnet_wasm.constants import HOP, LAG_MAX, LAG_MIN, LOOKAHEAD, SAMPLE_RATE, VOICED
from percepnet_wasm.signal.correlation import DECIMATION, HIGHPASS, LAGS, LOWPASS, RUMBLE_HZ
from percepnet_wasm.signal.pitch import (
    BACKTRACK,
    JUMP,
    JUMP_COST,
    RESTART_COST,
    PitchState,
    _extended,
    _guarded,
    _traced_back,
    track_pitch,
)


def track(samples, block=None):
    """Periods and correlations of every call."""
    frames = len(samples) // HOP
    block = block or frames
    state = PitchState()
    results = [track_pitch(samples[HOP * k : HOP * (k + block)], state) for k in range(0, frames, block)]
    period, correlation = zip(*results, strict=True)
    return np.concatenate(period), np.concatenate(correlation)


def errors(samples, hertz, skip=12):
    """Relative errors of the pitch: call t outputs frame t - LOOKAHEAD, which is centred on HOP (t - LOOKAHEAD)."""
    period, correlation = track(samples)
    calls = np.arange(skip, len(period))
    truth = hertz[HOP * (calls - LOOKAHEAD)]
    return SAMPLE_RATE / period[calls] / truth - 1, correlation[calls]


GLIDES = {
    "male up": (80, 160),
    "female down": (300, 150),
    "child": (250, 450),
    "creak": (65, 90),
    "whole range": (70, 480),
    "whole range down": (480, 70),
}


@pytest.mark.parametrize("name", GLIDES)
@pytest.mark.parametrize("tilt", [0, 1, 2])
def test_glides(name, tilt):
    hertz = glide(*GLIDES[name], 2.0)
    error, correlation = errors(harmonic(hertz, tilt), hertz)
    assert np.abs(error).max() < 0.05
    assert np.median(np.abs(error)) < 0.01
    # With a flat spectrum the upper harmonics drift apart within the correlated stretch.
    assert tilt == 0 or correlation.min() > 0.6


@pytest.mark.parametrize("name", ["male up", "female down", "child"])
@pytest.mark.parametrize("snr_db", [10, 0])
def test_glides_in_white_noise(name, snr_db):
    hertz = glide(*GLIDES[name], 3.0)
    clean = harmonic(hertz)
    error, correlation = errors(clean + noise(3.0, 0.1 * 10 ** (-snr_db / 20), seed=1), hertz)
    assert np.mean(np.abs(error) > 0.2) <= 0.01
    assert (correlation > VOICED).mean() > 0.95


# Amplitudes of the first harmonics: what makes half or twice the pitch tempting.
OCTAVE_TRAPS = {
    "no fundamental": [0, 1, 1, 1, 1, 1],
    "strong second harmonic": [0.3, 2, 0.3, 0.4, 0.2, 0.2],
    "odd harmonics": [1, 0.1, 0.7, 0.1, 0.5, 0.1, 0.3],
    "weak odd harmonics": [0.5, 1, 0.5, 0.8, 0.4, 0.6, 0.3],
    "third harmonic": [0.4, 0.3, 1.5, 0.4, 0.3],
    "nearly a sine": [1, 0.1, 0.03],
}


@pytest.mark.parametrize("name", OCTAVE_TRAPS)
@pytest.mark.parametrize("span", [(100, 130), (230, 180)])
def test_octave_traps(name, span):
    hertz = glide(*span, 1.5)
    error, _ = errors(harmonic(hertz, weights=OCTAVE_TRAPS[name]), hertz)
    assert np.mean(np.abs(error) > 0.2) <= 0.02


@pytest.mark.parametrize("formant", [300, 600, 1000])
def test_a_sharp_formant_does_not_take_over(formant):
    hertz = glide(110, 150, 1.5)
    error, _ = errors(resonate(harmonic(hertz), formant, 60), hertz)
    assert np.mean(np.abs(error) > 0.2) <= 0.02


@pytest.mark.parametrize(
    "unwanted",
    [
        lambda n: np.full(n, 0.3),
        lambda n: 0.1 * np.sin(2 * np.pi * 50 / SAMPLE_RATE * np.arange(n)),
        lambda n: 0.1 * np.sin(2 * np.pi * 20 / SAMPLE_RATE * np.arange(n)),
    ],
    ids=["offset", "hum as loud as the voice", "rumble as loud as the voice"],
)
def test_what_lies_below_speech_does_not_take_over(unwanted):
    hertz = glide(120, 220, 1.5)
    voice = harmonic(hertz)
    error, _ = errors((voice + unwanted(len(voice))).astype(np.float32), hertz)
    assert np.mean(np.abs(error) > 0.2) <= 0.05


def test_a_steady_voice_gives_no_jump():
    hertz = glide(100, 160, 2.0)
    period, _ = track(harmonic(hertz) + noise(2.0, 0.05))
    # A step of the path, and one lag of refinement on either side.
    assert np.abs(np.diff(period[12:])).max() <= DECIMATION * (JUMP + 2)


def test_an_onset_is_caught_at_once():
    hertz = glide(150, 150, 1.0)
    samples = np.concatenate((noise(0.5, 0.01), harmonic(hertz)))
    period, _ = track(samples)
    onset = int(0.5 * SAMPLE_RATE / HOP) + LOOKAHEAD
    assert np.abs(SAMPLE_RATE / period[onset + 3 : onset + 60] / 150 - 1).max() < 0.05


def test_voicing():
    voiced = track(harmonic(glide(120, 140, 1.0)))[1][12:]
    unvoiced = track(noise(4.0))[1][12:]
    assert voiced.min() > 0.9
    assert np.median(unvoiced) < VOICED
    assert voiced.min() > unvoiced.max()


@pytest.mark.parametrize("block", [1, 7])
def test_streaming_equals_batch(block):
    samples = speech_like(2.1, seed=2)
    for one, other in zip(track(samples, block), track(samples), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("exponent", [-20, -7, 5, 15])
def test_level_does_not_matter(exponent):
    samples = speech_like(2.0, seed=3) + noise(2.0, 0.01)
    period, correlation = track(samples)
    scaled_period, scaled_correlation = track(samples * np.float32(2.0**exponent))
    np.testing.assert_allclose(scaled_correlation, correlation, atol=2e-5)
    # Rounding may break a tie between two lags.
    assert np.mean(scaled_period != period) < 0.01


def test_silence():
    period, correlation = track(np.zeros(40 * HOP, np.float32))
    assert not correlation.any()
    assert ((period >= LAG_MIN) & (period <= LAG_MAX)).all()


STRANGE = {
    "impulse": np.eye(1, 100 * HOP, 30 * HOP)[0],
    "impulses": np.resize(np.eye(1, 5000)[0], 100 * HOP),
    "offset": np.ones(100 * HOP),
    "alternating": np.resize([1.0, -1.0], 100 * HOP),
    "sound, then digital silence": np.r_[speech_like(0.5), np.zeros(50 * HOP)],
    "step down by 120 dB": np.r_[speech_like(0.5), 1e-6 * speech_like(0.5, seed=1)],
    "square": np.sign(harmonic(glide(100, 200, 1.0))),
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("level", [1e-12, 1e-4, 1.0, 32768.0])
def test_strange_sounds_give_sane_results(name, level):
    with np.errstate(all="raise", under="ignore"):
        period, correlation = track((level * STRANGE[name]).astype(np.float32))
    assert np.isfinite(correlation).all()
    assert np.abs(correlation).max() <= 1
    assert ((period >= LAG_MIN) & (period <= LAG_MAX)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 8))
def test_bursts_give_sane_results(seed, spread):
    """Noise whose level jumps by orders of magnitude."""
    rng = np.random.default_rng(seed)
    envelope = np.repeat(10 ** -(spread * rng.random(60)) * (rng.random(60) < 0.7), HOP // 3)
    period, correlation = track((rng.standard_normal(len(envelope)) * envelope).astype(np.float32))
    assert np.abs(correlation).max() <= 1
    assert ((period >= LAG_MIN) & (period <= LAG_MAX)).all()


@pytest.mark.parametrize("period", [97, 128, 151, 200, 250, 301, 401, 500, 700])
def test_the_period_is_found_to_the_sample(period):
    """Three times finer than the lags that are correlated, by a parabola through the peak."""
    hertz = np.full(int(1.2 * SAMPLE_RATE), SAMPLE_RATE / period)
    found, _ = track(harmonic(hertz, tilt=1.5, top_hz=3000))
    assert np.abs(found[15:] - period).max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_the_path_is_the_best_one_that_ends_in_the_newest_frame(seed):
    """Against a Viterbi search with stored pointers, on scores with ridges that bend, break off and compete."""
    rng = np.random.default_rng(seed)
    frames = 120
    ridges = rng.integers(20, LAGS - 20, (2, 1)) + np.cumsum(rng.integers(-5, 6, (2, frames)), axis=1)
    ridges = np.clip(ridges, 2, LAGS - 3)
    scores = rng.uniform(-0.2, 0.2, (frames, LAGS)).astype(np.float32)
    turns = np.repeat(rng.random(frames // 4) < 0.5, 4)
    for ridge, heard in zip(ridges, (turns, ~turns), strict=True):
        scores[np.flatnonzero(heard), ridge[heard]] += rng.uniform(0.3, 1.5, heard.sum())
    paths = PitchState().paths
    best, pointers, restarts, bends = np.zeros(LAGS), [], 0, 0
    for score in _guarded(scores):
        paths = _extended(paths[-BACKTRACK:], score[None])
        reached = np.full((LAGS, LAGS), -np.inf)  # [to, from]
        for step in range(-JUMP, JUMP + 1):
            source = np.arange(max(0, -step), min(LAGS, LAGS - step))
            reached[source + step, source] = best[source] - JUMP_COST * step**2
        ways, whence = reached.max(axis=1), reached.argmax(axis=1)
        restarted = ways < best.max() - RESTART_COST
        pointers.append(np.where(restarted, best.argmax(), whence))
        best = np.where(restarted, best.max() - RESTART_COST, ways) + score
        end = int(best.argmax())
        (found,) = _traced_back(paths)
        assert found == pointers[-1][end]
        restarts += bool(restarted[end])
        bends += found != end
    assert restarts > 3 and bends > 20, "the scores made it too easy"


def response_db(taps, hertz, rate):
    return 20 * np.log10(np.abs(np.exp(-2j * np.pi * np.outer(hertz, np.arange(len(taps))) / rate) @ taps) + 1e-12)


def test_what_is_left_out_before_every_third_sample_is_kept_would_fold_back():
    assert LOWPASS.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(LOWPASS, LOWPASS[::-1], atol=1e-7)  # no phase of its own
    assert np.abs(response_db(LOWPASS, np.arange(0, 5500, 100), SAMPLE_RATE)).max() < 1
    assert response_db(LOWPASS, np.arange(9500, 24000, 100), SAMPLE_RATE).max() < -40


def test_the_high_pass_is_two_of_one_pole_without_a_trace_of_the_offset():
    rate = SAMPLE_RATE / DECIMATION
    pole = np.exp(-2 * np.pi * RUMBLE_HZ / rate)
    ideal = lfilter([1, -2, 1], [1, -2 * pole, pole**2], np.eye(1, len(HIGHPASS))[0])
    np.testing.assert_allclose(HIGHPASS[::-1][1:], ideal[1:], atol=1e-6)
    assert abs(HIGHPASS.sum()) < 1e-5
    assert response_db(HIGHPASS[::-1], [25], rate)[0] < -20 < -3 < response_db(HIGHPASS[::-1], [200], rate)[0]
