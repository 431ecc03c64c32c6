"""The one place where something is pickled for a worker, and unpickled there.

A worker on which ``QISKIT_CLUSTER_ALLOW_PICKLE`` is off unpickles nothing, whoever sends it.
"""

from __future__ import annotations

import os
import pickle
from typing import Any

import cloudpickle

from ..errors import PickleRefusedError
from ..options import yes_or_no

VARIABLE = "QISKIT_CLUSTER_ALLOW_PICKLE"


def dumps(thing: Any) -> bytes:
    """``thing``, with what was defined in a notebook."""
    pickled: bytes = cloudpickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)
    return pickled


def loads(pickled: bytes, what: str) -> Any:
    """The inverse of :func:`dumps`. Runs on workers only: it executes what the client sent.

    Args:
        pickled: what was sent.
        what: it is, for an error.

    Raises:
        PickleRefusedError: this process executes nothing that is sent.
    """
    check_allowed(what)
    return pickle.loads(pickled)


def check_allowed(what: str) -> None:
    """Refuse to unpickle ``what``, if the environment of this process says so.

    Raises:
        PickleRefusedError: it does; or it says something that is neither yes nor no, which is taken for no.
    """
    try:
        allowed = yes_or_no(os.environ.get(VARIABLE, "1"))
    except ValueError:
        allowed = False
    if not allowed:
        raise PickleRefusedError(
            f"{what} came in a pickle, and this worker unpickles nothing ({VARIABLE} is off)",
            hint="set allow_pickle=False to be told before sending; explain() says what is pickled.",
        )
