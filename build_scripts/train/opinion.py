"""DNSMOS P.835 (Reddy and others, 2022) as a function that can be differentiated: what listeners would say of a signal.

The network is the one that ``speechmos`` runs: its weights are read from that package, its few layers are written down
here. It is frozen; only the gradient at its input is wanted.
"""

from importlib.resources import files

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["OPINIONS", "OPINION_RATE", "Opinion"]

OPINIONS = ("SIG", "BAK", "OVR")
"""What listeners were asked: of the speech, of the background, of everything."""
OPINION_RATE = 16000
_FRAME, _STEP = 320, 160
_FULL_RESOLUTION, _CONVOLUTIONS = 4, 7
"""Convolutions before the first pooling, and in all."""
_DENSE = ("dense", "dense_1", "dense_3")
_SCALE = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)
"""From the network's numbers to OPINIONS: polynomials, highest power first, as ``speechmos.dnsmos`` has them."""


def _arrays() -> dict[str, Tensor]:
    """The weights in ``speechmos``, by name."""
    import onnx  # only whoever trains by ear has it
    from onnx.numpy_helper import to_array

    model = onnx.load_from_string((files("speechmos") / "dnsmos_models" / "sig_bak_ovr.onnx").read_bytes())
    return {array.name: torch.from_numpy(to_array(array).copy()) for array in model.graph.initializer}


class Opinion(nn.Module):
    """SIG, BAK and OVR of signals.

    Parameters
    ----------
    dtype : torch.dtype
        The convolutions'.
    """

    transform: Tensor
    scale: Tensor

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        arrays = _arrays()
        transform = [arrays[f"time2freq/stft-{part}/kernel:0"][..., 0].T for part in ("real", "imag")]
        self.register_buffer("transform", torch.stack(transform))
        self.register_buffer("scale", torch.tensor(_SCALE).T)
        convolutions, dense = [], []
        for name in ("conv2d", *(f"conv2d_{i}" for i in range(1, _CONVOLUTIONS))):
            kernel, bias = arrays[f"{name}/kernel:0"], arrays[f"{name}/bias:0"]
            layer = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            layer.load_state_dict({"weight": kernel, "bias": bias})
            convolutions.append(layer.to(dtype))
        for name in _DENSE:
            stored = f"mos_estimator_logpow/{name}/{{}}/ReadVariableOp/resource:0"
            weight, bias = arrays[stored.format("MatMul")], arrays[stored.format("BiasAdd")]
            layer = nn.Linear(*weight.shape)
            layer.load_state_dict({"weight": weight.T, "bias": bias})
            dense.append(layer)
        self.convolutions, self.dense = nn.Sequential(*convolutions), nn.Sequential(*dense)
        self.requires_grad_(False)
        self.dtype = dtype

    def forward(self, signal: Tensor) -> Tensor:
        """Judge signals.

        Parameters
        ----------
        signal : float32 tensor (batch, samples)
            At OPINION_RATE, full scale at 1, some seconds long. ``speechmos`` repeats those shorter than 9 s; the last
            pooling takes the largest over all times, so here they are judged as they are.

        Returns
        -------
        tensor (batch, 3)
            OPINIONS, 1 to 5.
        """
        frames = signal.unfold(1, _FRAME, _STEP)
        real, imaginary = self.transform
        power = (frames @ real) ** 2 + (frames @ imaginary) ** 2
        x = torch.log10(torch.clamp(power, min=1e-12))[:, None].to(self.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        for k, layer in enumerate(self.convolutions.children()):
            if k >= _FULL_RESOLUTION:
                x = functional.max_pool2d(x, 2)
            x = functional.relu(layer(x))
        x = x.amax((2, 3)).float()
        for k, layer in enumerate(self.dense.children()):
            x = layer(functional.relu(x) if k else x)
        square, linear, constant = self.scale
        return square * x**2 + linear * x + constant
