"""Chooses the transport of a run. It is the one file that knows all transports."""

from __future__ import annotations

from typing import Any

from ...clusters import Connection, check_client
from .base import Transport


def choose_transport(executor: Any, connection: Connection) -> Transport:
    """The transport for a run. A transport is imported when it is first chosen.

    Args:
        executor: the user's executor or ``distributed.Client``, or ``None``.
        connection: of the backend; used if there is no executor.
    """
    if executor is None:
        from .dask.transport import DaskTransport

        return DaskTransport(connection.client, connection.check, lambda: connection.grows_to, connection.prepare)
    if type(executor).__module__.split(".")[0] == "distributed" and hasattr(executor, "scheduler_info"):
        from .dask.transport import DaskTransport

        return DaskTransport(lambda: executor, lambda: check_client(executor))
    from .executor import ExecutorTransport

    return ExecutorTransport(executor)
