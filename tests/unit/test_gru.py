"""The trainer's GRU: PyTorch's results, a float32 state under bfloat16, and streams that resume where they stopped."""

import pytest
import torch
from torch import nn

from build_scripts.train.gru import gru
from build_scripts.train.model import PercepNet, Size
from percepnet_wasm.signal.features import FEATURES


def outputs_and_gradients(run, layer: nn.GRU, x: torch.Tensor) -> list[torch.Tensor]:
    """Outputs of a layer, and gradients of its parameters and input for a fixed random objective."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    out = run(x)
    torch.manual_seed(5)
    (out * torch.randn(out.shape)).sum().backward()
    assert x.grad is not None
    return [out.detach(), x.grad, *(p.grad.clone() for p in layer.parameters() if p.grad is not None)]


def ours(layer: nn.GRU, x: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """The trainer's GRU with the layer's own weights."""
    return gru(layer, x, start, layer.weight_ih_l0, layer.weight_hh_l0)


@pytest.fixture()
def case() -> tuple[nn.GRU, torch.Tensor, torch.Tensor]:
    """A layer, input (batch, frames, inputs) and an initial state."""
    torch.manual_seed(4)
    return nn.GRU(12, 16, batch_first=True), torch.randn(3, 200, 12), torch.randn(3, 16)


def test_in_float32_it_is_pytorchs_gru(case) -> None:
    layer, x, start = case
    wanted = outputs_and_gradients(lambda x: layer(x, start[None])[0], layer, x)
    got = outputs_and_gradients(lambda x: ours(layer, x, start), layer, x)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_under_bfloat16_its_state_and_gradients_stay_close_to_float32(case) -> None:
    """PyTorch's own GRU, which carries the state in bfloat16, is off by several times as much."""
    layer, x, start = case

    def error(run) -> float:
        wanted = outputs_and_gradients(lambda x: layer(x, start[None])[0], layer, x)
        with torch.autocast("cpu", torch.bfloat16):
            got = outputs_and_gradients(lambda x: run(x).float(), layer, x)
        return max(((a - b).norm() / b.norm()).item() for a, b in zip(got, wanted, strict=True))

    of_ours = error(lambda x: ours(layer, x, start))
    of_torchs = error(lambda x: layer(x, start[None].bfloat16())[0])
    assert ours(layer, x, start).dtype == torch.float32
    assert of_ours < 0.02
    assert of_ours < 0.5 * of_torchs


def test_pieces_with_a_carried_state_equal_the_whole_sequence() -> None:
    """Convolutions and GRUs alike; and the gradient stops where a piece begins."""
    torch.manual_seed(6)
    network = PercepNet(Size(12, 16, 16, 8), torch.zeros(FEATURES), torch.ones(FEATURES))
    features = torch.randn(2, 60, FEATURES)
    whole = network(features)
    state = network.initial_state(2)
    pieces = [network(piece, state) for piece in torch.split(features, 25, 1)]
    for k, wanted in enumerate(whole):
        torch.testing.assert_close(torch.cat([piece[k] for piece in pieces], 1), wanted, rtol=1e-4, atol=1e-5)
    assert not any(tensor.requires_grad for tensor in state.values())
