"""The article's steps on one clip: mixed, taken up the ladder, scored and drawn; by the enhancer as it is or as edited.

The page's worker runs this in Pyodide, the tests in CPython. An edited enhancer is a second copy of the package under a
name of its own; its modules are the wheel's files except for the edited ones, so the original stays as it is.
"""

import importlib
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import percepnet_wasm
from percepnet_wasm.constants import DELAY, HOP, LOOKAHEAD, SAMPLE_RATE
from percepnet_wasm.model_file import default_model_bytes
from percepnet_wasm.oracle.measures import si_sdr
from percepnet_wasm.oracle.stoi import stoi
from percepnet_wasm.signal.stft import overlapping

Audio = NDArray[np.float32]
Progress = Callable[[str, float], object]

FOLDER = Path(percepnet_wasm.__file__).parent
COPY = "percepnet_edited"

EDITABLE = tuple(
    "signal.stft signal.bands oracle.targets signal.correlation signal.pitch signal.comb signal.coherence "
    "signal.synthesis signal.postfilter signal.features network engine oracle.ladder constants".split()
)
"""Modules a visitor may change, in the article's order."""

STAGES = ("noisy", "1-magnitudes", "2-gains", "3-comb", "4-postfilter", "network", "clean")
"""What can be heard. The rungs have the names of :data:`percepnet_wasm.oracle.ladder.RUNGS`."""

SPEECH_RMS = 0.07
"""Level to which the speech is scaled: -23 dB of full scale."""
_ACTIVE_DB = 40
"""Frames this far below the loudest are pauses, and do not count for the speech's level."""

_FFT = 2048
"""Samples of a picture's frame: 43 ms tells a low voice's harmonics apart."""
TOP_HZ = 5000
_RANGE_DB = 75


class Fault(Exception):
    """An error in an edited enhancer, and where it is: ``module`` and ``line``, None if unknown."""

    def __init__(self, text: str, module: str | None = None, line: int | None = None) -> None:
        super().__init__(text)
        self.text, self.module, self.line = text, module, line


def sources() -> dict[str, str]:
    """The source of each editable module, as the wheel holds it."""
    return {name: _file(name).read_text(encoding="utf-8") for name in EDITABLE}


def _file(module: str) -> Path:
    """The file of a module, named as ``signal.comb``; of a package, its ``__init__.py``."""
    path = FOLDER.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _module(filename: str) -> str:
    """The name of the module in a file, such as ``signal.comb``."""
    return ".".join(Path(filename).relative_to(FOLDER).with_suffix("").parts)


def mix(clean: Audio, noise: Audio, snr_db: float) -> tuple[Audio, Audio]:
    """Scale the speech and add the noise, which is repeated if it is shorter.

    Parameters
    ----------
    clean, noise : float32 (n,), (m,)
        48 kHz.
    snr_db : float
        Level of the speech, pauses left out, over that of the noise.

    Returns
    -------
    clean, noisy : float32 (n,)

    Raises
    ------
    ValueError
        One of the two is silent, or the speech lasts less than a tenth of a second.
    """
    frames = clean[: len(clean) // HOP * HOP].reshape(-1, HOP)
    power = np.einsum("fn,fn->f", frames, frames, dtype=np.float64) / HOP
    if len(power) < 10 or not power.max() > 1e-9:
        raise ValueError("no speech was found in this sound: choose a longer or louder recording")
    level = np.sqrt(power[power > power.max() * 10 ** (-_ACTIVE_DB / 10)].mean())
    noise_level = np.sqrt(np.mean(np.square(noise, dtype=np.float64))) if len(noise) else 0.0
    if not noise_level > 1e-6:
        raise ValueError("the noise is silent: choose a different one")
    speech = clean * np.float32(SPEECH_RMS / level)
    noisy = speech + np.resize(noise, len(clean)) * np.float32(SPEECH_RMS / noise_level * 10 ** (-snr_db / 20))
    # What would clip is scaled down as a whole, so the ratio stays.
    turned_down = np.float32(min(1.0, 0.98 / np.abs(noisy).max()))
    return speech * turned_down, noisy * turned_down


def run(clean: Audio, noise: Audio, snr_db: float, edits: Mapping[str, str], progress: Progress) -> dict[str, Any]:
    """Compute everything that the page plays, draws and shows of a clip.

    Parameters
    ----------
    clean, noise : float32
        Speech and noise as :func:`mix` takes them.
    snr_db : float
    edits : mapping of str to str
        Sources of the modules that are changed.
    progress : callable
        Called as ``progress(what, share)``, the share from 0 to 1.

    Returns
    -------
    dict
        ``stages``: samples, picture and scores by name; ``maps``: float32 (frames * bands,) by name; ``period``,
        ``correlation`` and ``future`` of each frame; ``taps`` by the number of future ones; and the sizes of all these.

    Raises
    ------
    Fault
        The edited enhancer does not work.
    ValueError
        The clip cannot be used.
    """
    progress("Mixing speech and noise", 0.0)
    clean, noisy = mix(np.asarray(clean, np.float32), np.asarray(noise, np.float32), snr_db)
    if not edits:
        return _computed(percepnet_wasm, clean, noisy, progress)
    try:
        with np.errstate(all="ignore"):
            return _computed(load(edits), clean, noisy, progress)
    except Fault:
        raise
    except Exception as error:
        raise _fault(error, edits) from error


def load(edits: Mapping[str, str]) -> ModuleType:
    """Import a copy of the package with some modules' sources changed.

    Raises
    ------
    KeyError
        A module is not one of ``EDITABLE``.
    """
    for name in edits:
        if name not in EDITABLE:
            raise KeyError(f"{name} cannot be edited: choose one of {', '.join(EDITABLE)}")
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    for name in [name for name in sys.modules if name == COPY or name.startswith(COPY + ".")]:
        del sys.modules[name]
    # It stays installed, because some modules import others when they are called.
    sys.meta_path.insert(0, _Finder(edits))
    return importlib.import_module(COPY)


class _Finder(MetaPathFinder):
    """Finds the modules of the copy: the package's files, or the visitor's edited ones."""

    def __init__(self, edits: Mapping[str, str]) -> None:
        self.edits = dict(edits)

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        file = _file(name)
        if package != COPY or not file.is_file():
            return None
        return spec_from_file_location(
            fullname,
            file,
            loader=_Loader(fullname, str(file), self.edits.get(name)),
            submodule_search_locations=[str(file.parent)] if file.name == "__init__.py" else None,
        )


class _Loader(SourceFileLoader):
    """Compiles the text given instead of the file's; nothing is cached on disk."""

    def __init__(self, fullname: str, path: str, text: str | None) -> None:
        super().__init__(fullname, path)
        self.text = text

    def get_code(self, fullname: str) -> Any:
        text = Path(self.path).read_text(encoding="utf-8") if self.text is None else self.text
        return compile(text, self.path, "exec", dont_inherit=True)


def _fault(error: Exception, edits: Mapping[str, str]) -> Fault:
    """Find the line of an edited module where an error arose: the innermost one."""
    kind = type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return Fault(f"{kind}: {error.msg}", _module(error.filename), error.lineno)
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if Path(frame.filename).is_relative_to(FOLDER)]
    edited = [frame for frame in frames if _module(frame.filename) in edits]
    text = f"{kind}: {error}" if str(error) else kind
    for frame in reversed(edited or frames):
        return Fault(f"{text} (in {frame.name})", _module(frame.filename), frame.lineno)
    return Fault(text)


def _computed(package: ModuleType, clean: Audio, noisy: Audio, progress: Progress) -> dict[str, Any]:
    names = ("constants", "oracle.ladder", "signal.bands", "signal.comb")
    constants, oracle, bands, comb = (importlib.import_module(f"{package.__name__}.{name}") for name in names)

    def climb(done: int, total: int) -> None:
        progress("Computing the steps", 0.4 * done / total)

    climbed = oracle.ladder(clean, noisy, progress=climb)
    network = _network(package, noisy, lambda share: progress("Running the network", 0.4 + 0.3 * share))
    signals = {"noisy": noisy, **climbed.rungs, "network": network.pop("samples"), "clean": clean}
    frames = len(climbed.period)
    maps = {
        name: getattr(climbed, name)
        for name in ("plain_gains", "gains", "postfilter_gains", "strengths")
    } | network
    for name, values in (signals | maps).items():
        if not np.isfinite(values).all():
            raise Fault(f"{name} contains NaN or infinity: did you divide by 0, or take the root of a negative number?")
    stages, loudest = {}, float(_spectrogram(clean).max())
    for k, name in enumerate(STAGES):
        progress("Scoring and drawing", 0.7 + 0.3 * k / len(STAGES))
        stages[name] = _described(clean, signals[name], loudest)
    progress("Done", 1.0)
    return {
        "rate": SAMPLE_RATE,
        "hop": HOP,
        "frames": frames,
        "bands": bands.BANDS,
        "rows": len(stages["clean"]["picture"]) // frames,
        "top_hz": TOP_HZ,
        "stages": stages,
        "maps": {name: np.ascontiguousarray(values[:frames], np.float32).ravel() for name, values in maps.items()},
        "period": climbed.period.astype(np.int32),
        "correlation": np.ascontiguousarray(climbed.correlation, np.float32),
        "future": np.ascontiguousarray(comb.future_taps(climbed.period), np.int32),
        # By the number of future taps: the oldest weight first.
        "taps": [np.asarray(comb.taps(k), np.float32) for k in range(int(comb.COMB_TAPS_SIDE) + 1)],
        "voiced": float(constants.VOICED),
    }


def _network(package: ModuleType, noisy: Audio, progress: Callable[[float], object]) -> dict[str, NDArray]:
    """Stream a signal through the enhancer: its samples without the delay, and every frame's gains and strengths."""
    model = default_model_bytes()
    # The kernel computes everything in WebAssembly, so edits would not be heard.
    enhancer = package.Enhancer(model, kernel="auto" if package is percepnet_wasm else "numpy")
    hops = -(-(len(noisy) + DELAY) // HOP)
    padded = np.pad(noisy, (0, hops * HOP - len(noisy))).reshape(-1, HOP)
    samples = np.empty(hops * HOP, np.float32)
    gains, strengths = [], []
    for k, hop in enumerate(padded):
        samples[k * HOP : (k + 1) * HOP] = enhancer.process(hop)
        gains.append(enhancer.gains.copy())
        strengths.append(enhancer.strengths.copy())
        if k % 64 == 0:
            progress(k / hops)
    return {
        "samples": samples[DELAY : DELAY + len(noisy)],
        "network_gains": np.array(gains[LOOKAHEAD:]),
        "network_strengths": np.array(strengths[LOOKAHEAD:]),
    }


def _described(clean: Audio, signal: Audio, loudest: float) -> dict[str, Any]:
    """Samples, picture and scores of one signal; the clean one has no scores of its own."""
    if signal.shape != clean.shape:
        raise Fault(f"the output has shape {signal.shape} and should have {clean.shape}")
    own = signal is clean
    return {
        "samples": np.ascontiguousarray(signal, np.float32),
        "picture": _picture(signal, loudest).ravel(),
        "si_sdr": None if own else si_sdr(clean, signal),
        "stoi": None if own else stoi(clean, signal),
    }


def _spectrogram(signal: Audio) -> NDArray[np.float64]:
    """Level in dB, (frames, rows), of frames centred on every hop, up to TOP_HZ."""
    frames = overlapping(np.pad(signal, _FFT // 2), _FFT, HOP)
    spectra = np.fft.rfft(frames * np.hanning(_FFT))[:, : TOP_HZ * _FFT // SAMPLE_RATE]
    return 20 * np.log10(np.abs(spectra) + 1e-9)


def _picture(signal: Audio, loudest: float) -> NDArray[np.uint8]:
    """A spectrogram as shades 0 to 255, (frames, rows), the lowest frequency first; 255 is the clean speech's peak."""
    shade = 255 * (1 + (_spectrogram(signal) - loudest) / _RANGE_DB)
    return np.clip(np.round(shade), 0, 255).astype(np.uint8)


def run_in_page(clean: Any, noise: Any, snr_db: float, edits: Any, progress: Progress) -> dict[str, Any]:
    """Run on JavaScript's objects; errors come back as ``fault``: text, module and line."""
    try:
        speech, added = (np.asarray(signal.to_py(), np.float32) for signal in (clean, noise))
        return run(speech, added, snr_db, edits.to_py(), progress)
    except (Fault, ValueError) as error:
        where = {"module": error.module, "line": error.line} if isinstance(error, Fault) else {}
        return {"fault": {"text": str(error), **where}}
