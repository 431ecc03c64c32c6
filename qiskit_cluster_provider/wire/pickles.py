"""The one place where something is pickled for a worker, and unpickled there."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle


def dumps(thing: Any) -> bytes:
    """``thing``, with what was defined in a notebook."""
    pickled: bytes = cloudpickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)
    return pickled


def loads(pickled: bytes) -> Any:
    """The inverse of :func:`dumps`. Runs on workers only: it executes what the client sent."""
    return pickle.loads(pickled)
