"""Long runs: nothing grows, the delay stays, and what came late is counted.

``make soak`` simulates an hour faster than real time through the real worker and ring (soak/simulated.mjs), then runs
ten real minutes in a headless browser, whatever else the machine does. The tests run a minute of the one and seconds
of the other.
"""

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE, Tab, decode
from measure import lag
from spies import GRAPH

import percepnet_wasm
from build_scripts.records import write_records
from percepnet_wasm.constants import DELAY, SAMPLE_RATE

DEPTH = 1920

BEGIN = """async () => {
    const percepnet = await harness.enhanceMicrophone();
    await harness.until(() => percepnet.state === 'ready' && !percepnet.early && percepnet.playing === 'enhanced');
    const listener = new AudioContext({ sampleRate: 48000 });
    window.listener = listener;
    window.tracks = [raw, clean].map((track) => harness.player(listener, track));
    percepnet.addEventListener('stats', ({ detail }) => (window.stats = detail));
    log.length = 0;
}"""

LOOK = """async (weigh) => {
    const [inside, outside] = [
        await harness.record(window.ours, [source, node], 96000),
        await harness.record(listener, tracks, 96000),
    ];
    const memory = weigh && await Promise.race([
        performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes),
        new Promise((resolve) => setTimeout(resolve, 40000, null)),
    ]);
    const events = log.filter(({ type }) => type !== 'stats' && type !== 'playing')
        .map(({ type, action, code }) => [type, action ?? code ?? '']);
    log.length = 0;
    // Seconds by which both audio threads together are behind the clock, and something constant.
    const behind = 2 * performance.now() / 1000 - window.ours.currentTime - listener.currentTime;
    return { inside, outside, behind, memory, stats, events, state: percepnet.state };
}"""


@pytest.fixture(scope="module")
def record(request: pytest.FixtureRequest) -> Callable[[str, dict[str, Any]], None]:
    """Add a result, with the weights that it was measured with, to the file of --record, if there is one."""
    path: Path | None = request.config.getoption("--record")

    def put(name: str, result: dict[str, Any]) -> None:
        if path is not None:
            known = json.loads(path.read_text()) if path.is_file() else {}
            about = percepnet_wasm.info()
            result = {"weights": f"{about['tier']} {about['model_sha256'][:8]}", **result}
            write_records(path, known | {name: result})

    return put


def simulate(dist: Path, minutes: int) -> dict[str, Any]:
    """Run the simulation in Node."""
    command = ["node", str(HERE / "soak" / "simulated.mjs"), str(dist), str(minutes)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_simulated(dist: Path, request: pytest.FixtureRequest, record: Callable[[str, dict[str, Any]], None]) -> None:
    """No frame late or lost, the stated delay in every minute, memory as after the first, muted stretches at rest."""
    minutes: int = request.config.getoption("--simulated-minutes")
    result = simulate(dist, minutes)
    result["load_average"] = round(os.getloadavg()[0], 1)
    record("simulated", result)
    assert (result["underruns"], result["skipped"], result["errors"]) == (0, 0, 0)
    # The lag of the largest correlation of input and output, which the enhancer's weighting may move by one.
    delays = [row["delay"] for row in result["by_minute"]]
    assert len(delays) == minutes and max(abs(delay - DEPTH - DELAY) for delay in delays) <= 1, delays
    assert {row["wasm_bytes"] for row in result["by_minute"]} == {result["by_minute"][0]["wasm_bytes"]}
    heaps = [row["worker_heap_bytes"] for row in result["by_minute"]]
    assert heaps[-1] - heaps[0] < 1e6
    # A muted second rests from its end on, and the end of the mute takes a frame and the delay to be heard again.
    mutes = (minutes + 4) // 5
    resting = result["resting_quanta"] * 128 / SAMPLE_RATE
    assert 3.9 * mutes < resting < 4.1 * mutes
    assert result["all_quanta"] - result["enhanced_quanta"] - result["resting_quanta"] < (mutes + 1) * 80
    assert result["frames"] > minutes * 6000 - mutes * (500 - 90)
    if minutes > 1:
        assert simulate(dist, 1)["sha256"] == result["sha256"], "the sound depends on the machine's other work"


def test_in_real_time(
    open_tab: Callable[..., Tab],
    isolated: str,
    request: pytest.FixtureRequest,
    record: Callable[[str, dict[str, Any]], None],
) -> None:
    """The two ends of the graph stay 70 ms apart to the sample; tracks and memory do not drift away."""
    minutes: float = request.config.getoption("--real-minutes")
    tab = open_tab(isolated, init=GRAPH)
    tab.evaluate(BEGIN)
    protocol = tab.page.context.new_cdp_session(tab.page)
    protocol.send("Performance.enable")
    begun, rows = time.monotonic(), []
    while time.monotonic() - begun < 60 * minutes or len(rows) < 2:
        found = tab.evaluate(LOOK, minutes >= 1)
        inside, outside = ([decode(text) for text in found[pair]] for pair in ("inside", "outside"))
        protocol.send("HeapProfiler.collectGarbage")
        metrics = {each["name"]: each["value"] for each in protocol.send("Performance.getMetrics")["metrics"]}
        stats = found["stats"]
        rows.append(
            {
                "seconds": round(time.monotonic() - begun),
                "delay": lag(*inside),
                "delay_of_tracks": lag(*outside),
                "behind": round(found["behind"], 3),
                "underruns": stats["underruns"],
                "quanta": stats["quanta"],
                "skipped": stats["skipped"],
                "frames": stats["frames"],
                "errors": stats["errors"],
                "tier": stats["tier"],
                "p50_ms": round(stats["computeP50"], 3),
                "p99_ms": round(stats["computeP99"], 3),
                "wasm_bytes": stats["heap"],
                "page_heap_bytes": int(metrics["JSHeapUsedSize"]),
                "all_bytes": found["memory"],
                "events": dict(Counter(":".join(map(str, event)) for event in found["events"])),
                "load_average": round(os.getloadavg()[0], 1),
            }
        )
        tab.page.wait_for_timeout(max(0, min(30, 60 * minutes - (time.monotonic() - begun))) * 1000)
    record("real_time", {"minutes": minutes, "rows": rows})

    assert {row["delay"] for row in rows} == {DEPTH + DELAY}
    # Outside, in the listener's own context, the browser buffers each track as it sees fit: more after a standstill,
    # which is seen in how far the audio clocks are behind. Between standstills nothing grows.
    of_tracks = [(row["delay_of_tracks"], row["behind"]) for row in rows]
    calm: list[int] = []
    for (delay, behind), (_, before) in zip(of_tracks, [of_tracks[0], *of_tracks], strict=False):
        calm = [*calm, delay] if behind - before < 0.05 else [delay]
        assert max(calm) - min(calm) < SAMPLE_RATE // 10, of_tracks
    assert rows[-1]["errors"] == 0
    settled = rows[len(rows) // 3 :]
    if settled[-1]["tier"] == settled[0]["tier"]:  # a machine that is too slow loads another
        assert settled[-1]["wasm_bytes"] == settled[0]["wasm_bytes"]
    assert settled[-1]["page_heap_bytes"] - settled[0]["page_heap_bytes"] < 1e6
    assert abs(inside[1]).max() > 0.01, "silence at the end"
    assert tab.uncaught == []
