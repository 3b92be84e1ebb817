"""The network, for training: two convolutions across time, then GRUs; 34 gains, 34 strengths, a voice probability.

The look-ahead lies in the features (the energies are of a later frame), so the convolutions are causal and the network
itself adds no delay. ``percepnet_wasm.network`` runs the same layers from int8 weights.
"""

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from percepnet_wasm.layers import WEIGHT_LIMIT, WEIGHT_SCALE
from percepnet_wasm.signal.bands import BANDS

from .gru import gru

State = dict[str, Tensor]
"""What a stream remembers, by layer: a GRU's hidden state (batch, H), a convolution's last inputs (batch, kernel - 1,
C)."""


@dataclass(frozen=True)
class Size:
    """Widths of a tier's layers."""

    dense: int
    conv: int
    gru: int
    strength: int


TIERS = {
    "c100": Size(dense=128, conv=512, gru=512, strength=128),
    "c50": Size(dense=128, conv=360, gru=360, strength=96),
    "c20": Size(dense=96, conv=224, gru=224, strength=64),
    "c10": Size(dense=64, conv=160, gru=160, strength=48),
}
"""Named after their share, in per cent, of the article's 8 million weights."""

KERNELS = (5, 3)
"""Frames that the two convolutions span."""


def quantised(weight: Tensor) -> Tensor:
    """Weights as int8 will hold them; the gradient passes straight through the rounding."""
    rounded = torch.clamp(torch.round(weight / WEIGHT_SCALE) * WEIGHT_SCALE, -WEIGHT_LIMIT, WEIGHT_LIMIT)
    return weight + (rounded - weight).detach()


class PercepNet(nn.Module):
    """Gains, strengths and voice from features.

    Parameters
    ----------
    size : Size
    mean, deviation : tensor (inputs,)
        Normalise the features.

    Attributes
    ----------
    quantise : bool
        Round the weights as int8 will hold them.
    """

    def __init__(self, size: Size, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.size = size
        self.quantise = False
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.dense = nn.Linear(len(mean), size.dense)
        self.conv1 = nn.Conv1d(size.dense, size.conv, KERNELS[0])
        self.conv2 = nn.Conv1d(size.conv, size.conv, KERNELS[1])
        self.gru1 = nn.GRU(size.conv, size.gru, batch_first=True)
        self.gru2 = nn.GRU(size.gru, size.gru, batch_first=True)
        self.gru3 = nn.GRU(size.gru, size.gru, batch_first=True)
        self.gru_gain = nn.GRU(size.gru, size.gru, batch_first=True)
        self.gru_strength = nn.GRU(size.conv + size.gru, size.strength, batch_first=True)
        self.gain = nn.Linear(size.conv + 4 * size.gru, BANDS)
        self.strength = nn.Linear(size.strength, BANDS)
        self.voice = nn.Linear(size.gru, 1)
        for name, parameter in self.named_parameters():
            if "weight_hh" in name:
                for gate in parameter.data.chunk(3):
                    nn.init.orthogonal_(gate)
        self.clamp_weights()

    def weights(self) -> list[nn.Parameter]:
        """The matrices that become int8; biases stay float32."""
        return [p for p in self.parameters() if p.dim() > 1]

    @torch.no_grad()
    def clamp_weights(self) -> None:
        """Keep every weight within what int8 can hold; called after each step."""
        for weight in self.weights():
            weight.clamp_(-WEIGHT_LIMIT, WEIGHT_LIMIT)

    def forward(self, features: Tensor, state: State | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Run a batch of sequences.

        Parameters
        ----------
        features : tensor (batch, frames, inputs)
            Not normalised.
        state : dict, optional
            State at the start of the sequences (see :meth:`initial_state`); holds the detached state at their end
            afterwards. Without it they begin from zeros.

        Returns
        -------
        gain, strength : tensor (batch, frames, BANDS), in [0, 1]
        voice : tensor (batch, frames, 1)
            Logit.
        """
        state = self.initial_state(len(features)) if state is None else state
        x = (features - self.mean) / self.deviation
        x = torch.tanh(self._linear(self.dense, x))
        x = self._conv("conv1", x, state)
        conv = self._conv("conv2", x, state)
        first = self._gru("gru1", conv, state)
        second = self._gru("gru2", first, state)
        third = self._gru("gru3", second, state)
        for_gain = self._gru("gru_gain", third, state)
        for_strength = self._gru("gru_strength", torch.cat((conv, third), -1), state)
        gain = self._linear(self.gain, torch.cat((conv, first, second, third, for_gain), -1))
        strength = self._linear(self.strength, for_strength)
        return torch.sigmoid(gain), torch.sigmoid(strength), self._linear(self.voice, third)

    def initial_state(self, batch: int) -> State:
        """Initial state of ``batch`` streams: zeros."""
        zeros = {}
        for name, layer in self.named_children():
            if isinstance(layer, nn.GRU):
                zeros[name] = self.mean.new_zeros(batch, layer.hidden_size)
            elif isinstance(layer, nn.Conv1d):
                zeros[name] = self.mean.new_zeros(batch, layer.kernel_size[0] - 1, layer.in_channels)
        return zeros

    def _w(self, weight: Tensor) -> Tensor:
        return quantised(weight) if self.quantise else weight

    def _linear(self, layer: nn.Linear, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self._w(layer.weight), layer.bias)

    def _conv(self, name: str, x: Tensor, state: State) -> Tensor:
        """Causal: output t sees inputs t - kernel + 1 .. t; one product over stacked frames, fast on CPUs."""
        layer = getattr(self, name)
        outputs, inputs, kernel = layer.weight.shape
        padded = torch.cat((state[name].to(x.dtype), x), 1)
        state[name] = padded[:, x.shape[1] :].detach().float()
        stacked = torch.cat([padded[:, k : k + x.shape[1]] for k in range(kernel)], -1)
        flat = self._w(layer.weight).permute(0, 2, 1).reshape(outputs, kernel * inputs)
        return torch.tanh(nn.functional.linear(stacked, flat, layer.bias))

    def _gru(self, name: str, x: Tensor, state: State) -> Tensor:
        layer = getattr(self, name)
        outputs = gru(layer, x, state[name], self._w(layer.weight_ih_l0), self._w(layer.weight_hh_l0))
        state[name] = outputs[:, -1].detach()
        return outputs


def count_weights(model: PercepNet) -> int:
    """Weights that become int8."""
    return sum(w.numel() for w in model.weights())


def to_checkpoint(model: PercepNet) -> dict:
    """What :func:`from_checkpoint` needs."""
    return {"size": asdict(model.size), "state": model.state_dict()}


def from_checkpoint(checkpoint: dict) -> PercepNet:
    """Rebuild a model from a checkpoint's contents."""
    state = checkpoint["state"]
    model = PercepNet(Size(**checkpoint["size"]), state["mean"], state["deviation"])
    model.load_state_dict(state)
    return model


def tier_of(size: Size) -> str:
    """Name of a size."""
    return next((name for name, known in TIERS.items() if known == size), f"custom-{math.prod(asdict(size).values())}")
