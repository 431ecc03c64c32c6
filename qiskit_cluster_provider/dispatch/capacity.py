"""How much a cluster can do at the same time, as far as that is known without starting it."""

from __future__ import annotations

from ..clusters import Connection
from ..options import SliceOptions
from ..plan.slice_time import OVERHEAD_LOCAL, OVERHEAD_NETWORK
from .transports.base import SLOTS_IF_EMPTY, Capacity
from .transports.choose import choose_transport

HERE_CAPACITY = Capacity(1, 1, 0.0, "this process")


def capacity_of(options: SliceOptions, connection: Connection, threads: int) -> Capacity:
    """What there is for a run with ``options``; nothing is started.

    Args:
        options: of the run.
        connection: to the backend's cluster.
        threads: that each slice takes; 0 for all of a worker.

    Raises:
        ClusterConnectionError: the cluster cannot be reached, or no worker has so many threads.
    """
    if options.executor is not None or connection.started:
        transport = choose_transport(options.executor, connection)
        transport.check()
        try:
            transport.open("explain", threads, lambda index, worker: None)
            return transport.capacity()
        finally:
            transport.close()
    overhead = OVERHEAD_LOCAL if connection.kind.near else OVERHEAD_NETWORK
    workers, each = connection.kind.size(connection.config)
    if not workers:
        return Capacity(SLOTS_IF_EMPTY, SLOTS_IF_EMPTY, overhead, "a guess, as nobody knows before it is connected")
    slots = workers * max(1, each // threads if threads else 1)
    return Capacity(workers, slots, overhead, "by its settings, as it is not started yet")
