"""What travels beside the message of a slice."""

from __future__ import annotations

from typing import NamedTuple


class Call(NamedTuple):
    """What the worker must know of a slice without decoding it.

    Attributes:
        job_id: whose slice it is.
        slice: its index.
        threads: to reserve; 0 for all threads of the worker.
        blobs: names of the blobs that come with the task.
        marker: a file whose existence cancels the slice (executors), or empty.
        topic: Dask topic for the event "started", or empty.
        timeout: seconds that it may take; 0 for no limit.
        memory: MB that it probably needs; 0 for so little that it does not count.
        versions: of the client, see :func:`qiskit_cluster_provider.versions.key`; empty is not compared.
    """

    job_id: str
    slice: int
    threads: int
    blobs: tuple[str, ...] = ()
    marker: str = ""
    topic: str = ""
    timeout: float = 0.0
    memory: int = 0
    versions: str = ""
