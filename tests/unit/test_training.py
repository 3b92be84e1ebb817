"""Parts of the training: noises and their augmentation, targets, rooms, and what is done to a network's weights."""

import numpy as np
import pytest
import torch
from hostile import bands, examples, sounds
from hypothesis import given
from hypothesis import strategies as st
from scenery import voice

from build_scripts.train.augmentation import (
    augment_noise,
    equalise,
    match_envelope,
    match_spectrum,
    shift_frequencies,
    shuffle_grains,
)
from build_scripts.train.dataset import example
from build_scripts.train.export import blend
from build_scripts.train.inputs import responses
from build_scripts.train.model import PercepNet, Size, quantised
from build_scripts.train.noises import (
    calls,
    clicks,
    coloured,
    drops,
    engine,
    fan,
    generate,
    hum,
    insects,
    music,
    siren,
    typing,
    wind,
)
from build_scripts.train.rooms import EARLY_S, TARGET_RT60, align, drier
from build_scripts.train.scenes import Scene
from build_scripts.train.target_denoising import LOWEST_DB, SPEAKING_DB, denoise_target, floor_gains
from build_scripts.train.teacher import merge_targets
from build_scripts.train.voices import play
from build_scripts.train.warm_start import with_features
from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.layers import WEIGHT_LIMIT, WEIGHT_SCALE
from percepnet_wasm.oracle.targets import Targets
from percepnet_wasm.signal.bands import BANDS, edges
from percepnet_wasm.signal.features import FEATURES

FRAMES = 400
LENGTH = FRAMES * HOP


@pytest.mark.parametrize(
    "kind", [coloured, hum, fan, siren, wind, clicks, typing, engine, music, calls, drops, insects, generate]
)
def test_generated_noises(kind):
    noise = kind(np.random.default_rng(2), SAMPLE_RATE)
    assert noise.shape == (SAMPLE_RATE,) and np.isfinite(noise).all() and noise.std() > 0


def spectrum(signal: np.ndarray) -> np.ndarray:
    """Power in 20 bands of 1.2 kHz."""
    power = np.abs(np.fft.rfft(signal)) ** 2
    return power[: len(power) // 20 * 20].reshape(20, -1).sum(axis=1)


def test_noise_augmentations_do_what_their_names_say():
    rng = np.random.default_rng(9)
    white = rng.standard_normal(SAMPLE_RATE).astype(np.float32)
    brown = np.cumsum(white - white.mean()).astype(np.float32)
    borrowed = spectrum(match_spectrum(white, brown)) / spectrum(brown)
    assert borrowed.max() / borrowed.min() < 2, "white noise has the other's spectrum"
    gated = white * (np.arange(SAMPLE_RATE) % 12000 < 6000)
    paced = match_envelope(rng.standard_normal(SAMPLE_RATE).astype(np.float32), gated)
    assert np.std(paced[1000:5000]) > 10 * np.std(paced[7000:11000]), "and the other's pauses"
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    moved = np.abs(np.fft.rfft(shift_frequencies(rng, tone)))
    assert 20 <= abs(np.argmax(moved) - 1000) <= 400
    grains = shuffle_grains(rng, white)
    assert np.std(grains) == pytest.approx(np.sqrt(0.75), rel=0.05), "two halves of a Hann window, not in phase"
    assert abs(np.corrcoef(grains, white)[0, 1]) < 0.3
    both = equalise(rng, np.stack((white, white)), 6)
    np.testing.assert_array_equal(both[0], both[1])
    change_db = 10 * np.log10(spectrum(both[0]) / spectrum(white))
    assert 0.5 < np.ptp(change_db) and np.abs(change_db).max() < 7
    for _ in range(30):
        noise = augment_noise(rng, white, brown)
        assert noise.shape == white.shape and noise.dtype == np.float32
        assert np.isfinite(noise).all() and noise.std() > 0
    assert np.isfinite(augment_noise(rng, np.zeros(SAMPLE_RATE, np.float32), white)).all()


def half_a_scene(bandwidth_hz: float) -> Scene:
    """A talker in the first half, a pause in the second, white noise in both."""
    rng = np.random.default_rng(3)
    clean = np.zeros(LENGTH, np.float32)
    clean[: LENGTH // 2] = np.resize(voice(rng, 2), LENGTH // 2)
    noisy = clean + 0.02 * rng.standard_normal(LENGTH).astype(np.float32)
    return Scene(noisy, clean, bandwidth_hz)


def test_targets_above_a_narrow_recording_are_masked_in_its_pauses_too() -> None:
    """Or all narrow talkers together would teach the upper bands silence."""
    made = example(half_a_scene(8000))
    above, below = edges()[:-1] * 50 > 8000, edges()[1:] * 50 < 7000
    speaking = made.voice[:, 0] > 0
    assert 0.3 < speaking.mean() < 0.7
    assert made.weight[:, above].max() == 0
    assert made.weight[10:, below].min() == 1
    assert made.gain[300:, below].max() < 0.05 and made.voice[300:].max() == 0
    assert made.features.shape == (FRAMES, 2 * BANDS + 2)
    assert example(half_a_scene(20000)).weight[10:].min() == 1


def test_noise_alone_is_masked_nowhere() -> None:
    """This holds whatever the bandwidth of the talker, who is silent."""
    scene = half_a_scene(8000)
    scene.clean[:] = 0
    assert example(scene).weight[10:].min() == 1


def test_a_softer_second_half_is_speech_too() -> None:
    """Voice is judged relative to the talker's level at the time."""
    rng = np.random.default_rng(5)
    level = np.where(np.arange(LENGTH) < LENGTH // 2, 1, 10 ** (-25 / 20)).astype(np.float32)
    clean = np.resize(voice(rng, 4), LENGTH) * level
    tone = 1e-3 * np.resize(voice(rng, 4, 90), LENGTH)  # 25 dB below the louder half, 50 below its own level
    quiet = Scene(clean + tone, clean, 20000, level=level)
    voiced = example(quiet).voice[:, 0]
    assert voiced[FRAMES // 2 :].mean() == pytest.approx(voiced[: FRAMES // 2].mean(), abs=0.1)


def test_the_teacher_can_only_raise_the_gains_of_speech() -> None:
    """The larger gain where there is speech, half way between both elsewhere, the teacher's above the bandwidth."""
    gain = lambda *values: np.array([values], np.float32)  # noqa: E731
    clean = Targets(gain(0), plain_gain=gain(0.8, 0.8, 0.1, 0.0, 0.0), strength=gain(0.1, 0.2, 0.3, 0.4, 0.5))
    taught = Targets(gain(0), plain_gain=gain(0.9, 0.5, 0.9, 0.0, 0.7), strength=gain(0.5, 0.6, 0.7, 0.8, 0.9))
    kept, strength = merge_targets(clean, taught, np.array([False, False, False, False, True]))
    np.testing.assert_allclose(kept, gain(0.9, 0.8, 0.5, 0.0, 0.7))
    np.testing.assert_allclose(strength, gain(0.5, 0.2, 0.7, 0.4, 0.9))


def test_with_a_teacher_the_upper_bands_are_known() -> None:
    """It is asked about scenes with speech and noise, and about no others."""
    scene = half_a_scene(8000)
    above = edges()[:-1] * 50 > 8000
    made = example(scene, teacher=lambda scene: 0.5 * scene.noisy)
    speaking = made.voice[:, 0] > 0
    assert made.weight[10:, edges()[1:] * 50 < 7000].min() == 1
    assert 0 < made.weight[10:, above].min() == made.weight[10:, above].max() < 1, "known from hearsay"
    assert np.median(made.gain[speaking][:, above]) == pytest.approx(0.5, abs=0.05)

    def unasked(scene: Scene) -> np.ndarray:
        raise AssertionError("nothing to ask about")

    scene.plan["no_noise"] = 0
    assert example(scene, teacher=unasked).weight[:, above].max() == 0


def test_target_denoising_lowers_the_floor_of_a_recording_and_keeps_its_speech():
    rng = np.random.default_rng(7)
    speech = np.resize(voice(rng, 2), 4 * SAMPLE_RATE)
    speech[2 * SAMPLE_RATE : 3 * SAMPLE_RATE] = 0  # the frames next to speech are spared with it
    noisy = speech + 2e-4 * rng.standard_normal(len(speech)).astype(np.float32)
    noisy[SAMPLE_RATE : SAMPLE_RATE + 4800] = 0  # digital silence between joined clips is not a floor
    clean = denoise_target(noisy)
    assert clean.shape == noisy.shape and clean.dtype == np.float32
    pause = (np.convolve(np.abs(speech), np.ones(14400), "same") == 0) & (noisy != 0)
    loud = np.abs(speech) > 0
    assert 10 * np.log10(np.mean(clean[pause] ** 2) / np.mean(noisy[pause] ** 2)) < -12
    error = (clean - noisy)[loud]
    assert 10 * np.log10(np.mean(error**2) / np.mean(noisy[loud] ** 2)) < -30
    np.testing.assert_array_equal(floor_gains(np.zeros((5, BANDS), np.float32)), 1)
    np.testing.assert_allclose(denoise_target(noisy / 8), clean / 8, atol=1e-4, err_msg="depends on the level")


def test_target_denoising_keeps_weak_bands_while_the_talker_speaks() -> None:
    """Also those that look like the floor, and words without any pause."""
    rng = np.random.default_rng(2)
    floor = 1e-3 * rng.exponential(size=(600, BANDS)).astype(np.float32)
    energy = floor.copy()
    energy[100:500, :10] += 100  # loud below, and 10 dB over the floor above: a vowel's upper harmonics
    energy[100:500, 10:20] += 10e-3
    gains = floor_gains(energy)
    assert gains[100:500].min() >= 10 ** (SPEAKING_DB / 20) - 1e-6
    assert np.median(gains[:80]) < 10 ** (LOWEST_DB / 2 / 20)
    word = rng.uniform(0.5, 1, (200, BANDS)).astype(np.float32)
    np.testing.assert_allclose(floor_gains(word), 1, err_msg="a word without a pause has no floor")


@examples(20)
@given(sounds(), st.integers(1, 12 * HOP))
def test_target_denoising_keeps_any_sound_finite_and_its_length(sound, length):
    sound = sound[:length]
    clean = denoise_target(sound)
    assert clean.shape == sound.shape and clean.dtype == np.float32 and np.isfinite(clean).all()
    assert np.abs(clean).max() <= 2 * np.abs(sound).max()


@examples(30)
@given(bands(0, 2.0**66, frames=5))
def test_target_denoising_lowers_no_band_by_more_than_its_limit(energy):
    gains = floor_gains(energy)
    assert gains.shape == energy.shape and 0.00999 < gains.min() and gains.max() <= 1


def test_rooms_keep_early_reflections_and_shorten_the_tail():
    rng = np.random.default_rng(4)
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    long = rng.standard_normal(SAMPLE_RATE) * 10 ** (-3 * time / 0.8) * 0.1
    long[0] = 3
    response = align(long.astype(np.float32))
    target = drier(response)
    early = int(EARLY_S * SAMPLE_RATE)
    np.testing.assert_array_equal(target[:early], response[:early])
    # An RT60 of TARGET_RT60 means 30 dB in half of it.
    later = early + int(TARGET_RT60 / 2 * SAMPLE_RATE)
    level = [10 * np.log10(np.mean(target[t : t + 480] ** 2)) for t in (early, later)]
    assert level[0] - level[1] == pytest.approx(30, abs=3)
    dry = align((rng.standard_normal(4800) * 10 ** (-3 * np.arange(4800) / 4800)).astype(np.float32))
    np.testing.assert_array_equal(drier(dry), dry)


def test_weights_round_to_int8_and_pass_the_gradient():
    weight = torch.tensor([0.3, -0.7, WEIGHT_SCALE * 0.6], requires_grad=True)
    rounded = quantised(weight)
    steps = rounded.detach() / WEIGHT_SCALE
    assert torch.equal(steps, steps.round()) and rounded.abs().max() <= WEIGHT_LIMIT
    rounded.sum().backward()
    assert torch.equal(weight.grad, torch.ones(3))


def test_playing_faster_keeps_the_length_and_raises_the_pitch():
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for speed in (0.82, 1.0, 1.3):
        tone = np.sin(2 * np.pi * 1000 * np.arange(int(len(time) * speed) + 1) / SAMPLE_RATE).astype(np.float32)
        played = play(tone, speed, len(time))
        assert played.shape == time.shape and played.dtype == np.float32
        assert np.argmax(np.abs(np.fft.rfft(played))) == pytest.approx(1000 * speed, abs=1.5)


def test_blending_moves_the_weights_back_towards_the_start():
    torch.manual_seed(1)
    make = lambda: PercepNet(Size(16, 24, 24, 8), torch.zeros(FEATURES), torch.ones(FEATURES))  # noqa: E731
    network, start = make(), make()
    trained = network.gain.weight.detach().clone()
    blend(network, start, 0.25)
    torch.testing.assert_close(network.gain.weight, 0.75 * trained + 0.25 * start.gain.weight)
    wide = with_features(make(), torch.zeros(FEATURES + 68), torch.ones(FEATURES + 68))
    torch.nn.init.ones_(wide.dense.weight)
    blend(wide, start, 0.25)
    torch.testing.assert_close(wide.dense.weight[:, :FEATURES], 0.75 + 0.25 * start.dense.weight)
    torch.testing.assert_close(wide.dense.weight[:, FEATURES:], torch.full((16, 68), 0.75))
    with pytest.raises(ValueError, match="share is 2"):
        blend(network, start, 2)
    with pytest.raises(ValueError, match="of one size"):
        blend(network, PercepNet(Size(16, 32, 32, 8), torch.zeros(FEATURES), torch.ones(FEATURES)), 0.5)


def test_microphones_differ_smoothly_over_the_bands():
    response = responses(np.random.default_rng(0), 50)
    assert response.shape == (50, 1, BANDS) and response.dtype == np.float32
    assert response.std(axis=0).min() > 0.2, "levels and tilts vary"
    assert np.abs(np.diff(response, axis=2)).max() < 0.25, "2.5 dB from band to band at most"
