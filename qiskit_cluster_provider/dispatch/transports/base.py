"""What a transport is: the way of one job's slices to the workers that run them, and back.

A new transport is one class below :class:`Transport`, in a file of its own. It has to have five methods: ``open``,
``capacity``, ``submit``, ``cancel`` and ``close``. The others have a default. ``check_transport`` of
:mod:`qiskit_cluster_provider.testing` tells whether it does what the rest of the package relies on.

A transport belongs to one job. Its life is::

    check()                        in the thread of the user, before anything starts
    open(...)                      in a thread of the job, as everything that follows
    warm()                         once
    capacity()  submit(...)        again and again
    settled(future)                once for each future, when its end is known or nobody waits for it any more
    cancel()                       if the job ends while slices are under way
    close()                        always, even if open() raised

What a worker does with a slice is the same everywhere: it calls ``run_slice(tuple(call), payload, *blobs)`` of
:mod:`qiskit_cluster_provider.worker`, which starts and ends the processes that simulate, keeps to the limits of time
and memory, and raises nothing: whatever goes wrong with a slice is in its return value. That value is the result of
the slice's future, untouched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import CancelledError
from typing import Any, NamedTuple, Protocol

from ...outcomes import Outcome, Reason
from ...plan.slice_time import OVERHEAD_NETWORK
from ...worker.sandbox.call import Call

SLOTS_IF_EMPTY = 4
"""Slots of a cluster that has no worker yet; it may grow with the load."""

Started = Callable[[int, str], None]
"""Is called with the index of a slice and the name of its worker when that worker begins with it."""


class Future(Protocol):
    """The end of one slice: what ``concurrent.futures.Future`` and ``distributed.Future`` share."""

    def add_done_callback(self, fn: Callable[[Any], Any]) -> Any:
        """Call ``fn`` with this future when it is done or cancelled."""

    def cancel(self) -> Any:
        """Do not start the slice if it has not begun."""

    def done(self) -> bool:
        """Whether the slice has an end. A later call may say no again, if the result was lost with its worker."""

    def result(self, timeout: float | None = None) -> Any:
        """What ``run_slice`` returned, or raise what went wrong on the way.

        Raises:
            TimeoutError: the value has not come within ``timeout`` seconds.
        """


class Capacity(NamedTuple):
    """How much can be done at the same time.

    Attributes:
        workers: that keep blobs from slice to slice; 0 if blobs travel with each slice.
        slots: slices that run at the same time; at least 1.
        overhead: seconds that a slice costs besides its simulation, roughly.
        why: how that is known, in words.
        memory: MB of the largest worker; 0 if that is not known.
    """

    workers: int = 0
    slots: int = 1
    overhead: float = OVERHEAD_NETWORK
    why: str = "as it is now"
    memory: int = 0


class Health:
    """What a transport can tell of the place where its slices run. The defaults know nothing and change nothing.

    A transport that sees its workers, as Dask's does, tells with this why slices are late, so that a job ends with a
    reason and does not wait for ever.
    """

    def trouble(self, inflight: Collection[Any], running: bool) -> str | None:
        """What keeps slices from being run now: the beginning of a sentence. It is asked about once a second.

        A job gives up when there has been trouble for ``no_workers_timeout`` seconds.

        Args:
            inflight: futures of this job that have no end yet.
            running: whether one of its slices is known to have begun and not ended.

        Raises:
            ClusterClosedError: the cluster will not come back.
            ClusterVersionError: a worker that came has versions that do not fit to this process.
        """
        return None

    def is_running(self, future: Any) -> bool:
        """Whether the slice of ``future`` has begun and not ended, as far as the future itself tells.

        Only a transport that does not call ``started`` needs this.
        """
        running = getattr(future, "running", None)
        return callable(running) and bool(running())

    def is_stranded(self, future: Any) -> bool:
        """Whether no worker that is there may run the slice of ``future``, so that it has to be sent again."""
        return False

    def is_slow(self, future: Any) -> bool:
        """Whether a ``TimeoutError`` of a future that is done means that its value is still on its way."""
        return False


class Transport(ABC):
    """The way of one job's slices to their workers."""

    @property
    def health(self) -> Health:
        """What can be told of the workers; default: nothing."""
        return Health()

    def check(self) -> None:
        """Refuse what can no longer be used, without connecting.

        Raises:
            ClusterClosedError: what the transport runs on is closed, or belongs to another process.
        """
        return

    @abstractmethod
    def open(self, job_id: str, threads: int, started: Started) -> None:
        """Connect.

        Args:
            job_id: whose slices will be sent.
            threads: that each slice takes; 0 for all of a worker.
            started: to be called from any thread when a slice begins, if that can be known.

        Raises:
            ClusterConnectionError: there is no cluster, or no worker that has ``threads`` threads.
            ClusterVersionError: a worker has versions that do not fit to this process.
        """

    def warm(self, seconds: float = 0.0) -> bool:
        """Have the workers that are there start the processes that simulate, before the first slice comes.

        The default starts nothing: the first slices do.

        Args:
            seconds: to wait for them; with 0, this returns at once.

        Returns:
            Whether they are known to be ready.
        """
        return False

    @abstractmethod
    def capacity(self) -> Capacity:
        """How much can be done at the same time, now. It is asked often, and must answer at once."""

    @abstractmethod
    def submit(self, call: Call, payload: bytes, blobs: Mapping[str, bytes], avoid: str) -> Future:
        """Send one slice, and return at once.

        Args:
            call: what a worker must know of the slice. ``call.blobs`` are the names of the blobs that it needs.
            payload: the message of the slice.
            blobs: name -> message, of at least the blobs that ``call`` names. A name is the hash of its message.
            avoid: a worker that should not get it if there is another one; or empty.

        Raises:
            ClusterClosedError: nothing can be sent any more; so does every call after :meth:`close`.
            ClusterConnectionError: nothing can be sent now. The slice is offered again later.
        """

    def settled(self, future: Any) -> None:
        """Nobody waits for ``future`` any more: its end is known, or the slice was given up."""
        return

    def outcome(self, error: BaseException) -> tuple[Outcome, Reason]:
        """What it means that a future raised ``error``, and why, in words.

        Returns:
            ``lost``, ``disconnected``, ``unready`` or ``error``, and the reason.

        Raises:
            ClusterClosedError: nothing can be run any more.
        """
        if isinstance(error, CancelledError):
            return Outcome.DISCONNECTED, Reason.of(error)
        return Outcome.ERROR if isinstance(error, Exception) else Outcome.LOST, Reason.of(error)

    @abstractmethod
    def cancel(self) -> None:
        """End the slices of this job that run. Those that wait have been cancelled by their futures."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what belongs to this job, and not of what other jobs use too. A second call does nothing."""
