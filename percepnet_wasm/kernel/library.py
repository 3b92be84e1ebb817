"""The compiled kernel as a library that :mod:`ctypes` has loaded.

The wheel carries two WebAssembly side modules, with relaxed SIMD and with SIMD, that any Pyodide loads: they share
NumPy's memory and need nothing from the page. Elsewhere a native build is used where someone made one
(``python -m build_scripts.package.build_kernel --native``).
"""

import ctypes
from pathlib import Path

from .layout import Layer, Stream

__all__ = ["KERNELS", "Kernel", "KernelError"]

FOLDER = Path(__file__).parent
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
        Its functions; see ``c/kernel.c``.
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
