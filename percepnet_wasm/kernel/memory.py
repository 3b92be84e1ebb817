"""Memory as the kernel wants it, put together before it is known where it will lie and how wide addresses are there."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["ALIGNMENT", "POINTER", "Address", "Area", "load"]

ALIGNMENT = 16
"""Of everything placed, in bytes: a vector."""
POINTER = struct.calcsize("P")
"""Bytes of an address in this process: 4 in Pyodide."""


@dataclass(frozen=True)
class Address:
    """A place in an area."""

    area: "Area"
    offset: int


class Area:
    """A stretch of memory: what lies in it, and which of its numbers are addresses.

    Attributes
    ----------
    size : int
        Bytes so far.
    links : dict of int to Address
        By offset: the addresses that its structures hold.
    """

    def __init__(self) -> None:
        self.size = 0
        self.links: dict[int, Address] = {}
        self._parts: list[tuple[int, NDArray]] = []

    def reserve(self, size: int) -> Address:
        """Make room for ``size`` bytes, 0 for now."""
        address = Address(self, self.size)
        self.size += size + -size % ALIGNMENT
        return address

    def place(self, values: NDArray) -> Address:
        """Put a copy of an array's numbers here."""
        address = self.reserve(values.nbytes)
        self._parts.append((address.offset, np.ascontiguousarray(values)))
        return address

    def structures(self, kind: np.dtype, rows: Sequence[Mapping[str, Any]], at: Address | None = None) -> Address:
        """Put C structures here, one behind the other.

        Parameters
        ----------
        kind : numpy.dtype
            See :func:`.layout.structure`.
        rows : sequence of mappings
            A number, an Address, None (no address) or the mapping of a structure within, by field; else 0.
        at : Address, optional
            Room that was reserved for them.
        """
        records = np.zeros(len(rows), kind)
        address = at or self.reserve(records.nbytes)
        for number, values in enumerate(rows):
            self._fill(records[number], address.offset + number * kind.itemsize, values)
        self._parts.append((address.offset, records))
        return address

    def _fill(self, record: np.void, offset: int, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            place = offset + record.dtype.fields[name][1]  # type: ignore[index]
            if isinstance(value, Mapping):
                self._fill(record[name], place, value)
            elif isinstance(value, Address):
                self.links[place] = value
            elif value is not None:
                record[name] = value

    def content(self) -> NDArray[np.uint8]:
        """All of its bytes; 0 where addresses belong."""
        content = np.zeros(self.size, np.uint8)
        for offset, values in self._parts:
            content[offset : offset + values.nbytes] = values.reshape(-1).view(np.uint8)
        return content


def load(areas: Sequence[Area], elsewhere: Mapping[Area, int] | None = None) -> NDArray[np.uint8]:
    """Put areas behind each other into memory of this process, and addresses into their structures.

    Parameters
    ----------
    areas : sequence of Area
    elsewhere : mapping of Area to int, optional
        Where other areas lie that these point into; whoever uses the memory keeps those alive.

    Returns
    -------
    uint8 (bytes,)
    """
    memory = np.zeros(sum(area.size for area in areas), np.uint8)
    bases, base = dict(elsewhere or {}), memory.ctypes.data
    for area in areas:
        bases[area] = base
        base += area.size
    start = 0
    for area in areas:
        own = memory[start : start + area.size]
        own[:] = area.content()
        for place, to in area.links.items():
            own[place : place + POINTER].view(_unsigned(POINTER))[0] = bases[to.area] + to.offset
        start += area.size
    return memory


def _unsigned(size: int) -> DTypeLike:
    return np.uint32 if size == 4 else np.uint64
