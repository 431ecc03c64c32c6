"""The frame of every message: ``QCP``, a version, a kind, a flag, and a msgpack body.

::

    bytes 0-2   b"QCP"
    byte  3     version of the format
    byte  4     kind: b"t" task, b"c" circuits, b"o" context, b"n" noise model, b"e" output, b"r" result
    byte  5     b"z" zstandard, b"-" plain
    bytes 6-    body

Large arrays lie beside a result; see :mod:`.results`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt
import zstandard

from ..errors import WireError
from ..versions import WIRE_VERSION
from .beside import LARGE, Beside, InMemory, array_of

MAGIC = b"QCP"
VERSION = WIRE_VERSION
_COMPRESS_FROM = 512  # bytes; below, the frame of zstandard outweighs its gain
_SAMPLES, _SAMPLE = 16, 4096  # pieces by which it is told whether much compresses, and their bytes
_WORTH = 0.7  # of its bytes: what compresses no better travels as it is
_DEEPEST = 64  # tuples inside each other: each takes much of the C stack, and its end is a crash and no error
DAMAGE = (ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError, struct.error, zstandard.ZstdError)
"""What reading of a message raises that is none, and no more than that."""
UNPACKABLE = (TypeError, ValueError, OverflowError)
"""What :func:`pack` raises for what has no place in the format."""
MOST = 2**33
"""Bytes of a body; arrays of a result, which may be larger, lie beside it."""
_ARRAY, _COMPLEX, _TUPLE, _BESIDE = 1, 2, 3, 4
Arrays = list[npt.NDArray[Any]]


def seal(kind: bytes, body: Any, beside: Arrays | None = None) -> bytes:
    """A message of ``kind`` (one byte) with ``body``: plain Python, complex numbers and numpy arrays.

    Args:
        kind: of the message.
        body: what it says.
        beside: takes large arrays, which are then not in the message.

    Raises:
        WireError: something in ``body`` has no place in the format.
    """
    try:
        message = pack(body, beside)
    except UNPACKABLE as error:
        raise WireError(f"cannot be sent: {error}") from error
    if len(message) < _COMPRESS_FROM or (len(message) >= LARGE and not compresses(message)):
        return b"%s%c%s-%s" % (MAGIC, VERSION, kind, message)
    return b"%s%c%sz%s" % (MAGIC, VERSION, kind, zstandard.ZstdCompressor(level=3).compress(message))


def unseal(kind: bytes, message: bytes | memoryview, beside: Beside | None = None, most: int = MOST) -> Any:
    """The body of a message of ``kind``.

    Nothing in it is executed, whoever made it.

    Args:
        kind: one byte.
        message: of :func:`seal`.
        beside: has the arrays that lie beside it.
        most: bytes of the body, before it was compressed.

    Raises:
        WireError: it is no such message, damaged, or of another version of the format.
    """
    if message[:3] != MAGIC or message[4:5] != kind:
        raise WireError(f"these bytes are no message of kind {kind.decode()!r} of qiskit-cluster-provider.")
    if message[3] != VERSION:
        raise WireError(
            f"the message has format {message[3]}, this qiskit-cluster-provider reads format {VERSION}",
            hint="install the same release on client and workers.",
        )
    body = message[6:]
    try:
        if message[5:6] == b"z":
            if zstandard.frame_content_size(body) > most:
                raise ValueError(f"it has more than {most >> 30} GB")
            body = zstandard.ZstdDecompressor().decompress(body)
        return unpack(body, beside=beside)
    except WireError:
        raise
    except DAMAGE as error:
        raise WireError(
            f"the message is damaged: {type(error).__name__}: {error}",
            hint="install the same release on client and workers.",
        ) from error


def compresses(data: bytes | memoryview) -> bool:
    """Whether a sample of ``data`` becomes much shorter. Most states are noise to a compressor, some all zeros."""
    step = max(_SAMPLE, len(data) // _SAMPLES)
    sample = b"".join(data[place : place + _SAMPLE] for place in range(0, len(data), step))
    return len(zstandard.ZstdCompressor(level=1).compress(sample)) < _WORTH * len(sample)


def pack(body: Any, beside: Arrays | None = None) -> bytes:
    """``body`` as msgpack; tuples, complex numbers and arrays keep their type, arrays their order.

    Args:
        body: what to write.
        beside: takes large arrays; only their places are written.
    """
    message: bytes = msgpack.packb(body, default=partial(_pack_extra, beside), strict_types=True)
    return message


def packer(beside: Arrays | None = None) -> Callable[[Any], bytes]:
    """:func:`pack` for many small bodies: it gets its memory once."""
    one = msgpack.Packer(default=partial(_pack_extra, beside), strict_types=True)
    return lambda body: bytes(one.pack(body))


def unpack(packed: bytes | memoryview, depth: int = 0, beside: Beside | None = None) -> Any:
    """The inverse of :func:`pack`; ``depth`` counts the tuples around it."""
    if depth > _DEEPEST:
        raise WireError(f"the message has more than {_DEEPEST} tuples inside each other.")
    hook = partial(_unpack_extra, depth, beside or InMemory())
    return msgpack.unpackb(packed, ext_hook=hook, strict_map_key=False)


def _pack_extra(beside: Arrays | None, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("arrays of Python objects cannot be sent")
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        if beside is not None and value.nbytes >= LARGE:
            beside.append(value)
            place = [len(beside) - 1, value.dtype.str, list(value.shape), fortran]
            return msgpack.ExtType(_BESIDE, msgpack.packb(place))
        head = msgpack.packb([value.dtype.str, list(value.shape), fortran])
        data = value.tobytes(order="F" if fortran else "C")
        return msgpack.ExtType(_ARRAY, struct.pack("<I", len(head)) + head + data)
    if isinstance(value, np.generic):
        value = value.item()
        if not isinstance(value, complex):
            return value
    if isinstance(value, complex):
        return msgpack.ExtType(_COMPLEX, struct.pack("<dd", value.real, value.imag))
    if isinstance(value, tuple):
        return msgpack.ExtType(_TUPLE, pack(list(value), beside))
    if isinstance(value, dict):
        return dict(value)
    for plain in (str, int):  # subclasses, such as enumerations
        if isinstance(value, plain):
            return plain(value)
    raise TypeError(f"{type(value).__name__} has no place in the wire format")


def _unpack_extra(depth: int, beside: Beside, code: int, data: bytes) -> Any:
    if code == _ARRAY:
        (length,) = struct.unpack_from("<I", data)
        dtype, shape, fortran = msgpack.unpackb(data[4 : 4 + length])
        # bytearray: a result that the user may write to, as Aer's is
        array = np.frombuffer(bytearray(data[4 + length :]), dtype=np.dtype(dtype))
        return array.reshape(shape, order="F" if fortran else "C")
    if code == _BESIDE:
        return array_of(beside, *msgpack.unpackb(data))
    if code == _COMPLEX:
        return complex(*struct.unpack("<dd", data))
    if code == _TUPLE:
        return tuple(unpack(data, depth + 1, beside))
    raise WireError(f"unknown extension {code} in a message", hint="install the same release on both sides.")
