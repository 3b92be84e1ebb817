"""Model files: data only, a header that describes everything, then the layers' numbers.

Layout: 8 bytes magic, format version and header length as little-endian uint32, a JSON header, the payload. The payload
holds, layer by layer, the weights (int8, or float32 for comparison) and then the biases (float32), in the order of
:meth:`.Layer.arrays`. Nothing in the file is executed, and every size is checked before memory is allocated.
"""

import hashlib
import json
import re
import struct
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .constants import LOOKAHEAD, SAMPLE_RATE
from .errors import ModelFileError
from .kernel import image_format
from .layers import WEIGHT_SCALE, Layer, check_layers
from .signal.bands import BANDS
from .signal.features import FEATURE_SETS

__all__ = ["DEFAULT_TIER", "FORMAT_VERSION", "Model", "default_model_bytes"]

FORMAT_VERSION = 1
MAGIC = b"PERCEPNT"
DEFAULT_TIER = "c20"

_SUFFIXES = (".pnw", ".pni")
"""Suffixes of bundled models. The wheel of a built site contains no models: when Python starts, the page adds the
program image that it has been running in the meantime."""

_TIER = re.compile(r"c\d+")
"""The form of tier names."""
_HEAD = struct.Struct("<8sII")
_LONGEST_HEADER = 1 << 20
_LARGEST_FILE = 1 << 28
"""Bytes: the article's 8 million weights take 32 MB as float32."""
_LARGEST_NUMBER = 1e4
"""Limit for weights, biases, statistics and 1 / deviation, far below what could overflow to infinity and then NaN."""


@dataclass
class Model:
    """A network's layers and weights, as float32 however the file stores them; all enhancers that use it share it.

    Attributes
    ----------
    tier : str
        Named after the share of the article's 8 million weights, such as ``c10``.
    density : float
        Share of the weights that block sparsity has not fixed at zero.
    layers : list of Layer
    arrays : dict
        ``(layer name, array name)`` to float32 arrays.
    feature_mean, feature_deviation : float32 (features,)
        By their number they determine :attr:`feature_set`.
    provenance : dict
        How it was trained.
    quantised : bool
        Whether the weights are multiples of WEIGHT_SCALE, kept as int8.
    sha256 : str
        Of the file, in hexadecimal; empty for a model that was not read from a file.
    """

    tier: str
    layers: list[Layer]
    arrays: dict[tuple[str, str], NDArray[np.float32]]
    feature_mean: NDArray[np.float32]
    feature_deviation: NDArray[np.float32]
    density: float = 1.0
    provenance: dict[str, Any] = field(default_factory=dict)
    quantised: bool = True
    sha256: str = ""

    @property
    def feature_set(self) -> str:
        """Which features it reads: a key of :data:`.signal.features.FEATURE_SETS`."""
        return next(name for name, count in FEATURE_SETS.items() if count == len(self.feature_mean))

    @property
    def weights(self) -> int:
        """Number of weights, biases excluded."""
        return sum(a.size for a in self.arrays.values() if a.ndim == 2)

    @classmethod
    def load(cls, source: "str | Path | bytes | Model | None" = None) -> "Model":
        """Read a model.

        Parameters
        ----------
        source : path, bytes, Model or None
            A file, its content, or the name of a tier bundled with the package ("c10"); None reads the default tier.

        Raises
        ------
        ModelFileError
            The file is missing, truncated, damaged, of another version, or describes another network's interface.
        """
        if isinstance(source, Model):
            return source
        if isinstance(source, bytes | bytearray | memoryview):
            return _parse(bytes(source), "the model's bytes")
        if source is None:
            return _parse(default_model_bytes(), f"the bundled model {DEFAULT_TIER}")
        if not isinstance(source, str | Path):
            raise TypeError(f"model must be a path, bytes, a Model or None, not {type(source).__name__}")
        try:
            with open(source, "rb") as file:
                content = file.read(_LARGEST_FILE + 1)
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            if isinstance(source, str) and _TIER.fullmatch(source):
                return _parse(_tier_bytes(source), f"the bundled model {source}")
            reason = getattr(error, "strerror", None) or error
            raise ModelFileError(
                f"model {str(source)!r} cannot be read ({reason}): check the path, or choose a tier ({_tiers()})"
            ) from error
        return _parse(content, f"model {str(source)!r}")

    def to_bytes(self) -> bytes:
        """Serialise; :meth:`load` of the result gives an equal model."""
        text = self.header()
        return _HEAD.pack(MAGIC, FORMAT_VERSION, len(text)) + text + self._payload()

    def _payload(self) -> bytes:
        return b"".join(
            (np.rint(a / WEIGHT_SCALE).astype(np.int8) if a.ndim == 2 and self.quantised else a.astype("<f4")).tobytes()
            for a in (self.arrays[layer.name, name] for layer in self.layers for name, _ in layer.arrays())
        )

    def header(self) -> bytes:
        """Describe the model as the file's header does, in ASCII JSON."""
        header = {
            "format_version": FORMAT_VERSION,
            "tier": self.tier,
            "density": self.density,
            "sample_rate": SAMPLE_RATE,
            "bands": BANDS,
            "lookahead": LOOKAHEAD,
            "feature_set": self.feature_set,
            "features": len(self.feature_mean),
            "feature_mean": [float(f"{v:.7g}") for v in self.feature_mean],
            "feature_deviation": [float(f"{v:.7g}") for v in self.feature_deviation],
            "quantisation": {"weights": "int8" if self.quantised else "float32", "scale": WEIGHT_SCALE},
            "layers": [asdict(layer) for layer in self.layers],
            "provenance": self.provenance,
            "payload_sha256": hashlib.sha256(self._payload()).hexdigest(),
        }
        return json.dumps(header, separators=(",", ":")).encode()


def default_model_bytes() -> bytes:
    """Content of the model file bundled with the package."""
    return _tier_bytes(DEFAULT_TIER)


def _tier_bytes(tier: str) -> bytes:
    """Read a bundled model by its tier."""
    folder = resources.files(__package__) / "models"
    for suffix in _SUFFIXES:
        file = folder / f"{tier}{suffix}"
        if file.is_file():
            return file.read_bytes()
    raise ModelFileError(
        f"tier {tier!r} is not installed: choose another ({_tiers()}), or pass the path of its file (--model FILE,"
        " model=FILE in Python). c10.pnw and c20.pnw are in percepnet_wasm/models/ of the repository and in"
        " runtime/models/ of a built site"
    )


def _tiers() -> str:
    """List the bundled models."""
    folder = resources.files(__package__) / "models"
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    return ", ".join(sorted({name[:-4] for name in names if name.endswith(_SUFFIXES)})) or "none is installed"


def _parse(content: bytes, name: str) -> Model:
    """Read a model file's content; ``name`` is the subject of the error messages."""
    try:
        return _read(_model_file(content))
    except ModelFileError as error:
        raise ModelFileError(f"{name} {error}") from error.__cause__


# The messages below lack their subject, which _parse() puts in front.


def _model_file(content: bytes) -> bytes:
    """Return a model file unchanged, or extract it from a program image that was compiled from it."""
    if len(content) > _LARGEST_FILE:
        raise ModelFileError(f"is larger than {_LARGEST_FILE} bytes, so it is not a model: use a .pnw file")
    if len(content) < _HEAD.size:
        raise ModelFileError(f"has only {len(content)} bytes, too few for a model file: download it again")
    if not content.startswith(image_format.MAGIC):
        return content
    try:
        header, payload = image_format.model_parts(content)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, struct.error) as error:
        raise ModelFileError(f"is a damaged program image ({error}): download it again") from error
    return _HEAD.pack(MAGIC, FORMAT_VERSION, len(header)) + header + payload


def _read(content: bytes) -> Model:
    magic, version, length = _HEAD.unpack_from(content)
    if magic != MAGIC:
        raise ModelFileError(f"is not a PercepNet model file (it starts with {magic!r}): use a .pnw file")
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"has format version {version}, but this package reads {FORMAT_VERSION}: "
            "use the model that comes with this version of percepnet-wasm"
        )
    if length > min(_LONGEST_HEADER, len(content) - _HEAD.size):
        raise ModelFileError(f"is truncated: its header should have {length} bytes; download it again")
    try:
        header = json.loads(content[_HEAD.size : _HEAD.size + length])
        layers = [Layer(**{**entry, "inputs": tuple(entry["inputs"])}) for entry in header["layers"]]
        _check_interface(header)
        features = _feature_count(header)
        check_layers(layers, features)
        quantised = {"int8": True, "float32": False}[header["quantisation"]["weights"]]
        mean, deviation = _statistics(header, features)
        payload = memoryview(content)[_HEAD.size + length :]
        arrays = _read_arrays(layers, payload, quantised)
        if hashlib.sha256(payload).hexdigest() != header["payload_sha256"]:
            raise ModelFileError("is damaged (its weights do not match their SHA-256): download it again")
        return Model(
            tier=str(header["tier"]),
            layers=layers,
            arrays=arrays,
            feature_mean=mean,
            feature_deviation=deviation,
            density=_density(header),
            provenance=dict(header["provenance"]),
            quantised=quantised,
            sha256=hashlib.sha256(content).hexdigest(),
        )
    except ModelFileError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ModelFileError(f"has a damaged header ({type(error).__name__}: {error}): download it again") from error


def _check_interface(header: dict[str, Any]) -> None:
    expected = {"sample_rate": SAMPLE_RATE, "bands": BANDS, "lookahead": LOOKAHEAD}
    for key, value in expected.items():
        if header[key] != value:
            raise ModelFileError(
                f"has {key} {header[key]!r}, but this package needs {value}: use a model made for this version"
            )
    if header["quantisation"].get("scale") != WEIGHT_SCALE:
        raise ModelFileError(f"has weights whose scale is not {WEIGHT_SCALE}: use a model made for this version")


def _statistics(header: dict[str, Any], features: int) -> list[NDArray[np.float32]]:
    """Each feature's mean and standard deviation."""
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and refused below
        found = [np.array(header[name], np.float32) for name in ("feature_mean", "feature_deviation")]
    sane = all(values.shape == (features,) and _is_sane(values) for values in found)
    if not sane or found[1].min() < 1 / _LARGEST_NUMBER:
        raise ModelFileError("has damaged feature statistics: download it again")
    return found


def _density(header: dict[str, Any]) -> float:
    density = float(header["density"])
    if not 0 < density <= 1:
        raise ModelFileError(f"has density {density}, not a share between 0 and 1: download it again")
    return density


def _feature_count(header: dict[str, Any]) -> int:
    """Features per frame; files from before there were several sets name none and mean the paper's."""
    name, count = header.get("feature_set", "paper"), header["features"]
    if name not in FEATURE_SETS or type(count) is not int or count != FEATURE_SETS[name]:
        known = ", ".join(f"{size} ({each})" for each, size in FEATURE_SETS.items())
        raise ModelFileError(
            f"reads {count!r} features of the set {name!r}, but this package has {known}: "
            "use a model made for this version"
        )
    return count


def _read_arrays(
    layers: list[Layer], payload: memoryview, quantised: bool
) -> dict[tuple[str, str], NDArray[np.float32]]:
    plan = [
        (layer.name, name, shape, np.dtype(np.int8 if quantised and len(shape) == 2 else "<f4"))
        for layer in layers
        for name, shape in layer.arrays()
    ]
    wanted = sum(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize for _, _, shape, dtype in plan)
    if wanted != len(payload):
        raise ModelFileError(f"has {len(payload)} bytes of weights instead of {wanted}: download it again")
    arrays, position = {}, 0
    for layer_name, name, shape, dtype in plan:
        count = int(np.prod(shape, dtype=np.int64))
        raw = np.frombuffer(payload, dtype, count, position).reshape(shape)
        position += count * dtype.itemsize
        array = raw.astype(np.float32) * np.float32(WEIGHT_SCALE) if dtype == np.int8 else raw.astype(np.float32)
        if not _is_sane(array):
            raise ModelFileError(
                f"has numbers that are not finite or exceed {_LARGEST_NUMBER:g} in layer {layer_name!r}: "
                "download it again"
            )
        arrays[layer_name, name] = array
    return arrays


def _is_sane(numbers: NDArray[np.float32]) -> bool:
    return bool((np.abs(numbers) <= _LARGEST_NUMBER).all())  # false for NaN too
