"""Every layer against PyTorch's own, and the whole network against the one that is trained."""

import numpy as np
import pytest
from models import random_model

from percepnet_wasm import network as network_module
from percepnet_wasm.layers import Layer
from percepnet_wasm.model_file import Model
from percepnet_wasm.network import Network
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import FEATURES

torch = pytest.importorskip("torch")

FRAMES = 30


def random_features(model, frames=FRAMES, seed=0):
    rng = np.random.default_rng(seed)
    spread = rng.standard_normal((frames, len(model.feature_mean)))
    return (model.feature_mean + model.feature_deviation * spread).astype(np.float32)


def run(model, features, block):
    """Outputs of every layer for all frames, by name."""
    network = Network(model)
    state = network.new_state()
    rows = {layer.name: [] for layer in model.layers}
    for first in range(0, len(features), block):
        outputs = network.outputs(features[first : first + block], state)
        for layer in model.layers:
            rows[layer.name].append(outputs[layer.name])
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def in_torch(layer, arrays, inputs):
    """One layer by torch.nn, float64, from a silent state; inputs (frames, input_size)."""
    tensors = {name: torch.from_numpy(a.astype(np.float64)) for (of, name), a in arrays.items() if of == layer.name}
    x = torch.from_numpy(inputs.astype(np.float64))
    with torch.no_grad():
        if layer.kind == "gru":
            module = torch.nn.GRU(layer.input_size, layer.output_size, batch_first=True, dtype=torch.float64)
            names = ("weight", "recurrent", "bias", "recurrent_bias")
            for parameter, name in zip(module.parameters(), names, strict=True):
                parameter.copy_(tensors[name])
            return module(x[None])[0][0].numpy()
        if layer.kind == "conv":
            module = torch.nn.Conv1d(layer.input_size, layer.output_size, layer.kernel, dtype=torch.float64)
            # The file keeps (outputs, kernel * inputs), oldest frame first; PyTorch (outputs, inputs, kernel).
            stacked = tensors["weight"].reshape(layer.output_size, layer.kernel, layer.input_size)
            module.weight.copy_(stacked.permute(0, 2, 1))
            x = torch.nn.functional.pad(x.T[None], (layer.kernel - 1, 0))
        else:
            module = torch.nn.Linear(layer.input_size, layer.output_size, dtype=torch.float64)
            module.weight.copy_(tensors["weight"])
        module.bias.copy_(tensors["bias"])
        out = module(x)
        out = out[0].T if layer.kind == "conv" else out
        return getattr(torch, layer.activation)(out).numpy()


def check_layers(model, features, block):
    outputs = run(model, features, block)
    known = {"features": (features - model.feature_mean) / model.feature_deviation, **outputs}
    for layer in model.layers:
        expected = in_torch(layer, model.arrays, np.concatenate([known[name] for name in layer.inputs], axis=1))
        np.testing.assert_allclose(outputs[layer.name], expected, atol=2e-5, err_msg=layer.name)


@pytest.mark.parametrize("block", [1, 3, FRAMES])
def test_every_layer_equals_pytorchs(block):
    model = random_model(seed=2)
    check_layers(model, random_features(model), block)


def test_every_layer_of_the_bundled_model_equals_pytorchs():
    model = Model.load()
    check_layers(model, random_features(model), 1)


def test_the_browsers_products_give_the_same(monkeypatch):
    model = random_model(seed=3)
    features = random_features(model)
    blas = run(model, features, 1)
    monkeypatch.setattr(network_module, "_EMSCRIPTEN", True)
    plain = run(model, features, 1)
    for name, values in blas.items():
        np.testing.assert_allclose(plain[name], values, atol=1e-5)


def trained_network(tier, quantise):
    """The training model with random weights and statistics."""
    from build_scripts.train.model import TIERS, PercepNet

    torch.manual_seed(4)
    network = PercepNet(TIERS[tier], torch.randn(FEATURES) - 1, torch.rand(FEATURES) + 0.5)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.uniform_(-0.3, 0.3)
    network.quantise = quantise
    return network.eval()


@pytest.mark.parametrize("quantise", [True, False], ids=["int8", "float"])
@pytest.mark.parametrize("block", [1, FRAMES])
def test_the_trained_network_exported_agrees(quantise, block):
    from build_scripts.train.export import to_model

    network = trained_network("c10", quantise)
    # Through the file, as a user's model comes.
    model = Model.load(to_model(network, {}, quantised=quantise).to_bytes())
    features = random_features(model)
    with torch.no_grad():
        gain, strength, voice = network(torch.from_numpy(features)[None])
    outputs = run(model, features, block)
    np.testing.assert_allclose(outputs["gain"], gain[0].numpy(), atol=2e-5)
    np.testing.assert_allclose(outputs["strength"], strength[0].numpy(), atol=2e-5)
    np.testing.assert_allclose(outputs["voice"], torch.sigmoid(voice)[0].numpy(), atol=2e-5)


def test_quantisation_changes_little():
    """Random weights are the worst case; what remains is the rounding of int8."""
    from build_scripts.train.export import to_model

    network = trained_network("c10", True)
    exact, rounded = (to_model(network, {}, quantised=quantised) for quantised in (False, True))
    features = random_features(exact)
    difference = run(exact, features, FRAMES)["gain"] - run(rounded, features, FRAMES)["gain"]
    assert 0 < np.abs(difference).max() < 0.1


def test_convolution_is_causal_and_remembers_its_kernel():
    layers = [
        Layer("conv", "conv", ("features",), FEATURES, 8, 4),
        *(Layer(n, "dense", ("conv",), 8, w, 1, "sigmoid") for n, w in (("gain", BANDS), ("strength", BANDS))),
        Layer("voice", "dense", ("conv",), 8, 1, 1, "sigmoid"),
    ]
    model = random_model(layers, seed=5)
    features = random_features(model)
    other = features.copy()
    other[10] += 1
    changed = np.abs(run(model, features, 1)["gain"] - run(model, other, 1)["gain"]).max(axis=1) > 1e-7
    assert np.flatnonzero(changed).tolist() == [10, 11, 12, 13]


def test_extreme_features_saturate():
    model = random_model(seed=6)
    with np.errstate(all="raise", under="ignore"):
        for value in (1e6, -1e6, 0):
            outputs = run(model, np.full((5, FEATURES), value, np.float32), 1)
            for name in ("gain", "strength", "voice"):
                assert ((outputs[name] >= 0) & (outputs[name] <= 1)).all()


def test_streams_share_a_model_and_no_state():
    network = Network(random_model(seed=8))
    features = random_features(network.model)
    one, other = network.new_state(), network.new_state()
    first, _, _ = network(features[:1], one)
    again, _, _ = network(features[:1], one)
    assert np.abs(again - first).max() > 1e-4, "the state was kept"
    np.testing.assert_array_equal(network(features[:1], other)[0], first)
