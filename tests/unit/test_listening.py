"""Training by ear: its torch copies of the enhancer's back half and of DNSMOS are what they copy."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly
from speechmos import dnsmos

from build_scripts.train import train
from build_scripts.train.dataset import HEARD, SEQUENCE, example, heard_row, row, split
from build_scripts.train.listening import EAR, HEARD_PARTS, Ear, Listener, ear_columns, likeness
from build_scripts.train.mixing import Mix
from build_scripts.train.opinion import OPINION_RATE, Opinion
from build_scripts.train.warm_start import from_model
from percepnet_wasm import Enhancer
from percepnet_wasm.analysis import Analysis, BandAnalysis
from percepnet_wasm.bands import BANDS
from percepnet_wasm.constants import HOP, LOOKAHEAD, SAMPLE_RATE
from percepnet_wasm.model_file import Model


def mix(frames: int = SEQUENCE) -> Mix:
    """Bursts of a gliding voice in noise."""
    rng = np.random.default_rng(0)
    time = np.arange(frames * HOP) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(130 + 30 * np.sin(4 * time)) / SAMPLE_RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 30)) * (np.sin(9 * time) > -0.3) * 0.05
    noise = 0.02 * rng.standard_normal(len(voice))
    return Mix((voice + noise).astype(np.float32), voice.astype(np.float32), 20000.0)


@pytest.fixture(scope="module")
def heard() -> dict[str, torch.Tensor]:
    """One example, as a batch."""
    columns = heard_row(mix(), -26.0)
    assert columns is not None
    return {k: torch.from_numpy(v.astype(np.float32))[None] for k, v in split(columns, HEARD).items()}


def test_the_judge_is_dnsmos() -> None:
    """The same opinions as onnxruntime's of the same file, and in bfloat16 nearly."""
    signal = resample_poly(mix(902).noisy, OPINION_RATE, SAMPLE_RATE)[: int(dnsmos.INPUT_LENGTH * OPINION_RATE)]
    wanted = dnsmos.run(signal.astype(np.float32), OPINION_RATE)
    for dtype, tolerance in ((torch.float32, 1e-3), (torch.bfloat16, 0.03)):
        got = Opinion(dtype)(torch.from_numpy(signal.astype(np.float32))[None])[0].tolist()
        assert got == pytest.approx([wanted[k] for k in ("sig_mos", "bak_mos", "ovrl_mos")], abs=tolerance)


def test_the_ear_hears_what_the_enhancer_puts_out() -> None:
    """The same samples up to 8 kHz, within the rounding of both."""
    frames = 300
    sound = mix(frames)
    noisy, clean = Analysis(frames), BandAnalysis(frames)
    noisy(sound.noisy)
    clean.push(sound.clean)
    clean.compare(noisy.period)
    network = from_model(Model.load())
    network.quantise = True
    ear = Ear()
    features = torch.from_numpy(noisy.features)[None]
    columns = torch.from_numpy(ear_columns(noisy, clean, 1.0))[None]
    heard = {"features": features, **dict(zip(EAR, torch.split(columns, list(EAR.values()), -1), strict=True))}
    with torch.no_grad():
        gain, strength, _ = network(features)
        got = ear.signal(ear.spectrum(heard, gain, strength))[0].numpy()
    enhancer = Enhancer(kernel="numpy")
    frame_by_frame = [enhancer.process(frame).copy() for frame in sound.noisy.reshape(-1, HOP)]
    wanted = resample_poly(np.concatenate(frame_by_frame), OPINION_RATE, SAMPLE_RATE)
    # The ear leaves the look-ahead out, and the hop that has only one window.
    wanted = wanted[(LOOKAHEAD + 1) * HOP * OPINION_RATE // SAMPLE_RATE :][: len(got)]
    inner = slice(2000, -2000)
    assert np.sum((wanted - got)[inner] ** 2) < 1e-4 * np.sum(wanted[inner] ** 2)


def test_an_example_to_be_heard_has_the_level_asked_for(heard: dict[str, torch.Tensor]) -> None:
    """Of its clean speech, below 8 kHz where this one has nearly all of it."""
    ear = Ear()
    spectrum = heard["clean"][:, LOOKAHEAD:].unflatten(-1, (-1, 2))
    rms = ear.signal(spectrum).square().mean().sqrt()
    assert 20 * torch.log10(rms).item() == pytest.approx(-26, abs=0.5)


@pytest.mark.parametrize("silent", ["noisy", "clean"])
def test_what_teaches_nothing_is_left_out(silent: str) -> None:
    """No speech to hear, or no noise to take away."""
    sound = mix()
    none = np.zeros_like(sound.clean)
    nothing = Mix(sound.clean, sound.clean, 20000.0) if silent == "noisy" else Mix(sound.noisy, none, 20000.0)
    assert heard_row(nothing, -26.0) is None


def test_likeness_is_0_for_the_clean_speech_alone(heard: dict[str, torch.Tensor]) -> None:
    """And grows with what is taken away, with what is left, and with a turned phase."""
    clean, noisy = (heard[k].unflatten(-1, (-1, 2)) for k in ("clean", "plain"))
    assert likeness(clean, clean).item() == 0
    errors = [likeness(clean, s).item() for s in (0.5 * clean, 0.1 * clean, -clean, noisy)]
    assert 0.01 < errors[0] < errors[1]
    assert min(errors[2:]) > 0.1


def test_the_gradient_makes_it_sound_better(heard: dict[str, torch.Tensor]) -> None:
    """A few steps along it, from gains in the middle."""
    listener = Listener("cpu", bf16=True)
    frames = 200
    heard = {k: v[:, :frames] for k, v in heard.items()}
    raw = torch.zeros(2, 1, frames, BANDS, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.3)
    told = []
    for _ in range(4):
        optimiser.zero_grad()
        value, parts = listener(heard, *torch.sigmoid(raw))
        value.backward()
        optimiser.step()
        told.append(value.item())
        assert set(parts) == set(HEARD_PARTS)
    assert told[-1] < told[0] - 0.2


def test_a_training_by_ear_logs_what_it_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of shards in; opinions and losses, step by step, and weights that have moved out."""
    monkeypatch.setattr("build_scripts.train.dataset.SHARD", 2)
    monkeypatch.setattr(train, "_LOG_EVERY", 1)
    made = {"plain": row(example(mix())), "heard": heard_row(mix(), -26.0)}
    for name, columns in made.items():
        assert columns is not None
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "0.npy", np.stack([columns, columns]))
    shards = {"--shards": "plain", "--validate": "plain", "--heard": "heard", "--out": "out"}
    given = [word for option, folder in shards.items() for word in (option, str(tmp_path / folder))]
    monkeypatch.setattr("sys.argv", ["train", *given, "--tier", "c10", "--batch", "2", "--heard-batch", "1", "--bf16",
                                     "--device", "cpu", "--minutes", "0.1"])  # fmt: skip
    train.main()
    rows = list(csv.DictReader((tmp_path / "out" / "log.csv").open()))
    assert len(rows) > 1
    assert all(1 <= float(row[f"train_{part}"]) <= 5 for row in rows for part in HEARD_PARTS[:3])
    assert all(float(row[f"train_{part}"]) > 0 for row in rows for part in ("likeness", "gain"))
    assert (tmp_path / "out" / "average.pt").exists()
