"""Which model runs: the wheel's, a requested one, one that a benchmark chose, a smaller one when frames come late."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from conftest import ENGINES, AlteredSite, Tab, decode, encode
from slow_machine import RECOVERED, SLOW_NOW, slow_down

from percepnet_wasm.constants import DELAY

DEPTH = 1920

everywhere = pytest.mark.parametrize("engine", ENGINES)

READY = "async (options) => harness.untilState(await harness.create(options), 'ready', 'fallback')"


def fetched(tab: Tab) -> list[str]:
    """Model files that were asked for, as program images or not."""
    return [request.rsplit("/", 1)[1] for request in tab.requests if request.endswith((".pnw", ".pni"))]


def fallback(tab: Tab) -> tuple[str, str]:
    """Code and message of the only fallback."""
    (event,) = tab.events("fallback")
    return event["code"], event["message"]


def load_again(tab: Tab) -> None:
    """Reload the page, with the harness."""
    tab.page.reload()
    tab.evaluate("async () => { window.harness = await import('/tests/harness.js'); }")


def test_the_default_tier_comes_once(open_tab: Callable[..., Tab], isolated: str) -> None:
    """By default and by its name, in each engine; the page reports what runs, and why nothing faster does."""
    tab = open_tab(isolated)
    for engine in ENGINES:
        # Engine 'worker' would share the worker that enhances while Python starts.
        load_again(tab)
        tab.requests.clear()
        assert tab.evaluate(READY, {"engine": engine}) == "ready"
        assert tab.evaluate(READY, {"engine": engine, "model": "c20"}) == "ready"
        assert fetched(tab) == ["c20.pni"]
        (ready,) = tab.events("ready")
        assert (ready["info"]["tier"], tab.evaluate("percepnet.tier")) == ("c20", "c20")
        tab.evaluate("async () => { await percepnet.processTrack(await harness.microphone()); }")
        tab.wait("log.some(({ type }) => type === 'stats')")
        stats = tab.events("stats")[-1]
        assert stats["tier"] == "c20"
        assert stats["kernel"] in ("relaxed", "simd", *(["numpy"] if engine == "python" else []))
        why = stats["kernelReason"]
        assert why == "" if stats["kernel"] == "relaxed" else why.startswith("relaxed: ")


DAMAGED = {"python": "is not the file of this build"}
"""What an engine says of a file that is not of this build; those without Python look at the list of the models."""


@everywhere
def test_another_tier_is_fetched_and_checked_once(
    open_tab: Callable[..., Tab], altered: AlteredSite, engine: str
) -> None:
    """A damaged one is refused with one event; once repaired, restart() leads back. A second instance shares it."""
    tab = open_tab(altered.url)
    whole = (altered.folder / "runtime/models/c10.pni").read_bytes()
    altered.write("runtime/models/c10.pni", lambda _: whole[:-1] + b"?", announced=False)
    assert tab.evaluate(READY, {"engine": engine, "model": "c10"}) == "fallback"
    code, message = fallback(tab)
    assert code == "model" and DAMAGED.get(engine, "lists: its SHA-256 differs") in message and "restart()" in message
    altered.write("runtime/models/c10.pni", lambda _: whole, announced=False)
    tab.evaluate("percepnet.restart()")
    tab.wait("percepnet.state === 'ready'")
    assert tab.evaluate("percepnet.tier") == "c10"
    tab.requests.clear()
    tab.evaluate("window.first = percepnet")
    assert tab.evaluate(READY, {"engine": engine, "model": "c10"}) == "ready"
    assert fetched(tab) == []
    assert tab.uncaught == []


NO_MODELS = {
    "c99": "there is no tier c99: use auto, c20, c10 or the URL",
    "/nowhere.pnw": "nowhere.pnw could not be downloaded: status 404",
}

FILES = {"python": ("/runtime/models/c10.pnw", "/clips/noisy.wav", "not a PercepNet model file")}
"""A model that an engine reads by its address, one that it does not read, and what it says of that."""

IMAGES = ("/runtime/models/c10.pni", "/runtime/models/c10.pnw", "not a program image")
"""The same of the engines without Python."""


@everywhere
def test_a_model_by_its_address_and_some_that_cannot_be_loaded(
    open_tab: Callable[..., Tab], isolated: str, engine: str
) -> None:
    """One event gives the reason and the available tiers; an instance that is running keeps its model."""
    tab = open_tab(isolated)
    assert tab.evaluate(READY, {"engine": engine}) == "ready"
    address, other, foreign = FILES.get(engine, IMAGES)
    tab.evaluate("window.first = percepnet")
    refused = "(model) => first.setModel(model).catch(({ name, code, message }) => [name, code, message])"
    for model, message in (NO_MODELS | {other: foreign}).items():
        name, code, text = tab.evaluate(refused, model)
        assert (name, code) == ("PercepNetError", "model")
        assert message in text
        assert tab.evaluate("[first.state, first.tier]") == ["ready", "c20"]
        assert tab.evaluate(READY, {"engine": engine, "model": model}) == "fallback"
        code, text = fallback(tab)
        assert code == "model" and message in text
    assert tab.evaluate(READY, {"engine": engine, "model": address}) == "ready", "relative to the page"
    assert tab.evaluate("percepnet.tier") == "c10"
    assert tab.uncaught == []


@pytest.mark.parametrize("engine", ["python", "worker"])
def test_switching_to_another_model_leaves_no_gap(open_tab: Callable[..., Tab], isolated: str, engine: str) -> None:
    """In the middle of sound: not one quantum is late, and the output has no step."""
    random = np.random.default_rng(5)
    t = np.arange(2 * 48000) / 48000
    tone = np.sin(2 * np.pi * (150 * t + 100 * t**2))
    noisy = (0.2 * tone + 0.001 * random.standard_normal(t.size)).astype(np.float32)
    tab = open_tab(isolated)
    # So that a model that takes the tone for noise leaves half of it: a step in it would be seen.
    assert tab.evaluate(READY, {"engine": engine, "attenuationLimit": 6}) == "ready"
    script = """async (input) => {
        const result = await harness.renderOffline(percepnet, input, {
            sample: 48000,
            run: async (percepnet) => { await percepnet.setModel('c10'); return true; },
        });
        return { ...result, tier: percepnet.tier };
    }"""
    result = tab.evaluate(script, encode(noisy))
    output = decode(result["output"])
    assert (result["tier"], result["underruns"]) == ("c10", 0)
    change = slice(48000, 48000 + DEPTH + 4800)
    steps = np.abs(np.diff(output, 2))
    assert np.abs(output[change]).max() > 0.05, "nothing in which a step would be seen"
    # Each model's own output has steps of its own size; one in the tone would be ten times larger.
    assert max(steps[20000:47000].max(), steps[change.stop : 90000].max()) < 0.01
    assert steps[change].max() < 1.5 * max(steps[20000:47000].max(), steps[change.stop : 90000].max())
    dry = np.concatenate([np.zeros(DEPTH + DELAY, np.float32), noisy])[: noisy.size]
    assert np.abs(output[60000:] - dry[60000:]).max() > 0.005, "enhanced to the end"


AUTO = {"python": ("percepnet-wasm:auto", "pyodide 0.")}
"""Where an engine's choice is kept, and how the engine is named there."""


@everywhere
def test_auto_measures_once(open_tab: Callable[..., Tab], isolated: str, engine: str) -> None:
    """What was measured is kept for the next visit, with all that it depends on."""
    tab = open_tab(isolated)
    key, runtime = AUTO.get(engine, (f"percepnet-wasm:auto:{engine}", "runner"))
    assert tab.evaluate(READY, {"engine": engine, "model": "auto"}) == "ready"
    tab.wait(f"localStorage.getItem('{key}')")
    text = tab.evaluate(f"localStorage.getItem('{key}')")
    choice = json.loads(text)
    print(choice)
    assert choice["tier"] == tab.evaluate("percepnet.tier")
    assert choice["costs"]["c20"] > 0
    assert all(part in choice["key"] for part in (runtime, "percepnet-wasm 0.", "c20 ", "Chrome/", " cores"))
    keep = f"(text) => localStorage.setItem('{key}', text)"
    # Remembered: another choice for the same machine is taken without a measurement.
    tab.evaluate(keep, json.dumps({**choice, "tier": "c10"}))
    load_again(tab)
    assert tab.evaluate(READY, {"engine": engine, "model": "auto"}) == "ready"
    assert tab.evaluate("percepnet.tier") == "c10"
    # Of another version it counts for nothing.
    other = json.dumps({**choice, "tier": "c10", "key": choice["key"].replace("percepnet-wasm 0", "percepnet-wasm 9")})
    tab.evaluate(keep, other)
    load_again(tab)
    assert tab.evaluate(READY, {"engine": engine, "model": "auto"}) == "ready"
    tab.wait(f"localStorage.getItem('{key}').includes({json.dumps(choice['key'])})")


def test_steps_down_when_frames_keep_coming_late(open_tab: Callable[..., Tab], altered: AlteredSite) -> None:
    """One event says what was done; the delay is as before and the smaller tier is heard."""
    slow_down(altered, "self.model.tier == 'c20'")
    tab = open_tab(altered.url)
    tab.evaluate("async () => { await harness.enhanceMicrophone(); }")
    tab.wait("log.some(({ type, action }) => type === 'overload' && action === 'step-down')")
    (event,) = (event for event in tab.events("overload") if event["action"] == "step-down")
    assert (event["from"], event["tier"]) == ("c20", "c10")
    tab.wait("percepnet.playing === 'enhanced' && percepnet.state === 'ready'")
    assert tab.evaluate("percepnet.tier") == "c10"
    tab.evaluate("log.splice(0)")
    tab.wait("log.filter(({ type }) => type === 'stats').length > 3")
    first, *_, last = tab.events("stats")
    assert last["tier"] == "c10"
    late = (last["underruns"] - first["underruns"]) / max(1, last["quanta"] - first["quanta"])
    assert tab.events("fallback") == [] or late > 0.1, "not late, and given up all the same"
    assert tab.complaints == [] and tab.uncaught == []


def test_bypasses_when_no_tier_is_small_enough_and_tries_again(
    open_tab: Callable[..., Tab], altered: AlteredSite
) -> None:
    """Raw, with nothing computed, until the machine has recovered."""
    slow_down(altered, "js.slow")
    tab = open_tab(altered.url)
    tab.evaluate("async () => { await harness.enhanceMicrophone({ model: 'c10' }); }")
    tab.wait("percepnet.state === 'ready' && !percepnet.early && percepnet.playing === 'enhanced'")
    tab.evaluate(SLOW_NOW)
    tab.wait("percepnet.reason?.code === 'overload'")
    assert [event["action"] for event in tab.events("overload")][-1] == "bypass"
    tab.wait("percepnet.playing === 'bypassed'")
    tab.evaluate("log.splice(0)")
    tab.wait("log.filter(({ type }) => type === 'stats').length > 3")
    frames = [event["frames"] for event in tab.events("stats")]
    assert frames[0] == frames[-1], "frames are computed that nobody hears"
    tab.evaluate(RECOVERED)
    tab.wait("percepnet.state === 'ready' && percepnet.playing === 'enhanced'")
    told = [event["type"] for event in tab.evaluate("log") if event["type"] in ("ready", "fallback")]
    # A busy machine may be too slow again in between.
    assert told[0] == told[-1] == "ready" and tab.failures() == []
    assert tab.complaints == [] and tab.uncaught == []


@pytest.mark.parametrize(("slow", "end"), [(["c20"], "ready"), (["c20", "c10"], "fallback")])
def test_the_audio_thread_gets_no_model_that_takes_too_long(
    open_tab: Callable[..., Tab], altered: AlteredSite, slow: list[str], end: str
) -> None:
    """The next smaller tier runs, and one event says so; if there is none, enhancement is refused by a typed error."""
    took = "if (measured.cost.slowest <= BUDGET)"
    slower = f"measured.cost.slowest = {json.dumps(slow)}.includes(model.tier) ? 9 : 1; {took}"
    altered.write("worklet/percepnet.js", lambda text: text.replace(took, slower))
    tab = open_tab(altered.url)
    assert tab.evaluate(READY, {"engine": "worklet"}) == end
    if end == "ready":
        (event,) = tab.events("overload")
        assert (event["action"], event["from"], event["tier"]) == ("step-down", "c20", "c10")
        assert tab.evaluate("percepnet.tier") == "c10"
    else:
        code, message = fallback(tab)
        assert code == "budget" and "engine 'worker'" in message and "a frame of c10 takes 9.0 ms" in message
    assert tab.uncaught == []
