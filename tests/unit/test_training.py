"""The recipe's parts: what a mix holds, what is masked, what the losses punish, and that a network can learn."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf
import torch
from hostile import bands, examples, sounds
from hypothesis import given
from hypothesis import strategies as st

from build_scripts.train.augmentation import (
    augment_noise,
    equalise,
    match_envelope,
    match_spectrum,
    shift_frequencies,
    shuffle_grains,
)
from build_scripts.train.corpus import Corpus
from build_scripts.train.dataset import SEQUENCE, WIDTH, Pool, example, split, write_shards
from build_scripts.train.export import blend
from build_scripts.train.losses import gain_loss, loss, spectrum_loss, strength_loss
from build_scripts.train.mixing import Mix, Mixer, _play
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
from build_scripts.train.target_denoising import denoise_target, floor_gains
from build_scripts.train.train import microphones
from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.model_file import WEIGHT_LIMIT, WEIGHT_SCALE
from percepnet_wasm.signal.bands import BANDS, edges
from percepnet_wasm.signal.features import FEATURES

LENGTH = SEQUENCE * HOP


def voice(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Harmonics of a gliding pitch in bursts: enough of a voice for the pipeline."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * rng.uniform(0.3, 1) * time)) / SAMPLE_RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 30))
    return (0.05 * tone * (np.sin(2 * np.pi * 1.5 * time) > -0.3)).astype(np.float32)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> tuple[Corpus, Corpus]:
    """Thirty talkers of one clip each, and three noises, as files in folders."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("audio")
    rows = ["path,speaker,bandwidth_hz,floor_db"]
    (root / "speech").mkdir()
    (root / "noise").mkdir()
    for talker in range(30):
        sf.write(root / "speech" / f"{talker}.wav", voice(rng, 2.0), SAMPLE_RATE)
        rows.append(f"{talker}.wav,talker-{talker},8000,45")
    (root / "speech" / "manifest.csv").write_text("\n".join(rows))
    for kind in range(3):
        sf.write(root / "noise" / f"{kind}.wav", 0.1 * rng.standard_normal(2 * 16000), 16000)
    return Corpus([root / "speech"], root / "cache"), Corpus([root / "noise"], root / "cache")


def test_corpus_keeps_out_a_tenth_of_the_talkers(corpora):
    speech, noise = corpora
    held_out = [clip.speaker for clip in speech.clips if clip.held_out]
    assert 0 < len(held_out) < 0.3 * len(speech.clips)
    assert all(clip.length == 2 * SAMPLE_RATE for clip in noise.clips), "16 kHz noise must be resampled"
    with pytest.raises(ValueError, match="no audio files"):
        Corpus([Path(__file__).parent], Path("unused"))


def test_mixes_are_finite_within_full_scale_and_use_their_own_talkers(corpora):
    rng = np.random.default_rng(1)
    response = np.zeros(SAMPLE_RATE // 2, np.float32)
    response[[40, 3000, 9000]] = 1, 0.5, 0.25
    for held_out in (False, True):
        mixer = Mixer(*corpora, [response], held_out=held_out)
        assert {c.held_out for clips in mixer._talkers.values() for c in clips} == {held_out}
        for _ in range(5):
            mix = mixer.draw(rng, LENGTH)
            assert mix.noisy.shape == mix.clean.shape == (LENGTH,)
            assert mix.noisy.dtype == mix.clean.dtype == np.float32
            assert np.isfinite(mix.noisy).all() and np.isfinite(mix.clean).all()
            assert np.abs(mix.noisy).max() <= 1.03  # full scale, and at most a small offset


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


def test_targets_above_the_recording_are_masked_only_near_speech():
    rng = np.random.default_rng(3)
    clean = np.zeros(LENGTH, np.float32)
    clean[: LENGTH // 2] = np.resize(voice(rng, 2), LENGTH // 2)
    noisy = clean + 0.02 * rng.standard_normal(LENGTH).astype(np.float32)
    made = example(Mix(noisy, clean, bandwidth_hz=8000))
    above = edges()[:-1] * 50 > 8000
    speaking = made.voice[:, 0] > 0
    assert speaking[10:200].mean() > 0.5
    assert made.weight[speaking][:, above].max() == 0
    assert made.weight[10:, edges()[1:] * 50 < 7000].min() == 1
    assert made.weight[300:].min() == 1, "in a pause the target is known to be nothing"
    assert made.gain[300:].max() < 0.05 and made.voice[300:].max() == 0
    assert made.features.shape == (SEQUENCE, 2 * BANDS + 2)


def test_target_denoising_lowers_the_floor_of_a_recording_and_keeps_its_speech():
    rng = np.random.default_rng(7)
    speech = np.resize(voice(rng, 2), 4 * SAMPLE_RATE)
    noisy = speech + 2e-4 * rng.standard_normal(len(speech)).astype(np.float32)
    noisy[SAMPLE_RATE : SAMPLE_RATE + 4800] = 0  # digital silence between strung clips is no floor
    clean = denoise_target(noisy)
    assert clean.shape == noisy.shape and clean.dtype == np.float32
    pause = (np.convolve(np.abs(speech), np.ones(4800), "same") == 0) & (noisy != 0)
    loud = np.abs(speech) > 0
    assert 10 * np.log10(np.mean(clean[pause] ** 2) / np.mean(noisy[pause] ** 2)) < -12
    error = (clean - noisy)[loud]
    assert 10 * np.log10(np.mean(error**2) / np.mean(noisy[loud] ** 2)) < -30
    np.testing.assert_array_equal(floor_gains(np.zeros((5, BANDS), np.float32)), 1)
    np.testing.assert_allclose(denoise_target(noisy / 8), clean / 8, atol=1e-4, err_msg="depends on the level")


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


def test_targets_equal_the_recording_until_they_are_denoised(tmp_path):
    rng = np.random.default_rng(8)
    (tmp_path / "speech").mkdir()
    sf.write(tmp_path / "speech" / "a.wav", voice(rng, 2.0) + 1e-3 * rng.standard_normal(2 * SAMPLE_RATE), SAMPLE_RATE)
    corpus = Corpus([tmp_path / "speech"], tmp_path / "cache")
    (clip,) = corpus.clips
    recorded, target = corpus.pair(clip, 100, SAMPLE_RATE)
    np.testing.assert_array_equal(recorded, target)
    corpus.denoise_targets()
    recorded, target = corpus.pair(clip, 100, SAMPLE_RATE)
    np.testing.assert_array_equal(recorded, corpus.samples(clip, 100, SAMPLE_RATE))
    assert not np.array_equal(recorded, target)
    again = Corpus([tmp_path / "speech"], tmp_path / "cache")
    again.denoise_targets()
    np.testing.assert_array_equal(again.pair(clip, 100, SAMPLE_RATE)[1], target)


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


def test_losses_vanish_at_the_ideal_and_punish_taking_speech_away():
    ideal = torch.rand(2, 5, BANDS)
    assert gain_loss(ideal, ideal).max() == 0 and strength_loss(ideal, ideal).max() == 0
    wanted = torch.tensor([0.5])
    assert gain_loss(wanted, wanted / 4) > gain_loss(wanted, torch.tensor([0.875])), "taking away costs more"
    quiet = wanted / 4
    share = gain_loss(quiet, quiet / 4) / gain_loss(wanted, wanted / 4)
    assert share > 4 * 0.25**2, "a quarter of the gain must matter far more than a sixteenth, as in a squared error"
    assert gain_loss(torch.tensor([0.001]), torch.tensor([0.02])) == 0, "both are inaudible"


def test_spectrum_loss_listens_where_there_is_sound():
    ideal, weight = torch.full((1, 4, BANDS), 0.8), torch.ones(1, 4, BANDS)
    log_energy = torch.zeros(1, 4, BANDS)
    log_energy[:, :, 20:] = -6
    assert spectrum_loss(log_energy, ideal, ideal, weight).max() == 0
    error = spectrum_loss(log_energy, ideal, ideal / 2, weight)[0, 0]
    assert error[0] > 10 * error[-1] > 0
    louder = spectrum_loss(log_energy + 2, ideal, ideal / 2, weight)[0, 0]
    torch.testing.assert_close(louder, error, rtol=1e-3, atol=1e-6)
    silent = spectrum_loss(log_energy, 0 * ideal, ideal, weight)
    assert torch.isfinite(silent).all() and silent.max() > error.max(), "noise that is left counts without speech too"


def test_gradients_are_finite_where_powers_have_infinite_slopes():
    gain = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    ideal = torch.tensor([0.0, 0.0, 1.0, 1.0])
    (gain_loss(ideal, gain) + strength_loss(ideal, gain)).sum().backward()
    assert torch.isfinite(gain.grad).all()


def test_weights_round_to_int8_and_pass_the_gradient():
    weight = torch.tensor([0.3, -0.7, WEIGHT_SCALE * 0.6], requires_grad=True)
    rounded = quantised(weight)
    steps = rounded.detach() / WEIGHT_SCALE
    assert torch.equal(steps, steps.round()) and rounded.abs().max() <= WEIGHT_LIMIT
    rounded.sum().backward()
    assert torch.equal(weight.grad, torch.ones(3))


def test_shards_feed_a_network_that_learns(corpora, tmp_path, monkeypatch):
    monkeypatch.setattr("build_scripts.train.dataset.SHARD", 4)
    times = iter([0, 60, 0, 0, 60])
    monkeypatch.setattr("build_scripts.train.dataset.time", SimpleNamespace(monotonic=lambda: next(times)))
    write_shards(Mixer(*corpora, []), tmp_path, seed=0, minutes=1)
    assert not list(tmp_path.iterdir()), "no time, no shard"
    write_shards(Mixer(*corpora, []), tmp_path, seed=0, minutes=1)
    assert len(list(tmp_path.iterdir())) == 1
    pool = Pool(tmp_path)
    assert pool.refresh() >= 4
    batch = next(pool.batches(np.random.default_rng(0), 4))
    assert batch.shape == (4, SEQUENCE, WIDTH) and np.isfinite(batch).all()
    torch.manual_seed(0)
    target = {name: torch.from_numpy(value[:, :100].copy()) for name, value in split(batch).items()}
    flat = target["features"].reshape(-1, target["features"].shape[-1])
    model = PercepNet(Size(16, 24, 24, 8), flat.mean(0), flat.std(0) + 1e-3)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    values = []
    for _ in range(60):
        optimiser.zero_grad()
        value, _ = loss(target, *model(target["features"]))
        value.backward()
        optimiser.step()
        model.clamp_weights()
        values.append(value.item())
    assert values[-1] < 0.6 * values[0]
    assert max(w.abs().max() for w in model.weights()) <= WEIGHT_LIMIT


def test_playing_faster_keeps_the_length_and_raises_the_pitch():
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for speed in (0.82, 1.0, 1.3):
        tone = np.sin(2 * np.pi * 1000 * np.arange(int(len(time) * speed) + 1) / SAMPLE_RATE).astype(np.float32)
        played = _play(tone, speed, len(time))
        assert played.shape == time.shape and played.dtype == np.float32
        assert np.argmax(np.abs(np.fft.rfft(played))) == pytest.approx(1000 * speed, abs=1.5)


def test_blending_moves_the_weights_back_towards_the_start():
    torch.manual_seed(1)
    make = lambda: PercepNet(Size(16, 24, 24, 8), torch.zeros(FEATURES), torch.ones(FEATURES))  # noqa: E731
    network, start = make(), make()
    trained = network.gain.weight.detach().clone()
    blend(network, start, 0.25)
    torch.testing.assert_close(network.gain.weight, 0.75 * trained + 0.25 * start.gain.weight)
    with pytest.raises(ValueError, match="share is 2"):
        blend(network, start, 2)
    with pytest.raises(ValueError, match="of one size"):
        blend(network, PercepNet(Size(16, 32, 32, 8), torch.zeros(FEATURES), torch.ones(FEATURES)), 0.5)


def test_microphones_differ_smoothly_over_the_bands():
    response = microphones(np.random.default_rng(0), 50)
    assert response.shape == (50, 1, BANDS) and response.dtype == np.float32
    assert response.std(axis=0).min() > 0.2, "levels and tilts vary"
    assert np.abs(np.diff(response, axis=2)).max() < 0.25, "2.5 dB from band to band at most"
