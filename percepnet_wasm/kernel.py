"""The accelerator: finds, loads and tests a variant of the compiled kernel, or says why there is none.

The wheel carries two WebAssembly side modules, with relaxed SIMD and with SIMD, that any Pyodide loads by ctypes: they
share NumPy's memory and need nothing from the page. Elsewhere a native build is used where someone made one
(``build_scripts/build_kernel.py --native``). Whatever is loaded must first pass :mod:`percepnet_wasm.kernel_check`.
"""

import ctypes
import sys
from pathlib import Path

from .kernel_layout import Layer, Stream

__all__ = ["KERNELS", "Kernel", "KernelError", "candidates", "load"]

FOLDER = Path(__file__).parent / "kernels"
KERNELS = ("auto", "relaxed", "simd", "native", "numpy")
"""What a caller may ask for."""


class KernelError(RuntimeError):
    """A kernel that was asked for by name cannot be used; the message says why."""


class Kernel:
    """A loaded library.

    Attributes
    ----------
    name : {"relaxed", "simd", "native"}
    run, product, quantise
        Its functions; see ``kernels/kernel.c``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        path = FOLDER / (f"{name}.wasm" if name != "native" else "native.so")
        if not path.is_file():
            raise KernelError(f"{path.name} is not there")
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            raise KernelError(f"it cannot be loaded ({str(error).splitlines()[0][:200]})") from error
        for which, structure in enumerate((Stream, Layer)):
            size = library.percepnet_layout(which)
            if size != ctypes.sizeof(structure):
                raise KernelError(f"its {structure.__name__} has {size} bytes: built from other sources")
        self.run = library.percepnet_run
        self.run.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
        self.product, self.quantise = library.percepnet_product, library.percepnet_quantise
        self.product.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self.product.restype = self.quantise.restype = None
        self.quantise.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)


_tried: dict[str, Kernel | str] = {}


def candidates() -> tuple[str, ...]:
    """Kernels to try here, the fastest first."""
    return ("relaxed", "simd") if sys.platform == "emscripten" else ("native",)


def load(name: str) -> Kernel:
    """Load and test a kernel, once.

    Raises
    ------
    KernelError
        It cannot be used here.
    """
    from .kernel_check import check

    if name not in _tried:
        try:
            if name not in candidates():
                raise KernelError(f"it is not for {sys.platform}")
            kernel = Kernel(name)
            check(kernel)
            _tried[name] = kernel
        except (KernelError, AttributeError) as error:
            _tried[name] = str(error)
    found = _tried[name]
    if isinstance(found, str):
        raise KernelError(found)
    return found
