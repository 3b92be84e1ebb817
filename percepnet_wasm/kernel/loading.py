"""Finds, loads and tests a variant of the compiled kernel, or says why none can be used."""

import sys

from .check import check
from .library import Kernel, KernelError

__all__ = ["candidates", "load"]

_tried: dict[str, Kernel | str] = {}


def candidates() -> tuple[str, ...]:
    """Kernels to try on this platform, fastest first."""
    return ("relaxed", "simd") if sys.platform == "emscripten" else ("native",)


def load(name: str) -> Kernel:
    """Load and test a kernel, once.

    Raises
    ------
    KernelError
        The kernel cannot be used here.
    """
    if name not in _tried:
        try:
            if name not in candidates():
                raise KernelError(f"it does not run on {sys.platform}")
            kernel = Kernel(name)
            check(kernel)
            _tried[name] = kernel
        except (KernelError, AttributeError) as error:
            _tried[name] = str(error)
    found = _tried[name]
    if isinstance(found, str):
        raise KernelError(found)
    return found
