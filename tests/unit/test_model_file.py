"""Model files: a round trip changes nothing, and invalid files are refused with a message that says what to do."""

import json
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import SMALL, WITH_LEVELS, random_model

from percepnet_wasm.errors import ModelFileError
from percepnet_wasm.kernel.image import image
from percepnet_wasm.layers import WEIGHT_LIMIT, WEIGHT_SCALE
from percepnet_wasm.model_file import (
    DEFAULT_TIER,
    FORMAT_VERSION,
    MAGIC,
    Model,
    default_model_bytes,
)
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import FEATURE_SETS, FEATURES

CONTENT = random_model().to_bytes()
HEADER_LENGTH = struct.unpack_from("<8sII", CONTENT)[2]
PAYLOAD = CONTENT[16 + HEADER_LENGTH :]


def with_header(change):
    """The file with its header changed in place by a function."""
    header = json.loads(CONTENT[16 : 16 + HEADER_LENGTH])
    text = json.dumps(change(header) or header).encode()
    return struct.pack("<8sII", MAGIC, FORMAT_VERSION, len(text)) + text + PAYLOAD


@pytest.mark.parametrize("quantised", [True, False])
def test_round_trip(quantised):
    model = random_model(seed=1, quantised=quantised)
    back = Model.load(model.to_bytes())
    assert back.layers == model.layers
    assert (back.tier, back.provenance, back.quantised) == ("test", {"seed": 1}, quantised)
    assert back.weights == model.weights == 70 * 12 + 36 * 16 + 30 * 26 + 26 * 34 + 10 * 34 + 10
    for key, values in model.arrays.items():
        np.testing.assert_array_equal(back.arrays[key], values)
        assert back.arrays[key].dtype == np.float32
    np.testing.assert_allclose(back.feature_mean, model.feature_mean, rtol=1e-6)


def test_a_file_that_names_no_set_reads_the_papers_features():
    model = Model.load(with_header(lambda header: {k: v for k, v in header.items() if k != "feature_set"}))
    assert model.feature_set == "paper" and len(model.feature_mean) == FEATURES == 70


def test_a_model_of_the_wider_set_says_so():
    content = random_model(WITH_LEVELS).to_bytes()
    header = json.loads(content[16 : 16 + struct.unpack_from("<8sII", content)[2]])
    assert (header["features"], header["feature_set"]) == (138, "levels")
    back = Model.load(content)
    assert back.feature_set == "levels" and back.layers == WITH_LEVELS and len(back.feature_deviation) == 138


@pytest.mark.parametrize("key", ["features", "feature_set", "both"])
def test_a_wide_model_that_claims_to_be_narrow_is_refused(key):
    content = random_model(WITH_LEVELS).to_bytes()
    length = struct.unpack_from("<8sII", content)[2]
    header = json.loads(content[16 : 16 + length])
    if key != "feature_set":
        header["features"] = FEATURES
    if key != "features":
        header["feature_set"] = "paper"
    text = json.dumps(header).encode()
    with pytest.raises(ModelFileError, match="download it again|use a model"):
        Model.load(struct.pack("<8sII", MAGIC, FORMAT_VERSION, len(text)) + text + content[16 + length :])


def test_from_bytes_path_and_model(tmp_path):
    path = tmp_path / "model.pnw"
    path.write_bytes(CONTENT)
    models = [Model.load(CONTENT), Model.load(bytearray(CONTENT)), Model.load(path), Model.load(str(path))]
    assert len({model.sha256 for model in models}) == 1
    assert Model.load(models[0]) is models[0]


def test_the_bundled_model():
    model = Model.load()
    assert model.tier == DEFAULT_TIER
    assert model.quantised
    assert len(default_model_bytes()) < 1.1 * model.weights + 100_000, "int8: about a byte a weight"
    weights = np.concatenate([a.ravel() for a in model.arrays.values() if a.ndim == 2])
    np.testing.assert_array_equal(weights / WEIGHT_SCALE, np.rint(weights / WEIGHT_SCALE))
    assert np.abs(weights).max() <= WEIGHT_LIMIT
    header = json.loads(default_model_bytes()[16 : 16 + struct.unpack_from("<8sII", default_model_bytes())[2]])
    assert {"format_version", "bands", "lookahead", "features", "layers", "quantisation", "provenance"} <= set(header)


def test_every_truncation_is_refused():
    for length in [*range(0, 40), *range(40, len(CONTENT), 97), len(CONTENT) - 1]:
        with pytest.raises(ModelFileError, match="truncated|download it again|not a PercepNet"):
            Model.load(CONTENT[:length])


def test_surplus_bytes_are_refused():
    with pytest.raises(ModelFileError, match="instead of"):
        Model.load(CONTENT + b"\0")


def test_another_kind_of_file_is_refused():
    with pytest.raises(ModelFileError, match=r"not a PercepNet model file.*\.pnw"):
        Model.load(b"RIFF" + CONTENT[4:])


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, 2**32 - 1])
def test_another_version_is_refused(version):
    other = CONTENT[:8] + struct.pack("<I", version) + CONTENT[12:]
    with pytest.raises(ModelFileError, match=f"format version {version}, but this package reads {FORMAT_VERSION}"):
        Model.load(other)


def test_a_flipped_bit_in_the_weights_is_noticed():
    for position in (0, len(PAYLOAD) // 2, len(PAYLOAD) - 1):
        damaged = bytearray(CONTENT)
        damaged[16 + HEADER_LENGTH + position] ^= 4
        with pytest.raises(ModelFileError, match="damaged|not finite"):
            Model.load(damaged)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"nowhere\.pnw.*check the path"):
        Model.load(tmp_path / "nowhere.pnw")
    with pytest.raises(ModelFileError, match="cannot be read"):
        Model.load(tmp_path)


def test_another_type_is_refused():
    with pytest.raises(TypeError, match="path, bytes, a Model or None, not int"):
        Model.load(3)


def put(key, value):
    def change(header):
        header[key] = value

    return change


def put_in_layer(index, key, value):
    def change(header):
        header["layers"][index][key] = value

    return change


CHANGES = {
    "rate": put("sample_rate", 44100),
    "bands": put("bands", BANDS - 1),
    "look-ahead": put("lookahead", 0),
    "features": put("features", FEATURES + 1),
    "features of another set": put("features", FEATURE_SETS["levels"]),
    "set of other features": put("feature_set", "levels"),
    "unknown set": put("feature_set", "mel"),
    "set that is no name": put("feature_set", ["paper"]),
    "no features": put("features", True),
    "scale": put("quantisation", {"weights": "int8", "scale": 1 / 128}),
    "quantisation": put("quantisation", {"weights": "int4", "scale": WEIGHT_SCALE}),
    "no quantisation": put("quantisation", None),
    "statistics too short": put("feature_mean", [0.0]),
    "deviation beyond float32": put("feature_deviation", [3.4028235677973366e38] * FEATURES),
    "deviation zero": put("feature_deviation", [0.0] * FEATURES),
    "mean not a number": put("feature_mean", ["x"] * FEATURES),
    "no layers": put("layers", []),
    "layers not a list": put("layers", 7),
    "wide": put_in_layer(0, "output_size", 2**40),
    "negative": put_in_layer(0, "output_size", -12),
    "float": put_in_layer(0, "output_size", 12.0),
    "kernel of a dense layer": put_in_layer(0, "kernel", 2),
    "kind": put_in_layer(1, "kind", "lstm"),
    "activation": put_in_layer(1, "activation", "relu"),
    "unknown input": put_in_layer(1, "inputs", ["nothing"]),
    "input from later": put_in_layer(0, "inputs", ["gru"]),
    "input size": put_in_layer(1, "input_size", 13),
    "name twice": put_in_layer(1, "name", "dense"),
    "no gain": put_in_layer(3, "name", "gains"),
    "surplus attribute": put_in_layer(0, "dilation", 2),
    "another header": lambda header: [header],
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_header_that_does_not_fit_is_refused(name):
    with pytest.raises(ModelFileError, match="download it again|use a model|use the model"):
        Model.load(with_header(CHANGES[name]))


def test_an_unknown_input_cannot_hide_among_wide_ones():
    """Sizes that add up are not enough: each input must exist."""
    widest = 1 << 14
    header_layers = [
        {**vars(SMALL[0]), "name": "wide", "output_size": widest},
        {**vars(SMALL[1]), "inputs": ["wide", "nothing", "features"], "input_size": FEATURES},
    ]

    def change(header):
        header["layers"][:2] = header_layers
        header["layers"][2]["inputs"] = ["conv"]

    with pytest.raises(ModelFileError, match="an invalid layer"):
        Model.load(with_header(change))


def test_a_header_cannot_ask_for_memory():
    def change(header):
        for layer in header["layers"][:3]:
            layer["input_size"] = layer["output_size"] = 1 << 14
        header["layers"][0]["input_size"] = FEATURES

    content = with_header(change)
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError):
            Model.load(content)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(content)
    finally:
        tracemalloc.stop()


def test_a_long_header_cannot_ask_for_memory():
    with pytest.raises(ModelFileError, match="truncated"):
        Model.load(struct.pack("<8sII", MAGIC, FORMAT_VERSION, 2**32 - 1) + b"{}")


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(content):
    for prefix in (b"", MAGIC, MAGIC + struct.pack("<II", FORMAT_VERSION, len(content))):
        with pytest.raises(ModelFileError):
            Model.load(prefix + content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted(set(json.loads(CONTENT[16 : 16 + HEADER_LENGTH])) - {"tier", "provenance", "format_version"})


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KEYS), json_values)
def test_random_headers_are_refused_or_harmless(key, value):
    try:
        model = Model.load(with_header(put(key, value)))
    except ModelFileError:
        return
    assert model.layers == SMALL


@settings(max_examples=100, deadline=None)
@given(st.integers(16, 15 + HEADER_LENGTH), st.integers(0, 255))
def test_random_damage_to_the_header(position, byte):
    damaged = bytearray(CONTENT)
    damaged[position] = byte
    try:
        model = Model.load(damaged)
    except ModelFileError:
        return
    assert model.weights == random_model().weights


def test_a_bundled_tier_may_be_a_program_image(tmp_path, monkeypatch):
    """A page puts the image that it runs already where the wheel has no model file."""
    original = Model.load()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "c20.pni").write_bytes(image(original))
    monkeypatch.setattr("percepnet_wasm.model_file.resources.files", lambda _: tmp_path)
    assert Model.load().to_bytes() == original.to_bytes()
    with pytest.raises(ModelFileError, match=r"'c10' is not installed: choose another \(c20\)"):
        Model.load("c10")
    (tmp_path / "models" / "c20.pni").unlink()
    with pytest.raises(ModelFileError, match=r"'c20' is not installed: .* \(none is installed\)"):
        Model.load()
