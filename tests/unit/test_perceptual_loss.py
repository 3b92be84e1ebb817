"""The perceptual loss: its torch synthesis agrees with the enhancer's, and its gradient improves the sound."""

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from build_scripts.train.dataset import PERCEPTUAL, analysed_example, perceptual_row, split
from build_scripts.train.perceptual_loss import (
    RATE,
    SPECTRA,
    TorchSynthesis,
    perceptual_loss,
    spectra_columns,
    spectral_distance,
)
from build_scripts.train.scenes import Scene
from build_scripts.train.warm_start import from_model
from percepnet_wasm import Enhancer
from percepnet_wasm.constants import HOP, LOOKAHEAD, SAMPLE_RATE
from percepnet_wasm.model_file import Model
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.levels import relative_levels


def mix(frames: int = 500) -> Scene:
    """Bursts of a gliding voice in noise."""
    rng = np.random.default_rng(0)
    time = np.arange(frames * HOP) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(130 + 30 * np.sin(4 * time)) / SAMPLE_RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 30)) * (np.sin(9 * time) > -0.3) * 0.05
    noise = 0.02 * rng.standard_normal(len(voice))
    return Scene((voice + noise).astype(np.float32), voice.astype(np.float32), 20000.0)


@pytest.fixture(scope="module")
def sample() -> dict[str, torch.Tensor]:
    """One example, as a batch."""
    columns = perceptual_row(mix())
    assert columns is not None
    return {k: torch.from_numpy(v.astype(np.float32))[None] for k, v in split(columns, PERCEPTUAL).items()}


def test_the_torch_synthesis_agrees_with_the_enhancer() -> None:
    """The same samples up to 8 kHz, within the rounding of both."""
    frames = 300
    sound = mix(frames)
    made, noisy, clean = analysed_example(sound)
    network = from_model(Model.load())
    network.quantise = True
    synthesis = TorchSynthesis()
    features = torch.from_numpy(made.features)[None]
    columns = torch.from_numpy(spectra_columns(noisy, clean, 1.0))[None]
    sample = {"features": features, **dict(zip(SPECTRA, torch.split(columns, list(SPECTRA.values()), -1), strict=True))}
    # What the default model reads: the paper's features, and each band's levels relative to its floor and its peak.
    levels, _ = relative_levels(made.features[:, :BANDS])
    with torch.no_grad():
        gain, strength, _ = network(torch.cat((features, torch.from_numpy(levels)[None]), -1))
        got = synthesis.signal(synthesis.spectrum(sample, gain, strength))[0].numpy()
    enhancer = Enhancer(kernel="numpy")
    frame_by_frame = [enhancer.process(frame).copy() for frame in sound.noisy.reshape(-1, HOP)]
    wanted = resample_poly(np.concatenate(frame_by_frame), RATE, SAMPLE_RATE)
    # The torch synthesis leaves the look-ahead out, and the hop that has only one window.
    wanted = wanted[(LOOKAHEAD + 1) * HOP * RATE // SAMPLE_RATE :][: len(got)]
    inner = slice(2000, -2000)
    assert np.sum((wanted - got)[inner] ** 2) < 1e-4 * np.sum(wanted[inner] ** 2)


def test_spectra_have_the_level_of_a_call(sample: dict[str, torch.Tensor]) -> None:
    """Of its clean speech, below 8 kHz where this one has nearly all of it."""
    synthesis = TorchSynthesis()
    spectrum = sample["clean"][:, LOOKAHEAD:].unflatten(-1, (-1, 2))
    rms = synthesis.signal(spectrum).square().mean().sqrt()
    assert 20 * torch.log10(rms).item() == pytest.approx(-28, abs=0.5)


@pytest.mark.parametrize("silent", ["noisy", "clean"])
def test_examples_without_speech_or_without_noise_are_left_out(silent: str) -> None:
    """No speech to hear, or no noise to take away."""
    sound = mix()
    none = np.zeros_like(sound.clean)
    nothing = Scene(sound.clean, sound.clean, 20000.0) if silent == "noisy" else Scene(sound.noisy, none, 20000.0)
    assert perceptual_row(nothing) is None


def test_the_spectral_distance_is_0_for_the_clean_speech_alone(sample: dict[str, torch.Tensor]) -> None:
    """And grows with what is taken away, with what is left, and with a turned phase."""
    clean, noisy = (sample[k].unflatten(-1, (-1, 2)) for k in ("clean", "plain"))
    assert spectral_distance(clean, clean).item() == 0
    errors = [spectral_distance(clean, s).item() for s in (0.5 * clean, 0.1 * clean, -clean, noisy)]
    assert 0.01 < errors[0] < errors[1]
    assert min(errors[2:]) > 0.1


def test_the_gradient_improves_the_sound(sample: dict[str, torch.Tensor]) -> None:
    """A few steps along it, from gains in the middle."""
    synthesis = TorchSynthesis()
    short = {k: v[:, :200] for k, v in sample.items()}
    raw = torch.zeros(2, 1, 200, BANDS, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.3)
    values = []
    for _ in range(4):
        optimiser.zero_grad()
        value = perceptual_loss(synthesis, short, *torch.sigmoid(raw))
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values[-1] < 0.8 * values[0]
