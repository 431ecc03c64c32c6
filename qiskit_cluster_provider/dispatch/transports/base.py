"""How the bytes of a slice reach a worker: what a Dask cluster and an executor have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from ...clusters import Connection, check_client
from ...worker.sandbox.call import Call

SLOTS_IF_EMPTY = 4
"""Of a cluster that has no worker yet; it may grow with the load."""


class Future(Protocol):
    """What ``concurrent.futures.Future`` and ``distributed.Future`` share."""

    def add_done_callback(self, fn: Callable[[Any], Any]) -> Any:
        """Call ``fn`` with this future when it is done or cancelled."""

    def cancel(self) -> Any:
        """Do not start it if it has not begun."""

    def done(self) -> bool:
        """Whether it has an end. Dask's may have none again, if its result was lost with its worker."""

    def result(self, timeout: float | None = None) -> Any:
        """Its value, or raise its error; ``TimeoutError`` if it has not come after so many seconds."""


class Transport(Protocol):
    """One job's way to its workers."""

    def check(self) -> None:
        """Refuse what can no longer be used, without connecting: called where the user is, before anything starts.

        Raises:
            ClusterClosedError: it is closed, or of another process.
        """

    def open(self, job_id: str, threads: int, started: Callable[[int, str], None]) -> None:
        """Connect. ``started(slice index, worker)`` is to be called when a slice begins.

        Raises:
            ClusterConnectionError: there is no cluster, or no worker that has ``threads`` threads.
            ClusterVersionError: a worker does not fit to this process.
        """

    def slots(self) -> int:
        """Slices that can run at the same time, now; at least 1."""

    def workers(self) -> int:
        """Workers that keep what several slices need; 0 if none does, and it goes with each slice."""

    def overhead(self) -> float:
        """Seconds that a slice costs besides its simulation, roughly."""

    def memory(self) -> int:
        """MB of the largest worker; 0 if nobody knows."""

    def submit(self, call: Call, payload: bytes, blobs: Mapping[str, bytes], avoid: str) -> Future:
        """Send one slice.

        Args:
            call: what a worker must know of it.
            payload: its message.
            blobs: at least the messages that ``call`` names.
            avoid: a worker that it should not go to if there is another; or empty.

        Raises:
            ClusterClosedError: nothing can be sent any more.
            ClusterConnectionError: nothing can be sent now.
        """

    def trouble(self, inflight: Collection[Any], running: bool) -> str | None:
        """What keeps slices from being run now, as far as is known: the beginning of a sentence.

        Args:
            inflight: futures of this job that have no end yet.
            running: whether one of its slices is known to have begun and not ended.

        Raises:
            ClusterClosedError: the cluster will not come back.
            ClusterVersionError: a worker that came does not fit to this process.
        """

    def stranded(self, future: Any) -> bool:
        """Whether no worker that is there may run it."""

    def is_slow(self, future: Any) -> bool:
        """Whether a ``TimeoutError`` of a future that is done means that its value is still on its way."""

    def outcome(self, error: BaseException) -> tuple[str, str]:
        """What an error of a future means: ``lost``, ``disconnected``, ``unready`` or ``error``; and why, in words.

        Raises:
            ClusterClosedError: nothing can be run any more.
        """

    def running(self, future: Any) -> bool:
        """Whether ``future`` is known to have begun, where no event tells."""

    def taken(self, future: Any) -> None:
        """What came of a slice that was sent is known."""

    def end(self) -> None:
        """End the slices of this job that run now."""

    def close(self) -> None:
        """Let go of everything that belongs to this job."""


def reason_of(error: BaseException) -> str:
    """An error in words, never empty."""
    text = str(getattr(error, "message", None) or error).strip()
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__}, without a word"


def choose_transport(executor: Any, connection: Connection) -> Transport:
    """The transport for a run.

    Args:
        executor: the user's executor or ``distributed.Client``, or ``None``.
        connection: the backend's own; used only if there is no executor.
    """
    if executor is None:
        from .dask.transport import DaskTransport

        return DaskTransport(connection.client, connection.check, lambda: connection.grows_to)
    if type(executor).__module__.split(".")[0] == "distributed" and hasattr(executor, "scheduler_info"):
        from .dask.transport import DaskTransport

        return DaskTransport(lambda: executor, lambda: check_client(executor))
    from .executor import ExecutorTransport

    return ExecutorTransport(executor)
