"""Matrix times vectors, in whichever plain form is fastest where we run."""

import sys

import numpy as np
from numpy.typing import NDArray

_EMSCRIPTEN = sys.platform == "emscripten"


def apply(matrix: NDArray[np.float32], rows: NDArray[np.float32], out: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply every row of ``rows`` by ``matrix``: ``out[k] = matrix @ rows[k]``.

    WebAssembly's NumPy has no BLAS, and there ``einsum`` on a C-ordered matrix beats ``matmul`` twofold;
    everywhere else ``matmul`` reaches BLAS.

    Parameters
    ----------
    matrix : float32 (outputs, inputs), C-contiguous
    rows : float32 (frames, inputs)
    out : float32 (frames, outputs)
        Receives the products.

    Returns
    -------
    float32 (frames, outputs)
        ``out``.
    """
    if _EMSCRIPTEN:
        for row, result in zip(rows, out, strict=True):
            np.einsum("ij,j->i", matrix, row, out=result)
    else:
        np.matmul(rows, matrix.T, out=out)
    return out
