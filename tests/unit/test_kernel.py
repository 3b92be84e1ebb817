"""The kernel compiled for this machine against the NumPy path, whole clips and every kind of layer; and its refusal."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from models import WITH_LEVELS, random_model
from signals import harmonic, noise, speech_like, talk

from build_scripts.evaluate import golden
from build_scripts.package import build_kernel
from percepnet_wasm import Enhancer
from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.engine import NumpyEngine
from percepnet_wasm.kernel import library as kernel_library
from percepnet_wasm.kernel import loading, packing
from percepnet_wasm.kernel.engine import KernelEngine
from percepnet_wasm.kernel.layout import ACTIVATION
from percepnet_wasm.kernel.library import Kernel, KernelError
from percepnet_wasm.layers import WEIGHT_SCALE, Layer
from percepnet_wasm.model_file import Model
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import FEATURES

ROOT = Path(__file__).parents[2]

GAIN_TOLERANCE = 2e-3
"""Activations are rounded to 14 bits: what that does to a gain stays below this."""
SAMPLE_TOLERANCE = 1e-4


def build(*arguments):
    command = [sys.executable, "-m", "build_scripts.package.build_kernel", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    done = build("--native", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_library, "FOLDER", folder)
        patch.setattr(loading, "_tried", {})
        yield loading.load("native")


@pytest.fixture
def installed(library, monkeypatch):
    """The folder with the library, nothing of it loaded yet."""
    monkeypatch.setattr(loading, "_tried", {})
    return kernel_library.FOLDER


def test_a_missing_compiler_is_named_with_the_version_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"compiler is missing: .* -m pip install 'ziglang==[\d.]+'$"):
        build_kernel.main(["--check"])


def test_the_committed_modules_are_what_the_sources_give():
    done = build("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_change_of_the_sources_is_noticed(tmp_path):
    for name in ("simd.wasm", "relaxed.wasm"):
        content = bytearray((kernel_library.FOLDER / name).read_bytes())
        content[-1] ^= 1
        (tmp_path / name).write_bytes(content)
    done = build("--check", "--out", str(tmp_path))
    assert done.returncode == 1 and "simd.wasm" in done.stdout and "relaxed.wasm" in done.stdout


def run(engine, samples, keep=("gain", "strength", "voice", "period", "correlation", "output")):
    """All outputs, frame by frame."""
    parts = {name: [] for name in keep}
    length = len(engine.period) * HOP
    for block in samples[: len(samples) // length * length].reshape(-1, length):
        output = engine.process(block)
        for name in keep:
            parts[name].append(np.array(output if name == "output" else getattr(engine, name)))
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def check_equal(here, there, samples=SAMPLE_TOLERANCE):
    assert (here["period"] == there["period"]).all()
    np.testing.assert_allclose(here["correlation"], there["correlation"], atol=1e-3)
    for name in ("gain", "strength", "voice"):
        np.testing.assert_allclose(here[name], there[name], atol=GAIN_TOLERANCE, err_msg=name)
    np.testing.assert_allclose(here["output"], there["output"], atol=samples)


CLIPS = {
    "talk": lambda: talk().noisy[: 900 * HOP],
    "synthetic": lambda: speech_like(6.0, 5) + noise(6.0, 0.01, 5),
    "vowel": lambda: harmonic(np.linspace(90, 320, 2 * SAMPLE_RATE)) + noise(2.0, 0.003, 6),
    "noise": lambda: noise(2.0, 0.2, 7),
    "loud": lambda: 50 * speech_like(1.0, 8) + noise(1.0, 0.1, 8),
    "faint": lambda: 1e-4 * speech_like(1.0, 9) + noise(1.0, 1e-6, 9),
}


@pytest.mark.parametrize("clip", CLIPS)
def test_whole_clips_come_out_the_same(library, clip):
    samples = CLIPS[clip]().astype(np.float32)
    model = Model.load()
    there = run(NumpyEngine(model, 1), samples)
    loudest = max(1.0, float(np.abs(there["output"]).max()))
    check_equal(run(KernelEngine(library, model, 1), samples), there, SAMPLE_TOLERANCE * loudest)


@pytest.mark.parametrize("block", [2, 100])
def test_the_number_of_frames_per_call_changes_nothing(library, block):
    samples = talk().noisy[: 300 * HOP].astype(np.float32)
    model = Model.load()
    one, many = KernelEngine(library, model, 1), KernelEngine(library, model, block)
    for name, values in run(one, samples).items():
        np.testing.assert_array_equal(run(many, samples, (name,))[name], values, err_msg=name)
        many.reset()


@pytest.mark.parametrize("block", [1, 2, 12])
def test_output_is_the_golden_one(library, block):
    kept = json.loads(golden.GOLDEN.read_text())["samples"]
    np.testing.assert_allclose(golden.summary(golden.run("native", block)), kept, atol=golden.TOLERANCE["native"])


@pytest.mark.parametrize("options", [{"comb": False}, {"postfilter": False}, {"floor": 0.25}])
def test_options_mean_the_same(library, options):
    samples = talk().noisy[: 200 * HOP].astype(np.float32)
    here, there = KernelEngine(library, Model.load(), 1), NumpyEngine(Model.load(), 1)
    for engine in (here, there):
        for name, value in options.items():
            setattr(engine, name, value)
    check_equal(run(here, samples), run(there, samples))
    assert here.voiced == pytest.approx(there.voiced, rel=1e-3)
    assert here.unvoiced == pytest.approx(there.unvoiced, rel=1e-3)


def test_levels_relative_to_floor_and_peak_are_the_same(library):
    """Begins in digital silence, is muted in the middle of speech, and forgets at a reset."""
    samples = (speech_like(3.0, 11) + noise(3.0, 0.003, 11)).astype(np.float32)
    samples[: 30 * HOP] = samples[100 * HOP : 160 * HOP] = 0
    model = random_model(WITH_LEVELS, seed=4)
    here, there = KernelEngine(library, model, 1), NumpyEngine(model, 1)
    expected = run(there, samples)
    check_equal(run(here, samples), expected)
    for engine in (here, there):
        engine.reset()
        check_equal(run(engine, samples), expected)
    check_equal(run(KernelEngine(library, model, 12), samples), expected)
    without = random_model(seed=4)
    for name in ("weight", "bias"):
        without.arrays["dense", name] = model.arrays["dense", name][..., : len(without.feature_mean)]
    assert np.abs(run(NumpyEngine(without, 1), samples)["gain"] - expected["gain"]).max() > 0.01, "they are not read"


def heads(*of, size):
    names = (("gain", BANDS), ("strength", BANDS), ("voice", 1))
    return [Layer(name, "dense", of, size, width, 1, "sigmoid") for name, width in names]


GRAPHS = {
    "convolution of the features": [Layer("conv", "conv", ("features",), FEATURES, 9, 4), *heads("conv", size=9)],
    "unit of the features": [Layer("gru", "gru", ("features",), FEATURES, 21), *heads("gru", size=21)],
    "features beside a layer": [
        Layer("dense", "dense", ("features",), FEATURES, 5),
        Layer("gru", "gru", ("dense", "features"), FEATURES + 5, 16),
        *heads("gru", "dense", size=21),
    ],
    "odd sizes": [
        Layer("dense", "dense", ("features",), FEATURES, 1),
        Layer("conv", "conv", ("dense",), 1, 7, 3),
        Layer("gru", "gru", ("conv", "dense"), 8, 37),
        *heads("conv", "gru", "dense", size=45),
    ],
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_any_graph_runs(library, graph):
    model = random_model(GRAPHS[graph], seed=1)
    samples = speech_like(1.0, 3) + noise(1.0, 0.01, 3)
    here, there = run(KernelEngine(library, model, 1), samples), run(NumpyEngine(model, 1), samples)
    for name in ("gain", "strength", "voice"):
        np.testing.assert_allclose(here[name], there[name], atol=GAIN_TOLERANCE, err_msg=name)


def test_blocks_of_zeros_are_skipped(library):
    model = random_model(seed=2)
    rng = np.random.default_rng(0)
    for array in model.arrays.values():
        if array.ndim == 2:
            array *= (rng.random((-(-len(array) // 16), array.shape[1])) < 0.3).repeat(16, axis=0)[: len(array)]
            array[:, 4:8] = 0
    engine = KernelEngine(library, model, 1)
    assert engine.weight_bytes < 0.6 * KernelEngine(library, random_model(seed=2), 1).weight_bytes
    samples = speech_like(1.0, 4) + noise(1.0, 0.01, 4)
    check_equal(run(engine, samples), run(NumpyEngine(model, 1), samples))


def test_packed_weights_are_in_the_order_that_simd_wants():
    rng = np.random.default_rng(1)
    steps = rng.integers(-127, 128, (35, 22)).astype(np.int8)
    packed, columns = packing.pack(steps)
    assert columns is None
    activations = rng.integers(0, 128, 24)
    activations[22:] = 99  # padding meets weights of 0, whatever it holds
    sums = np.zeros((48,), np.int64)
    for group in range(3):
        for block in range(6):
            quads = packed.reshape(3, 6, 4, 16)[group, block].astype(np.int64)
            x = activations[4 * block : 4 * block + 4]
            for quad in range(4):
                rows = slice(16 * group + 4 * quad, 16 * group + 4 * quad + 4)
                # Each lane multiplies two, first the low half, then the high one.
                low, high = quads[quad].reshape(2, 4, 2)
                sums[rows] += low @ x[:2] + high @ x[2:]
    np.testing.assert_array_equal(sums[:35], steps.astype(np.int64) @ activations[:22])


def test_auto_takes_the_kernel_and_says_so(installed):
    enhancer = Enhancer()
    assert (enhancer.kernel, enhancer.kernels_refused) == ("native", {})
    assert enhancer.info()["kernel"] == "native"
    assert Enhancer(kernel="numpy").kernel == "numpy"


class Wrong:
    """A library whose function corrupts its last argument but one, or the result."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        from ctypes import POINTER, c_int32, cast

        self.function(*arguments)
        cast(arguments[2], POINTER(c_int32))[17] += 1


def test_a_kernel_that_miscalculates_is_dropped_with_its_reason(installed, monkeypatch):
    original = Kernel.__init__

    def spoilt(self, name):
        original(self, name)
        self.product = Wrong(self.product)

    monkeypatch.setattr(Kernel, "__init__", spoilt)
    enhancer = Enhancer()
    assert enhancer.kernel == "numpy"
    assert "integer arithmetic" in enhancer.kernels_refused["native"]
    with pytest.raises(KernelError, match="'native' cannot be used.*integer arithmetic.*kernel='auto'"):
        Enhancer(kernel="native")
    assert np.isfinite(enhancer.process(np.zeros(HOP, np.float32))).all()


def test_a_kernel_with_wrong_stages_is_dropped(installed, monkeypatch):
    monkeypatch.setattr(KernelEngine, "step", lambda engine: engine.output.fill(0.5))
    assert "differ from NumPy's" in Enhancer().kernels_refused["native"]


def test_a_kernel_of_other_sources_is_dropped(installed, monkeypatch):
    monkeypatch.setattr(kernel_library, "LAYOUT", 1)
    assert "different sources" in Enhancer().kernels_refused["native"]


def test_a_missing_kernel_is_not_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_library, "FOLDER", tmp_path)
    monkeypatch.setattr(loading, "_tried", {})
    enhancer = Enhancer()
    assert enhancer.kernel == "numpy" and "does not exist" in enhancer.kernels_refused["native"]


def test_a_damaged_library_is_not_an_error(tmp_path, monkeypatch):
    (tmp_path / "native.so").write_bytes(b"no library")
    monkeypatch.setattr(kernel_library, "FOLDER", tmp_path)
    monkeypatch.setattr(loading, "_tried", {})
    assert "cannot be loaded" in Enhancer().kernels_refused["native"]


def test_kernels_of_other_platforms_are_refused():
    with pytest.raises(KernelError, match=f"'simd' cannot be used: it does not run on {sys.platform}"):
        Enhancer(kernel="simd")
    with pytest.raises(ValueError, match="kernel must be one of auto.*not 'fast'"):
        Enhancer(kernel="fast")


def test_float_weights_go_to_numpy(installed):
    enhancer = Enhancer(random_model(quantised=False))
    assert enhancer.kernel == "numpy" and "int8" in enhancer.kernels_refused["native"]


def test_weights_whose_sums_could_overflow_go_to_numpy(installed):
    wide = 2**31 // (127 * ACTIVATION["native"]) + 1
    layers = [Layer("dense", "dense", ("features",), FEATURES, wide), *heads("dense", size=wide)]
    model = random_model(layers)
    model.arrays["gain", "weight"][3] = 127 * WEIGHT_SCALE
    assert "overflow" in Enhancer(model).kernels_refused["native"]


def test_a_bad_frame_changes_nothing(installed):
    enhancer, other = Enhancer(), Enhancer()
    samples = speech_like(0.2, 5).reshape(-1, HOP)
    for bad in (np.nan, np.inf, -np.inf, 1e7):
        frame = samples[0].copy()
        frame[301] = bad
        with pytest.raises(ValueError, match="frame must be finite"):
            enhancer.process(frame)
    for frame in samples:
        np.testing.assert_array_equal(enhancer.process(frame), other.process(frame))


def test_reset_forgets(installed):
    enhancer = Enhancer()
    samples = speech_like(0.3, 6).reshape(-1, HOP)
    first = [enhancer.process(frame) for frame in samples]
    enhancer.reset()
    np.testing.assert_array_equal([enhancer.process(frame) for frame in samples], first)


def test_streams_share_one_copy_of_the_weights_and_no_state(installed):
    model = Model.load()
    first = Enhancer(model)
    tracemalloc.start()
    second = Enhancer(model)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 0.5 * model.weights, "the second stream brought weights of its own"
    samples = speech_like(0.2, 7).reshape(-1, HOP)
    alone = [Enhancer(model).process(samples[0])]
    for frame in samples:
        first.process(frame)
    np.testing.assert_array_equal(second.process(samples[0]), alone[0])
