"""Matrix times vectors, in whichever plain form is fastest where we run."""

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

__all__ = ["product"]

_EMSCRIPTEN = sys.platform == "emscripten"


def product(
    matrix: NDArray[np.float32], rows: NDArray[np.float32], out: NDArray[np.float32]
) -> Callable[[], object]:
    """Make a function that multiplies every row of ``rows`` by ``matrix``: ``out[k] = matrix @ rows[k]``.

    WebAssembly's NumPy has no BLAS, and there ``einsum`` on a C-ordered matrix beats ``matmul`` by half; everywhere
    else ``matmul`` reaches BLAS. Arrays and their rows are looked up here, once, and not in every frame.

    Parameters
    ----------
    matrix : float32 (outputs, inputs)
        Rows contiguous.
    rows : float32 (frames, inputs)
        Read at every call.
    out : float32 (frames, outputs)
        Receives the products of every call.

    Returns
    -------
    callable
        Without arguments.
    """
    if not _EMSCRIPTEN:
        return partial(np.matmul, rows, matrix.T, out=out)
    pairs = zip(rows, out, strict=True)
    steps: list[Callable[[], object]] = [partial(np.einsum, "ij,j->i", matrix, row, out=of) for row, of in pairs]
    return steps[0] if len(steps) == 1 else lambda: [step() for step in steps]
