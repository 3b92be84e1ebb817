"""Memory on the NumPy path: a stream of its own is small, and a frame leaves nothing behind."""

import tracemalloc

import numpy as np
import pytest
from signals import speech_like

from percepnet_wasm.constants import HOP
from percepnet_wasm.engine import NumpyEngine
from percepnet_wasm.model_file import Model

FRAMES = 20


@pytest.fixture
def sound():
    return speech_like(2 * FRAMES / 100)[: 2 * FRAMES * HOP].astype(np.float32).reshape(-1, HOP)


def run(engine, sound):
    for frame in sound:
        engine.process(frame)


def test_a_further_stream_brings_no_weights_of_its_own():
    model = Model.load()
    NumpyEngine(model, 1)
    tracemalloc.start()
    kept = NumpyEngine(model, 1)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept.gain.shape == (1, 34)
    assert grown < 0.3e6 < 4 * model.weights / 10, f"{grown} bytes"


def test_a_frame_takes_under_100_kb_for_a_moment_and_keeps_none(sound):
    """The comb's sample buffer alone is 23 kB, and its copy for the next frame 21 kB."""
    engine = NumpyEngine(Model.load(), 1)
    run(engine, sound)
    tracemalloc.start()
    run(engine, sound)
    kept, peaks = [], []
    for _ in range(5):
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        run(engine, sound)
        after, peak = tracemalloc.get_traced_memory()
        kept.append(after - before)
        peaks.append(peak - before)
    tracemalloc.stop()
    print(f"peaks {peaks}, kept {kept}")
    # Python keeps some freed numbers for later, in some of the rounds; what frames keep, they keep in each.
    assert max(peaks) < 100_000 and min(kept) < 2_000
