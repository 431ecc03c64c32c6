"""A preload of the scheduler, which does not count as idle while a client is connected.

The operator removes a cluster whose scheduler has been idle for ``idleTimeout``. This is for a cluster that a killed
process has left, and not for a user who thinks for an hour. The connection tells one from the other: it ends with the
process, and unlike a heartbeat it does not depend on what the process does.
"""

from __future__ import annotations

from typing import Any

from tornado.ioloop import PeriodicCallback

_LOOK_EVERY = 5000  # milliseconds; less than the shortest timeout that can be set


def dask_setup(scheduler: Any) -> None:
    """Let the scheduler look at its clients regularly. ``dask scheduler --preload`` calls this."""

    def touch() -> None:
        if scheduler.client_comms:
            scheduler.idle_since = None

    callback = PeriodicCallback(touch, _LOOK_EVERY)
    scheduler.periodic_callbacks["in-use"] = callback
    callback.start()
