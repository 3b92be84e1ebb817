"""The wheel inside Pyodide, under Node and in headless Chromium, does what it does under CPython.

NumPy's path in these tests; the compiled kernel's are in test_kernel.py.
"""

import numpy as np
import pytest
from pytest_pyodide import run_in_pyodide

import percepnet_wasm
from build_scripts.site.make_clip import make_clip

TOLERANCE = 1e-4
"""Largest difference of a sample; full scale is 1. Rounding differs (BLAS here, none there), decisions must not."""

pytestmark = pytest.mark.driver_timeout(240)


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    """Three seconds of the bundled clip: a pause, a whole sentence, the beginning of another pause."""
    return make_clip().noisy[24000 : 24000 + 3 * 48000]


@run_in_pyodide(packages=["percepnet-wasm"])
async def enhance_there(selenium, noisy_url, expected_url):
    import numpy as np
    from pyodide.http import pyfetch

    import percepnet_wasm

    noisy, expected = [
        np.frombuffer(await (await pyfetch(url)).bytes(), np.float32) for url in (noisy_url, expected_url)
    ]
    enhanced = percepnet_wasm.enhance(noisy, kernel="numpy")
    return enhanced.shape == expected.shape, float(np.max(np.abs(enhanced - expected)))


@run_in_pyodide(packages=["percepnet-wasm"])
async def stream_there(selenium, noisy_url, expected_url):
    import numpy as np
    from pyodide.http import pyfetch

    import percepnet_wasm

    noisy, expected = [
        np.frombuffer(await (await pyfetch(url)).bytes(), np.float32) for url in (noisy_url, expected_url)
    ]
    enhancer = percepnet_wasm.Enhancer(kernel="numpy")
    enhanced = np.concatenate([enhancer.process(frame) for frame in noisy.reshape(-1, 480)])
    return enhanced.shape == expected.shape, float(np.max(np.abs(enhanced - expected)))


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


def test_offline_equals_cpython(selenium, publish, noisy):
    here = percepnet_wasm.enhance(noisy, kernel="numpy")
    assert np.max(np.abs(here - noisy)) > 0.01, "the enhancer changed nothing: the comparison would be empty"
    same_shape, difference = enhance_there(selenium, publish("noisy.f32", noisy), publish("enhanced.f32", here))
    assert same_shape and difference < TOLERANCE


def test_streaming_equals_cpython(selenium, publish, noisy):
    enhancer = percepnet_wasm.Enhancer(kernel="numpy")
    here = np.concatenate([enhancer.process(frame) for frame in noisy.reshape(-1, 480)])
    same_shape, difference = stream_there(selenium, publish("noisy.f32", noisy), publish("streamed.f32", here))
    assert same_shape and difference < TOLERANCE


def test_the_comparison_notices_a_difference(selenium, publish, noisy):
    here = percepnet_wasm.enhance(noisy, kernel="numpy")
    here[70000] += 2 * TOLERANCE
    _, difference = enhance_there(selenium, publish("noisy.f32", noisy), publish("enhanced.f32", here))
    assert difference > TOLERANCE


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
