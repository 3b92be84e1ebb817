"""Program images: what they hold, and that the kernel's check tells a valid program from a damaged one.

``worklet/test/runner.test.js`` runs them.
"""

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from models import WITH_LEVELS, random_model

from percepnet_wasm import Model, ModelFileError, cli
from percepnet_wasm.kernel import library as kernel_library
from percepnet_wasm.kernel import loading
from percepnet_wasm.kernel.image import image
from percepnet_wasm.kernel.image_format import FORMAT_VERSION, MAGIC, model_parts
from percepnet_wasm.kernel.layout import LAYOUT, structure
from percepnet_wasm.kernel.memory import POINTER, load
from percepnet_wasm.kernel.program import Constants, Field, StreamLayout, UnsuitableModelError
from percepnet_wasm.signal import pitch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    build = [sys.executable, "-m", "build_scripts.package.build_kernel", "--native", "--out", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_library, "FOLDER", folder)
        patch.setattr(loading, "_tried", {})
        yield loading.load("native")


def parts(content):
    """Header and payload."""
    magic, version, length = struct.unpack_from("<8sII", content)
    assert (magic, version, length % 8) == (MAGIC, FORMAT_VERSION, 0)
    return json.loads(content[16 : 16 + length]), content[16 + length :]


@pytest.mark.parametrize("model", [random_model(), random_model(WITH_LEVELS)], ids=["paper", "levels"])
def test_an_image_says_what_it_is_and_is_the_same_every_time(model):
    content = image(model)
    assert content == image(model)
    header, payload = parts(content)
    assert header["layout"] == LAYOUT and header["info"]["tier"] == "test"
    places, frames = header["places"], header["test"]["frames"]
    stored = header["constants"] + header["structures"] + header["buffers"]["stored"]
    assert len(payload) == stored + 4 * sum(places.values()) + 4 * frames * (480 + 34 + 34 + 1 + 480)
    words = np.frombuffer(payload, "<u4", sum(places.values()), stored)
    offsets = np.split(words, np.cumsum(list(places.values()))[:-1])
    for where, size in zip(offsets, (header["constants"], header["structures"], header["structures"]), strict=True):
        assert (np.diff(where.astype(int)) > 0).all() and where.max() <= size - 4 and not (where % 4).any()


def test_an_image_names_what_a_stream_offers_by_offset_type_and_shape():
    """A caller finds a field's memory by the table alone: the paths start as the layout says."""
    model = random_model()
    header, payload = parts(image(model))
    layout = StreamLayout(Constants(model, 4), 1)
    start = header["structures"]
    assert header["fields"].keys() == layout.fields.keys()
    fields = {
        name: Field(at - start, np.dtype(kind), tuple(shape)) for name, (at, kind, shape) in header["fields"].items()
    }
    assert fields == layout.fields
    assert fields["input"].shape == fields["output"].shape == (480,) and fields["gain"].shape[0] == 1
    beginning = np.frombuffer(payload, np.uint8, header["buffers"]["stored"], header["constants"] + start)
    paths = fields["paths"].view(beginning)
    assert (paths[:, : pitch.JUMP] == pitch.UNREACHED).all() and not paths[:, pitch.JUMP : -pitch.JUMP].any()


def sparse(model):
    """Empty most blocks of weights."""
    rng = np.random.default_rng(0)
    for array in model.arrays.values():
        if array.ndim == 2:
            array *= (rng.random((-(-len(array) // 16), array.shape[1])) < 0.3).repeat(16, axis=0)[: len(array)]
            array[:, 4:8] = 0
    return model


@pytest.mark.parametrize(
    "model", [random_model(), random_model(WITH_LEVELS), sparse(random_model()), Model.load()],
    ids=["paper", "levels", "sparse", "bundled"],
)  # fmt: skip
def test_python_reads_an_image_as_it_reads_the_model(model):
    assert b"".join(model_parts(image(model))) == model.to_bytes()[16:]
    back = Model.load(image(model))
    assert back.layers == model.layers and back.provenance == model.provenance
    for key, values in model.arrays.items():
        np.testing.assert_array_equal(back.arrays[key], values)
    assert image(back) == image(Model.load(model.to_bytes()))


def test_a_damaged_weight_in_an_image_is_noticed():
    content = bytearray(image(random_model()))
    header, _ = parts(content)
    start = len(content) - 4 * header["test"]["frames"] * 1029 - 4 * sum(header["places"].values())
    start -= header["buffers"]["stored"] + header["structures"] + header["constants"]
    matrices = start + header["matrices"]["offset"]
    kind = structure("Matrix", 4)
    second = np.frombuffer(content, kind, 2, matrices)[1]
    content[start + int(second["weights"]) + 8] ^= 4
    with pytest.raises(ModelFileError, match="do not match their SHA-256"):
        Model.load(bytes(content))


def test_float_weights_cannot_become_an_image():
    with pytest.raises(UnsuitableModelError, match="not int8"):
        image(random_model(quantised=False))


def test_the_command_writes_what_the_function_makes(tmp_path, capsys):
    model, target = tmp_path / "model.pnw", tmp_path / "model.pni"
    model.write_bytes(random_model().to_bytes())
    assert cli.main(["image", str(model), str(target)]) == 0
    assert target.read_bytes() == image(Model.load(model))
    kept = target.read_bytes()
    model.write_bytes(random_model(quantised=False).to_bytes())
    assert cli.main(["image", str(model), str(target)]) == 2
    assert "cannot be compiled (its weights are not int8): use int8 weights" in capsys.readouterr().err
    assert cli.main(["image", str(tmp_path / "none.pnw"), str(target)]) == 2
    assert "check the path" in capsys.readouterr().err
    assert target.read_bytes() == kept
    model.write_bytes(random_model().to_bytes())
    assert cli.main(["image", str(model), str(tmp_path / "nowhere" / "model.pni")]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pni", "model.pnw"]


def test_structures_are_laid_out_for_either_width_of_addresses():
    narrow, wide = structure("Stream", 4), structure("Stream", 8)
    assert narrow.names == wide.names and narrow.itemsize < wide.itemsize
    addresses = sum(kind == np.dtype(np.uint32) for kind, *_ in narrow.fields.values())
    assert addresses == sum(kind == np.dtype(np.uint64) for kind, *_ in wide.fields.values()) > 20
    assert structure("Layer", 4).itemsize % 4 == structure("Layer", 8).itemsize % 8 == 0


def test_every_program_of_ours_passes_the_check(library):
    for model in (random_model(), random_model(WITH_LEVELS)):
        for block in (1, 7):
            constants, stream, structures, _ = program(model, block)
            assert library.check(stream, constants, structures) == 0


def program(model, block=1):
    constants = Constants(model, POINTER)
    memory = load((constants.area,))
    layout = StreamLayout(constants, block)
    stream = load((layout.structures, layout.buffers), {constants.area: memory.ctypes.data})
    return memory, stream, layout.structures.size, sorted(layout.structures.links)


def test_the_check_refuses_any_address_that_leaves_its_memory(library):
    constants, stream, structures, places = program(random_model(WITH_LEVELS))
    for place in places:
        address = stream[place : place + POINTER].view(np.uintp)
        kept = address[0]
        ends = [stream.ctypes.data + len(stream), constants.ctypes.data + len(constants)]
        for wrong in (0, 16, *ends, stream.ctypes.data - 16, constants.ctypes.data - 4, kept + 1, np.uintp(2**63 - 16)):
            # Activations of a unit's state are none in other layers; a null matrix makes a dense layer of a unit.
            address[0] = wrong
            assert library.check(stream, constants, structures) != 0 or wrong == 0, (place, kept, wrong)
        address[0] = kept
    assert library.check(stream, constants, structures) == 0


def test_the_check_refuses_buffers_among_the_structures(library):
    """A frame that wrote there could change the sizes that were checked."""
    constants, stream, structures, _ = program(random_model())
    kind = structure("Stream", POINTER)
    for name in ("settings", "input", "output", "samples", "tail", "features", "normalised", "period", "paths"):
        place = kind.fields[name][1]
        address = stream[place : place + POINTER].view(np.uintp)
        kept = address[0]
        address[0] = stream.ctypes.data
        assert library.check(stream, constants, structures) != 0, name
        address[0] = kept


def test_weights_that_leave_their_memory_are_not_touched(library):
    model = random_model()
    constants = Constants(model, POINTER)
    memory = load((constants.area,))
    kind = structure("Matrix", POINTER)
    at = constants.matrices.offset + kind.itemsize  # the second: int8
    rows = memory[at : at + 4].view(np.int32)
    for wrong in (0, -16, 8, 1 << 20, 2**31 - 16):
        kept, rows[0] = rows[0], wrong
        before = memory.copy()
        with pytest.raises(kernel_library.KernelError, match="failed its layout check"):
            library.adopt(memory, constants.matrices.offset, constants.matrix_count)
        np.testing.assert_array_equal(memory, before)
        rows[0] = kept
