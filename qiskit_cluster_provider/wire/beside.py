"""Large arrays: they lie beside a message, as they are, and neither in it nor in its compression.

A reader of a message gets an array of its own each time that it asks for one.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import weakref
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import zstandard

LARGE = 2**17
"""Bytes from which on an array lies beside its message."""
PAGE = mmap.ALLOCATIONGRANULARITY
"""Where an array may begin in a file that is to be mapped."""
_MAPPED = 2**20  # bytes from which on an array is mapped: a process may have 65,000 maps, and needs some itself
_KEPT = 2**22  # bytes for which a descriptor is worth keeping
_DESCRIPTORS = 128  # that are kept; what else comes is read into memory at once


class Beside(Protocol):
    """The bytes of the arrays beside a message."""

    def size(self, place: int) -> int:
        """Of an array, in bytes.

        Raises:
            IndexError: there is none.
        """

    def read(self, place: int) -> Any:
        """A buffer of its bytes that nobody else has, and that may be written to."""


class InMemory:
    """The bytes of arrays in the memory of this process.

    Args:
        parts: as they are, or made shorter by zstandard.
        sizes: of the arrays; default: those of ``parts``.
    """

    def __init__(self, parts: Sequence[Any] = (), sizes: Sequence[int] | None = None) -> None:
        self._parts = [memoryview(part) for part in parts]
        self._sizes = [part.nbytes for part in self._parts] if sizes is None else list(sizes)

    def size(self, place: int) -> int:
        """As :class:`Beside` says."""
        return self._sizes[place]

    def read(self, place: int) -> bytearray:
        """A copy.

        Raises:
            ValueError, zstandard.ZstdError: the part is no such array.
        """
        part, size = self._parts[place], self._sizes[place]
        if part.nbytes == size:
            return bytearray(part)
        if zstandard.frame_content_size(part) != size:
            raise ValueError(f"{part.nbytes} bytes are no array of {size}")
        found = bytearray(size)
        with zstandard.ZstdDecompressor().stream_reader(part) as reader:
            if reader.readinto(found) != size or reader.read(1):
                raise ValueError(f"an array is not of {size} bytes")
        return found


class OpenFile:
    """A descriptor that is closed with this object."""

    all: ClassVar[weakref.WeakSet[OpenFile]] = weakref.WeakSet()

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor).atexit = False
        self.all.add(self)


class InFile:
    """Arrays in a file without a name, that cannot change any more; each is mapped when it is read.

    Pages that the reader writes to are copied then, and no others.

    Args:
        file: with the arrays.
        sizes: of them.
    """

    def __init__(self, file: OpenFile, sizes: Sequence[int]) -> None:
        self._file = file
        self._sizes = list(sizes)
        self._starts = starts(sizes)

    def size(self, place: int) -> int:
        """As :class:`Beside` says."""
        return self._sizes[place]

    def read(self, place: int) -> Any:
        """A map; of what is small, or if no map is to be had, a copy."""
        size = self._sizes[place]
        if size >= _MAPPED:
            try:
                return _map(self._file.descriptor, self._starts[place], size)
            except OSError:
                pass  # no room for another one, which a copy does not need
        return _copied(self._file.descriptor, self._starts[place], size)


def of_file(file: OpenFile, sizes: Sequence[int]) -> Beside:
    """The arrays in a file that cannot change any more.

    Raises:
        ValueError: the file has not as many bytes.
    """
    if os.fstat(file.descriptor).st_size < starts(sizes[:-1])[-1] + sum(sizes[-1:]):
        raise ValueError(f"the file is shorter than its arrays of {sum(sizes)} bytes")
    if sum(sizes) >= _KEPT and len(OpenFile.all) <= _DESCRIPTORS:
        return InFile(file, sizes)
    return InMemory([_copied(file.descriptor, *one) for one in zip(starts(sizes), sizes, strict=False)])


def starts(sizes: Sequence[int]) -> list[int]:
    """Where each array begins in a file of them; one more is where the next one would."""
    return [0, *accumulate(-(-size // PAGE) * PAGE for size in sizes)]


def bytes_of(array: npt.NDArray[Any]) -> memoryview:
    """The bytes of an array in its own order, without a copy if it lies in one piece."""
    flat = array.T if array.flags.f_contiguous else np.ascontiguousarray(array)
    return flat.reshape(-1).view(np.uint8).data


def array_of(beside: Beside, place: Any, dtype: Any, shape: Any, fortran: Any) -> npt.NDArray[Any]:
    """An array, as a message says where it is and what.

    Raises:
        ValueError, TypeError, IndexError: it is not there, or something else.
    """
    numbers = [place, *shape]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"{numbers!r:.80} are no place and shape of an array")
    kind = np.dtype(dtype)
    size = beside.size(place)
    if kind.hasobject or math.prod(shape) * kind.itemsize != size:
        raise ValueError(f"{size} bytes are no array of type {dtype!r:.20} and shape {shape!r:.80}")
    return np.frombuffer(beside.read(place), kind).reshape(shape, order="F" if fortran else "C")


def _copied(descriptor: int, start: int, size: int) -> bytearray:
    found = bytearray(size)
    view, done = memoryview(found), 0
    while done < size:
        count = os.preadv(descriptor, [view[done:]], start + done)
        if not count:
            raise ValueError("the file is shorter than its arrays")
        done += count
    return found


def _map(descriptor: int, start: int, size: int) -> Any:
    """By the C library: Python's own ``mmap`` keeps a descriptor for each map."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    address = library.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, descriptor, start)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    found = (ctypes.c_ubyte * size).from_address(address)
    weakref.finalize(found, library.munmap, address, size).atexit = False
    return found
