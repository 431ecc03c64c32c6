"""Chooses this process or the cluster for a run, and creates the dispatch."""

from __future__ import annotations

from typing import NamedTuple

from ..clusters import Connection
from ..options import SliceOptions
from ..plan import Placement, Plan, ResourceEstimate, Work, cut
from ..plan.slice_time import minimum_slice_time
from .base import Dispatch
from .capacity import HERE_CAPACITY, capacity_of
from .cluster import ClusterDispatch
from .here import HERE, HereDispatch, cut_here
from .transports.base import Capacity
from .transports.choose import choose_transport


def place(
    work: Work, options: SliceOptions, connection: Connection, *, safe_in_process: bool
) -> tuple[Placement, ResourceEstimate]:
    """Where to simulate ``work``, and what it needs there.

    Args:
        work: of a run.
        options: of it.
        connection: to the backend's cluster, which is not connected for that.
        safe_in_process: whether no circuit might end the process in which it is simulated, or never end.
    """
    estimate = work.engine.estimate(work, connection.reuse.calibration(HERE))
    if options.executor is not None:
        name = type(options.executor).__name__
        return Placement(False, f"executor={name}"), estimate.at(connection.reuse.calibration(name))
    if options.placement != "auto":
        found = Placement(options.placement == "here", f"placement={options.placement!r}")
    elif options.slice_timeout is not None:
        found = Placement(False, "nothing could end it here after slice_timeout")
    else:
        found = work.engine.place(estimate, safe_in_process=safe_in_process)
    return found, estimate if found.here else estimate.at(connection.reuse.calibration(connection.name))


class Preview(NamedTuple):
    """What would be done with a work."""

    placement: Placement
    estimate: ResourceEstimate
    capacity: Capacity
    plan: Plan


def preview(work: Work, options: SliceOptions, connection: Connection, *, safe_in_process: bool) -> Preview:
    """What would be done with ``work``; as for :func:`place`. Nothing is started.

    Raises:
        ClusterConnectionError: the cluster is connected already, and cannot be reached.
    """
    placement, estimate = place(work, options, connection, safe_in_process=safe_in_process)
    if placement.here:
        return Preview(placement, estimate, HERE_CAPACITY, cut_here(estimate))
    capacity = capacity_of(options, connection, int(work.options.get("max_parallel_threads", 1)))
    return Preview(
        placement, estimate, capacity, cut(work, capacity.slots, estimate, minimum_slice_time(capacity.overhead))
    )


def create(
    job_id: str, work: Work, options: SliceOptions, connection: Connection, *, safe_in_process: bool
) -> Dispatch:
    """What will run ``work``; as for :func:`place`.

    Raises:
        ClusterClosedError: the cluster or the executor is closed, or of another process.
    """
    if options.executor is None:
        connection.check()  # a backend that is closed runs nothing, wherever that would be
    placement, estimate = place(work, options, connection, safe_in_process=safe_in_process)
    if placement.here:
        return HereDispatch(job_id, estimate, options, placement, connection.reuse)  # without an import of Dask
    transport = choose_transport(options.executor, connection)
    transport.check()
    if options.executor is None:
        connection.begin()
    return ClusterDispatch(job_id, estimate, options, placement, transport)


def connect(options: SliceOptions, connection: Connection, threads: int, seconds: float) -> bool:
    """Connect to where a run with ``options`` would run, and have children started there.

    Args:
        options: of a run.
        connection: to the backend's cluster.
        threads: that each slice takes; 0 for all of a worker.
        seconds: to wait for the children; with 0, they start while this returns.

    Returns:
        Whether the children are known to be ready.

    Raises:
        ClusterConnectionError: the cluster cannot be started or reached, or has no worker with so many threads.
        ClusterVersionError: a worker has versions that do not fit to this process.
    """
    transport = choose_transport(options.executor, connection)
    transport.check()
    try:
        transport.open("connect", threads, lambda index, worker: None)
        return transport.warm(seconds)
    finally:
        transport.close()
