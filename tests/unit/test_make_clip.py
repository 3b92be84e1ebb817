"""The synthetic clip is speech enough to test with: voiced at the pitch asked for, in noise of known level."""

import wave

import numpy as np
import parselmouth
import pytest
from signals import talk

from build_scripts.site.make_clip import SENTENCES, make_clip, write_wav
from build_scripts.site.speech_synthesis import RATE, Voice, say


@pytest.fixture(scope="module")
def clip():
    return talk()


def power(audio: np.ndarray) -> float:
    return float(np.mean(audio.astype(float) ** 2))


def test_the_clip_is_the_sum_of_its_parts_and_fits_full_scale(clip):
    assert clip.noisy.dtype == np.float32 and clip.noisy.shape == clip.speech.shape
    assert 10 <= clip.noisy.size / RATE <= 15
    np.testing.assert_array_equal(clip.noisy, clip.clean + clip.noise)
    assert np.max(np.abs(clip.noisy)) < 0.98


def test_the_level_of_the_noise_is_as_asked():
    clip = talk(12.0)
    assert 10 * np.log10(power(clip.clean[clip.speech]) / power(clip.noise)) == pytest.approx(12, abs=0.1)


def test_pauses_are_silent_and_long(clip):
    assert not clip.clean[~clip.speech].any()
    starts = np.flatnonzero(np.diff(clip.speech.astype(int)) == 1)
    assert len(starts) == len(SENTENCES)
    assert np.sum(~clip.speech) / RATE == pytest.approx(0.9 * (len(SENTENCES) + 1))


def test_equal_seeds_give_equal_clips_and_others_do_not(clip):
    np.testing.assert_array_equal(make_clip().noisy, clip.noisy)
    assert not np.array_equal(make_clip(seed=2).noise, clip.noise)


@pytest.mark.parametrize("pitch", [110.0, 200.0])
def test_praat_hears_the_pitch(pitch):
    audio = say("W IY W ER AX W EY1 AX Y IH1 R AX G OW1", Voice(pitch, 1.0), np.random.default_rng(0))
    track = parselmouth.Sound(audio, RATE).to_pitch(pitch_floor=60, pitch_ceiling=400).selected_array["frequency"]
    voiced = track[track > 0]
    assert voiced.size > 0.8 * track.size
    assert np.median(voiced) == pytest.approx(pitch, rel=0.15)
    assert np.ptp(voiced) > 0.1 * pitch, "speech does not stay on one note"


def test_praat_hears_the_formants_of_a_vowel():
    sound = parselmouth.Sound(say("IY1 IY IY", Voice(110, 1.0), np.random.default_rng(0)), RATE)
    formants = sound.to_formant_burg(maximum_formant=4500)
    middle = sound.duration / 2
    assert formants.get_value_at_time(1, middle) == pytest.approx(270, rel=0.2)
    assert formants.get_value_at_time(2, middle) == pytest.approx(2290, rel=0.1)


def test_a_sibilant_is_high_and_not_periodic():
    audio = say("S S S", Voice(110, 1.0), np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(audio)) ** 2
    hz = np.fft.rfftfreq(audio.size, 1 / RATE)
    assert 5000 < np.sum(hz * spectrum) / np.sum(spectrum) < 10000


def test_an_unknown_phone_is_named():
    with pytest.raises(KeyError, match="QQ"):
        say("AH QQ", Voice(110, 1.0), np.random.default_rng(0))


def test_wav_round_trip(clip, tmp_path):
    write_wav(tmp_path / "clip.wav", clip.noisy)
    with wave.open(str(tmp_path / "clip.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        samples = np.frombuffer(file.readframes(-1), "<i2") / 32767
    np.testing.assert_allclose(samples, clip.noisy, atol=2e-5)
