"""What can be told of a ``distributed.Client`` without waiting for it, and what it needs after a fork."""

from __future__ import annotations

import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .._compat.dask import stop_loop
from ..errors import ClusterClosedError

if TYPE_CHECKING:
    from distributed import Client

_CLOCK_SEQUENCES = 2**14


def check_client(client: Client) -> None:
    """Refuse a client that can no longer be used, without waiting for anything.

    Raises:
        ClusterClosedError: it is closed or asynchronous, or was made before a fork.
    """
    if client.status in ("closing", "closed"):
        raise ClusterClosedError(f"the distributed.Client is {client.status}; hand over one that is connected.")
    if client.asynchronous:
        raise ClusterClosedError(
            "this distributed.Client is asynchronous; make it with Client(..., asynchronous=False)."
        )
    if _process_of(client) not in (os.getpid() % _CLOCK_SEQUENCES, None):
        raise ClusterClosedError(
            "the distributed.Client was made before this process was forked, and a connection does not survive a "
            "fork; make a client in this process."
        )


def new_client(target: Any, **options: Any) -> Client:
    """A client of a scheduler's address or of a Dask cluster object, which does not become the process's default one.

    Made in two steps: a constructor that raises leaves a client that is open, and that nobody else could close.
    """
    from distributed import Client

    client: Client = Client.__new__(Client)
    try:
        client.__init__(target, set_as_default=False, **options)
    except BaseException:
        end_client(client)
        raise
    return client


def end_client(client: Client) -> None:
    """Close it, and end its thread: Dask leaves that, with three descriptors, if the connection ended by itself."""
    client.close()
    stop_loop(client)


def _process_of(client: Client) -> int | None:
    """The last 14 bits of the number of the process that made it: Dask writes them into the client's id."""
    try:
        found = uuid.UUID(client.id[-36:])
    except ValueError:
        return None
    return found.clock_seq if found.version == 1 else None


def _renew_offloading() -> None:
    """In a forked child: Dask unpacks messages in one thread of its process, and threads do not survive a fork.

    Without a new one, a cluster that the child starts would accept tasks and wait for ever.
    """
    utils: Any = sys.modules.get("distributed.utils")
    if isinstance(getattr(utils, "_offload_executor", None), ThreadPoolExecutor):
        utils._offload_executor = ThreadPoolExecutor(1, thread_name_prefix="Dask-Offload")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_offloading)
