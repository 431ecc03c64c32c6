"""Slices on a Dask cluster. Dask schedules them, spreads the blobs, and runs again what a lost worker had."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import Any, NamedTuple

from distributed import Client
from distributed import Future as DaskFuture
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from ....clusters import check_client
from ....errors import ClusterClosedError, ClusterConnectionError
from ....outcomes import Outcome, Reason
from ....plan.slice_time import OVERHEAD_LOCAL, OVERHEAD_NETWORK
from ....worker import end_job, run_slice
from ....worker.sandbox.call import Call
from ....worker.sandbox.exit_status import shortage
from ..base import SLOTS_IF_EMPTY, Capacity, Future, Health, Started, Transport
from .blobs import GONE
from .scheduler_view import MEMORY, SchedulerView, view_of
from .worker_load import WorkerLoad

_END_WITHIN = 10.0  # seconds for the workers to be told that a job was cancelled


class _Fit(NamedTuple):
    """What fits on the workers of a cluster.

    Attributes:
        threads: of each worker, by address.
        slots: slices, on all of them.
        most: slices, on one of them.
        largest: the most threads of a worker.
    """

    threads: Mapping[str, int]
    slots: int
    most: int
    largest: int


class DaskTransport(Transport, Health):
    """Makes one Dask task with ``bytes`` for arguments of each slice. Each blob is a task that slices depend on.

    Args:
        connect: returns the client, which is the same one until it is lost, or raises if there is none.
        check: raises if there will never be a client again.
        grows_to: returns the number of workers that there may be under load; 0 if it does not change by itself.
        prepare: is told the threads of a slice before the cluster is connected.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        check: Callable[[], None],
        grows_to: Callable[[], int] = lambda: 0,
        prepare: Callable[[int], None] = lambda threads: None,
    ) -> None:
        self._connect = connect
        self._check = check
        self._grows_to = grows_to
        self._prepare = prepare
        self._client: Any = None
        self._blobs: dict[str, DaskFuture] = {}
        self._threads = 1
        self._job_id = ""
        self._closed = False
        self._started: Started = _nobody_listens
        self._count = itertools.count()
        self._view = SchedulerView(None)
        self._fits = _Fit({}, 0, 0, 0)
        self._named: dict[str, tuple[str, ...]] = {}  # key of a future -> workers that may, or should, run it
        self._places: dict[str, tuple[WorkerLoad, str]] = {}  # key of a future -> the worker that it was meant for

    @property
    def health(self) -> Health:
        """This object itself, which sees the scheduler."""
        return self

    def check(self) -> None:
        """Refuse a cluster or a client that is closed."""
        self._check()

    def open(self, job_id: str, threads: int, started: Started) -> None:
        """Connect, check that a slice fits, and listen for slices that begin."""
        self._job_id, self._threads, self._started = job_id, threads, started
        self._prepare(threads)
        client = self._reach()
        if client.status == "connecting":
            return  # the client has lost its scheduler, which trouble() tells, as it does when that happens later
        if client.status != "running":
            self._check()  # whatever started the client may have closed it meanwhile, and says why
            raise ClusterConnectionError(
                f"the distributed.Client is {client.status}", hint="hand over a client that is connected."
            )
        self._view.look(client)  # trouble() tells what may pass, such as a scheduler that is away for a moment
        if too_small := self._too_small():
            raise ClusterConnectionError.because(too_small)

    def warm(self, seconds: float = 0.0) -> bool:
        """Ask the workers, on their event loops, so that this takes no thread from a slice."""
        client = self._reach()
        if client.status != "running":
            return False
        if not seconds:
            self._view.warm(client, self._threads)
            return False
        return self._view.wait_until_warm(client, self._threads, seconds)

    def capacity(self) -> Capacity:
        """The workers that are there, and the slices of this job's number of threads that fit into all of them.

        A cluster without workers is to get at least one. A cluster that grows with the load sees no load beyond what
        it was given, so that it gets enough for all the workers that it may have.
        """
        fit = self._fit()
        grown = self._grows_to() * max(1, fit.most)
        scheduler = self._client.scheduler
        near = scheduler is not None and scheduler.address.startswith("inproc")  # in this process
        return Capacity(
            workers=max(1, len(fit.threads)),
            slots=max(1, fit.slots, grown) if fit.threads else max(SLOTS_IF_EMPTY, grown),
            overhead=OVERHEAD_LOCAL if near else OVERHEAD_NETWORK,
            memory=self._view.memory,
        )

    def submit(self, call: Call, payload: bytes, blobs: Mapping[str, bytes], avoid: str) -> Future:
        """Send one slice, after the blobs that the cluster does not have yet."""
        if self._closed:
            raise ClusterClosedError(f"slice {call.slice} cannot be submitted: job {call.job_id} has ended.")
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
            # The client was lost a moment ago, and another job may have replaced it already.
            raise ClusterConnectionError("the connection to the scheduler is lost") from error

    def _send(self, client: Any, call: Call, payload: bytes, blobs: Mapping[str, bytes], avoid: str) -> Future:
        held = [self._blob(name, blobs) for name in call.blobs]
        key = f"qiskit-cluster-{call.job_id}-{call.slice}-{next(self._count)}"
        workers = self._view.threads
        if too_small := self._too_small():
            raise ClusterConnectionError.because(too_small)
        fit = [a for a, n in workers.items() if n >= self._threads] if self._threads > 1 else []
        # With more than the best worker has, no worker would ever take the slice. Aer refuses it, and says its needs.
        memory = min(call.memory * 2**20, self._view.resource)
        should: list[str] = []
        if not memory:  # a task that may go to other workers than the named ones may overlook resources too
            should = [a for a in fit or workers if a != avoid] if avoid else []
            if len(workers) > 1 and not (fit or should):
                load = self._view.load
                should = [load.take(workers)]
                self._places[key] = load, should[0]
        if should or fit:
            self._named[key] = tuple(should or fit)
        future: Future = client.submit(
            run_slice,
            tuple(call._replace(topic=self._view.topic)),
            payload,
            *held,
            key=key,
            workers=should or fit or None,
            allow_other_workers=bool(should and not fit),
            resources={MEMORY: memory} if memory else None,
            pure=False,
        )
        return future

    def settled(self, future: Any) -> None:
        """Take note that the slice's worker has room for another one."""
        load, address = self._places.pop(future.key, (None, ""))
        if load is not None:
            load.give_back(address)

    def trouble(self, inflight: Collection[Any], running: bool) -> str | None:
        """As the scheduler view tells, and whether a worker has threads enough and takes up its tasks."""
        try:
            client = self._reach()
        except ClusterClosedError:
            raise
        except ClusterConnectionError as error:
            return error.reason.clause
        said = self._view.look(client)
        if said is None and (too_small := self._too_small()) is not None:
            said = too_small.clause
        if said is None:
            self._view.warm(client, self._threads)  # workers that came since
        return said or (self._view.paused(client) if inflight and not running else None)

    def is_stranded(self, future: Any) -> bool:
        """Whether all workers that were named for the slice have left, and no other worker has it.

        Dask does not send such a task to a worker that comes later, even if other workers were allowed.
        """
        named = self._named.get(future.key)
        if named is None or any(address in self._view.threads for address in named):
            return False
        # "lost": the task was done, and its result had not been fetched.
        return future.status in ("pending", "lost") and self._view.is_nowhere(self._client, future.key)

    def is_slow(self, future: Any) -> bool:
        """Whether fetching the value timed out. If the task itself raised the error, its status is ``error``."""
        return bool(future.status != "error")

    def outcome(self, error: BaseException) -> tuple[Outcome, Reason]:
        """Tell Dask's errors apart: it gives up a task whose workers died several times, and cancels all tasks when
        the scheduler is lost.
        """
        if isinstance(error, KilledWorker):
            knows = getattr(getattr(self._client, "cluster", None), "deaths", None)  # a cluster of ours that can ask
            why = (knows() if knows else "") or (
                "their own logs say why (out of memory, or sent away by their machine?)"
            )
            return Outcome.LOST, Reason(
                f"{error.allowed_failures + 1} Dask workers died while they had it, the last of them "
                f"{error.last_worker.address}",
                hint=why,
            )
        if isinstance(error, (FutureCancelledError, CommClosedError, CancelledError, OSError, ClosedClientError)):
            return Outcome.DISCONNECTED, Reason.of(error)
        if isinstance(error, RuntimeError) and "loop is closed" in str(error).lower():
            return Outcome.DISCONNECTED, Reason.of(error)  # the client ended before the result was fetched
        if scarce := shortage(error):
            return Outcome.UNREADY, replace(Reason.of(error), hint=scarce)
        return Outcome.ERROR, Reason.of(error)

    def is_running(self, future: Any) -> bool:
        """No: Dask's events tell what has begun, see :meth:`open`."""
        return False

    def cancel(self) -> None:
        """Ask every worker to end the children that run this job."""
        if self._client is not None and self._client.status == "running":
            self._client.run(end_job, self._job_id, on_error="ignore", callback_timeout=_END_WITHIN)

    def close(self) -> None:
        """Stop listening, and let Dask forget the blobs that are not kept for later jobs."""
        self._closed = True
        self._started = _nobody_listens  # it holds the job, whose results are large and have to go with it
        self._blobs.clear()
        self._view.forget(self._job_id)
        for load, address in self._places.values():
            load.give_back(address)
        self._places.clear()

    def _reach(self) -> Any:
        """The client. A client that is new, or that was connected again, is prepared for this job first."""
        client: Any = self._connect()
        if client.status == "closing":
            raise ClusterConnectionError("the connection to the scheduler is lost")
        check_client(client)
        view = view_of(client)
        if view is not self._view:  # subscriptions and futures do not outlive a connection
            self._blobs.clear()
            self._named.clear()
            self._view.forget(self._job_id)
            self._client, self._view = client, view
            if client.status == "running":
                view.listen(client, self._job_id, self._started)
        return client

    def _blob(self, name: str, blobs: Mapping[str, bytes]) -> DaskFuture:
        future = self._blobs.get(name)
        if future is None or future.status in GONE:
            future = self._blobs[name] = self._view.blobs.get(self._client, name, blobs[name])
        return future

    def _fit(self) -> _Fit:
        """How many slices fit on the workers that are there now; asked for each slice that is sent and comes back."""
        threads = self._view.threads  # another dictionary whenever the scheduler was asked
        if self._fits.threads is not threads:
            each = [n // self._threads if self._threads else 1 for n in threads.values()]
            self._fits = _Fit(threads, sum(each), max(each, default=0), max(threads.values(), default=0))
        return self._fits

    def _too_small(self) -> Reason | None:
        fit = self._fit()
        largest = fit.largest
        if not fit.threads or largest >= self._threads:
            return None
        return Reason(
            f"max_parallel_threads={self._threads}, but the largest worker has {largest} threads",
            hint=f"start workers with threads_per_worker={self._threads} (dask worker --nthreads {self._threads}).",
        )


def _nobody_listens(index: int, worker: str) -> None:
    """Ignore the events of a job that is not open."""
