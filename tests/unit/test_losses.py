"""The training's losses: what they count, and how much."""

import torch

from build_scripts.train.losses import gain_loss, importance, loss, onsets, price, spectrum_loss, strength_loss
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import FEATURES


def test_losses_vanish_at_the_ideal_and_punish_relative_errors() -> None:
    ideal = torch.rand(2, 5, BANDS)
    assert gain_loss(ideal, ideal).max() == 0 and strength_loss(ideal, ideal).max() == 0
    wanted = torch.tensor([0.5])
    quiet = wanted / 4
    share = gain_loss(quiet, quiet / 4) / gain_loss(wanted, wanted / 4)
    assert share > 4 * 0.25**2, "a quarter of the gain must matter far more than a sixteenth, as in a squared error"
    assert gain_loss(torch.tensor([0.001]), torch.tensor([0.02])) == 0, "both are inaudible"


def test_speech_that_is_taken_costs_more_the_clearer_it_is_and_most_at_onsets() -> None:
    """Noise that is left costs the same everywhere."""
    taken = price(torch.tensor([0.2, 0.4, 0.95]))
    assert 1 < taken[0] < taken[1] < taken[2] < 3
    yes, no = torch.ones(1), torch.zeros(1)
    assert 1 == importance(no, no) < importance(yes, no) < importance(yes, yes)
    for factor in (1.0, 3.0):
        left = gain_loss(torch.tensor(0.3), torch.tensor(0.6), torch.tensor(factor))
        assert left == gain_loss(torch.tensor(0.3), torch.tensor(0.6))
        taken = gain_loss(torch.tensor(0.6), torch.tensor(0.3), torch.tensor(factor))
        torch.testing.assert_close(taken, factor * gain_loss(torch.tensor(0.6), torch.tensor(0.3)))


def test_onsets_follow_silence_and_the_start_of_a_stream() -> None:
    voice = torch.zeros(2, 200, 1)
    voice[:, 100:160] = 1
    voice[1, :60] = 1
    marked = onsets(voice, torch.tensor([0.0, 1.0]))[..., 0]
    assert marked[0].nonzero()[:, 0].tolist() == list(range(100, 108))
    assert marked[1].nonzero()[:, 0].tolist() == [*range(50), *range(100, 108)], "all of the first half second"
    assert onsets(voice)[1, :50].sum() == 0, "a stream that continues in mid-word has no onset"


def test_spectrum_loss_counts_where_there_is_sound() -> None:
    ideal, weight = torch.full((1, 4, BANDS), 0.8), torch.ones(1, 4, BANDS)
    log_energy = torch.zeros(1, 4, BANDS)
    log_energy[:, :, 20:] = -6
    assert spectrum_loss(log_energy, ideal, ideal, weight)[0].max() == 0
    error = spectrum_loss(log_energy, ideal, ideal / 2, weight)[0][0, 0]
    assert error[0] > 10 * error[-1] > 0
    louder = spectrum_loss(log_energy + 2, ideal, ideal / 2, weight)[0][0, 0]
    torch.testing.assert_close(louder, error, rtol=1e-3, atol=1e-6)
    silent = spectrum_loss(log_energy, 0 * ideal, ideal, weight)[0]
    assert torch.isfinite(silent).all() and silent.max() > error.max(), "noise that is left counts without speech too"


def test_a_softer_talker_counts_as_much_as_a_louder_one_before() -> None:
    """Loudness is that of a second, not of the sequence."""
    ideal, weight = torch.full((1, 600, BANDS), 0.8), torch.ones(1, 600, BANDS)
    log_energy = torch.zeros(1, 600, BANDS)
    log_energy[:, 300:] = -2.0
    spectrum, frame = spectrum_loss(log_energy, ideal, ideal / 2, weight)
    for error in (spectrum, frame):
        torch.testing.assert_close(error[:, 500:].mean(), error[:, :100].mean(), rtol=0.02, atol=0)


def test_whole_frames_cost_when_they_come_out_too_low_and_not_when_too_high() -> None:
    ideal, weight = torch.full((1, 4, BANDS), 0.5), torch.ones(1, 4, BANDS)
    log_energy = torch.zeros(1, 4, BANDS)
    assert spectrum_loss(log_energy, ideal, ideal / 4, weight)[1].min() > 0.01
    assert spectrum_loss(log_energy, ideal, 2 * ideal, weight)[1].max() == 0


def test_the_loss_names_its_parts_and_ignores_what_is_masked() -> None:
    torch.manual_seed(0)
    target = {
        "features": torch.randn(2, 60, FEATURES),
        "gain": torch.rand(2, 60, BANDS),
        "strength": torch.rand(2, 60, BANDS),
        "weight": torch.zeros(2, 60, BANDS),
        "voice": torch.ones(2, 60, 1),
        "fresh": torch.ones(2),
    }
    outputs = torch.rand(2, 60, BANDS), torch.rand(2, 60, BANDS), torch.zeros(2, 60, 1)
    _, masked = loss(target, *outputs)
    assert masked.pop("voice") > 0
    assert max(masked.values()) < 1e-3
    target["weight"] += 1
    without, parts = loss(target, *outputs)
    torch.testing.assert_close(loss(target, *outputs, frame_share=2.0)[0], without + 2 * parts["frame"])


def test_gradients_are_finite_where_powers_have_infinite_slopes():
    gain = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    ideal = torch.tensor([0.0, 0.0, 1.0, 1.0])
    (gain_loss(ideal, gain) + strength_loss(ideal, gain)).sum().backward()
    assert torch.isfinite(gain.grad).all()
