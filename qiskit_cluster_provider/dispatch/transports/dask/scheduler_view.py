"""What all jobs of a client know of its Dask cluster: workers and their size, and that their versions fit."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from distributed import Client
from distributed.comm import CommClosedError

from .... import versions
from ....errors import ClusterVersionError
from ....progress.log import logger
from ....worker import warm
from ....worker.sandbox.memory import memory_limit
from .blobs import Blobs
from .worker_load import WorkerLoad

MEMORY = "MEMORY"
"""Name of the Dask resource, in bytes, where workers declare it: the one of Dask's documentation."""
_ASK_EVERY = 1.0  # seconds
_ANSWER_WITHIN = 10.0  # seconds; a scheduler that is silent for longer counts as lost
_UNREACHED = (TimeoutError, asyncio.TimeoutError, asyncio.CancelledError, CommClosedError, OSError, RuntimeError)

_VIEWS: WeakKeyDictionary[Client, SchedulerView] = WeakKeyDictionary()
_LOCK = threading.Lock()


def view_of(client: Any) -> SchedulerView:
    """The view through ``client``; a new one after each reconnection, since another scheduler may be there."""
    with _LOCK:
        # What a view holds of its client would keep it alive for ever.
        for closed in [one for one in list(_VIEWS) if one.status == "closed"]:
            del _VIEWS[closed]
        view = _VIEWS.get(client)
        if view is None or view.comm is not client.scheduler_comm:
            view = _VIEWS[client] = SchedulerView(client.scheduler_comm)
        return view


class SchedulerView:
    """A Dask cluster, seen through one connection.

    Attributes:
        comm: the connection.
        threads: of each worker, by address.
        memory: MB of the largest worker; 0 if that is not known.
        resource: bytes of :data:`MEMORY` that the best worker declares; 0 unless all declare some.
        blobs: that stay on the workers.
        load: slices that the workers have.
        topic: the Dask topic under which workers tell that they have begun a slice; empty until a job listens.
    """

    def __init__(self, comm: Any) -> None:
        self.comm = comm
        self.threads: dict[str, int] = {}
        self.memory = 0
        self.resource = 0.0
        self.blobs = Blobs()
        self.load = WorkerLoad()
        self.topic = ""
        self._listeners: dict[str, Callable[[int, str], None]] = {}  # by job
        self._fitting: set[str] = set()  # addresses whose versions were compared
        self._warm: set[tuple[str, int]] = set()  # addresses that were asked for children, and of how many threads
        self._scheduler_fits = False
        self._asked = 0.0
        self._states: tuple[float, Counter[str]] = (0.0, Counter())  # when asked, how many workers are in which
        self._processing: tuple[float, frozenset[str]] = (0.0, frozenset())  # when asked, keys
        self._lock = threading.Lock()

    def listen(self, client: Any, job_id: str, started: Callable[[int, str], None]) -> None:
        """Call ``started(slice index, worker)`` for each slice of a job that begins, until the job is forgotten.

        There is one topic for all jobs, since neither client nor scheduler forgets a topic that it once had.
        """
        with self._lock:
            self._listeners[job_id] = started
            if not self.topic:
                self.topic = f"qiskit-cluster-{client.id}"
                client.subscribe_topic(self.topic, self._on_event)

    def forget(self, job_id: str) -> None:
        """Do not tell this job what begins any more."""
        self._listeners.pop(job_id, None)

    def _on_event(self, event: tuple[float, Mapping[str, Any]]) -> None:
        started = self._listeners.get(event[1]["job"])
        if started is not None:
            started(event[1]["index"], event[1]["worker"])

    def look(self, client: Any) -> str | None:
        """Ask the scheduler for its workers, at most once a second. Returns what is wrong, or ``None``.

        Raises:
            ClusterVersionError: the scheduler or a worker does not fit to this process.
        """
        with self._lock:
            if self.threads and time.monotonic() - self._asked < _ASK_EVERY:
                return None
            where = client.scheduler.address if client.scheduler is not None else "the scheduler"
            if client.status != "running":
                return f"the connection to the scheduler {where} is lost"
            try:
                if not self._scheduler_fits:
                    self._check_scheduler(client, where)
                self.threads = dict(client.sync(client.scheduler.ncores, callback_timeout=_ANSWER_WITHIN))
                new = [address for address in self.threads if address not in self._fitting]
                if new:
                    self._check_workers(client, new)
                    self._measure(client.scheduler_info(n_workers=-1)["workers"])
            except ClusterVersionError:
                raise
            except _UNREACHED as error:
                logger.debug("the scheduler does not answer", exc_info=error)
                return f"the scheduler {where} does not answer"
            self._asked = time.monotonic()
        if not self.threads:
            knows = getattr(client.cluster, "no_workers", None)  # a cluster of ours that starts its workers itself
            return f"the scheduler {where} has no workers; " + (
                knows() if knows else f"start some, for example: dask worker {where}"
            )
        return None

    def warm(self, client: Any, threads: int) -> None:
        """Ask workers to start children for slices of ``threads`` threads, each worker once. Returns at once."""
        new = [address for address in self._able(threads) if (address, threads) not in self._warm]
        if not new:
            return
        self._warm.update((address, threads) for address in new)

        async def ask() -> None:
            try:
                await client.run(warm, threads, workers=new, on_error="ignore", asynchronous=True)
            except _UNREACHED as error:
                logger.debug("workers could not be asked to start children", exc_info=error)

        client.loop.add_callback(ask)

    def wait_until_warm(self, client: Any, threads: int, seconds: float) -> bool:
        """Wait, for at most ``seconds``, until the children of all workers are ready; whether they are."""
        able = self._able(threads)
        self._warm.update((address, threads) for address in able)
        within = seconds + _ANSWER_WITHIN
        try:
            answers = client.run(warm, threads, seconds, workers=able, on_error="return", callback_timeout=within)
        except _UNREACHED as error:
            logger.debug("the workers do not answer", exc_info=error)
            return False
        return bool(answers) and all(answer is True for answer in answers.values())

    def _able(self, threads: int) -> list[str]:
        return [address for address, most in self.threads.items() if most >= threads]

    def paused(self, client: Any) -> str | None:
        """Why no worker takes up tasks, as of a second ago, or ``None``: Dask pauses workers whose memory is full."""
        with self._lock:
            if time.monotonic() - self._states[0] >= _ASK_EVERY:
                try:
                    found = client.sync(client.scheduler.identity, callback_timeout=_ANSWER_WITHIN)
                except _UNREACHED as error:
                    logger.debug("the scheduler does not answer", exc_info=error)
                    return None
                self._states = time.monotonic(), Counter(one.get("status", "") for one in found["workers"].values())
            states = self._states[1]
        if not states or set(states) != {"paused"}:
            return None
        count = states.total()
        return (
            f"{'the worker is' if count == 1 else f'all {count} workers are'} paused, since more of their memory is "
            "used than distributed.worker.memory.pause allows; start workers with more memory, or fewer threads each"
        )

    def is_nowhere(self, client: Any, key: str) -> bool:
        """Whether there are workers and none of them has this task, as of at most a second ago."""
        with self._lock:
            if time.monotonic() - self._processing[0] >= _ASK_EVERY:
                try:
                    found = client.sync(client.scheduler.processing, workers=None, callback_timeout=_ANSWER_WITHIN)
                except _UNREACHED as error:
                    logger.debug("the scheduler does not answer", exc_info=error)
                    return False
                self._processing = time.monotonic(), frozenset(itertools.chain.from_iterable(found.values()))
            return bool(self.threads) and key not in self._processing[1]

    def _measure(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        declared = [one.get("resources", {}).get(MEMORY, 0.0) for one in workers.values()]
        self.resource = max(declared) if declared and all(declared) else 0.0
        limits = [
            one["memory_limit"] or (memory_limit() if address.startswith("inproc") else 0)
            for address, one in workers.items()
        ]
        self.memory = max(limits) // 2**20 if limits and all(limits) else 0

    def _check_scheduler(self, client: Any, where: str) -> None:
        """Compare what the scheduler needs to read the tasks that pass through it: Python and the wire format."""
        try:
            theirs = client.run_on_scheduler(versions.report, callback_timeout=_ANSWER_WITHIN)
        except ImportError as error:
            raise _not_installed(f"the scheduler {where}", error) from error
        shared = {name: theirs[name] for name in ("python", "wire")}
        if reason := versions.complaint(f"the scheduler {where}", {**versions.report(), **shared}):
            raise ClusterVersionError.because(reason)
        self._scheduler_fits = True

    def _check_workers(self, client: Any, addresses: list[str]) -> None:
        answers = client.run(versions.report, workers=addresses, on_error="return", callback_timeout=_ANSWER_WITHIN)
        for address, theirs in answers.items():
            if isinstance(theirs, Exception) and versions.__package__ in str(theirs):  # Dask wraps an ImportError
                raise _not_installed(f"worker {address}", theirs)
            if isinstance(theirs, Mapping):  # else it left meanwhile
                if reason := versions.complaint(f"worker {address}", theirs):
                    raise ClusterVersionError.because(reason)
                self._fitting.add(address)


def _not_installed(where: str, error: Exception) -> ClusterVersionError:
    return ClusterVersionError(
        f"{where} cannot import qiskit_cluster_provider of this version ({error})",
        hint=(f"there: pip install qiskit-cluster-provider=={versions.report().get('qiskit-cluster-provider')}"),
    )
