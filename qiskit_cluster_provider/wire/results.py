"""What a slice came back with: msgpack and arrays, nothing that executes when it is read.

A result with large arrays has one frame more around it::

    bytes 0-4   as of every message
    byte  5     b"+" the arrays follow, b"=" they were handed over
    bytes 6-    little-endian: how many arrays (4 bytes); of each its bytes (8), and as how many it lies here (8),
                fewer if zstandard made it shorter
    then        the message itself, after its length (8 bytes)
    then        the arrays, one after the other
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate

import zstandard

from ..errors import WireError
from ..plan import Plan, Slice, SliceResult
from .beside import Beside, InMemory, OpenFile, bytes_of, of_file
from .envelope import DAMAGE, MAGIC, VERSION, compresses, seal, unseal
from .experiments import PackedExperiments
from .handover import Address, hand_over

_MARK = b"%s%cr" % (MAGIC, VERSION)
_HERE, _HANDED_OVER = b"+", b"="


def encode_result(result: SliceResult, mailbox: Address | None = None) -> bytes | bytearray:
    """The bytes of ``result``, whose experiments are :class:`.PackedExperiments`.

    Args:
        result: of a slice.
        mailbox: where its large arrays are handed over, if somebody is there.

    Raises:
        WireError: a number has a type that the format does not know.
    """
    assert isinstance(result.experiments, PackedExperiments)
    body = {
        "index": result.index,
        "experiments": result.experiments.message,
        "metadata": dict(result.metadata),
        "seconds": result.seconds,
        "arrays": list(result.arrays),
        "refused": dict(result.refused),
        "paths": [list(path) for path in sorted(result.paths)],
        "caches": [[kind, *uses] for kind, uses in sorted(result.caches.items())],
    }
    arrays = list(result.experiments.arrays)
    message = seal(b"r", body, arrays)
    if not arrays:
        return message
    parts = [bytes_of(array) for array in arrays]
    if mailbox is not None and hand_over(mailbox, parts):
        return _framed(_HANDED_OVER, message, [part.nbytes for part in parts], ())
    return _framed(_HERE, message, [part.nbytes for part in parts], [_shorter(part) for part in parts])


def is_handed_over(message: bytes | memoryview) -> bool:
    """Whether the arrays of a result are in a mailbox, and not in ``message``."""
    return bytes(message[:6]) == _MARK + _HANDED_OVER


def decode_result(message: bytes | memoryview, descriptor: int | None = None) -> SliceResult:
    """The inverse of :func:`encode_result`.

    It runs on the client, on what a worker sent: nothing in it is executed. Its experiments are decoded, and found
    damaged, when they are asked for.

    Args:
        message: that was sent.
        descriptor: of the file with the arrays, if they were handed over; it is closed with them.

    Raises:
        WireError: damaged bytes, or of another version or kind.
    """
    beside: Beside | None = None
    if bytes(message[:6]) in (_MARK + _HERE, _MARK + _HANDED_OVER):
        message, beside = _unframed(memoryview(message), descriptor)
    body = unseal(b"r", message, beside)
    try:
        return SliceResult(
            index=body["index"],
            experiments=PackedExperiments(body["experiments"], beside),
            metadata=body["metadata"],
            seconds=body["seconds"],
            arrays=tuple(body["arrays"]),
            refused={int(place): str(status) for place, status in body["refused"].items()},
            paths=frozenset((method, sampled) for method, sampled in body["paths"]),
            caches={kind: (hits, misses) for kind, hits, misses in body["caches"]},
        )
    except WireError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WireError(
            f"the result lacks what this release expects: {type(error).__name__}: {error}",
            hint="install the same release on client and workers.",
        ) from error


def _framed(how: bytes, message: bytes, sizes: Sequence[int], parts: Sequence[memoryview | bytes]) -> bytearray:
    lengths = [len(part) for part in parts] or [0] * len(sizes)
    head = b"".join(struct.pack("<QQ", *pair) for pair in zip(sizes, lengths, strict=True))
    framed = bytearray(_MARK + how)
    framed += struct.pack("<I", len(sizes)) + head + struct.pack("<Q", len(message)) + message
    whole = bytearray(len(framed) + sum(lengths))
    whole[: len(framed)] = framed
    place = len(framed)
    for part in parts:
        whole[place : place + len(part)] = part
        place += len(part)
    return whole


def _unframed(framed: memoryview, descriptor: int | None) -> tuple[memoryview, Beside]:
    """The message itself, and what lies beside it."""
    file = None if descriptor is None else OpenFile(descriptor)
    try:
        (count,) = struct.unpack_from("<I", framed, 6)
        pairs = [struct.unpack_from("<QQ", framed, 10 + 16 * place) for place in range(count)]
        start = 18 + 16 * count
        (length,) = struct.unpack_from("<Q", framed, start - 8)
        message, rest = framed[start : start + length], framed[start + length :]
        if len(message) < length:
            raise ValueError("it ends in the middle")
        sizes = [size for size, _ in pairs]
        if file is not None:
            return message, of_file(file, sizes)
        ends = list(accumulate(length for _, length in pairs))
        parts = [rest[end - length : end] for end, (_, length) in zip(ends, pairs, strict=True)]
        return message, InMemory(parts, sizes)
    except (*DAMAGE, OSError) as error:
        raise WireError(
            f"the arrays of a result are damaged: {type(error).__name__}: {error}",
            hint="install the same release on client and workers.",
        ) from error


def _shorter(part: memoryview) -> memoryview | bytes:
    """``part``, compressed if that is worth it."""
    if not compresses(part):
        return part
    found = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(part)
    return found if len(found) < part.nbytes else part


def check_result(result: SliceResult, plan: Plan, piece: Slice) -> None:
    """Refuse what is no result of ``piece``.

    Raises:
        WireError: it is of another slice, or has other experiments.
    """
    raw = plan.work.items[piece.item].output is None
    arrays = 0 if raw else sum(len(plan.work.manifest.rows(run.start, run.stop)) for run in piece.runs)
    expected = (piece.size, 0) if raw else (0, arrays)
    numbers = (len(result.experiments), len(result.arrays))
    strangers = [place for place in result.refused if not 0 <= place < piece.size]
    if result.index != piece.index or numbers != expected or strangers:
        raise WireError(
            f"slice {piece.index} came back as slice {result.index} with {numbers[0]} experiments and "
            f"{numbers[1]} arrays in place of {expected[0]} and {expected[1]}",
            hint="install the same release on client and workers.",
        )
