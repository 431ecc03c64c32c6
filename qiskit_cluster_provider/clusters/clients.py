"""What can be told of a ``distributed.Client`` without waiting for it, and what a client needs after a fork."""

from __future__ import annotations

import os
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

from .._compat.dask import stop_loop
from ..errors import ClusterClosedError

if TYPE_CHECKING:
    from distributed import Client

_CLOCK_SEQUENCES = 2**14


def check_client(client: Client) -> None:
    """Refuse a client that can no longer be used, without waiting for anything.

    Raises:
        ClusterClosedError: The client is closed or asynchronous, or was made before a fork.
    """
    if client.status in ("closing", "closed"):
        raise ClusterClosedError(
            f"the distributed.Client is {client.status}", hint="hand over one that is connected."
        )
    if client.asynchronous:
        raise ClusterClosedError(
            "this distributed.Client is asynchronous", hint="make it with Client(..., asynchronous=False)."
        )
    if _process_of(client) not in (os.getpid() % _CLOCK_SEQUENCES, None):
        raise ClusterClosedError(
            "the distributed.Client was made before this process was forked, and a connection does "
            "not survive a fork",
            hint="make a client in this process.",
        )


def new_client(target: Any, **options: Any) -> Client:
    """A client of a scheduler's address or of a Dask cluster object. It does not become the process's default one."""
    client: Client = _client_class()(target, set_as_default=False, **options)
    return client


@cache
def _client_class() -> Any:
    """Dask's client, but closed if its constructor raises, which would leave it open for good."""
    import distributed

    class Client(distributed.Client):
        def __init__(self, *args: Any, **options: Any) -> None:
            try:
                super().__init__(*args, **options)
            except BaseException:
                end_client(self)
                raise

    return Client


def end_client(client: Client) -> None:
    """Close a client and end its thread.

    If the connection ended by itself, Dask would leave the thread, with three descriptors.
    """
    client.close()
    stop_loop(client)


def _process_of(client: Client) -> int | None:
    """The last 14 bits of the number of the process that made the client. Dask writes them into the client's id."""
    try:
        found = uuid.UUID(client.id[-36:])
    except ValueError:
        return None
    return found.clock_seq if found.version == 1 else None
