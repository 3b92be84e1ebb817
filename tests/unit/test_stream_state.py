"""All that a stream remembers is in one place: it can be listed, copied and reset."""

import copy
from dataclasses import asdict

import numpy as np
from models import WITH_LEVELS, random_model
from signals import noise, speech_like

from percepnet_wasm.constants import HOP
from percepnet_wasm.engine import NumpyEngine


def run(engine, frames):
    return np.concatenate([engine.process(frame) for frame in frames])


def sound():
    return (speech_like(0.6, 12) + noise(0.6, 0.01, 12)).astype(np.float32).reshape(-1, HOP)


def arrays(state, path=""):
    """All arrays and numbers of a state, by their path."""
    if not isinstance(state, dict):
        return {path: np.asarray(state)}
    return {name: value for key, part in state.items() for name, value in arrays(part, f"{path}.{key}").items()}


def test_a_copy_goes_on_like_the_original():
    frames, model = sound(), random_model(WITH_LEVELS, seed=9)
    one, other = NumpyEngine(model, 1), NumpyEngine(model, 1)
    run(one, frames[:30])
    other.state = copy.deepcopy(one.state)
    expected = run(one, frames[30:])
    np.testing.assert_array_equal(run(other, frames[30:]), expected, err_msg="the original went on in between")


def test_a_reset_leaves_nothing_of_the_past():
    engine = NumpyEngine(random_model(WITH_LEVELS, seed=9), 1)
    fresh = arrays(asdict(engine.state))
    first = run(engine, sound())
    used = arrays(asdict(engine.state))
    assert used.keys() == fresh.keys() and all(used[name].shape == fresh[name].shape for name in fresh)
    unchanged = [name for name in fresh if np.array_equal(used[name], fresh[name])]
    assert not unchanged, "listed, but not used"
    engine.reset()
    for name, value in arrays(asdict(engine.state)).items():
        np.testing.assert_array_equal(value, fresh[name], err_msg=name)
    np.testing.assert_array_equal(run(engine, sound()), first)
