"""Tables of what enhancement costs: time, share of a core, start-up, bytes; beside the peers of the same run."""

from collections.abc import Callable

from .measured import Table, load

SYSTEMS = {
    "floor": "a worker that does nothing",
    "copy": "a worker that copies the samples",
    "call": "a worker that copies and calls Python",
    "sapphi": "RNNoise 0.1 with SIMD, @sapphi-red",
    "gtcrn": "GTCRN, @sapphi-red",
    "shiguredo": "RNNoise 0.2, @shiguredo",
    "percepnet": "this",
}
_UNTRAINED = ("c20-random", "c100-random", "c100-sparse-random")
_KERNELS = {"relaxed": "relaxed SIMD", "simd": "SIMD", "numpy": "NumPy"}


def _apart(record: dict) -> str:
    """What to add to the name of a system that was measured in another run than ours in the same host."""
    ours = (
        r["load_before"]
        for r in load("bench")
        if r["stage"] == "whole" and r["system"] == "percepnet" and r["engine"].endswith(record["engine"])
        if r.get("throttling", 1) == record.get("throttling", 1)
    )
    return "" if record["load_before"] in ours else f" (another run, load average {record['load_before']:.0f})"


def delay() -> Table:
    """How late a sample comes back, in a page that hands the audio over as it comes."""
    names = SYSTEMS | {"deepfilternet": "DeepFilterNet3", "percepnet": "**this, before the ring between the threads**"}
    rows = [
        [names[r["system"]], r["package"], str(r["lag"]), str(r["taken"]), f"{r['delay_ms']:.0f}"]
        for r in load("delay")
    ]
    return Table(["system", "package", "lag, samples", "taken at a time", "delay, ms"], rows)


def short() -> Table:
    """What a frame takes in Chromium: the peers, and ours with every kernel."""
    found: dict[tuple[str, str, str], dict[str, dict]] = {}
    for r in load("bench"):
        alone = r.get("throttling", 1) == 1 and r.get("frames_a_wake", 1) == 1
        if r["stage"] == "whole" and r["engine"].endswith("chromium") and alone:
            found.setdefault((r["system"], r["tier"] or "", r["kernel"] or ""), {})[r["pace"]] = r
    rows = []
    for system, title in SYSTEMS.items():
        for (name, tier, kernel), paces in found.items():
            if name != system or name == "copy" or tier in _UNTRAINED:
                continue
            full, paced = paces.get("back-to-back"), paces["paced"]
            ours = (
                f"**this, {tier.replace('-random', '')}, {_KERNELS[kernel]}**"
                if name == "percepnet"
                else title + _apart(paced)
            )
            rows.append(
                [
                    ours,
                    f"{full['p50_ms']:.2f}" if full else "",
                    f"{paced['p50_ms']:.2f}",
                    f"{paced['p99_ms']:.2f}",
                    f"{100 * paced['cpu_share']:.1f} %",
                ]
            )
    return Table(["system", "back to back, p50 ms", "paced, p50 ms", "paced, p99 ms", "of a core, paced"], rows)


def offline() -> Table:
    """A long file, beside what PyPI has."""
    rows = [
        [
            " ".join(filter(None, (r["system"], r["tier"]))),
            f"{r['times_real_time']:.0f}",
            f"{r['peak_memory_mb']:.0f}",
            f"{r['peak_memory_mb_longer']:.0f}",
        ]
        for r in load("offline")
    ]
    longer = load("offline")[0]["longer"]
    return Table(["system", "times real time", "most memory, MB", f"a file {longer} times as long, MB"], rows)


def startup() -> Table:
    """From navigation to the first enhanced frame, and what a page fetches until then."""
    rows = [
        [f"{r['cache']} cache", f"{r['p50_ms'] / 1000:.1f}", f"{r['heard_ms'] / 1000:.1f}", str(r["visits"])]
        for r in load("bench")
        if r["stage"] == "startup"
    ]
    return Table(["visit", "first enhanced frame, s", "heard, s", "visits"], rows)


def cost() -> Table:
    """Compute per 10 ms frame, beside the peers in the same run."""
    rows = []
    for r in load("bench"):
        if r["stage"] != "whole":
            continue
        slower = f", {r['throttling']} times slower" if r.get("throttling", 1) > 1 else ""
        rows.append(
            [
                ", ".join(filter(None, (r["system"], r["engine"], r["tier"], r["kernel"])))
                + (_apart(r) if r["engine"] == "chromium" else ""),
                r["pace"] + slower,
                f"{r['p50_ms']:.2f}",
                f"{r['p99_ms']:.2f}",
                f"{100 * r['cpu_share']:.1f} %" if r.get("cpu_share") is not None and not slower else "",
                f"{r['ratio_to_rnnoise']:.1f}" if r["ratio_to_rnnoise"] else "",
            ]
        )
    return Table(["system, engine", "pace", "p50 ms", "p99 ms", "CPU", "x RNNoise 0.2"], rows)


def waking() -> Table:
    """What a paced frame costs before anything is computed: waking, then copying too, then calling too."""
    rows = [
        [SYSTEMS[r["system"]], f"{1000 * r.get('middle_ms', r['p50_ms']):.1f}", f"{100 * r['cpu_share']:.1f} %"]
        for r in load("bench")
        if r["system"] in ("floor", "copy", "call") and r["engine"].endswith("chromium") and r["pace"] == "paced"
        and r.get("throttling", 1) == 1
    ]  # fmt: skip
    return Table(["paced, in Chromium", "microseconds, awake", "of a core"], rows)


def pacing() -> Table:
    """One frame a wake, or two of them every 20 ms."""
    rows = [
        [
            ", ".join(filter(None, (r["system"], r["tier"], r["kernel"]))),
            str(r["frames_a_wake"]),
            f"{r['p50_ms']:.2f}",
            f"{100 * r['cpu_share']:.1f} %",
        ]
        for r in load("pacing")
        if r["stage"] == "whole" and r["pace"] == "paced" and r["system"] in ("floor", "percepnet")
    ]
    return Table(["system", "frames a wake", "p50 ms of a wake", "of a core"], rows)


def growth() -> Table:
    """Memory over a long time, and what further streams cost."""
    rows = []
    for r in load("growth"):
        first, last, made = r["memory"][0], r["memory"][-1], r["memory_after"]
        of = "heap" if "heap" in first else "process"
        times = [r["streams_ms"][count] / r["streams_ms"]["1"] for count in ("2", "4")]
        more = (made[-1][of] - made[0][of]) / (len(made) - 1)
        cells = [f"{r['hours']:g}", *(f"{value / 1e6:.1f}" for value in (first[of], last[of], more))]
        rows.append([f"{r['engine']}, {r['kernel']}: {of}", *cells, *(f"{ratio:.2f}" for ratio in times)])
    header = ["memory", "hours of audio", "before, MB", "after, MB", "a further stream, MB"]
    return Table([*header, "time of 2 streams", "of 4"], rows)


def limits() -> Table:
    """How far each tier is from what its multiply-adds and its weights' bytes allow."""
    rows = [
        [
            ", ".join((r["engine"], r["tier"], r["kernel"])),
            f"{r['weight_bytes'] / 1e6:.2f}",
            f"{r['gmacs_cached']:.0f}",
            f"{r['gmacs_streamed']:.0f}",
            f"{r['limit_cached_ms']:.3f}",
            f"{r['limit_streamed_ms']:.3f}",
            f"{r['p50_ms']:.3f}",
            f"{r['p50_ms'] / r['limit_cached_ms']:.1f}",
        ]
        for r in load("bench")
        if r["pace"] == "back-to-back" and "weight_bytes" in r and r.get("throttling", 1) == 1
    ]
    header = ["engine, tier, kernel", "MB", "GMAC/s in cache", "streamed", "limit in cache, ms", "streamed, ms"]
    return Table([*header, "whole frame, p50 ms", "times the first limit"], rows)


TABLES: dict[str, Callable[[], Table]] = {
    "cost": cost,
    "cost-short": short,
    "growth": growth,
    "delay": delay,
    "limits": limits,
    "offline": offline,
    "pacing": pacing,
    "startup": startup,
    "waking": waking,
}
