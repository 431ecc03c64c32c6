"""What is known of a job while it runs and afterwards, and who listens to it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import TracebackType

from qiskit.providers import JobStatus

from ..options import SliceOptions
from ..outcomes import JobState, Outcome, Reason, SliceState
from ..plan import Manifest, Plan, SliceResult, Work
from ..progress.events import Event, Listener
from ..progress.log import JobLog
from .outage import Outage
from .tracker import Attempt, SliceInfo, SliceTracker

_BEGUN = (SliceState.RUNNING, SliceState.DONE, SliceState.FAILED)


class JobMonitor:
    """What is known of a job, and what others ask of it; every method may be called from any thread.

    Attributes:
        work: what to run.
        error: what ended the job before its slices could run.
        error_trace: its traceback then; each raise adds frames to the error itself.
        finished: set at the end.
        started_at, ended_at: on the monotonic clock, in seconds.
        heard_at: of the newest event, on the same clock.
    """

    def __init__(self, job_id: str, work: Work, options: SliceOptions) -> None:
        self.job_id = job_id
        self.work = work
        self.error: Exception | None = None
        self.error_trace: TracebackType | None = None
        self.finished = threading.Event()
        self.started_at = self.heard_at = time.monotonic()
        self.ended_at: float | None = None
        self._outage = Outage(options.no_workers_timeout)
        self._options = options
        self._log = JobLog(job_id, options.no_workers_timeout)
        self._listeners: list[Listener] = [self._log]
        self._lock = threading.RLock()
        self._tracker: SliceTracker | None = None
        self._cancelled = False
        self._thread: threading.Thread | None = None

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every event from now on, in this job's thread."""
        with self._lock:
            self._listeners.append(listener)

    def cancel(self) -> bool:
        """Start no more slices and end those that run. False if the job had ended."""
        with self._lock:
            if self.ended_at is not None:
                return False
            self._cancelled = True
        self._interrupt()
        if threading.current_thread() is not self._thread:
            self.finished.wait(timeout=10)
        return True

    @property
    def manifest(self) -> Manifest:
        """Of the work."""
        return self.work.manifest

    @property
    def plan(self) -> Plan | None:
        """Once it is made; its slices change when one is split."""
        return None if self._tracker is None else self._tracker.plan

    @property
    def results(self) -> dict[int, SliceResult]:
        """Slice index -> result, of those that came back."""
        return {} if self._tracker is None else self._tracker.results

    @property
    def lost(self) -> dict[int, Reason]:
        """Slice index -> why it was given up for a reason that is not its circuits'."""
        return {} if self._tracker is None else self._tracker.lost

    @property
    def missing(self) -> dict[int, Reason]:
        """Slice index -> why it will never have a result: lost, or its one experiment is at fault."""
        with self._lock:
            return {} if self._tracker is None else self._tracker.missing

    def snapshot(self) -> tuple[Plan | None, dict[int, SliceResult], dict[int, Reason]]:
        """Plan, results and missing slices of one moment."""
        with self._lock:
            return self.plan, dict(self.results), self.missing

    def attempts(self) -> list[Attempt]:
        """The tries of slices that have ended, in that order; after them those that have not."""
        with self._lock:
            if self._tracker is None:
                return []
            running = self._begun()
            left = self._tracker.open(self._now())
            return [
                *self._tracker.attempts,
                *(replace(one, outcome=Outcome.RUNNING) if one.slice in running else one for one in left),
            ]

    @property
    def seconds(self) -> float:
        """Since the beginning, until the end or now."""
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def troubles(self) -> list[tuple[float, float, str]]:
        """While no slice could run: ``(begin, end, reason)`` in seconds since the start."""
        return self._outage.troubles(self.started_at)

    def state(self) -> JobState:
        """Computed from what is known, never stored."""
        with self._lock:
            if self._cancelled:
                return JobState.CANCELLED
            if self.ended_at is not None:
                return JobState.ERROR if self.error or self.lost else JobState.DONE
            infos = self.infos()
            if not infos or all(info.state is SliceState.WAITING and not info.attempts for info in infos):
                return JobState.VALIDATING
            begun = any(info.state in _BEGUN or info.attempts for info in infos)
            return JobState.RUNNING if begun else JobState.QUEUED

    def status(self) -> JobStatus:
        """The same as Qiskit has it."""
        return JobStatus[self.state()]

    def infos(self) -> list[SliceInfo]:
        """The state of each slice, in order; empty until there is a plan."""
        with self._lock:
            if self._tracker is None:
                return []
            running = self._begun()
            infos = self._tracker.infos
            return [replace(info, state=SliceState.RUNNING) if info.index in running else info for info in infos]

    def _begun(self) -> set[int]:
        """Slices that are known to have begun, where no event tells."""
        return set()

    def _interrupt(self) -> None:
        """Something has changed; the job's thread should look, if it waits."""

    def _now(self) -> float:
        return time.monotonic() - self.started_at

    def _emit(self, event: Event) -> None:
        with self._lock:
            self.heard_at = time.monotonic()
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except BaseException:  # a broken progress bar must not cost the job, nor one that calls sys.exit()
                self._log.warning("listener", "a listener failed on %s", event, exc_info=True)
