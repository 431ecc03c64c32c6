"""The life of a dispatch, wherever it simulates: a thread that begins, runs the slices, and ends."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from functools import partial
from threading import Thread

from ..errors import ClusterJobError
from ..options import SliceOptions
from ..outcomes import Outcome, Reason
from ..plan import Placement, Plan, ResourceEstimate, SliceResult, longest_first
from ..progress.events import JobFinished, JobStarted, SliceDone, SliceFailed, SliceStarted
from ..worker.sandbox.threads import started
from .capacity import HERE_CAPACITY
from .monitor import JobMonitor
from .release import HeldCircuits
from .retry import Action
from .tracker import SliceTracker
from .unfinished import begun, ended


class Dispatch(JobMonitor, ABC):
    """Runs a work in a thread of its own and keeps what comes back.

    Attributes:
        estimate: of the work, by what is known of where it runs.
        placement: where that is, and why.
        capacity: what it was cut for.
        tasks_bytes: of the tasks that were sent so far.
        blobs: what several of them need: name -> bytes.
    """

    def __init__(self, job_id: str, estimate: ResourceEstimate, options: SliceOptions, placement: Placement) -> None:
        super().__init__(job_id, estimate.work, options)
        self.estimate = estimate
        self.placement = placement
        self.capacity = HERE_CAPACITY
        self.tasks_bytes = 0
        self.blobs: dict[str, int] = {}
        self._held_circuits = HeldCircuits(estimate.work)

    def start(self) -> None:
        """Begin; returns at once.

        Raises:
            ClusterJobError: no thread can be started for it. Nothing has begun.
        """
        begun(self)
        try:
            self._thread = started(partial(Thread, target=self._main, name=f"dispatch-{self.job_id}", daemon=True))
        except BaseException as error:
            ended(self)
            if not isinstance(error, RuntimeError):
                raise
            raise ClusterJobError(
                f"job {self.job_id} cannot begin: {error}.",
                hint=(
                    "The limit of threads is reached (ulimit -u, pids.max of the container): raise it, or "
                    "wait until other work has ended, and submit it again."
                ),
            ) from error

    def _main(self) -> None:
        try:
            self._run()
        except Exception as error:  # whatever it is belongs to whoever asks for the result
            self.error = error
        except BaseException as error:  # who asks for a result must not be ended by what was meant for this thread
            self.error = ClusterJobError(f"job {self.job_id} was ended by {Reason.of(error).line}.")
            self.error.__cause__ = error
        finally:
            self._end()

    @abstractmethod
    def _run(self) -> None:
        """Bring every slice to an end."""

    def _planned(self, plan: Plan) -> tuple[SliceTracker, list[int]]:
        """``plan`` is complete: the tracker of its slices, and the order in which to begin them."""
        with self._lock:
            self._tracker = tracker = SliceTracker(plan, self._options.retries)
        where = "in this process" if self.placement.here else "on workers"
        self._log.info("plan", "%s; simulated %s (%s)", plan, where, self.placement.why)
        self._emit(JobStarted(self.job_id, len(plan.slices), plan.work.experiments))
        return tracker, [piece.index for piece in longest_first(plan.slices)]

    def _on_started(self, index: int, worker: str) -> None:
        with self._lock:
            lost = "" if self._tracker is None else self._tracker.started(index, worker, self._now())
        if lost:
            self._outage.hurry()  # it may be what workers die of, and Dask sends it on and on
            self._interrupt()
            self._log.info(
                "resubmitted", "was lost with its Dask worker %s; Dask sent it to %s", lost, worker, slice=index
            )
        self._emit(SliceStarted(self.job_id, index, worker))

    def _done(self, result: SliceResult, tracker: SliceTracker, seconds: float) -> None:
        """It came back, and was ``seconds`` of work."""
        with self._lock:
            tracker.done(result, self._now())
        piece = tracker.plan.slices[result.index]
        if not result.failed:
            self.estimate.observe(piece, seconds)
        self._held_circuits.done(piece)
        self._emit(SliceDone(self.job_id, piece.index, piece.size, result.failed, result.seconds))

    def _given_up(self, index: int, outcome: Outcome, action: Action, tracker: SliceTracker) -> None:
        poison = named(tracker.plan, index) if action is Action.POISON else ""
        self._emit(SliceFailed(self.job_id, index, tracker.missing[index].line, outcome, poison))

    def _let_go(self) -> None:
        """The job ends: nothing of it is to go on anywhere."""

    def _end(self) -> None:
        """Whatever goes wrong in one of these steps, nobody waits for a job for ever."""
        try:
            for step in (self._say_why, self._let_go, self._close, self._held_circuits.close, self._say_that):
                try:
                    step()
                except BaseException:
                    self._log.warning("end", "could not end in order", exc_info=True)
        finally:
            if self.ended_at is None:
                self.ended_at = time.monotonic()
            ended(self)
            self.finished.set()  # last, so that a progress bar is complete before the result is printed

    def _say_why(self) -> None:
        if self.error is not None:
            self.error_trace = self.error.__traceback__
            self._log.info("error", "it cannot go on: %s", Reason.of(self.error).line)

    def _close(self) -> None:
        with self._lock:
            if self._tracker is not None and (self._cancelled or self.error is not None):
                why = "the job was cancelled" if self._cancelled else "the job could not go on"
                self._tracker.cancelled(self._now(), why)
            self.ended_at = time.monotonic()

    def _say_that(self) -> None:
        self._emit(JobFinished(self.job_id, self.state()))


def named(plan: Plan, index: int) -> str:
    """The one experiment of a slice, by circuit name and index."""
    experiment = plan.slices[index].experiments[0]
    item = plan.work.manifest.item_of(experiment)
    return f"experiment {experiment}, circuit {plan.work.items[item].name!r} (index {item})"
