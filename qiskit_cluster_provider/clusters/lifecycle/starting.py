"""How a cluster that is just being started learns that nobody wants it any more."""

from __future__ import annotations

import threading
from contextvars import ContextVar

from ...errors import ClusterClosedError

STOPPING: ContextVar[threading.Event] = ContextVar("STOPPING")
"""Of the connection that is being made in this context; set when it is closed."""


def stopping() -> threading.Event:
    """The event to wait on in place of sleeping, in :meth:`ClusterKind.connect` and what that calls."""
    return STOPPING.get(threading.Event())


def check_wanted() -> None:
    """Refuse to go on starting what was closed meanwhile.

    Raises:
        ClusterClosedError: it was.
    """
    if stopping().is_set():
        raise ClusterClosedError("the cluster was closed while it started.")
