"""The layers that a network is made of, as a model file describes them."""

from dataclasses import dataclass

from .errors import ModelFileError
from .signal.bands import BANDS

__all__ = ["WEIGHT_LIMIT", "WEIGHT_SCALE", "Layer", "check_layers"]

WEIGHT_SCALE = 1 / 256
"""Value of one step of an int8 weight (AEC paper): weights live in (-1/2, 1/2)."""
WEIGHT_LIMIT = 127 * WEIGHT_SCALE

_WIDEST = 1 << 14
_KINDS = ("dense", "conv", "gru")
_ACTIVATIONS = ("tanh", "sigmoid")
_OUTPUTS = {"gain": BANDS, "strength": BANDS, "voice": 1}
"""Layers that every model has, and their sizes."""


@dataclass(frozen=True)
class Layer:
    """One layer of the network.

    Attributes
    ----------
    name : str
        The name by which later layers refer to it.
    kind : {"dense", "conv", "gru"}
    inputs : tuple of str
        Layers whose outputs are concatenated, or ``("features",)``.
    input_size, output_size : int
    kernel : int
        Frames a conv layer spans, the newest one last; 1 otherwise.
    activation : {"tanh", "sigmoid"}
        A gru uses tanh, and sigmoid for its gates.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    input_size: int
    output_size: int
    kernel: int = 1
    activation: str = "tanh"

    def arrays(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the layer's arrays; weights are (outputs, inputs), a gru's gates ordered r, z, n."""
        if self.kind == "gru":
            gates = 3 * self.output_size
            return [
                ("weight", (gates, self.input_size)),
                ("recurrent", (gates, self.output_size)),
                ("bias", (gates,)),
                ("recurrent_bias", (gates,)),
            ]
        return [("weight", (self.output_size, self.kernel * self.input_size)), ("bias", (self.output_size,))]


def check_layers(layers: list[Layer], features: int) -> None:
    """Reject a graph that the network could not run, before any memory is allocated.

    Parameters
    ----------
    layers : list of Layer
        In the order in which they run.
    features : int
        Features per frame.

    Raises
    ------
    ModelFileError
        A layer is invalid or an output is missing. The message lacks its subject, the model.
    """
    sizes = {"features": features}
    for layer in layers:
        dimensions = (layer.input_size, layer.output_size, layer.kernel)
        valid = (
            layer.kind in _KINDS
            and layer.activation in _ACTIVATIONS
            and all(type(n) is int and 0 < n <= _WIDEST for n in dimensions)
            and (layer.kernel == 1 or layer.kind == "conv")
            and layer.name not in sizes
            and all(name in sizes for name in layer.inputs)
            and sum(sizes[name] for name in layer.inputs) == layer.input_size
        )
        if not valid:
            raise ModelFileError(f"describes an invalid layer: {layer}; download it again")
        sizes[layer.name] = layer.output_size
    for name, size in _OUTPUTS.items():
        if sizes.get(name) != size:
            raise ModelFileError(f"has no output {name!r} of size {size}: download it again")
