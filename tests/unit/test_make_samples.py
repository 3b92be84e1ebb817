"""Samples are mixed as their recipe says, and every one that is listed is there, small, credited and decodable."""

import json

import numpy as np
import pytest
import soundfile as sf

from build_scripts import ROOT
from build_scripts.site import make_samples
from build_scripts.site.before_after import ENHANCED, SAMPLE
from build_scripts.site.make_samples import ENCODINGS, SAMPLES, active_level, mix
from percepnet_wasm import enhance

LISTED = json.loads((SAMPLES / "samples.json").read_text())
RATE = 48000


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    seconds = np.arange(3 * RATE) / RATE
    talk = 0.1 * np.sin(2 * np.pi * 200 * seconds) * (np.sin(2 * np.pi * seconds) > -0.5)
    response = np.zeros(RATE // 4)
    response[[100, 5000]] = 1, 0.5
    for name, audio in {"talk": talk, "noise": 0.01 * rng.standard_normal(2 * RATE), "room": response}.items():
        sf.write(tmp_path / f"{name}.wav", audio, RATE, subtype="FLOAT")
    return dict.fromkeys(("voices", "noises", "rooms"), tmp_path)


def recipe(**changes):
    noise = {"source": "a", "level_db": 0, "file": "noise.wav", "from_s": 0, "to_s": 2}
    return {"id": "x", "snr_db": 6, "speech": [["a", "talk.wav", 0, 2.5]], "noise": [noise]} | changes


def test_the_noise_is_as_far_below_the_speech_as_asked(folders):
    made = mix(recipe(), folders)
    lead = made[: RATE // 2]
    speech = make_samples.speech_of(recipe(), folders["voices"], folders["rooms"])
    assert len(made) == len(speech)
    ratio = 20 * np.log10(active_level(speech) / np.sqrt(np.mean(lead**2)))
    assert ratio == pytest.approx(6, abs=0.3)
    assert 20 * np.log10(active_level(speech)) == pytest.approx(make_samples.SPEECH_DBFS, abs=0.1)


def test_a_room_is_heard_and_babble_is_made_of_talkers(folders):
    dry = make_samples.speech_of(recipe(), folders["voices"], folders["rooms"])
    wet = make_samples.speech_of(recipe(room=["r", "room.wav"]), folders["voices"], folders["rooms"])
    assert len(wet) == len(dry) and not np.allclose(wet, dry)
    babble = [{"source": "a", "level_db": 0, "room": ["r", "room.wav"], "babble": ["talk.wav", "talk.wav"]}]
    noise = make_samples.noise_of(babble, 4 * RATE, folders)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1)
    spectrum = np.abs(np.fft.rfft(noise))
    assert np.argmax(spectrum) / 4 == pytest.approx(200, abs=1)


def test_a_repeated_noise_has_no_gap_and_keeps_its_level(folders):
    noise = sf.read(folders["noises"] / "noise.wav")[0]
    long = make_samples.repeated(noise, 7 * RATE)
    power = np.mean(long[: 7 * RATE].reshape(-1, RATE // 10) ** 2, axis=1)
    assert len(long) == 7 * RATE and power.min() > 0.7 * power.max()


def test_a_recording_at_another_rate_or_too_short_is_named(folders):
    sf.write(folders["voices"] / "talk.wav", np.zeros(1000), 44100)
    with pytest.raises(ValueError, match=r"talk\.wav is at 44100 Hz: use recordings at 48000 Hz"):
        mix(recipe(), folders)
    with pytest.raises(ValueError, match=r"noise\.wav lasts 2\.00 s, and 9 s were asked for"):
        make_samples.stretch(folders["noises"] / "noise.wav", 0, 9)


def test_what_is_missing_is_named_without_a_traceback(tmp_path, monkeypatch, capsys):
    folder = str(tmp_path)
    monkeypatch.setattr("sys.argv", ["make_samples", "--voices", folder, "--noises", folder, "--rooms", folder])
    assert make_samples.main() == 1
    assert capsys.readouterr().err.startswith("make_samples: cafe: ")


@pytest.mark.parametrize("sample", LISTED["samples"] + LISTED["voices"], ids=lambda sample: sample["id"])
def test_every_sample_is_there_in_both_formats(sample):
    lengths = []
    for suffix in ENCODINGS:
        path = SAMPLES / f"{sample['id']}.{suffix}"
        audio, rate = sf.read(path)
        lengths.append(len(audio) / rate)
        assert rate == RATE and audio.ndim == 1 and 8 < lengths[-1] < 15
        assert path.stat().st_size < 100_000 and 0.01 < np.sqrt(np.mean(audio**2)) < 0.2
    assert max(lengths) - min(lengths) < 0.1


def test_the_readmes_sample_is_what_the_model_makes_of_it():
    made, _ = sf.read(ENHANCED)
    expected = enhance(sf.read(SAMPLE)[0])
    error = made - expected  # the MP3 encoder's
    assert np.sum(error**2) < 0.05 * np.sum(expected**2)


def test_whose_every_part_is_and_under_which_licence():
    used = set()
    for sample in LISTED["samples"]:
        used |= {part["source"] for part in sample["noise"]} | {source for source, *_ in sample["speech"]}
        used |= {each["room"][0] for each in [sample, *sample["noise"]] if "room" in each}
    assert used == set(LISTED["sources"])
    for source in LISTED["sources"].values():
        assert all(source[key] for key in ("title", "author", "licence", "url"))
    listed = {f"{each['id']}.{suffix}" for each in LISTED["samples"] + LISTED["voices"] for suffix in ENCODINGS}
    assert {path.name for path in SAMPLES.iterdir()} == listed | {"samples.json"}


def test_the_article_credits_its_voices():
    page = " ".join((ROOT / "web" / "article.html").read_text().split())
    for source in {source for voice in LISTED["voices"] for source, *_ in voice["speech"]}:
        title, author, licence, url = (LISTED["sources"][source][key] for key in ("title", "author", "licence", "url"))
        assert f'<a href="{url}">{title}</a> by {author} ({licence})' in page


def test_a_voice_alone_has_no_noise(folders):
    made = mix({"id": "x", "speech": [["a", "talk.wav", 0, 2.5]]}, folders)
    assert not made[: RATE // 2].any()
    assert 20 * np.log10(active_level(made)) == pytest.approx(make_samples.SPEECH_DBFS, abs=0.1)


def test_the_baby_is_the_hardest_as_its_caption_says():
    """If another noise is left over more, the caption in samples.json is wrong."""
    begun, spoken = round(0.2 * RATE), round(0.95 * make_samples.LEAD_S * RATE)
    left = {}
    for sample in LISTED["samples"]:
        noisy, _ = sf.read(SAMPLES / f"{sample['id']}.opus", stop=spoken, dtype="float32")
        left[sample["id"]] = np.std(enhance(noisy)[begun:]) / np.std(noisy[begun:])
    assert "the hardest of these noises" in next(s["about"] for s in LISTED["samples"] if s["id"] == "baby")
    assert max(left, key=left.get) == "baby"
