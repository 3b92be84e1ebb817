"""Damaged files, and limits on the time and memory that reading them may take."""

import time
import tracemalloc

from hypothesis import strategies as st

SECONDS, MEGABYTES = 20, 40
"""Far above what any of these takes, far below what a forged size would."""


class bounded:
    """Fails if the work within takes too long or too much memory."""

    def __enter__(self):
        tracemalloc.start()
        self.started = time.process_time()

    def __exit__(self, *_):
        megabytes = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        assert time.process_time() - self.started < SECONDS
        assert megabytes < MEGABYTES, f"{megabytes:.0f} MB"


@st.composite
def damaged(draw, originals):
    """Draw one of several files, or random bytes, with some bits flipped, stretches lost, doubled or put elsewhere."""
    content = bytearray(draw(st.one_of(st.sampled_from(originals), st.binary(max_size=200))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, min(len(content) - 1, draw(st.sampled_from([60, len(content)]))))))
        end = at + draw(st.integers(1, 60))
        what = draw(st.sampled_from(["flip", "set", "lose", "double", "cut"]))
        if what == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "set":
            content[at:end] = draw(st.sampled_from([b"\xff", b"\0", b"\x7f"])) * (end - at)
        elif what == "lose":
            del content[at:end]
        elif what == "double":
            content[at:at] = content[at:end]
        elif what == "cut":
            del content[at:]
    return bytes(content)
