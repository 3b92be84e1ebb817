"""The comparison of what a stream should remember after a reset, a mute or a switch."""

import numpy as np
import pytest

from build_scripts.evaluate import state
from percepnet_wasm import Model
from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.signal.bands import BANDS


def test_kept_is_the_level_of_what_the_gains_leave() -> None:
    clean, noise = np.full((4, BANDS), 1e-4), np.full((4, BANDS), 1e-8)
    noise[2:], clean[2:] = 1e-4, 1e-8
    gain = np.ones((4, BANDS))
    assert state.kept(gain, clean, noise) == pytest.approx((0, 0), abs=1e-4)
    gain[2:] = 0.1
    assert state.kept(gain, clean, noise) == pytest.approx((0, -20), abs=1e-2)


def test_an_event_is_within_speech_and_late_enough() -> None:
    energy = np.full((1000, BANDS), 1e-9)
    energy[100:200] = energy[620:700] = 1.0
    assert state.event(energy) == 620
    assert state.event(energy[:600]) is None


def test_a_stream_that_hears_everything_again_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    clean = np.zeros(7 * SAMPLE_RATE, np.float32)
    talking = slice(400 * HOP, 600 * HOP)
    clean[talking] = 0.1 * rng.standard_normal(200 * HOP)
    noisy = clean + 1e-4 * rng.standard_normal(len(clean)).astype(np.float32)
    monkeypatch.setitem(state.VARIANTS, "all of it", state._heard(400))
    made = state.compare(Model.load(None), clean, noisy, ["all of it", "reset, 0 s heard again"])
    assert made is not None
    speech, _ = made["all of it"]
    assert speech == pytest.approx(0, abs=1e-4)
    assert abs(made["reset, 0 s heard again"][0]) > 1e-3
