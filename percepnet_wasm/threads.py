"""One thread for matrix products.

A frame's products are too small to split up: BLAS's threads mostly wait for each other, and on a busy machine that
waiting costs several times the work. There are three ways to prevent it: :func:`set_variables` before NumPy is imported
(the command line), threadpoolctl while the process runs, and, where that is not installed, products that stay below the
size at which OpenBLAS starts to use threads (:func:`pieces`).
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import pairwise

__all__ = ["VARIABLES", "one_blas_thread", "pieces", "set_variables"]

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""The variables that OpenBLAS, MKL and Apple's Accelerate read when they are loaded."""

_VECTOR_LIMIT = 2304 * 4
_MATRIX_LIMIT = 65536 * 4
"""Multiplications up to which OpenBLAS uses one thread, for one row and for several (interface/gemv.c, gemm.c)."""
_ROWS = 16
"""Rows in a piece: enough for a matrix product to beat as many matrix-vector products."""

_WHOLE = [(slice(None), slice(None))]

_small_products: ContextVar[bool] = ContextVar("small_products", default=False)
_held = threading.Lock()


def set_variables() -> None:
    """Ask for one thread, here and in child processes, unless the user has chosen. Call it before importing NumPy."""
    for name in VARIABLES:
        os.environ.setdefault(name, "1")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit matrix products to one thread, by threadpoolctl or by their size.

    Examples
    --------
    >>> import os, numpy as np
    >>> from percepnet_wasm.threads import one_blas_thread
    >>> with one_blas_thread():
    ...     product = np.ones((500, 500)) @ np.ones(500)
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        token = _small_products.set(True)
        try:
            yield
        finally:
            _small_products.reset(token)
        return
    # The limit applies to the whole process: a call made while another holds it leaves it alone.
    if not _held.acquire(blocking=False):
        yield
        return
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        _held.release()


def pieces(rows: int, outputs: int, inputs: int) -> list[tuple[slice, slice]]:
    """Cut a product into pieces that BLAS does not split among threads; a single one where that does not matter.

    Returns
    -------
    list of (slice of rows, slice of outputs)
    """
    return _pieces(rows, outputs, inputs) if _small_products.get() else _WHOLE


@lru_cache
def _pieces(rows: int, outputs: int, inputs: int) -> list[tuple[slice, slice]]:
    count = -(-rows // _ROWS)
    edges = [rows * number // count for number in range(count + 1)]  # of equal height: a lone row is a vector
    height = max(bottom - top for top, bottom in pairwise(edges))
    width = max(1, (_VECTOR_LIMIT if height == 1 else _MATRIX_LIMIT // height) // inputs)
    return [
        (slice(top, bottom), slice(left, min(left + width, outputs)))
        for top, bottom in pairwise(edges)
        for left in range(0, outputs, width)
    ]
