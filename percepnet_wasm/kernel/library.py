"""The compiled kernel as a library loaded by :mod:`ctypes`.

The wheel carries two WebAssembly side modules, with relaxed SIMD and with SIMD, that any Pyodide can load: they share
NumPy's memory and need nothing from the page. Elsewhere a native build is used, if one has been made
(``python -m build_scripts.package.build_kernel --native``).
"""

import ctypes
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .layout import LAYOUT, structure
from .memory import POINTER

__all__ = ["KERNELS", "Kernel", "KernelError"]

FOLDER = Path(__file__).parent
KERNELS = ("auto", "relaxed", "simd", "native", "numpy")
"""The names that a caller may request."""


class KernelError(RuntimeError):
    """A kernel requested by name cannot be used; the message says why."""


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
            raise KernelError(f"{path.name} does not exist")
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            raise KernelError(f"it cannot be loaded ({str(error).splitlines()[0][:200]})") from error
        sizes = [structure(each, POINTER).itemsize for each in ("Stream", "Layer")]
        if [library.percepnet_layout(which) for which in range(3)] != [*sizes, LAYOUT]:
            raise KernelError("it was built from different sources")
        self.run = library.percepnet_run
        self.run.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
        self.product, self.quantise = library.percepnet_product, library.percepnet_quantise
        self.product.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self.product.restype = self.quantise.restype = None
        self.quantise.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
        self._adopt, self._check = library.percepnet_adopt, library.percepnet_check
        address = ctypes.c_size_t
        self._adopt.argtypes = (address, ctypes.c_int, address, address)
        self._check.argtypes = (address,) * 5

    def adopt(self, memory: NDArray[np.uint8], matrices: int, count: int) -> None:
        """Put weights, once, into the order that this kernel needs.

        Parameters
        ----------
        memory : uint8 (bytes,)
            Changed in place.
        matrices : int
            Offset of the Matrix structures in it.
        count : int
            Number of structures.

        Raises
        ------
        KernelError
            A structure points beyond the memory.
        """
        start = memory.ctypes.data
        failed = self._adopt(start + matrices, count, start, start + len(memory))
        if failed:
            raise KernelError(f"the weights failed its layout check {failed}")

    def check(self, stream: NDArray[np.uint8], constants: NDArray[np.uint8], structures: int) -> int:
        """Check that a stream stays within its memory: 0, or the number of the check that failed.

        Parameters
        ----------
        stream, constants : uint8 (bytes,)
        structures : int
            Bytes of the stream before its buffers.
        """
        at, base = stream.ctypes.data, constants.ctypes.data
        return self._check(at, base, base + len(constants), at + structures, at + len(stream))
