"""Slices on a Dask cluster. Dask schedules, spreads the blobs, and runs again what a lost worker had."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any

from distributed import Client
from distributed import Future as DaskFuture
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from ..errors import ClusterConnectionError
from ..worker import end_job, keep, run_slice
from ..worker.children import Call
from .transport import Future

_ASK_EVERY = 1.0  # seconds
_SLOTS_IF_EMPTY = 4  # of a cluster that has no worker yet; it may grow with the load


class DaskTransport:
    """Each slice is one Dask task with ``bytes`` for arguments; each blob is a task that others depend on."""

    mendable: tuple[type[BaseException], ...] = (
        KilledWorker,
        FutureCancelledError,
        CommClosedError,
        OSError,
    )

    def __init__(self, connect: Callable[[], Client], check: Callable[[], None]) -> None:
        self._connect = connect
        self._check = check
        self._client: Any = None
        self._blobs: dict[str, DaskFuture] = {}
        self._threads = 1
        self._job_id = ""
        self._topic = ""
        self._count = itertools.count()
        self._sizes: tuple[float, dict[str, int]] = (0.0, {})

    def check(self) -> None:
        """As the cluster or its client says."""
        self._check()

    def open(self, job_id: str, threads: int, started: Callable[[int, str], None]) -> None:
        """Connect, check that a slice fits, and listen for slices that begin."""
        self._client = self._connect()
        if self._client.asynchronous:
            raise ClusterConnectionError(
                "this distributed.Client is asynchronous; make it with Client(..., asynchronous=False)."
            )
        if self._client.status != "running":
            raise ClusterConnectionError(
                f"the distributed.Client is {self._client.status}; hand over a client that is connected."
            )
        self._job_id, self._threads = job_id, threads
        sizes = self._workers().values()
        if sizes and max(sizes) < threads:
            raise ClusterConnectionError(
                f"max_parallel_threads={threads}, but the largest worker has {max(sizes)} threads; start workers "
                f"with threads_per_worker={threads}."
            )

        def on_event(event: tuple[float, Mapping[str, Any]]) -> None:
            started(event[1]["index"], event[1]["worker"])

        topic = f"qiskit-cluster-{job_id}"
        self._client.subscribe_topic(topic, on_event)
        self._topic = topic

    def slots(self) -> int:
        """Over all workers, the slices of this job's number of threads that fit."""
        sizes = self._workers().values()
        if not sizes:
            return _SLOTS_IF_EMPTY
        return max(1, sum(size // self._threads if self._threads else 1 for size in sizes))

    def submit(self, call: Call, payload: bytes, blobs: Mapping[str, bytes]) -> Future:
        """Send one slice, after the blobs that the cluster does not have yet."""
        self._connect()  # refuses once the cluster is closed
        held = [self._blob(name, blobs) for name in call.blobs]
        workers = None
        if self._threads > 1:
            workers = [address for address, n in self._workers().items() if n >= self._threads] or None
        future: Future = self._client.submit(
            run_slice,
            tuple(call._replace(topic=self._topic)),
            payload,
            *held,
            key=f"qiskit-cluster-{call.job_id}-{call.slice}-{next(self._count)}",
            workers=workers,
            pure=False,
        )
        return future

    def running(self, future: Any) -> bool:
        """Dask's events tell, see :meth:`open`."""
        return False

    def end(self) -> None:
        """Ask every worker to end the children that run this job."""
        if self._client is not None and self._client.status == "running":
            self._client.run(end_job, self._job_id, on_error="ignore")

    def close(self) -> None:
        """Stop listening and let Dask forget the blobs."""
        self._blobs.clear()
        if self._topic and self._client.status == "running":
            self._client.unsubscribe_topic(self._topic)

    def _blob(self, name: str, blobs: Mapping[str, bytes]) -> DaskFuture:
        future = self._blobs.get(name)
        if future is None or future.status in ("cancelled", "error", "lost"):
            # A task and not scatter(): if the only worker that holds it dies, the scheduler makes it again.
            future = self._client.submit(keep, blobs[name], key=f"qiskit-cluster-blob-{name}", pure=False)
            self._blobs[name] = future
        return future

    def _workers(self) -> Mapping[str, int]:
        """Threads of each worker; asked again at most once a second."""
        asked, sizes = self._sizes
        if not sizes or time.monotonic() - asked > _ASK_EVERY:
            sizes = dict(self._client.nthreads())
            self._sizes = time.monotonic(), sizes
        return sizes
