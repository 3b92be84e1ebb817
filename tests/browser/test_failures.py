"""Whatever fails, the microphone keeps working, raw or enhanced without Python; one event says why and what to do."""

import re
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest
from conftest import ENGINES, AlteredSite, Tab, decode
from measure import ENOUGH, align, not_raw, soon
from spies import WORKERS

from percepnet_wasm.constants import SAMPLE_RATE


def assert_raw(tab: Tab) -> None:
    """The output track, or each of several, carries the microphone unchanged."""

    def not_heard_raw() -> str:
        raw, *outs = map(
            decode, tab.evaluate("(seconds) => harness.recordTracks([raw, clean].flat(), seconds * 48000)", ENOUGH)
        )
        return "; ".join(filter(None, (not_raw(*align(raw, out, SAMPLE_RATE)) for out in outs)))

    soon(not_heard_raw)


def assert_fallback(tab: Tab, code: str, message: str) -> None:
    """Exactly one event is sent, with the code and a message that says what to do."""
    tab.wait("percepnet.state === 'fallback'")
    events = tab.events("fallback")
    assert [event["code"] for event in events] == [code]
    assert re.search(message, events[0]["message"]), events[0]["message"]
    assert tab.evaluate("percepnet.reason.code") == code


def assert_limited(tab: Tab, code: str, message: str) -> None:
    """Python could not be started: exactly one event says so, and the sound is enhanced all the same."""
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced' && !percepnet.early")
    (event,) = tab.events("limited")
    assert event["code"] == code
    assert re.search(message, event["message"]), event["message"]
    assert tab.failures() == []


ENHANCE = "async (engine) => { await harness.enhanceMicrophone({ engine: engine ?? 'python' }); }"

MISSING = {
    "python": {
        "runtime/pyodide.mjs": ("boot", "runtime folder is complete"),
        "runtime/python_stdlib.zip": ("boot", "runtime folder is complete"),
        "runtime/pyodide.asm.wasm": ("boot", "runtime folder is complete"),
        "runtime/percepnet_wasm-*.whl": ("boot", "runtime folder is complete"),
        "runtime/models/c20.pni": ("boot", r"restart\(\)"),
        "worklet/worker.js": ("boot", r"restart\(\)"),
        "worklet/processor.js": ("worklet", "worklet folder"),
    },
    "worker": {
        "runtime/kernel/relaxed.wasm": ("boot", "runtime folder is complete"),
        "runtime/models/c20.pni": ("boot", r"restart\(\)"),
        "worklet/runner-worker.js": ("boot", r"restart\(\)"),
    },
    "worklet": {
        "runtime/kernel/simd.wasm": ("boot", "runtime folder is complete"),
        "runtime/models/c20.pni": ("model", r"restart\(\)"),
        "worklet/processor.js": ("worklet", "worklet folder"),
    },
}
LIMITED = [name for name in MISSING["python"] if name == "worklet/worker.js" or fnmatch(name, "runtime/p*")]
"""Those that only Python needs: without them the sound is enhanced all the same."""


@pytest.mark.parametrize("engine", ENGINES)
def test_missing_files(open_tab: Callable[..., Tab], altered: AlteredSite, engine: str) -> None:
    """A file that the server lacks: of the runtime, of the worker, of the audio processor."""
    for pattern, (code, message) in MISSING[engine].items():
        (file,) = altered.folder.glob(pattern)
        content = file.read_bytes()
        file.unlink()
        tab = open_tab(altered.url)
        tab.evaluate(ENHANCE, engine)
        (assert_limited if pattern in LIMITED else assert_fallback)(tab, code, message)
        assert tab.evaluate("clean.readyState") == "live", pattern
        # How the raw sound gets through depends on whether there is an audio processor, and on nothing else.
        if pattern == "worklet/processor.js":
            assert_raw(tab)
        assert tab.uncaught == [], pattern
        # The console says so too, and names the file.
        said = "is enhanced without Python" if pattern in LIMITED else "the microphone is raw"
        (warning,) = (text for text in tab.complaints if said in text)
        assert file.name in warning, warning
        tab.page.close()
        file.write_bytes(content)


def test_a_handled_fallback_stays_out_of_the_console(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    (file,) = altered.folder.glob("runtime/models.json")
    content = file.read_bytes()
    file.unlink()
    tab = open_tab(altered.url)
    tab.evaluate(
        """async () => {
          const percepnet = await harness.PercepNet.create();
          const handled = new Promise((resolve) => percepnet.addEventListener('fallback', (event) => {
            event.preventDefault();
            resolve();
          }));
          await handled;
        }"""
    )
    file.write_bytes(content)
    assert [text for text in tab.complaints if "percepnet:" in text] == []


REFUSED = ["numpy-*.whl", "python_stdlib.zip", "pyodide-lock.json", "pyodide.asm.wasm", "pyodide.asm.js", "pyodide.mjs"]


def refused(open_tab: Callable[..., Tab], altered: AlteredSite, file: Path, content: bytes) -> Tab:
    """A file with that content is not run: the worker knows the right checksum."""
    name = file.relative_to(altered.folder).as_posix()
    altered.write(name, lambda _: content, announced=False)
    tab = open_tab(altered.url)
    tab.evaluate(ENHANCE)
    assert_limited(tab, "boot", rf"{name} is not the file of this build: copy")
    assert tab.evaluate("clean.readyState === 'live' && clean !== raw")
    return tab


def test_a_file_that_is_not_from_the_build_is_refused(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """One byte more, and nothing of it is run."""
    for pattern in REFUSED:
        (file,) = altered.folder.glob(f"runtime/{pattern}")
        content = file.read_bytes()
        refused(open_tab, altered, file, content + b"\n").page.close()
        file.write_bytes(content)


def test_a_restart_finds_the_repaired_file(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """Also where the browser's cache has kept the wrong one."""
    (wheel,) = altered.folder.glob("runtime/percepnet_wasm-*.whl")
    content = wheel.read_bytes()
    tab = refused(open_tab, altered, wheel, b"PK damaged")
    wheel.write_bytes(content)
    tab.evaluate("percepnet.restart()")
    tab.wait("percepnet.early")
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced' && !percepnet.early")
    assert len(tab.events("limited")) == 1


def test_a_start_without_progress_is_given_up(open_tab: Callable[..., Tab], isolated: str) -> None:
    """A file that never arrives, and a worker that dies silently: noticed after a minute, which is fast-forwarded."""
    tab = open_tab(isolated, init=WORKERS)
    tab.page.route("**/pyodide.asm.wasm", lambda route: None)
    tab.page.clock.install()
    tab.evaluate(ENHANCE)
    tab.wait("log.some(({ stage, bytes }) => stage === 'runtime' && bytes > 1e5)")
    tab.page.wait_for_timeout(2000)  # what was under way has come
    tab.page.clock.run_for(70_000)
    assert_limited(tab, "boot", r"then call restart\(\).*no progress for 60 s: at stage runtime, after \d\.\d MB")
    tab.evaluate("() => { log.length = 0; percepnet.restart(); }")
    tab.wait("percepnet.early")
    tab.evaluate("workers.at(-1).terminate()")
    tab.page.clock.run_for(70_000)
    assert_limited(tab, "boot", "no progress for 60 s")
    tab.page.unroute("**/pyodide.asm.wasm")
    tab.evaluate("percepnet.restart()")
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced'")
    assert tab.uncaught == []


def assert_unsupported(tab: Tab, engine: str, lacking: str) -> None:
    """It is known beforehand; a track comes back as it is, and nothing is downloaded."""
    support = tab.evaluate("(engine) => harness.PercepNet.isSupported({ engine })", engine)
    assert not support["supported"] and lacking in " ".join(support["reasons"])
    tab.evaluate(ENHANCE, engine)
    assert_fallback(tab, "unsupported", lacking)
    assert tab.evaluate("raw === clean && clean.readyState === 'live'")
    assert not [request for request in tab.requests if "/runtime/" in request]


def test_a_browser_that_lacks_something(open_tab: Callable[..., Tab], isolated: str) -> None:
    """No AudioWorklet, or no WebAssembly (by hand: with --noexpose-wasm Chromium has it all the same), or no Worker."""
    lacks = {"AudioWorkletNode": "no AudioWorklet", "WebAssembly": "no WebAssembly", "Worker": "no Worker"}
    for name, lacking in lacks.items():
        tab = open_tab(isolated, init=f"delete window.{name};")
        for engine in ENGINES:
            if (name, engine) != ("Worker", "worklet"):  # which test_worklet_engine.py shows to need none
                assert_unsupported(tab, engine, lacking)


def test_too_little_memory_to_start(open_tab: Callable[..., Tab], isolated: str) -> None:
    """The browser refuses the memory that Python begins with: 20 MB, and here 6 are allowed, enough without Python."""
    tab = open_tab(isolated, flags=("--js-flags=--wasm-max-mem-pages=100",))
    tab.evaluate(ENHANCE)
    assert_limited(tab, "boot", r"restart\(\).*[Mm]emory")


def test_processor_exception(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """An exception on the audio thread would silence a node permanently: it is played raw until restart()."""
    injected = "throw new Error((globalThis.thrown = 'injected fault'));"

    def faulty(processors: str) -> str:
        for blend in ("this.blend", "direct"):
            call = f"{blend}.render(input, output);"
            assert processors.count(call) == 1
            position = f"{blend.replace('direct', 'direct.blend')}.position"
            fault = f"if ({position} > 48000 && !globalThis.thrown) {injected}"
            processors = processors.replace(call, fault + call)
        return processors

    altered.write("worklet/processor.js", faulty)
    tab = open_tab(altered.url)
    tab.evaluate("async () => { window.raw = await harness.microphone(); window.made = []; window.clean = []; }")
    for engine in ("worker", "worklet"):  # with 'python' the processor is the first one's
        tab.evaluate(
            """async (engine) => {
                made.push(await harness.create({ engine }));
                clean.push(await percepnet.processTrack(raw));
            }""",
            engine,
        )
        assert_fallback(tab, "worklet", "injected fault")
    assert_raw(tab)
    tab.evaluate("made.forEach((each) => each.restart())")
    tab.wait("made.every(({ playing, state }) => playing === 'enhanced' && state === 'ready')")


def test_context_that_may_not_start(open_tab: Callable[..., Tab], isolated: str) -> None:
    """Without a user's gesture a context stays suspended and its output is silent: the track itself is given back."""
    suspended = """AudioContext.prototype.resume = () => new Promise(() => {});
        Object.defineProperty(AudioContext.prototype, 'state', { get: () => 'suspended' });"""
    tab = open_tab(isolated)
    tab.evaluate(suspended)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    assert_fallback(tab, "suspended", "from a click")
    assert tab.evaluate("raw === clean")


WRONG = {
    "() => harness.PercepNet.create({ engine: 'wasm' })": r"engine must be 'python' or 'worker' or 'worklet', not wasm",
    "() => harness.PercepNet.create({ engine: 'worklet', depth: 1920 })": r"depth does not apply to engine 'worklet'",
    "() => harness.PercepNet.create({ depth: 100 })": r"depth must be 'auto' or a whole number of samples .*, not 100",
    "() => harness.PercepNet.create({ depth: 1920.5 })": r"depth must be .*, not 1920\.5",
    "() => harness.PercepNet.create({ attenuationLimit: -3 })": r"attenuationLimit must be a number .*, not -3",
    "() => harness.PercepNet.create({ attenuationLimit: '12' })": r"attenuationLimit must be .*, not 12",
    "() => percepnet.processTrack(undefined)": r"track must be an audio MediaStreamTrack, not undefined",
    "() => percepnet.createNode(new OfflineAudioContext(1, 1, 44100))": (
        r"runs at 44100 Hz: create it with \{sampleRate: 48000\}, or pass processTrack\(\) the track of a MediaStreamA"
    ),
    "async () => percepnet.replaceInput(undefined)": r"call processTrack\(\) first",
}


def test_wrong_arguments(open_tab: Callable[..., Tab], isolated: str) -> None:
    """A programming error throws an exception that names it."""
    tab = open_tab(isolated)
    tab.evaluate("async () => { await harness.create(); }")
    for script, message in WRONG.items():
        result = tab.evaluate(f"async () => {{ try {{ await ({script})(); }} catch (e) {{ return e.message; }} }}")
        assert re.search(message, result or "no exception"), script
