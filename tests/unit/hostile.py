"""What property tests draw from: sounds that no microphone should produce, and values that no caller should pass."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from signals import harmonic, noise

from percepnet_wasm.constants import HOP

COVERED = set()
"""Names of public functions and classes that a property test says to cover; test_public_api.py wants them all."""


def covers(*names):
    """Mark a test with the ``module.name`` for which its property holds."""
    COVERED.update(names)
    return lambda test: test


def examples(count):
    """Run a test with this many examples; ``make fuzz`` multiplies them."""
    return settings(max_examples=max(1, count * settings().max_examples // 100))


def _burst(samples, rng):
    levels = 10.0 ** -rng.uniform(0, 8, len(samples) // 160 + 1) * (rng.random(len(samples) // 160 + 1) < 0.7)
    return samples * np.repeat(levels, 160)[: len(samples)]


_SOUNDS = {
    "silence": lambda n, rng: np.zeros(n),
    "offset": lambda n, rng: np.ones(n),
    "square": lambda n, rng: np.where(np.arange(n) // rng.integers(1, 400) % 2, 1.0, -1.0),
    "impulse": lambda n, rng: np.eye(1, n, rng.integers(n))[0],
    "sine": lambda n, rng: np.sin(rng.uniform(0, np.pi) * np.arange(n)),
    "voice": lambda n, rng: harmonic(np.full(n, rng.uniform(62, 500)), level=0.3),
    "noise": lambda n, rng: rng.standard_normal(n) / 4,
    "bursts": lambda n, rng: _burst(rng.standard_normal(n) / 4, rng),
    "one wrong bit": lambda n, rng: noise(1, 1e-3)[:n] * 1 + np.eye(1, n, rng.integers(n))[0],
}
LEVELS = (1e-42, 1e-30, 1e-12, 1e-4, 1.0, 32768.0, 9e5)
"""From denormal numbers to just below what is refused."""


@st.composite
def sounds(draw, hops=12, level=None):
    """Draw float32 (hops * HOP,): up to three stretches of strange sound."""
    level = st.sampled_from(LEVELS) if level is None else level
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cuts = sorted(draw(st.lists(st.integers(1, hops * HOP - 1), max_size=2, unique=True)))
    parts = [
        draw(level) * np.clip(_SOUNDS[draw(st.sampled_from(sorted(_SOUNDS)))](end - start, rng), -1, 1)
        for start, end in zip([0, *cuts], [*cuts, hops * HOP], strict=True)
    ]
    return np.concatenate(parts).astype(np.float32)


def bands(low, high, frames=3):
    """Draw float32 (frames, BANDS), including both ends and numbers near zero."""
    from hypothesis.extra.numpy import arrays

    from percepnet_wasm.signal.bands import BANDS

    return arrays(np.float32, (frames, BANDS), elements=st.floats(low, high, width=32, allow_subnormal=True))


def cuts(hops):
    """Draw lengths that add up to ``hops``."""
    inner = st.lists(st.integers(1, hops - 1), max_size=4, unique=True).map(sorted) if hops > 1 else st.just([])
    return inner.map(lambda at: np.diff([0, *at, hops]).tolist())


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=8), st.just(object()),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.just([[1.0], [1.0, 2.0]]), st.just(1j), st.just(np.datetime64("2020")), st.just(np.zeros((2, 3, 4, 5))),
    st.just(np.float32("nan")), st.just(np.array(["a"])), st.just(10**400), st.just(-(10**400)), st.just(range),
)  # fmt: skip
"""Values of every kind."""
