"""How much a cluster can do at the same time, as far as that is known without starting it."""

from __future__ import annotations

from typing import NamedTuple

from ..clusters import Connection
from ..options import SliceOptions
from ..plan.cost import OVERHEAD_LOCAL, OVERHEAD_NETWORK
from .transports.base import SLOTS_IF_EMPTY, Transport, choose_transport


class Capacity(NamedTuple):
    """What a run is cut for.

    Attributes:
        workers: that keep what several slices need; 0 if that goes with each slice.
        slots: slices that they run at the same time.
        overhead: seconds that a slice costs besides its simulation.
        why: how that is known, in words.
    """

    workers: int
    slots: int
    overhead: float
    why: str


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
        transport.open("explain", threads, lambda index, worker: None)
        try:
            return capacity_now(transport)
        finally:
            transport.close()
    overhead = OVERHEAD_LOCAL if connection.kind.near else OVERHEAD_NETWORK
    workers, each = connection.kind.size(connection.config)
    if not workers:
        return Capacity(SLOTS_IF_EMPTY, SLOTS_IF_EMPTY, overhead, "a guess, as nobody knows before it is connected")
    slots = workers * max(1, each // threads if threads else 1)
    return Capacity(workers, slots, overhead, "by its settings, as it is not started yet")


def capacity_now(transport: Transport) -> Capacity:
    """What ``transport``, which is open, leads to."""
    return Capacity(transport.workers(), transport.slots(), transport.overhead(), "as it is now")
