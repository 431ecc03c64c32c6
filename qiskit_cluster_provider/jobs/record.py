"""The protocol that jobs need from a running dispatch, or from what was stored of one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol

from qiskit.providers import JobStatus

from ..dispatch import Attempt, Capacity, SliceInfo
from ..outcomes import Reason
from ..plan import Manifest, Placement, Plan, Planned, ResourceEstimate, SliceResult
from ..progress.events import Listener


class JobRecord(Protocol):
    """What the jobs of :mod:`qiskit_cluster_provider.jobs` ask of who runs them, or of what was kept of them.

    A :class:`~qiskit_cluster_provider.dispatch.Dispatch` is one. Any thread may call every method at any time.

    Attributes:
        finished: set when the job has ended.
        error: what ended the job before its slices could run; ``None`` if nothing did.
        error_trace: the traceback of ``error``.
        started_at, ended_at: seconds on the monotonic clock; ``ended_at`` is ``None`` until the end.
        placement: where the job is simulated, and why.
        capacity: what it was cut for.
        tasks_bytes: of the tasks that were sent until now.
        blobs: what several tasks need: name -> bytes.
    """

    finished: threading.Event
    error: Exception | None
    error_trace: TracebackType | None
    started_at: float
    ended_at: float | None
    placement: Placement
    capacity: Capacity
    tasks_bytes: int
    blobs: dict[str, int]

    @property
    def manifest(self) -> Manifest:
        """Of the work, whether it is planned or not."""

    @property
    def plan(self) -> Plan | None:
        """The plan with its circuits, which only :meth:`.JobHandle.explain` needs; ``None`` until it is made."""

    @property
    def estimate(self) -> ResourceEstimate:
        """What the work costs."""

    @property
    def seconds(self) -> float:
        """Since the beginning, until the end or now."""

    @property
    def troubles(self) -> Sequence[tuple[float, float, str]]:
        """While no slice could run: ``(begin, end, reason)`` in seconds since the start."""

    @property
    def lost(self) -> Mapping[int, Reason]:
        """Slice index -> why it was given up for a reason that is not its circuits'."""

    def start(self) -> None:
        """Begin; returns at once.

        Raises:
            ClusterJobError: it cannot begin. Nothing has begun.
        """

    def cancel(self) -> bool:
        """Start no more slices and end those that run. False if the job had ended."""

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every event from now on."""

    def status(self) -> JobStatus:
        """Computed from what is known, never stored."""

    def snapshot(self) -> tuple[Planned | None, dict[int, SliceResult], dict[int, Reason]]:
        """Plan, results, and slices that will never have one, of one moment."""

    def infos(self) -> list[SliceInfo]:
        """The state of each slice, in order; empty until there is a plan."""

    def attempts(self) -> list[Attempt]:
        """The tries of slices that have ended, in that order; after them those that have not."""
