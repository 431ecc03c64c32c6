"""A preload of the scheduler: while a client is connected it is not idle, whatever the client does meanwhile.

The operator removes a cluster whose scheduler has been idle for ``idleTimeout``. That is for what a killed process
left behind, and not for a user who thinks for an hour. The connection tells the two apart: it ends with the process,
and it does not depend on what the process does, as a heartbeat would.
"""

from __future__ import annotations

from typing import Any

from tornado.ioloop import PeriodicCallback

_LOOK_EVERY = 5000  # milliseconds; less than the shortest timeout that can be set


def dask_setup(scheduler: Any) -> None:
    """Called by ``dask scheduler --preload``."""

    def touch() -> None:
        if scheduler.client_comms:
            scheduler.idle_since = None

    callback = PeriodicCallback(touch, _LOOK_EVERY)
    scheduler.periodic_callbacks["in-use"] = callback
    callback.start()
