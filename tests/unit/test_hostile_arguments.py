"""Whatever a caller passes: the right result, or an error that names the argument, its value and what to pass."""

import json
import math
import re

import numpy as np
import pytest
from hostile import JUNK, covers, examples, sounds
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes
from models import random_model

import percepnet_wasm
from percepnet_wasm import Enhancer, Stream, cli, enhance, enhance_file
from percepnet_wasm.checks import UNSCALED, as_audio, as_path, as_signal
from percepnet_wasm.constants import HOP
from percepnet_wasm.errors import AudioFileError, MissingExtraError
from percepnet_wasm.kernel import library, loading
from percepnet_wasm.limits import LOUDEST
from percepnet_wasm.oracle import measures
from percepnet_wasm.oracle.ladder import ladder
from percepnet_wasm.oracle.stoi import stoi

MODEL = random_model()
ENHANCER = Enhancer(MODEL, kernel="numpy")
GOOD = np.zeros(HOP, np.float32)
ANY_ARRAY = scalar_dtypes().flatmap(lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_side=5)))


def refuses(name, call):
    """Run a call that either works or says what is wrong with the argument of this name; gives its result."""
    try:
        return call()
    except (TypeError, ValueError) as error:
        # pytest turns our package's warnings into errors: none of these may be one.
        assert type(error) in (TypeError, ValueError, percepnet_wasm.ModelFileError, AudioFileError), repr(error)
        text = str(error)
        assert name in text, f"{name} is not named: {text}"
        remedies = ("must be ", ": pass ", "; divide them ", ": scale ", ": use ", ": check ")
        remedies += ("download it again", "pip install ")
        assert any(remedy in text for remedy in remedies), f"no remedy: {text}"
        return error


@covers("checks.as_signal", "checks.as_audio", "checks.as_floats", "checks.as_path", "checks.bad_sample")
@examples(150)
@given(st.one_of(JUNK, ANY_ARRAY))
@example(np.full(3, 1e5, np.float16))
@example(np.full(3, 1e300))
def test_signals_are_finite_floats_of_a_known_layout_or_refused(value):
    found = refuses("it", lambda: as_signal("it", value))
    if isinstance(found, np.ndarray):
        assert found.dtype == np.float32 and found.ndim == 1 and (np.abs(found) <= LOUDEST).all()
    for piece in (False, True):
        found = refuses("it", lambda piece=piece: as_audio("it", value, piece=piece))
        if isinstance(found, np.ndarray):
            assert found.dtype == np.float32 and found.ndim in (1, 2) and (np.abs(found) <= UNSCALED).all()
    refuses("it", lambda: as_path("it", value))


CALLS = {
    "block": lambda value: Enhancer(MODEL, block=value, kernel="numpy"),
    "attenuation_limit_db": lambda value: Enhancer(MODEL, attenuation_limit_db=value, kernel="numpy"),
    "kernel": lambda value: Enhancer(MODEL, kernel=value),
    "model": lambda value: Enhancer(value, kernel="numpy"),
    "frame": lambda value: ENHANCER.process(value),
    "out": lambda value: ENHANCER.process(GOOD, out=value),
    "audio": lambda value: enhance(value, MODEL, kernel="numpy"),
    "sample_rate": lambda value: enhance(GOOD, MODEL, sample_rate=value, kernel="numpy") if refused(value) else None,
    "audio of a stream": lambda value: Stream(MODEL, kernel="numpy").process(value),
    "sample_rate of a stream": lambda value: Stream(MODEL, sample_rate=value, kernel="numpy"),
    "source": lambda value: enhance_file(value, "nowhere/out.wav", MODEL),
    "clean": lambda value: ladder(value, GOOD),
    "noisy": lambda value: ladder(GOOD, value),
    "period": lambda value: ladder(GOOD, GOOD, period=value),
    "enhanced": lambda value: measures.si_sdr(GOOD, value),
    "voiced": lambda value: measures.voiced_scores(GOOD, GOOD, value),
}


def refused(value):
    """Whether something is not a sample rate: a valid one would only cost time here."""
    return not (isinstance(value, int | float | np.number) and 1000 <= value <= 10**6)


@covers("enhancer.Enhancer", "offline.enhance", "offline.enhance_file", "oracle.ladder.ladder", "stream.Stream",
        "stream.as_rate")  # fmt: skip
@pytest.mark.parametrize("name", CALLS)
@examples(40)
@given(value=st.one_of(JUNK, ANY_ARRAY))
@example(value=10**9)
@example(value=[[0.0], [0.0, 0.0]])
@example(value=np.zeros((2, 48000), np.float32))
def test_a_wrong_argument_is_named_with_its_remedy(name, value):
    # Errors in the bytes of a model are reported of "the model's bytes".
    refuses(name.partition(" ")[0] if name != "source" else "", lambda: CALLS[name](value))


@pytest.mark.parametrize(
    "out", [np.zeros(HOP, np.int16), np.zeros(HOP + 1), np.zeros((HOP, 1)), [0.0] * HOP, np.zeros(HOP).view()],
    ids=["integers", "long", "column", "list", "read-only"],
)  # fmt: skip
def test_an_output_that_cannot_take_the_result_is_refused_before_the_stream_moves(out):
    if isinstance(out, np.ndarray) and out.shape == (HOP,) and out.dtype.kind == "f":
        out.flags.writeable = False
    frame = np.full(HOP, 0.1, np.float32)
    one, other = Enhancer(MODEL), Enhancer(MODEL)
    with pytest.raises(ValueError, match=r"^out must be a writeable floating point array of shape \(480,\), not "):
        one.process(frame, out=out)
    np.testing.assert_array_equal(one.process(frame), other.process(frame))


def test_a_transposed_signal_is_refused_at_once():
    with pytest.raises(ValueError, match=r"audio has shape \(2, 48000\), .* of 48000 channels: pass audio\.T"):
        enhance(np.zeros((2, 48000), np.float32), MODEL)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_the_invalid_sample_is_named(value):
    audio = np.zeros((700, 2))
    audio[600, 1] = value
    text = f"audio must be finite and within ±1 full scale; audio[600, 1] is {value}"
    with pytest.raises(ValueError, match=re.escape(text)):
        enhance(audio, MODEL)


@examples(60)
@given(st.one_of(st.floats(min_value=0), st.integers(0, 10**400)))
def test_every_attenuation_limit_is_kept(limit):
    ENHANCER.attenuation_limit_db = limit
    kept = ENHANCER.attenuation_limit_db
    assert kept == pytest.approx(min(limit, 1e9), rel=1e-6, abs=1e-6) if limit < 6000 else kept == math.inf


@covers("oracle.measures.si_sdr", "oracle.measures.voiced_frames", "oracle.measures.voiced_scores", "oracle.stoi.stoi")
@examples(12)
@given(sounds(60), sounds(60), st.integers(1, 60 * HOP))
def test_measures_are_numbers_or_none(clean, enhanced, length):
    clean, enhanced = clean[:length], enhanced[:length]
    found = measures.si_sdr(clean, enhanced)
    assert found is None or -210 < found < 600
    voiced = measures.voiced_frames(clean)
    for value in measures.voiced_scores(clean, enhanced, voiced).values():
        assert value is None or np.isfinite(value)
    intelligible = stoi(clean, enhanced)
    assert intelligible is None or -1 <= intelligible <= 1


@covers("kernel.library.Kernel", "kernel.library.KernelError", "kernel.loading.load", "kernel.loading.candidates")
@examples(40)
@given(st.text(max_size=20))
def test_a_missing_kernel_is_reported(name):
    if name in loading.candidates():
        return
    with pytest.raises(library.KernelError, match="does not exist|does not run on|cannot be loaded"):
        loading.load(name)
    with pytest.raises(library.KernelError):
        library.Kernel(name)


WORDS = st.sampled_from(
    ["enhance", "info", "oracle", "--json", "--model", "--attenuation-limit", "--kernel", "numpy", "--jobs", "0", "-1",
     "1e999", "nan", "", "/nowhere/in.wav", "/nowhere/out.wav", "--clean", "--noisy", "--out", ".", "\0", "\udcff"]
)  # fmt: skip


@covers("cli.main", "arguments.parser", "errors.AudioFileError", "errors.MissingExtraError")
@examples(60)
@given(st.lists(st.one_of(WORDS, st.text(max_size=6)), max_size=7))
def test_any_command_line_ends_with_a_code_and_no_traceback(arguments):
    try:
        assert cli.main(arguments) in (0, 2)
    except SystemExit as error:  # argparse's
        assert error.code in (0, 2)


def test_errors_of_extras_are_what_they_were_in_python():
    assert issubclass(AudioFileError, ValueError) and issubclass(MissingExtraError, ImportError)


@covers("enhancer.info")
@examples(10)
@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_info_of_any_model_is_json(provenance):
    model = random_model()
    model.provenance = provenance
    assert json.loads(json.dumps(percepnet_wasm.info(model)))["provenance"] == provenance
