"""Frames on the pipes between a worker and its child: one letter, a length, the bytes."""

from __future__ import annotations

import struct
from typing import BinaryIO

READY, RUN, BLOBS, NEED, DONE, ERROR = b"S", b"R", b"B", b"N", b"D", b"E"
_HEAD = struct.Struct("<cQ")


def write(stream: BinaryIO, letter: bytes, *parts: bytes) -> None:
    """Write one frame; its bytes are a count and the parts, each with its length."""
    body = b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    stream.write(_HEAD.pack(letter, len(body)))
    stream.write(body)
    stream.flush()


def read(stream: BinaryIO) -> tuple[bytes, list[bytes]]:
    """Read one frame: its letter and its parts.

    Raises:
        EOFError: the other side has gone.
    """
    letter, length = _HEAD.unpack(_exactly(stream, _HEAD.size))
    body = memoryview(_exactly(stream, length))
    parts = []
    while body:
        (size,) = struct.unpack("<Q", body[:8])
        parts.append(bytes(body[8 : 8 + size]))
        body = body[8 + size :]
    return letter, parts


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the other side of the pipe has gone")
    return data
