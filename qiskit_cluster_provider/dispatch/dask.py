"""Slices on a Dask cluster. Dask schedules, spreads the blobs, and runs again what a lost worker had."""

from __future__ import annotations

import itertools
import logging
import time
from asyncio import CancelledError as AsyncCancelledError
from asyncio import TimeoutError as AsyncTimeoutError
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any

from distributed import Client
from distributed import Future as DaskFuture
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from .. import versions
from ..clusters import check_client
from ..errors import ClusterClosedError, ClusterConnectionError, ClusterVersionError
from ..worker import end_job, keep, run_slice
from ..worker.children import Call
from .transport import Future

logger = logging.getLogger("qiskit_cluster_provider")

_ASK_EVERY = 1.0  # seconds
_ANSWER_WITHIN = 10.0  # seconds; a scheduler that is silent for longer counts as lost
_SLOTS_IF_EMPTY = 4  # of a cluster that has no worker yet; it may grow with the load
_MEMORY = "MEMORY"  # name of the Dask resource, in bytes, where workers declare it; the one of Dask's documentation
_UNREACHED = (AsyncTimeoutError, TimeoutError, CommClosedError, OSError, AsyncCancelledError, RuntimeError)


class DaskTransport:
    """Each slice is one Dask task with ``bytes`` for arguments; each blob is a task that others depend on.

    Args:
        connect: gives the client, the same one until it is lost; raises if there is none.
    """

    def __init__(self, connect: Callable[[], Client], check: Callable[[], None]) -> None:
        self._connect = connect
        self._check = check
        self._client: Any = None
        self._comm: Any = None
        self._blobs: dict[str, DaskFuture] = {}
        self._threads = 1
        self._job_id = ""
        self._topic = ""
        self._started: Callable[[int, str], None] = lambda index, worker: None
        self._count = itertools.count()
        self._workers: dict[str, int] = {}
        self._asked = 0.0
        self._fitting: set[str] = set()  # addresses whose versions were compared
        self._only: dict[str, tuple[str, ...]] = {}  # key of a future -> workers that may run it
        self._has_memory = False

    def check(self) -> None:
        """As the cluster or its client says."""
        self._check()

    def open(self, job_id: str, threads: int, started: Callable[[int, str], None]) -> None:
        """Connect, check that a slice fits, and listen for slices that begin."""
        self._job_id, self._threads, self._started = job_id, threads, started
        self._topic = f"qiskit-cluster-{job_id}"
        client = self._reach()
        if client.status == "connecting":
            return  # it has lost its scheduler: the looks tell, as they do when that happens later
        if client.status != "running":
            raise ClusterConnectionError(
                f"the distributed.Client is {client.status}; hand over a client that is connected."
            )
        self._check_scheduler()
        trouble = self.trouble()
        if trouble and self._workers:
            raise ClusterConnectionError(f"{trouble}.")

    def slots(self) -> int:
        """Over all workers, the slices of this job's number of threads that fit."""
        if not self._workers:
            return _SLOTS_IF_EMPTY
        return max(1, sum(n // self._threads if self._threads else 1 for n in self._workers.values()))

    def submit(self, call: Call, payload: bytes, blobs: Mapping[str, bytes], avoid: str) -> Future:
        """Send one slice, after the blobs that the cluster does not have yet."""
        client = self._reach()
        if client.status != "running":
            raise ClusterConnectionError("the connection to the scheduler is lost")
        try:
            return self._send(client, call, payload, blobs, avoid)
        except ClusterConnectionError:
            raise
        except Exception as error:
            if client.status == "running":
                raise
            # It was lost since we looked, perhaps replaced by another job on the same cluster.
            raise ClusterConnectionError("the connection to the scheduler is lost") from error

    def _send(self, client: Any, call: Call, payload: bytes, blobs: Mapping[str, bytes], avoid: str) -> Future:
        held = [self._blob(name, blobs) for name in call.blobs]
        key = f"qiskit-cluster-{call.job_id}-{call.slice}-{next(self._count)}"
        fit = [a for a, n in self._workers.items() if n >= self._threads] if self._threads > 1 else []
        if self._threads > 1 and self._workers and not fit:
            raise ClusterConnectionError(str(self._lacking()))
        others = [a for a in fit or self._workers if a != avoid] if avoid else []
        if fit:
            self._only[key] = tuple(fit)
        future: Future = client.submit(
            run_slice,
            tuple(call._replace(topic=self._topic)),
            payload,
            *held,
            key=key,
            workers=others or fit or None,
            allow_other_workers=bool(others and not fit),
            resources={_MEMORY: call.memory * 2**20} if call.memory and self._has_memory else None,
            pure=False,
        )
        return future

    def trouble(self) -> str | None:
        """Ask the scheduler for its workers, at most once a second."""
        if time.monotonic() - self._asked < _ASK_EVERY:
            return self._lacking()
        try:
            client = self._reach()
        except ClusterClosedError:
            raise
        except ClusterConnectionError as error:
            return str(error.message).rstrip(".")
        where = client.scheduler.address if client.scheduler is not None else "the scheduler"
        if client.status != "running":
            return f"the connection to the scheduler {where} is lost"
        try:
            self._workers = dict(client.sync(client.scheduler.ncores, callback_timeout=_ANSWER_WITHIN))
        except _UNREACHED as error:
            logger.debug("the scheduler does not answer", exc_info=error)
            return f"the scheduler {where} does not answer"
        self._asked = time.monotonic()
        new = [address for address in self._workers if address not in self._fitting]
        if new:
            self._check_workers(new)
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            self._has_memory = bool(workers) and all(_MEMORY in one.get("resources", {}) for one in workers)
        return self._lacking()

    def stranded(self, future: Any) -> bool:
        """Of a slice with several threads: whether all workers have left that were large enough."""
        only = self._only.get(future.key)
        return only is not None and not any(address in self._workers for address in only)

    def outcome(self, error: Exception) -> str:
        """Dask gives up a task whose workers died several times, and cancels all when the scheduler is lost."""
        if isinstance(error, KilledWorker):
            return "lost"
        if isinstance(error, (FutureCancelledError, CommClosedError, CancelledError, OSError, ClosedClientError)):
            return "disconnected"
        if isinstance(error, RuntimeError) and "loop is closed" in str(error).lower():
            return "disconnected"  # the client, and its loop, ended before its result was fetched
        return "error"

    def running(self, future: Any) -> bool:
        """Dask's events tell, see :meth:`open`."""
        return False

    def end(self) -> None:
        """Ask every worker to end the children that run this job."""
        if self._client is not None and self._client.status == "running":
            self._client.run(end_job, self._job_id, on_error="ignore", callback_timeout=_ANSWER_WITHIN)

    def close(self) -> None:
        """Stop listening and let Dask forget the blobs."""
        self._blobs.clear()
        if self._client is not None and self._client.status == "running":
            self._client.unsubscribe_topic(self._topic)

    def _reach(self) -> Any:
        """The client; one that is new, or has lost its scheduler meanwhile, is prepared for this job."""
        client: Any = self._connect()
        if client.status == "closing":
            raise ClusterConnectionError("the connection to the scheduler is lost")
        check_client(client)
        # Subscriptions and futures do not outlive a connection; its comm is new after each.
        if client is not self._client or client.scheduler_comm is not self._comm:
            self._blobs.clear()
            self._only.clear()
            self._fitting.clear()
            self._client, self._comm = client, client.scheduler_comm
            if client.status == "running":
                client.subscribe_topic(self._topic, self._on_event)
        return client

    def _on_event(self, event: tuple[float, Mapping[str, Any]]) -> None:
        self._started(event[1]["index"], event[1]["worker"])

    def _blob(self, name: str, blobs: Mapping[str, bytes]) -> DaskFuture:
        future = self._blobs.get(name)
        if future is None or future.status in ("cancelled", "error", "lost"):
            # A task and not scatter(): if the only worker that holds it dies, the scheduler makes it again.
            future = self._client.submit(keep, blobs[name], key=f"qiskit-cluster-blob-{name}", pure=False)
            self._blobs[name] = future
        return future

    def _lacking(self) -> str | None:
        where = self._client.scheduler.address
        if not self._workers:
            return f"the scheduler {where} has no workers; start some, for example: dask worker {where}"
        largest = max(self._workers.values())
        if largest < self._threads:
            return (
                f"max_parallel_threads={self._threads}, but the largest worker has {largest} threads; start workers "
                f"with threads_per_worker={self._threads} (dask worker --nthreads {self._threads})"
            )
        return None

    def _check_scheduler(self) -> None:
        """It reads the tasks that pass through it, for which it needs this package, and nothing else of ours."""
        client = self._client
        try:
            theirs = client.run_on_scheduler(versions.report, callback_timeout=_ANSWER_WITHIN)
        except ImportError as error:
            raise _not_installed(f"the scheduler {client.scheduler.address}", error) from error
        except _UNREACHED:
            return  # the next look tells
        shared = {name: theirs[name] for name in ("python", "wire")}
        said = versions.complaint(f"the scheduler {client.scheduler.address}", {**versions.report(), **shared})
        if said:
            raise ClusterVersionError(f"{said}.")

    def _check_workers(self, addresses: list[str]) -> None:
        client = self._client
        try:
            answers = client.run(
                versions.report, workers=addresses, on_error="return", callback_timeout=_ANSWER_WITHIN
            )
        except _UNREACHED:
            return  # the next look asks again, and each slice is compared on its worker
        for address, theirs in answers.items():
            if isinstance(theirs, Exception) and versions.__package__ in str(theirs):  # Dask wraps an ImportError
                raise _not_installed(f"worker {address}", theirs)
            if isinstance(theirs, Mapping):  # else it left meanwhile
                said = versions.complaint(f"worker {address}", theirs)
                if said:
                    raise ClusterVersionError(f"{said}.")
                self._fitting.add(address)


def _not_installed(where: str, error: Exception) -> ClusterVersionError:
    return ClusterVersionError(
        f"{where} cannot import qiskit_cluster_provider of this version ({error}); there: pip install "
        f"qiskit-cluster-provider=={versions.report().get('qiskit-cluster-provider')}"
    )
