"""The kernel's side modules inside Pyodide, under Node and in headless Chromium, against the NumPy path there.

And against the runner in JavaScript, which needs no Python.
"""

from pathlib import Path

import numpy as np
import pytest
from pytest_pyodide import run_in_pyodide

from build_scripts.package.bundle import wrapped_modules
from build_scripts.site.make_clip import make_clip
from percepnet_wasm import Model
from percepnet_wasm.kernel.image import image

ROOT = Path(__file__).parents[2]

GAINS = {"simd": 2e-3, "relaxed": 0.05}
"""Largest difference of a gain over the whole file. Relaxed SIMD's activations have 7 bits: PESQ is what counts."""
SAMPLES = {"simd": 1e-4, "relaxed": 0.02}
PESQ = 0.01
RUNNER = 0.0
"""Of the runner and the kernel in Pyodide: the same instructions on the same tables."""

pytestmark = pytest.mark.driver_timeout(240)


@pytest.fixture(scope="module")
def clip():
    """The whole bundled clip, in whole frames."""
    made = make_clip()
    length = len(made.noisy) // 480 * 480
    return made.clean[:length], made.noisy[:length]


@run_in_pyodide(packages=["percepnet-wasm"])
async def compare_there(selenium, noisy_url, kernel):
    import numpy as np
    from pyodide.http import pyfetch

    from percepnet_wasm import Enhancer
    from percepnet_wasm.kernel.library import KernelError

    noisy = np.frombuffer(await (await pyfetch(noisy_url)).bytes(), np.float32)
    try:
        enhancers = Enhancer(kernel=kernel), Enhancer(kernel="numpy")
    except KernelError as error:
        return str(error)
    gains, periods, out = 0.0, 0, [[], []]
    for frame in noisy.reshape(-1, 480):
        for enhancer, parts in zip(enhancers, out, strict=True):
            parts.append(enhancer.process(frame))
        one, other = enhancers
        for name in ("gains", "strengths"):
            gains = max(gains, float(np.abs(getattr(one, name) - getattr(other, name)).max()))
        periods += one.period != other.period
    return gains, periods, [np.concatenate(parts).tobytes() for parts in out]


@pytest.mark.parametrize("kernel", ["simd", "relaxed"])
def test_whole_file_equals_numpys(selenium, publish, clip, kernel):
    from pesq import pesq
    from scipy.signal import resample_poly

    clean, noisy = clip
    clip_url = publish("noisy.f32", noisy)
    found = compare_there(selenium, clip_url, kernel)
    if isinstance(found, str):
        assert kernel == "relaxed" and selenium.browser == "node", found
        pytest.skip(found)  # Node 20 has no relaxed SIMD
    gains, periods, outputs = found
    with_kernel, with_numpy = (np.frombuffer(output, np.float32) for output in outputs)
    assert np.abs(with_numpy[1440:] - noisy[:-1440]).max() > 0.01, "nothing was enhanced: the comparison would be empty"
    assert periods == 0
    assert gains <= GAINS[kernel]
    assert np.abs(with_kernel - with_numpy).max() <= SAMPLES[kernel]
    scores = [
        pesq(16000, resample_poly(clean[:-1440], 1, 3), resample_poly(out[1440:], 1, 3), "wb")
        for out in (with_kernel, with_numpy)
    ]
    print(f"{selenium.browser} {kernel}: gains within {gains:.2g}, PESQ {scores[0]:.4f} and {scores[1]:.4f} by NumPy")
    assert abs(scores[0] - scores[1]) <= PESQ
    apart = runners_distance(selenium, publish, kernel, clip_url, with_kernel)
    print(f"{selenium.browser} {kernel}: the runner's samples within {apart:.2g}")
    assert apart <= RUNNER


def runners_distance(selenium, publish, kernel, clip_url, expected) -> float:
    """Run the clip through worklet/runner.js where Pyodide runs: the largest difference of a sample."""
    modules = wrapped_modules("runner.js", lambda name: (ROOT / "worklet" / name).read_text(encoding="utf-8"))
    module = np.frombuffer((ROOT / "percepnet_wasm" / "kernel" / f"{kernel}.wasm").read_bytes(), np.uint8)
    program = np.frombuffer(image(Model.load()), np.uint8)
    files = [publish(f"runner.{kind}", data) for kind, data in (("wasm", module), ("pni", program), ("f32", expected))]
    return selenium.run_js(
        "".join(modules.values())
        + f"""
        const files = {[*files, clip_url]};
        const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
        const [module, image, expected, noisy] = await Promise.all(files.map(bytes));
        const runner = (await $runner.Program.load({{ {kernel}: module }}, image)).stream();
        const [wanted, samples] = [expected, noisy].map(({{ buffer }}) => new Float32Array(buffer));
        let apart = 0;
        for (let at = 0; at < samples.length; at += 480) {{
          runner.input().set(samples.subarray(at, at + 480));
          runner.step();
          runner.output().forEach((sample, i) => (apart = Math.max(apart, Math.abs(sample - wanted[at + i]))));
        }}
        return apart;
        """
    )


@run_in_pyodide(packages=["percepnet-wasm"])
def automatic_there(selenium):
    from percepnet_wasm import Enhancer

    enhancer = Enhancer()
    return enhancer.kernel, enhancer.kernels_refused


def test_the_fastest_that_works_is_taken(selenium):
    name, refused = automatic_there(selenium)
    if selenium.browser == "node":
        assert name == "simd" and list(refused) == ["relaxed"], (name, refused)
    else:
        assert (name, refused) == ("relaxed", {})


@run_in_pyodide(packages=["percepnet-wasm"])
def spoilt_there(selenium):
    import numpy as np

    from percepnet_wasm import Enhancer
    from percepnet_wasm.kernel import library, loading

    folder = library.FOLDER
    module = bytearray((folder / "simd.wasm").read_bytes())
    # i32x4.dot_i16x8_s becomes i32x4.mul: still a valid module, with wrong products.
    at = module.index(b"\xfd\xba\x01")
    while at >= 0:
        module[at : at + 3] = b"\xfd\xb5\x01"
        at = module.find(b"\xfd\xba\x01")
    import pathlib

    other = pathlib.Path("/tmp/spoilt")
    other.mkdir()
    (other / "simd.wasm").write_bytes(module)
    (other / "relaxed.wasm").write_bytes(b"no module")
    library.FOLDER, loading._tried = other, {}
    enhancer = Enhancer()
    enhancer.process(np.zeros(480, np.float32))
    return enhancer.kernel, enhancer.kernels_refused


def test_wrong_and_damaged_modules_are_dropped_with_their_reasons(selenium_standalone):
    name, refused = spoilt_there(selenium_standalone)
    assert name == "numpy"
    assert "integer arithmetic" in refused["simd"]
    assert "cannot be loaded" in refused["relaxed"]


@run_in_pyodide(packages=["percepnet-wasm"])
def enhance_minutes_there(selenium, minutes):
    import numpy as np

    from percepnet_wasm import Enhancer

    enhancer = Enhancer()
    assert enhancer.kernel != "numpy"
    sounds = 0.1 * np.sin(np.arange(100 * 480) ** 1.3).astype(np.float32).reshape(100, 480)
    for _ in range(minutes * 60):
        for frame in sounds:
            enhancer.input[:] = frame
            enhancer.step()
    return bool(np.isfinite(enhancer.output).all())


def test_memory_stays_flat_over_simulated_minutes(selenium):
    heap = "return pyodide._module.HEAP8.length"
    assert enhance_minutes_there(selenium, 1)
    before = selenium.run_js(heap)
    assert enhance_minutes_there(selenium, 4)  # an hour of it: make soak
    assert selenium.run_js(heap) == before
