"""Analysis and synthesis on what microphones really deliver: levels, silence, offset, clipping, narrow bands, music."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import firwin, lfilter
from signals import glide, harmonic, noise, speech_like

from percepnet_wasm.constants import DELAY, HOP, LAG_MAX, LAG_MIN, SAMPLE_RATE
from percepnet_wasm.signal.analysis import AnalysisState, analyse
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import features
from percepnet_wasm.signal.pitch import PitchState, track_pitch
from percepnet_wasm.signal.stft import IstftState
from percepnet_wasm.signal.synthesis import synthesise

FRAMES = 150
SECONDS = FRAMES / 100


class Stream:
    """A noisy signal's front half, as the engine runs it."""

    def __init__(self):
        self.pitch, self.analysis = PitchState(), AnalysisState()

    def __call__(self, samples):
        period, correlation = track_pitch(samples, self.pitch)
        noisy = analyse(samples, period, self.analysis)
        return noisy, period, features(noisy.newest_energy, noisy.coherence, period, correlation)


def run(samples, gain=1.0, strength=0.0, block=1):
    """Analyse and resynthesise with fixed band values or (frames, BANDS) of them; gives the analysis and the output."""
    frames = len(samples) // HOP
    gain = np.broadcast_to(np.float32(gain), (frames, BANDS))
    strength = np.broadcast_to(np.float32(strength), (frames, BANDS))
    stream, synthesis = Stream(), IstftState()
    out, kept = [], []
    for k in range(0, frames, block):
        noisy, period, heard = stream(samples[HOP * k : HOP * (k + block)])
        out.append(synthesise(noisy, gain[k : k + block], strength[k : k + block], synthesis))
        kept.append((heard, period, noisy.coherence))
    return [np.concatenate(column) for column in zip(*kept, strict=True)], np.concatenate(out)


def random_bands(seed, frames=FRAMES):
    """Gains and strengths with zeros and ones among them."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.uniform(-0.3, 1.3, (2, frames, BANDS)), 0, 1).astype(np.float32)


def subnormal(array):
    magnitude = np.abs(np.asarray(array).view(np.float32))
    return np.any((magnitude > 0) & (magnitude < np.finfo(np.float32).tiny))


def state_of(thing, found=None):
    """All float arrays an object holds, its parts' included."""
    found = {} if found is None else found
    for name, value in vars(thing).items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
            found[f"{type(thing).__name__}.{name}"] = value
        elif hasattr(value, "__dict__"):
            state_of(value, found)
    return found


def telephone(samples):
    return lfilter(firwin(801, [300, 3400], pass_zero=False, fs=SAMPLE_RATE), 1, samples).astype(np.float32)


def headset(samples):
    return lfilter(firwin(801, 7500, fs=SAMPLE_RATE), 1, samples).astype(np.float32)


def chords():
    return sum(harmonic(np.full(int(SECONDS * SAMPLE_RATE), f), level=0.05) for f in (220.0, 277.2, 329.6, 440.0))


def talkers():
    return speech_like(SECONDS, seed=6) + speech_like(SECONDS, seed=7)


SIGNALS = {
    "speech": lambda: speech_like(SECONDS, seed=8) + noise(SECONDS, 0.003),
    "telephone": lambda: telephone(speech_like(SECONDS, seed=8) + noise(SECONDS, 0.003)),
    "headset": lambda: headset(speech_like(SECONDS, seed=8) + noise(SECONDS, 0.003)),
    "clipped": lambda: np.clip(20 * speech_like(SECONDS, seed=8), -1, 1),
    "offset": lambda: speech_like(SECONDS, seed=8) + np.float32(0.2),
    "offset alone": lambda: np.full(FRAMES * HOP, 0.5, np.float32),
    "music": chords,
    "two talkers": talkers,
    "16-bit dither": lambda: np.rint(noise(SECONDS, 1e-5) * 32768).astype(np.float32) / 32768,
    "as 16-bit integers": lambda: 32768 * speech_like(SECONDS, seed=8),
    "impulses": lambda: np.resize(np.eye(1, 7001)[0], FRAMES * HOP).astype(np.float32),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_finite_and_sane(name):
    samples = SIGNALS[name]()
    gain, strength = random_bands(1)
    with np.errstate(all="raise", under="ignore"):
        (features, period, coherence), out = run(samples, gain, strength)
    assert np.isfinite(features).all() and np.isfinite(out).all()
    assert ((period >= LAG_MIN) & (period <= LAG_MAX)).all()
    assert ((coherence >= 0) & (coherence <= 1)).all()
    # Random gains of up to 1 may move energy about, never add much.
    assert np.abs(out).max() < 3 * np.abs(samples).max()
    assert np.sum(out.astype(float) ** 2) < np.sum(samples.astype(float) ** 2)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("block", [1, FRAMES])
def test_unit_gains_delay_and_nothing_else(name, block):
    samples = SIGNALS[name]()
    _, out = run(samples, block=block)
    np.testing.assert_allclose(out[DELAY:], samples[:-DELAY], atol=3e-6 * np.abs(samples).max())
    np.testing.assert_allclose(out[:DELAY], 0, atol=1e-6 * np.abs(samples).max())


@pytest.mark.parametrize("position", [0, 1, 479, 480, 1000, 12345])
def test_an_impulse_comes_out_1440_samples_later(position):
    impulse = np.zeros(40 * HOP, np.float32)
    impulse[position] = 1
    _, out = run(impulse)
    assert np.abs(out).argmax() == position + 1440
    out[position + 1440] -= 1
    assert np.abs(out).max() < 1e-6


@pytest.mark.parametrize("exponent", [-12, -3, 1, 10])
def test_scales_exactly_with_its_input(exponent):
    """By powers of two, spectra and samples scale without rounding; the tracker's own rounding may break a tie."""
    factor = np.float32(2.0**exponent)
    samples = SIGNALS["speech"]()
    gain, strength = random_bands(2)
    (_, period, coherence), out = run(samples, gain, strength)
    (_, scaled_period, scaled_coherence), scaled = run(samples * factor, gain, strength)
    np.testing.assert_array_equal(period, scaled_period)
    np.testing.assert_array_equal(coherence, scaled_coherence)
    np.testing.assert_array_equal(out * factor, scaled)


@settings(max_examples=8, deadline=None)
@given(st.floats(1e-4, 1e4), st.integers(0, 2**32 - 1))
def test_scales_with_its_input_by_any_factor(factor, seed):
    samples = speech_like(0.4, seed) + noise(0.4, 0.003)
    gain, strength = random_bands(3, 40)
    (_, period, _), out = run(samples, gain, strength, block=40)
    (_, scaled_period, _), scaled = run(samples * np.float32(factor), gain, strength, block=40)
    same = period == scaled_period
    assert same.mean() > 0.9
    if same.all():
        np.testing.assert_allclose(scaled, out * np.float32(factor), atol=1e-5 * factor * np.abs(samples).max())


def test_zeros_in_zeros_out():
    (features, _, coherence), out = run(np.zeros(FRAMES * HOP, np.float32), *random_bands(4))
    assert not out.any()
    assert not coherence.any()
    assert (features == features[0]).all()


def test_digital_silence_after_speech_is_silence_soon():
    """Exact zeros: all taps of the comb have passed after 0.1 s, and nothing lingers on as rounding noise."""
    speech = speech_like(0.5, seed=9)
    samples = np.concatenate((speech, np.zeros(50 * HOP, np.float32)))
    gain, strength = random_bands(5, 100)
    (_, _, coherence), out = run(samples, gain, strength)
    assert out[: 50 * HOP].any()
    assert not out[62 * HOP :].any()
    assert not coherence[62:].any()


@pytest.mark.parametrize("level", [1.0, 1e-5, 1e-8])
def test_no_denormals(level):
    """They would cost a hundred times an ordinary number, and WebAssembly cannot flush them."""
    speech = (level * SIGNALS["speech"]()).astype(np.float32)
    samples = np.concatenate((speech, np.zeros(50 * HOP, np.float32), speech))
    gain, strength = random_bands(6, len(samples) // HOP)
    stream, synthesis = Stream(), IstftState()
    for k in range(len(samples) // HOP):
        noisy, _, _ = stream(samples[HOP * k : HOP * (k + 1)])
        out = synthesise(noisy, gain[k : k + 1], strength[k : k + 1], synthesis)
        assert not subnormal(out)
        for name, array in (state_of(stream) | state_of(noisy) | state_of(synthesis)).items():
            assert not subnormal(array), f"{name} in call {k}"


def test_narrow_bands_leave_the_rest_at_the_floor():
    (features, *_), _ = run(telephone(speech_like(SECONDS, seed=8)))
    assert np.median(features[20:, 31]) < -4
    assert np.median(features[20:, 10]) > -2


def test_telephone_speech_keeps_its_pitch():
    hertz = glide(110, 180, SECONDS)
    (_, period, _), _ = run(telephone(harmonic(hertz)))
    calls = np.arange(15, FRAMES)
    # The filter delays by 400 samples.
    truth = hertz[np.maximum(HOP * (calls - 2) - 400, 0)]
    assert np.mean(np.abs(SAMPLE_RATE / period[calls] / truth - 1) > 0.2) <= 0.05


def test_voiced_speech_is_coherent_and_noise_is_not():
    (_, _, voiced), _ = run(harmonic(glide(150, 170, SECONDS)))
    (_, _, unvoiced), _ = run(noise(SECONDS))
    assert np.median(voiced[15:, :20]) > 0.95
    # The comb's centre tap shares the frame's own noise.
    assert 0.3 < np.median(unvoiced[15:]) < 0.6


def test_full_strength_replaces_the_frame_by_the_combed_one():
    """At gain 1 the band keeps its energy, but what lies between the harmonics is gone."""
    voice = harmonic(np.full(FRAMES * HOP, 200.0), tilt=0, top_hz=7500)
    noisy = voice + headset(noise(SECONDS, 0.05))
    _, plain = run(noisy)
    _, combed = run(noisy, strength=1.0)
    shifted = voice[:-DELAY][20 * HOP :]
    error = [np.std(out[DELAY:][20 * HOP :] - shifted) for out in (plain, combed)]
    assert 20 * np.log10(error[0] / error[1]) > 3


@pytest.mark.parametrize("block", [3, 50, FRAMES])
def test_blocks_equal_single_frames(block):
    samples = SIGNALS["speech"]()
    gain, strength = random_bands(7)
    (features, period, coherence), out = run(samples, gain, strength)
    (many, many_period, many_coherence), many_out = run(samples, gain, strength, block=block)
    np.testing.assert_array_equal(period, many_period)
    np.testing.assert_allclose(many, features, atol=2e-5)
    np.testing.assert_allclose(many_coherence, coherence, atol=2e-5)
    np.testing.assert_allclose(many_out, out, atol=1e-6)


def test_mixing_back_the_noisy_signal():
    samples = SIGNALS["speech"]()
    noisy, _, _ = Stream()(samples)
    gain, strength = random_bands(8)
    enhanced = synthesise(noisy, gain, strength, IstftState())
    unchanged = synthesise(noisy, np.ones_like(gain), None, IstftState())
    floored = synthesise(noisy, gain, strength, IstftState(), floor=0.25)
    np.testing.assert_allclose(floored, 0.75 * enhanced + 0.25 * unchanged, atol=1e-6)


def test_no_comb_equals_strength_zero():
    samples = SIGNALS["speech"]()
    noisy, _, _ = Stream()(samples)
    gain, _ = random_bands(9)
    without = synthesise(noisy, gain, None, IstftState())
    np.testing.assert_allclose(synthesise(noisy, gain, np.zeros_like(gain), IstftState()), without, atol=1e-6)


def test_what_is_fainter_than_any_microphone_stays_finite_and_faint():
    """Energies of about what keeps divisions from zero."""
    samples = noise(0.5, 1e-17)
    with np.errstate(all="raise", under="ignore"):
        _, out = run(samples, gain=0.7, strength=0.6)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 10 * np.abs(samples).max()
