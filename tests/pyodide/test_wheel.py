"""The wheel inside Pyodide, under Node and in headless Chromium, does what it does under CPython."""

import numpy as np
import pytest
from make_clip import make_clip
from pytest_pyodide import run_in_pyodide

import percepnet_wasm

TOLERANCE = 1e-4
"""Largest difference of a sample; full scale is 1. Rounding differs (BLAS here, none there), decisions must not."""

pytestmark = pytest.mark.driver_timeout(240)


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    """Three seconds of the bundled clip: a pause, a whole sentence, the beginning of another pause."""
    return make_clip().noisy[24000 : 24000 + 3 * 48000]


@run_in_pyodide(packages=["percepnet-wasm"])
def enhance_there(selenium, audio):
    import numpy as np

    import percepnet_wasm

    return percepnet_wasm.enhance(np.frombuffer(audio, np.float32)).tobytes()


@run_in_pyodide(packages=["percepnet-wasm"])
def stream_there(selenium, audio):
    import numpy as np

    import percepnet_wasm

    enhancer = percepnet_wasm.Enhancer()
    frames = np.frombuffer(audio, np.float32).reshape(-1, 480)
    return np.concatenate([enhancer.process(frame).copy() for frame in frames]).tobytes()


@run_in_pyodide(packages=["percepnet-wasm"])
def info_there(selenium):
    import percepnet_wasm

    return percepnet_wasm.info()


@run_in_pyodide(packages=["percepnet-wasm"])
def error_there(selenium):
    import numpy as np

    import percepnet_wasm

    try:
        percepnet_wasm.Enhancer().process(np.zeros(479, np.float32))
    except ValueError as error:
        return str(error)


@run_in_pyodide
async def install_by_url_there(selenium, url):
    import pyodide_js

    await pyodide_js.loadPackage("micropip")
    import micropip

    await micropip.install(url)
    import percepnet_wasm

    return percepnet_wasm.info()["version"], sorted(micropip.list())


def test_offline_equals_cpython(selenium, noisy):
    here = percepnet_wasm.enhance(noisy)
    there = np.frombuffer(enhance_there(selenium, noisy.tobytes()), np.float32)
    assert there.shape == here.shape
    assert np.max(np.abs(here - noisy)) > 0.01, "the enhancer changed nothing: the comparison would be empty"
    np.testing.assert_allclose(there, here, rtol=0, atol=TOLERANCE)


def test_streaming_equals_cpython(selenium, noisy):
    enhancer = percepnet_wasm.Enhancer()
    here = np.concatenate([enhancer.process(frame).copy() for frame in noisy.reshape(-1, 480)])
    there = np.frombuffer(stream_there(selenium, noisy.tobytes()), np.float32)
    np.testing.assert_allclose(there, here, rtol=0, atol=TOLERANCE)


def test_info_is_the_same(selenium):
    assert info_there(selenium) == percepnet_wasm.info()


def test_a_bad_frame_is_refused_with_the_same_words(selenium):
    with pytest.raises(ValueError) as here:
        percepnet_wasm.Enhancer().process(np.zeros(479, np.float32))
    assert error_there(selenium) == str(here.value)


def test_the_lock_makes_loadpackage_bring_numpy(selenium_standalone):
    loaded = selenium_standalone.run_js(
        """
        await pyodide.loadPackage("percepnet-wasm");
        return Object.keys(pyodide.loadedPackages).sort();
        """
    )
    assert loaded == ["numpy", "percepnet-wasm"]


def test_micropip_installs_the_wheel_from_its_address(selenium_standalone, request):
    (wheel,) = request.config.option.dist_dir.glob("percepnet_wasm-*.whl")
    version, installed = install_by_url_there(selenium_standalone, f"{selenium_standalone.base_url}/{wheel.name}")
    assert version == percepnet_wasm.__version__
    assert {"numpy", "percepnet-wasm"} <= {name.replace("_", "-") for name in installed}
