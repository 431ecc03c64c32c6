"""What a worker may answer. An executor of a user's may hand over anything else."""

from __future__ import annotations

import json
from typing import Any

from ..errors import WireError
from ..worker import OUTCOMES
from ..worker.reply import bytes_of


def opened(value: Any) -> tuple[str, Any]:
    """A word of :data:`~..worker.OUTCOMES` and what belongs to it: bytes of a result, a text, or, for "unfit", the
    versions of the worker and its name.

    Raises:
        WireError: it is no such answer.
    """
    try:
        outcome, answer = value
        message = bytes_of(answer)
        known = outcome in OUTCOMES
    except (TypeError, ValueError):
        raise WireError(f"what came back is no answer of a worker: {value!r:.80}") from None
    if not known or not isinstance(message, bytes | bytearray | memoryview):
        raise WireError(f"what came back is no answer of a worker: {value!r:.80}")
    if outcome == "done":
        return outcome, message
    text = bytes(message).decode(errors="replace")
    if outcome != "unfit":
        return outcome, text
    try:
        theirs = json.loads(text)
    except ValueError:
        theirs = None
    if not isinstance(theirs, dict) or not all(
        isinstance(one, str) for one in (theirs.get("worker"), *theirs.values())
    ):
        raise WireError(f"what came back is no list of a worker's versions: {text!r:.80}")
    return outcome, theirs
