"""What a worker may answer. An executor of a user's may hand over anything else."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..errors import WireError
from ..outcomes import ANSWERS, Outcome, Reason
from ..worker.reply import bytes_of, unpacked

Message = bytes | memoryview


class Versions(NamedTuple):
    """The versions of a worker that does not fit.

    Attributes:
        worker: its name.
        versions: as :func:`~..versions.report` gives them.
    """

    worker: str
    versions: dict[str, str]


def opened(value: Any) -> tuple[Outcome, Message | Reason | Versions]:
    """The outcome of a slice, and what belongs to it: the message of a result, the versions of a worker that does not
    fit, or the reason why there is no result.

    Raises:
        WireError: it is no such answer.
    """
    try:
        word, answer = value
        message = bytes_of(answer)
        outcome = Outcome(word)
    except (TypeError, ValueError):
        raise _no_answer(value) from None
    if outcome not in ANSWERS or not isinstance(message, bytes | bytearray | memoryview):
        raise _no_answer(value)
    if outcome is Outcome.DONE:
        return outcome, bytes(message) if isinstance(message, bytearray) else message
    try:
        return outcome, (_versions if outcome is Outcome.UNFIT else unpacked)(bytes(message))
    except ValueError:
        raise _no_answer(value) from None


def _versions(message: bytes) -> Versions:
    """The versions in the answer of a worker that does not fit.

    Raises:
        ValueError: the message has none.
    """
    theirs = json.loads(message)
    if not isinstance(theirs, dict) or not all(
        isinstance(one, str) for one in (theirs.get("worker"), *theirs.values())
    ):
        raise ValueError("no versions")
    return Versions(theirs.pop("worker"), theirs)


def _no_answer(value: Any) -> WireError:
    return WireError(f"what came back is no answer of a worker: {value!r:.80}")
