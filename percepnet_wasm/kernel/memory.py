"""Memory laid out for the kernel, before its location and the width of its addresses are known."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["ALIGNMENT", "POINTER", "Address", "Area", "load"]

ALIGNMENT = 16
"""Alignment of everything placed, in bytes: a vector."""
POINTER = struct.calcsize("P")
"""Bytes of an address in this process: 4 in Pyodide."""


@dataclass(frozen=True)
class Address:
    """A place in an area."""

    area: "Area"
    offset: int


class Area:
    """A region of memory: its contents, and which of its numbers are addresses.

    Attributes
    ----------
    size : int
        Bytes so far.
    links : dict of int to Address
        The addresses that its structures hold, by offset.
    """

    def __init__(self) -> None:
        self.size = 0
        self.links: dict[int, Address] = {}
        self._parts: list[tuple[int, NDArray]] = []

    def reserve(self, size: int) -> Address:
        """Reserve ``size`` bytes, zero for now."""
        address = Address(self, self.size)
        self.size += size + -size % ALIGNMENT
        return address

    def place(self, values: NDArray) -> Address:
        """Append a copy of an array's numbers."""
        address = self.reserve(values.nbytes)
        self._parts.append((address.offset, np.ascontiguousarray(values)))
        return address

    def structures(self, kind: np.dtype, rows: Sequence[Mapping[str, Any]], at: Address | None = None) -> Address:
        """Place C structures one after another.

        Parameters
        ----------
        kind : numpy.dtype
            See :func:`.layout.structure`.
        rows : sequence of mappings
            By field, a number, an Address, None (null) or the mapping of a nested structure; other fields are 0.
        at : Address, optional
            Room reserved for them earlier.
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
        """All of its bytes, with 0 in place of addresses."""
        content = np.zeros(self.size, np.uint8)
        for offset, values in self._parts:
            content[offset : offset + values.nbytes] = values.reshape(-1).view(np.uint8)
        return content


def load(areas: Sequence[Area], elsewhere: Mapping[Area, int] | None = None) -> NDArray[np.uint8]:
    """Copy areas one after another into this process's memory, and fill in the addresses in their structures.

    Parameters
    ----------
    areas : sequence of Area
    elsewhere : mapping of Area to int, optional
        Addresses of other areas that these point into; the caller must keep those areas alive.

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
