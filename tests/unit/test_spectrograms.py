"""Which files are pictured, what is said of them, and what their pictures show."""

import json

import numpy as np
import pytest

from build_scripts.bench.delay import lag
from build_scripts.site import spectrograms
from percepnet_wasm.constants import SAMPLE_RATE
from percepnet_wasm.oracle.figures import spectrogram


def rows(**scores):
    return {name: {"pesq_wb": pesq, "stoi": stoi} for name, (pesq, stoi) in scores.items()}


def test_the_middle_and_the_two_worst_are_chosen_by_what_they_gained():
    noisy = rows(a=(1.0, 0.8), b=(2.0, 0.8), c=(1.5, 0.8), d=(1.0, 0.8), e=(3.0, 0.8))
    enhanced = rows(a=(1.9, 0.7), b=(2.1, 0.9), c=(1.9, 0.9), d=(1.5, 0.9), e=(3.3, 0.9))
    assert spectrograms.chosen(noisy, enhanced) == {"typical": "c", "least-pesq": "b", "least-stoi": "a"}
    enhanced["d"]["pesq_wb"] = None
    assert spectrograms.chosen(noisy, enhanced)["least-pesq"] == "d", "undefined counts as worst"


def test_what_the_set_says_of_a_file(tmp_path):
    assert spectrograms.known(tmp_path, "a") == {"noise": "", "snr_db": None, "peers": {}}
    (tmp_path / "mixes.tsv").write_text("name\tsnr_db\tnoise_class\na\t5\train\nb\t0\tfan\n")
    peers = {"one": {"a": {"pesq_wb": 1.5, "stoi": 0.9, "lag": 3}}, "other": {"b": {}}}
    (tmp_path / "peers.json").write_text(json.dumps(peers))
    assert spectrograms.known(tmp_path, "a") == {
        "noise": "rain",
        "snr_db": 5.0,
        "peers": {"one": {"pesq_wb": 1.5, "stoi": 0.9}},
    }


def test_a_tone_is_a_bright_line_at_its_frequency():
    tone = np.sin(2 * np.pi * 3000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    loudest = float(spectrogram(tone, spectrograms.TOP_HZ).max())
    picture = np.asarray(spectrograms.paint(tone, loudest)).sum(2)
    height = picture.shape[0]
    brightest = picture[:, picture.shape[1] // 2].argmax()
    assert brightest == pytest.approx(height * (1 - 3000 / spectrograms.TOP_HZ), abs=2)
    assert picture[: height // 4, 200:280].max() < 30, "nothing up there"


@pytest.mark.parametrize("late", [0, 1, 1440])
def test_the_lag_of_a_delayed_sound_is_found(late):
    sound = np.random.default_rng(0).standard_normal(SAMPLE_RATE // 2).astype(np.float32)
    assert lag(sound, 0.3 * np.concatenate([np.zeros(late, np.float32), sound])[: len(sound)]) == late
