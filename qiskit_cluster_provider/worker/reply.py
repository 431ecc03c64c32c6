"""A large message on its way through Dask, which sends its bytes as they lie there."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict
from typing import Any

from ..outcomes import Reason

_LARGE = 2**16  # bytes: copying less takes no time


class Reply:
    """The bytes of a message.

    Dask pickles what a task returns. A pickle holds a copy of all bytes, but not of a buffer that may lie beside it.
    """

    def __init__(self, data: Any) -> None:
        self.data = memoryview(data)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Reply, (pickle.PickleBuffer(self.data) if protocol >= 5 else bytes(self.data),)

    def __sizeof__(self) -> int:
        """For Dask, which watches the memory of its workers."""
        return object.__sizeof__(self) + self.data.nbytes


def shared(message: bytes) -> bytes | Reply:
    """``message``, as a reply if it is large."""
    return message if len(message) < _LARGE else Reply(message)


def bytes_of(answer: Any) -> Any:
    """The message of :func:`shared`, which came back."""
    return answer.data if isinstance(answer, Reply) else answer


def packed(reason: Reason) -> bytes:
    """Why there is no result, as a JSON object."""
    return json.dumps(asdict(reason)).encode()


def unpacked(data: bytes) -> Reason:
    """The reason of :func:`packed`, which came back.

    Raises:
        ValueError: it is no such object.
    """
    found = json.loads(data)
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ValueError("no reason")
    try:
        return Reason(**found)
    except TypeError as error:
        raise ValueError("no reason") from error
