"""What a slice came back with: msgpack and arrays, nothing that executes when it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..plan import SliceResult
from .envelope import seal, unseal


def encode_result(
    index: int, experiments: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any], seconds: float
) -> bytes:
    """The bytes of slice ``index``: Aer's raw experiment dictionaries and the metadata of its result.

    Raises:
        WireError: a saved quantity has a type that the format does not know.
    """
    body = {"index": index, "experiments": list(experiments), "metadata": dict(metadata), "seconds": seconds}
    return seal(b"r", body)


def decode_result(message: bytes) -> SliceResult:
    """The inverse of :func:`encode_result`.

    Raises:
        WireError: bytes of another version or kind.
    """
    body = unseal(b"r", message)
    return SliceResult(body["index"], tuple(body["experiments"]), body["metadata"], body["seconds"])
