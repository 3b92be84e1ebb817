"""Whatever fails, the microphone goes on raw and one event says why and what to do."""

import re
from collections.abc import Callable

import pytest
from conftest import DENY_MICROPHONE, AlteredSite, Tab, decode
from measure import align, power_db, similarity, speech

from percepnet_wasm.constants import SAMPLE_RATE

SPY_ON_WORKERS = """window.workers = [];
    window.Worker = class extends Worker { constructor(...a) { super(...a); workers.push(this); } };"""

FAULTY_PYODIDE = """
export async function loadPyodide(options) {
    const { loadPyodide: load } = await import('./real.mjs');
    const pyodide = await load(options);
    const loadPackage = pyodide.loadPackage;
    pyodide.loadPackage = async (...names) => {
        await loadPackage(...names);
        pyodide.runPython(`
import percepnet_wasm
from itertools import count

working_step, calls = percepnet_wasm.Enhancer.step, count()

def step(self):
    if next(calls) > 600:
        raise RuntimeError("injected fault")
    working_step(self)

percepnet_wasm.Enhancer.step = step
`);
    };
    return pyodide;
}
"""


def assert_raw(tab: Tab) -> None:
    """The output track carries the microphone unchanged."""
    raw, out = map(decode, tab.evaluate("() => harness.recordDropIn(10)"))
    raw, out = align(raw, out, SAMPLE_RATE)
    assert similarity(raw, out, speech(raw)) > 0.99
    assert abs(power_db(out, speech(raw)) - power_db(raw, speech(raw))) < 0.5


def assert_fallback(tab: Tab, code: str, message: str) -> None:
    """Exactly one event tells, with the code and a message that says what to do."""
    tab.wait("percepnet.state === 'fallback'")
    events = tab.events("fallback")
    assert [event["code"] for event in events] == [code]
    assert re.search(message, events[0]["message"]), events[0]["message"]
    assert tab.evaluate("percepnet.reason.code") == code


@pytest.mark.parametrize(
    ("pattern", "code", "message"),
    [
        pytest.param("runtime/*", "boot", "runtime folder is complete", id="no-runtime"),
        pytest.param("runtime/python_stdlib.zip", "boot", "runtime folder is complete", id="no-standard-library"),
        pytest.param("runtime/pyodide.asm.wasm", "boot", "runtime folder is complete", id="no-interpreter"),
        pytest.param("runtime/percepnet_wasm-*.whl", "boot", "runtime folder is complete", id="no-wheel"),
        pytest.param("worklet/worker.js", "boot", r"restart\(\)", id="no-worker"),
        pytest.param("worklet/pump.js", "boot", r"restart\(\)", id="half-a-worker"),
        pytest.param("worklet/processor.js", "worklet", "worklet folder", id="no-processor"),
    ],
)
def test_missing_files(
    open_tab: Callable[..., Tab], altered: AlteredSite, pattern: str, code: str, message: str
) -> None:
    """A file that the server lacks."""
    altered.remove(pattern)
    tab = open_tab(altered.url)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    assert_fallback(tab, code, message)
    assert_raw(tab)
    assert tab.uncaught == []


@pytest.mark.parametrize(
    "pattern",
    [
        "runtime/percepnet_wasm-*.whl",
        "runtime/numpy-*.whl",
        "runtime/python_stdlib.zip",
        "runtime/pyodide-lock.json",
        "runtime/pyodide.asm.wasm",
        "runtime/pyodide.asm.js",
        "runtime/pyodide.mjs",
    ],
)
def test_a_file_that_is_not_the_builds_is_refused(
    open_tab: Callable[..., Tab], altered: AlteredSite, pattern: str
) -> None:
    """One byte more, and nothing of it is run: each file's checksum is known to the worker."""
    altered.write(pattern, lambda _: next(altered.folder.glob(pattern)).read_bytes() + b"\n", announced=False)
    tab = open_tab(altered.url)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    assert_fallback(tab, "boot", r"runtime/.* is not the file of this build: copy")
    assert tab.evaluate("clean.readyState === 'live' && clean !== raw")


def test_a_restart_finds_the_mended_file(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """Also where the browser's cache has kept the wrong one."""
    (wheel,) = altered.folder.glob("runtime/percepnet_wasm-*.whl")
    content = wheel.read_bytes()
    altered.write("runtime/percepnet_wasm-*.whl", lambda _: b"PK damaged", announced=False)
    tab = open_tab(altered.url)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    assert_fallback(tab, "boot", "is not the file of this build")
    assert_raw(tab)
    wheel.write_bytes(content)
    tab.evaluate("percepnet.restart()")
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced'")


@pytest.mark.parametrize("lacking", ["AudioWorkletNode", "WebAssembly"])
def test_browser_lacks_something(open_tab: Callable[..., Tab], isolated: str, lacking: str) -> None:
    """What is not supported is known beforehand; a track comes back as it is, and nothing is downloaded."""
    tab = open_tab(isolated, init=f"delete window.{lacking};")
    support = tab.evaluate("harness.PercepNet.isSupported()")
    assert not support["supported"]
    assert lacking.removesuffix("Node") in " ".join(support["reasons"])
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    assert_fallback(tab, "unsupported", lacking.removesuffix("Node"))
    assert tab.evaluate("raw === clean")
    assert not [request for request in tab.requests if "/runtime/" in request]


def test_enhancer_exception_then_restart(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """Python raises in the middle of a call; once the fault is gone, restart() leads back to enhanced sound."""
    real = (altered.folder / "runtime/pyodide.mjs").read_text()
    (altered.folder / "runtime/real.mjs").write_text(real)
    altered.write("runtime/pyodide.mjs", lambda _: FAULTY_PYODIDE)
    tab = open_tab(altered.url)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    assert_fallback(tab, "enhancer", "RuntimeError: injected fault")
    assert tab.evaluate("log.some((event) => event.type === 'ready')"), "failed before it had run"
    assert_raw(tab)
    altered.write("runtime/pyodide.mjs", lambda _: real)
    tab.evaluate("percepnet.restart()")
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced'")


def test_worker_dies(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Killed without a word: the worklet's clock notices."""
    tab = open_tab(isolated, init=SPY_ON_WORKERS)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    tab.wait("percepnet.playing === 'enhanced'")
    tab.evaluate("workers[0].terminate()")
    tab.wait("percepnet.reason?.code === 'stalled'")
    assert len(tab.events("overload")) > 0
    assert "restart()" in tab.events("fallback")[-1]["message"]
    assert_raw(tab)
    tab.evaluate("percepnet.restart()")
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced'")


def test_processor_exception(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """An exception on the audio thread would silence a node for good; the microphone goes on instead."""
    head = "render(input, output) {"
    altered.write(
        "worklet/blend.js",
        lambda text: text.replace(head, f"{head} if (this.position > 48000) throw new Error('injected fault');"),
    )
    tab = open_tab(altered.url)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    assert_fallback(tab, "worklet", "injected fault")
    assert_raw(tab)


def test_context_that_may_not_start(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Without a user's gesture a context stays suspended and its output is silent: the track itself is given back."""
    suspended = """AudioContext.prototype.resume = () => new Promise(() => {});
        Object.defineProperty(AudioContext.prototype, 'state', { get: () => 'suspended' });"""
    tab = open_tab(isolated)
    tab.evaluate(suspended)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    assert_fallback(tab, "suspended", "from a click")
    assert tab.evaluate("raw === clean")


def test_microphone_denied(open_tab: Callable[..., Tab], isolated: str) -> None:
    """The page says what to do, and can be started again."""
    tab = open_tab(isolated, path="", permission=DENY_MICROPHONE)
    tab.page.get_by_label("Microphone").check()
    tab.page.get_by_role("button", name="Start").click()
    tab.page.get_by_role("status").filter(has_text="permit it in the address bar").wait_for()
    assert tab.page.get_by_role("button", name="Start").is_enabled()
    assert tab.complaints == [] and tab.uncaught == []


def test_destroy_at_any_time(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Before, while and after anything is made; twice as well. Nothing is left running and nothing complains."""
    tab = open_tab(isolated, init=SPY_ON_WORKERS)
    script = """async () => {
        const track = await harness.microphone();
        const results = [];
        for (const wait of [0, 1, 10, 100, 1000, 3000]) {
            const percepnet = await harness.create();
            const processed = percepnet.processTrack(track);
            await new Promise((resolve) => setTimeout(resolve, wait));
            percepnet.destroy();
            percepnet.destroy();
            results.push((await processed) instanceof MediaStreamTrack, percepnet.state);
        }
        const unused = await harness.create();
        unused.destroy();
        await new Promise((resolve) => setTimeout(resolve, 500));
        return [...results, track.readyState, workers.length <= 6];
    }"""
    assert tab.evaluate(script) == [True, "destroyed"] * 6 + ["live", True]
    assert tab.complaints == [] and tab.uncaught == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("() => harness.PercepNet.create({ depth: 100 })", r"depth is 100: give a whole number of samples from \d+"),
        ("() => harness.PercepNet.create({ depth: 1920.5 })", r"depth is 1920\.5"),
        ("() => harness.PercepNet.create({ attenuationLimit: -3 })", r"attenuationLimit is -3: give decibels from 0"),
        ("() => harness.PercepNet.create({ attenuationLimit: '12' })", r"attenuationLimit is 12"),
        ("async () => (await harness.create()).processTrack(undefined)", r"track is undefined: give an audio track"),
        (
            "async () => (await harness.create()).createNode(new OfflineAudioContext(1, 1, 44100))",
            r"runs at 44100 Hz: make it with \{sampleRate: 48000\}",
        ),
        ("async () => (await harness.create()).replaceInput(undefined)", r"call processTrack\(\) first"),
    ],
)
def test_wrong_arguments(open_tab: Callable[..., Tab], isolated: str, script: str, message: str) -> None:
    """A mistake of the programmer is an exception that names it."""
    tab = open_tab(isolated)
    result = tab.evaluate(f"async () => {{ try {{ await ({script})(); }} catch (e) {{ return e.message; }} }}")
    assert re.search(message, result or "no exception")
