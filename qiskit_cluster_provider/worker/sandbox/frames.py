"""Frames between a worker and its child: a magic word and one letter, a length, the bytes."""

from __future__ import annotations

import os
import select
import struct
from typing import BinaryIO

READY, RUN, BLOBS, NEED, DONE, ERROR = b"S", b"R", b"B", b"N", b"D", b"E"
_LETTERS = frozenset((READY, RUN, BLOBS, NEED, DONE, ERROR))
_MAGIC = b"qiskit:"
_HEAD = struct.Struct("<7scQ")
_SIZE = struct.Struct("<Q")
# What a process holds fits into the memory and the swap of its machine; that nobody has more swap than ten times its
# memory keeps a false length from being believed.
_LONGEST = 10 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class FrameError(RuntimeError):
    """What came is no frame: something else writes to the descriptor."""


def write(stream: BinaryIO, letter: bytes, *parts: bytes | bytearray) -> None:
    """Write one frame; its bytes are a count and the parts, each with its length."""
    stream.write(_HEAD.pack(_MAGIC, letter, sum(_SIZE.size + len(part) for part in parts)))
    for part in parts:  # never put together: one may be as large as a state
        stream.write(_SIZE.pack(len(part)))
        stream.write(part)
    stream.flush()


def read(stream: BinaryIO) -> tuple[bytes, list[bytes]]:
    """Read one frame: its letter and its parts.

    Raises:
        EOFError: the other side has gone.
        FrameError: what came is no frame.
    """
    head = _exactly(stream, _HEAD.size)
    magic, letter, length = _HEAD.unpack(head)
    if magic != _MAGIC or letter not in _LETTERS or length > _LONGEST:
        raise FrameError(f"{head!r} came between two processes of this package where a message should begin")
    parts, left = [], length
    while left:
        if left < _SIZE.size:
            raise FrameError(f"a message of {length} bytes ends within the size of a part")
        (size,) = _SIZE.unpack(_exactly(stream, _SIZE.size))
        left -= _SIZE.size + size
        if left < 0:
            raise FrameError(f"a message of {length} bytes says that a part of it has {size}")
        parts.append(_exactly(stream, size))
    return letter, parts


def waits(stream: BinaryIO | int, seconds: float) -> bool:
    """Whether something can be read within ``seconds``. By ``poll``, which knows no largest descriptor."""
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def hung_up(stream: BinaryIO | int) -> bool:
    """Whether the other side has closed its end, whatever of it has not been read yet."""
    poll = select.poll()
    poll.register(stream, 0)
    return bool(poll.poll(0))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the other side of the pipe has gone")
    return data
