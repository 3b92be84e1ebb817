"""A frame on the NumPy path: few calls, since each costs a microsecond in a browser, and no memory asked for."""


import tracemalloc
from collections import Counter

import numpy as np
import pytest
from signals import speech_like

from percepnet_wasm.constants import HOP
from percepnet_wasm.engine import NumpyEngine
from percepnet_wasm.model_file import Model

MOST = 215
FRAMES = 20


class Counted(np.ndarray):
    """An array that counts what is done with it: functions, operators, indexing and methods."""

    calls: Counter = Counter()

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        Counted.calls[ufunc.__name__] += 1
        outputs = {} if out is None else {"out": tuple(plain(array) for array in out)}
        options = {name: plain(value) for name, value in options.items()}
        result = getattr(ufunc, method)(*map(plain, inputs), **outputs, **options)
        return out[0] if out else result.view(Counted) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function, types, arguments, options):
        Counted.calls[function.__name__] += 1
        options = {name: plain(value) for name, value in options.items()}
        result = function(*map(plain, arguments), **options)
        return result.view(Counted) if isinstance(result, np.ndarray) else result

    def __getitem__(self, key):
        Counted.calls["getitem"] += 1
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        Counted.calls["copy"] += 1
        plain(self)[key] = plain(value)

    def tolist(self):
        Counted.calls["tolist"] += 1
        return super().tolist()

    def argmax(self, *arguments):
        Counted.calls["argmax"] += 1
        return plain(self).argmax(*arguments)

    def reshape(self, *shape):
        Counted.calls["reshape"] += 1
        return super().reshape(*shape)


def plain(value):
    return value.view(np.ndarray) if isinstance(value, Counted) else value


@pytest.fixture
def sound():
    return speech_like(2 * FRAMES / 100)[: 2 * FRAMES * HOP].astype(np.float32).reshape(-1, HOP)


def test_a_frame_takes_few_calls_of_numpy(monkeypatch, sound):
    zeros = np.zeros
    with monkeypatch.context() as patch:
        patch.setattr(np, "zeros", lambda *arguments: zeros(*arguments).view(Counted))
        counted = NumpyEngine(Model.load(), 1)
    uncounted = NumpyEngine(Model.load(), 1)
    for number, frame in enumerate(sound):
        if number == FRAMES:
            Counted.calls.clear()
        for engine in (counted, uncounted):
            engine.input[:] = frame
            engine.step()
        np.testing.assert_array_equal(plain(counted.output), uncounted.output)
    calls = {name: count / FRAMES for name, count in Counted.calls.most_common()}
    views = calls.pop("getitem") + calls.pop("reshape", 0)
    print(f"{sum(calls.values()):.0f} calls a frame, and {views:.0f} slices: {calls}")
    assert sum(calls.values()) <= MOST, calls


def test_a_further_stream_brings_no_weights_of_its_own():
    model = Model.load()
    NumpyEngine(model, 1)
    tracemalloc.start()
    kept = NumpyEngine(model, 1)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept.gain.shape == (1, 34)
    assert grown < 0.3e6 < 4 * model.weights / 10, f"{grown} bytes"


def test_a_frame_asks_for_hardly_any_memory(sound):
    engine = NumpyEngine(Model.load(), 1)
    for frame in sound:
        engine.input[:] = frame
        engine.step()
    tracemalloc.start()
    engine.step()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for frame in sound:
        engine.input[:] = frame
        engine.step()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"peak {peak - before}, kept {after - before}")
    assert peak - before < 40_000 and after - before < 2_000
