"""A training that starts from a model file: nothing is lost, and a wider network computes the same."""

import numpy as np
import pytest
import torch

from build_scripts.train.export import to_model
from build_scripts.train.model import PercepNet, Size
from build_scripts.train.warm_start import from_model, size_of, widened, with_features
from percepnet_wasm import Enhancer
from percepnet_wasm.constants import HOP
from percepnet_wasm.model_file import Model
from percepnet_wasm.signal.features import FEATURE_SETS, FEATURES

SMALL, LARGE = Size(12, 16, 16, 8), Size(17, 40, 16, 13)


@pytest.fixture()
def model():
    torch.manual_seed(3)
    return to_model(PercepNet(SMALL, torch.randn(FEATURES), torch.rand(FEATURES) + 0.5), {"from": "a test"})


def test_a_model_file_and_its_network_are_each_others_inverse(model):
    assert size_of(model) == SMALL
    assert to_model(from_model(model), model.provenance).to_bytes() == model.to_bytes()


def test_a_wider_network_computes_the_same_but_its_copies_may_part(model):
    wide = from_model(widened(model, LARGE, np.random.default_rng(0)))
    assert wide.size == LARGE
    features = torch.randn(2, 30, FEATURES)
    with torch.no_grad():
        for narrow_output, wide_output in zip(from_model(model)(features), wide(features), strict=True):
            torch.testing.assert_close(wide_output, narrow_output, atol=2e-6, rtol=1e-4)
    sum(o.sum() for o in wide(features)).backward()
    # Copies of one unit share incoming weights; unequal outgoing ones give them different gradients.
    gradient = wide.conv1.weight.grad.reshape(LARGE.conv, -1)
    assert len(torch.unique(gradient, dim=0)) == LARGE.conv, "no two units move alike"


def test_narrower_is_refused(model):
    with pytest.raises(ValueError, match="narrower than the model in conv1"):
        widened(model, Size(12, 15, 16, 8), np.random.default_rng(0))


def test_a_network_with_more_features_computes_the_same_until_it_learns(model):
    """From the paper's 70 features to 138: the enhancer runs what is exported."""
    narrow = from_model(model)
    count = FEATURE_SETS["levels"]
    statistics = torch.arange(count) / 10, torch.full((count,), 2.0)
    wide = with_features(narrow, *statistics)
    features = torch.randn(2, 30, count)
    with torch.no_grad():
        for one, other in zip(narrow(features[..., :FEATURES]), wide(features), strict=True):
            torch.testing.assert_close(one, other)
    torch.testing.assert_close(wide.mean[FEATURES:], statistics[0][FEATURES:])
    wide(features)[0].sum().backward()
    assert wide.dense.weight.grad[:, FEATURES:].abs().min() > 0, "the new inputs can be learned"
    exported = to_model(wide, {})
    assert exported.feature_set == "levels"
    again = from_model(Model.load(exported.to_bytes()))
    assert again.dense.in_features == count
    enhancer = Enhancer(exported.to_bytes(), kernel="numpy")
    rng = np.random.default_rng(0)
    assert np.isfinite([enhancer.process(0.1 * rng.standard_normal(HOP).astype(np.float32)) for _ in range(5)]).all()
    assert with_features(wide, *statistics) is wide
    with pytest.raises(ValueError, match="reads 138 features, 70 are wanted"):
        with_features(wide, torch.zeros(FEATURES), torch.ones(FEATURES))
