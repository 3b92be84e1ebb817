"""A frame on the NumPy path: few calls, since each costs a microsecond in a browser, and no memory asked for."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from signals import speech_like

from percepnet_wasm.constants import HOP
from percepnet_wasm.engine import NumpyEngine
from percepnet_wasm.model_file import Model

MOST = 200
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
    if isinstance(value, tuple | list):
        return type(value)(map(plain, value))
    return value.view(np.ndarray) if isinstance(value, Counted) else value


@pytest.fixture
def sound():
    return speech_like(2 * FRAMES / 100)[: 2 * FRAMES * HOP].astype(np.float32).reshape(-1, HOP)


def run(engine, sound):
    for frame in sound:
        engine.input[:] = frame
        engine.step()


def test_a_frame_takes_few_calls_of_numpy(monkeypatch, sound):
    def counting(name):
        make = getattr(np, name)

        def made(*arguments, **options):
            Counted.calls[name] += 1
            return make(*arguments, **options).view(Counted)

        return made

    uncounted, model = NumpyEngine(Model.load(), 1), Model.load()
    run(uncounted, sound)
    with monkeypatch.context() as patch:
        for name in ("zeros", "empty", "full", "array"):
            patch.setattr(np, name, counting(name))
        counted = NumpyEngine(model, 1)
        run(counted, sound[:FRAMES])
        Counted.calls.clear()
        run(counted, sound[FRAMES:])
    np.testing.assert_array_equal(plain(counted.output), uncounted.output)
    calls = {name: count / FRAMES for name, count in Counted.calls.most_common()}
    views = calls.pop("getitem") + calls.pop("reshape", 0)
    print(f"{sum(calls.values()):.0f} calls a frame, and {views:.0f} slices: {calls}")
    assert 100 < sum(calls.values()) <= MOST, calls


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
    run(engine, sound)
    tracemalloc.start()
    run(engine, sound)  # Python keeps some freed numbers for later
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    run(engine, sound)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"peak {peak - before}, kept {after - before}")
    assert peak - before < 40_000 and after - before < 2_000
