"""Damaged and forged model files: a clear error or a model that runs, and little memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from damage import bounded, damaged
from hostile import covers, examples
from hypothesis import given
from models import SMALL, WITH_LEVELS, random_model

import percepnet_wasm
from percepnet_wasm import Enhancer
from percepnet_wasm.constants import HOP
from percepnet_wasm.errors import ModelFileError
from percepnet_wasm.kernel.image import image
from percepnet_wasm.layers import Layer
from percepnet_wasm.model_file import Model, default_model_bytes

MODEL = random_model()
CONTENT = MODEL.to_bytes()
ORIGINALS = [CONTENT, *(random_model(**of).to_bytes() for of in ({"layers": WITH_LEVELS}, {"quantised": False}))]
ORIGINALS += [default_model_bytes()[:30000], image(MODEL), image(random_model(WITH_LEVELS))]


@covers("model_file.Model", "errors.ModelFileError", "layers.Layer", "layers.check_layers",
        "model_file.default_model_bytes")  # fmt: skip
@examples(250)
@given(damaged(ORIGINALS))
def test_a_damaged_model_file_is_refused_or_still_enhances(content):
    with bounded():
        try:
            model = Model.load(content)
        except ModelFileError as error:
            assert str(error).startswith("the model's bytes ") and ": " in str(error)
            return
        assert all(isinstance(layer, Layer) for layer in model.layers) and model.layers in (SMALL, WITH_LEVELS)
        out = Enhancer(model, kernel="numpy").process(np.full(HOP, 0.5, np.float32))
        assert np.isfinite(out).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("weight", 3e38), ("weight", 2e4), ("bias", -3e38), ("recurrent_bias", 1e30)],
)  # fmt: skip
def test_numbers_that_could_overflow_to_nan_are_refused(name, value):
    model = random_model(quantised=False)
    model.arrays["gru", name].flat[3] = value
    with pytest.raises(ModelFileError, match=r"exceed 10000 in layer 'gru': download it again"):
        Model.load(model.to_bytes())


@pytest.mark.parametrize(
    ("which", "value"),
    [("feature_deviation", 1e-30), ("feature_deviation", -1), ("feature_deviation", 0), ("feature_mean", 1e30)],
)
def test_statistics_that_could_overflow_are_refused(which, value):
    model = random_model()
    getattr(model, which)[5] = value
    with pytest.raises(ModelFileError, match="damaged feature statistics: download it again"):
        Model.load(model.to_bytes())


@pytest.mark.parametrize("density", [0, -1, 1.5, float("nan")])
def test_a_density_outside_0_to_1_is_refused(density):
    model = random_model()
    model.density = density
    with pytest.raises(ModelFileError, match="has density .* a share"):
        Model.load(model.to_bytes())


def test_an_endless_file_is_not_a_model():
    """With 1 GB of address space to spare: were it read to its end, it would not fit."""
    code = """
import resource
from percepnet_wasm import Model, ModelFileError
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 10**9, used + 10**9))
try:
    Model.load("/dev/zero")
except ModelFileError as error:
    print(error)
"""
    if not Path("/proc/self/statm").exists() or not Path("/dev/zero").exists():
        pytest.skip("no /proc or no /dev/zero here")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=root)
    assert "is larger than 268435456 bytes, so it is not a model: use a .pnw file" in done.stdout, done.stderr


@pytest.mark.parametrize("path", ["nowhere\0.pnw", "", "x" * 5000])
def test_an_impossible_path_is_named(path):
    with pytest.raises(ModelFileError, match="^model .* cannot be read .*: check the path"):
        Model.load(path)


def test_no_pickle_is_ever_opened():
    """Model files are data: nothing in the package can execute what a file holds."""
    package = Path(percepnet_wasm.__file__).parent
    words = ("pickle", "marshal", "shelve", "np.load", "numpy.load", "eval(", "exec(", "yaml", "zipfile")
    for module in package.rglob("*.py"):
        found = [word for word in words if word in module.read_text()]
        assert not found, f"{module.name} uses {found}"
