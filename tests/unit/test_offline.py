"""enhance() and enhance_file(): layouts, peaks, one BLAS thread, and a file as the samples would be."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hostile import covers, examples
from hypothesis import given
from hypothesis import strategies as st
from models import random_model
from signals import noise, speech_like

import percepnet_wasm
from percepnet_wasm import checks, enhance, enhance_file
from percepnet_wasm.threads import VARIABLES, one_blas_thread, pieces, set_variables

MODEL = random_model()
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (
            (1, 48000),
            "has shape (1, 48000), which is 1 sample of 48000 channels: pass audio.T, of shape (48000, 1), or audio[0]",
        ),
        ((2, 48000), "has shape (2, 48000), which is 2 samples of 48000 channels: pass audio.T, of shape (48000, 2)"),
        ((1, 2), "has shape (1, 2), which is 1 sample of 2 channels: pass audio.T, of shape (2, 1), or audio[0]"),
        (
            (4800, 65),
            "has shape (4800, 65), which is 4800 samples of 65 channels: pass (samples, channels), with at"
            " most 64 channels",
        ),
        ((0,), "must be of shape (samples,) or (samples, channels) and not empty; its shape is (0,)"),
        ((10, 2, 2), "must be of shape (samples,) or (samples, channels) and not empty; its shape is (10, 2, 2)"),
    ],
)
def test_an_implausible_layout_is_refused_with_a_remedy(shape, words):
    with pytest.raises(ValueError, match=f"^audio {re.escape(words)}$"):
        enhance(np.zeros(shape), MODEL)


def test_the_remedies_work():
    audio = np.random.default_rng(1).normal(0, 0.1, (1, 4800))
    assert enhance(audio.T, MODEL).shape == (4800, 1)
    assert enhance(audio[0], MODEL).shape == (4800,)
    assert enhance(np.zeros((1, 1)), MODEL).shape == (1, 1)


def test_the_peaks_of_a_decoded_mp3_are_accepted():
    signal = 31.9 * noise(0.1) / np.abs(noise(0.1)).max()
    assert np.isfinite(enhance(signal, MODEL)).all()


@covers("checks.unscaled")
@examples(30)
@given(st.floats(32.1, 2.0**31))
def test_a_peak_above_32_is_refused_as_unscaled_integers(peak):
    audio = np.zeros((4800, 2))
    audio[7, 1] = -peak
    with pytest.raises(ValueError, match=r"^audio has a peak of .* at audio\[7, 1\], but full scale is 1") as caught:
        enhance(audio, MODEL)
    divisor = int(re.search(r"unscaled \d+-bit integers; divide them by (\d+)$", str(caught.value))[1])
    assert checks.unscaled(peak) in str(caught.value)
    assert peak / divisor <= 1 and enhance(audio / divisor, MODEL).shape == audio.shape


def test_stereo_channels_are_enhanced_on_their_own():
    audio = np.stack([speech_like(0.5, 1), noise(0.5)], axis=1)
    both = enhance(audio, MODEL)
    for channel in (0, 1):
        np.testing.assert_array_equal(both[:, channel], enhance(audio[:, channel], MODEL))


def test_a_file_becomes_what_its_samples_would(tmp_path):
    audio = speech_like(1.0, 1) + noise(1.0, 0.02)
    soundfile.write(tmp_path / "in.wav", audio, 48000, "FLOAT")
    done = enhance_file(tmp_path / "in.wav", str(tmp_path / "a" / "b" / "out.wav"), attenuation_limit_db=12)
    assert (done.path, done.seconds, done.lost) == (tmp_path / "a" / "b" / "out.wav", 1.0, 0.0)
    np.testing.assert_allclose(
        soundfile.read(done.path, dtype="float32")[0], enhance(audio, attenuation_limit_db=12), atol=1e-5
    )
    with pytest.raises(percepnet_wasm.AudioFileError, match="out.wav already exists: .*overwrite=True"):
        enhance_file(tmp_path / "in.wav", done.path)
    enhance_file(tmp_path / "in.wav", done.path, MODEL, overwrite=True)


def test_a_file_that_fails_leaves_no_folder_behind(tmp_path):
    audio = noise(2.0)
    audio[-1] = np.nan
    soundfile.write(tmp_path / "in.wav", audio, 48000, "FLOAT")
    with pytest.raises(percepnet_wasm.AudioFileError, match="NaN or infinity at 2.000 s: export it again"):
        enhance_file(tmp_path / "in.wav", tmp_path / "a" / "b" / "out.wav", MODEL)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def blas_threads():
    """Threads that BLAS would use now."""
    pools = pytest.importorskip("threadpoolctl").threadpool_info()
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


@pytest.fixture
def several_threads():
    """BLAS with two threads, whatever the environment says."""
    with pytest.importorskip("threadpoolctl").threadpool_limits(2):
        yield


def test_enhance_and_enhance_file_use_one_blas_thread(several_threads, monkeypatch, tmp_path):
    seen = []

    class Spy(percepnet_wasm.Enhancer):
        def process(self, *arguments, **options):
            seen.append(blas_threads())
            return super().process(*arguments, **options)

    monkeypatch.setattr("percepnet_wasm.settings.Enhancer", Spy)
    enhance(np.zeros(4800), MODEL)
    soundfile.write(tmp_path / "in.wav", np.zeros(4800), 48000)
    enhance_file(tmp_path / "in.wav", tmp_path / "out.wav", MODEL)
    assert len(seen) >= 2 and all(threads == {1} for threads in seen)
    assert blas_threads() == {2}, "the caller's own number is not restored"


@covers("threads.one_blas_thread")
@examples(5)
@given(st.integers(2, 4))
def test_calls_in_several_threads_leave_the_number_as_it_was(callers):
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    inside = threading.Barrier(callers)

    def call():
        with one_blas_thread():
            inside.wait(60)

    with limits(2):
        pass  # gives up control of the number, which belongs to one thread at a time
    before = blas_threads()
    others = [threading.Thread(target=call) for _ in range(callers)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert blas_threads() == before


@covers("threads.pieces")
@examples(40)
@given(st.integers(1, 120), st.integers(1, 900), st.integers(1, 900))
def test_pieces_cover_a_product_once_and_stay_small(rows, outputs, inputs):
    assert pieces(rows, outputs, inputs) == [(slice(None), slice(None))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "threadpoolctl", None)
        with one_blas_thread():
            cuts = pieces(rows, outputs, inputs)
    covered = np.zeros((rows, outputs), int)
    for some, of in cuts:
        covered[some, of] += 1
        height, width = some.stop - some.start, of.stop - of.start
        assert width == 1 or height * width * inputs <= (9216 if height == 1 else 262144)
    assert (covered == 1).all()
    assert len(pieces(rows, outputs, inputs)) == 1


def test_without_threadpoolctl_the_result_is_the_same(monkeypatch):
    audio = speech_like(0.5, 1)
    expected = enhance(audio, kernel="numpy")
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    np.testing.assert_allclose(enhance(audio, kernel="numpy"), expected, atol=1e-5)


PROCESSOR_TIME = """
import os, sys, time
if sys.argv[1] == "without":
    sys.modules["threadpoolctl"] = None
import numpy as np
import percepnet_wasm
model = percepnet_wasm.Model.load()
audio = np.random.default_rng(0).normal(0, 0.1, 480000)
percepnet_wasm.enhance(audio[:48000], model, kernel="numpy")
before, mine = os.times(), time.thread_time()
percepnet_wasm.enhance(audio, model, kernel="numpy")
after, here = os.times(), time.thread_time() - mine
print((sum(after[:2]) - sum(before[:2])) / here)
"""


@pytest.mark.parametrize("threadpoolctl", ["with", "without"])
def test_all_processor_time_is_the_calling_threads(threadpoolctl):
    """No other thread computes, or waits in a loop, whatever BLAS would do by default."""
    if threadpoolctl == "with":
        pytest.importorskip("threadpoolctl")
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment["OPENBLAS_NUM_THREADS"] = "4"
    command = [sys.executable, "-c", PROCESSOR_TIME, threadpoolctl]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    assert float(done.stdout) < 1.2


@covers("threads.set_variables")
@examples(3)
@given(st.sampled_from(VARIABLES))
def test_what_the_user_has_set_stays(name):
    with pytest.MonkeyPatch.context() as patch:
        for each in VARIABLES:
            patch.setenv(each, "3")
            patch.delenv(each)
        patch.setenv(name, "3")
        set_variables()
        expected = dict.fromkeys(VARIABLES, "1") | {name: "3"}
        assert {each: os.environ[each] for each in VARIABLES} == expected


def test_the_command_line_asks_for_one_thread_before_numpy_is_there():
    program = (
        "import os, sys\n"
        "import percepnet_wasm.cli as cli\n"
        "assert 'numpy' not in sys.modules\n"
        "cli.parser = lambda: sys.exit(str('numpy' in sys.modules) + os.environ['OPENBLAS_NUM_THREADS'])\n"
        "cli.main([])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip() == "True1"
