"""What a job of ``backend.run`` and a job of a primitive have in common: a dispatch, seen from outside."""

from __future__ import annotations

import html
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from textwrap import indent
from typing import Any, Self

from qiskit.providers import JobStatus

from ..dispatch import SliceInfo
from ..errors import ClusterJobCancelledError, ClusterJobError, ClusterJobTimeoutError, SlicesLostError
from ..options import wait_of
from ..outcomes import Reason, SliceState
from ..plan import Planned, SliceResult
from ..progress.bar import ProgressBar
from ..progress.events import Listener, Progress
from .explanation import Explanation, explain
from .record import JobRecord
from .report import Report, report

_LOOK_FOR_SIGNALS = 0.5  # seconds


class JobHandle(ABC):
    """Submit, watch, wait for and cancel a dispatch. A mixin: the other base gives ``job_id()``.

    The job goes on in the background; every method here may be called at any time, from any thread.
    """

    job_id: Callable[[], str]
    _record: JobRecord
    _where: str

    def _watch(self, record: JobRecord, where: str, *, progress: bool) -> None:
        """Take ``record``, which runs on the backend ``where``, and show a bar if ``progress``."""
        self._record = record
        self._where = where
        self._submitted = False
        if progress:
            record.listen(ProgressBar())

    def submit(self) -> None:
        """Begin.

        Raises:
            ClusterJobError: it has begun already, or this machine has no thread left for it.
        """
        if self._submitted:
            raise ClusterJobError(f"job {self.job_id()} has been submitted already", hint="call backend.run() again.")
        self._submitted = True
        try:
            self._record.start()
        except BaseException:
            self._submitted = False
            raise

    def _wait(self, timeout: float | None) -> None:
        """Wait for an end that left every slice with a result.

        Raises:
            ClusterJobTimeoutError: it is not finished. Nothing is lost: ask again.
            ClusterJobCancelledError: it was cancelled.
            SlicesLostError: slices failed for a reason that is not the circuits', after all retries.
            ClusterConnectionError: the cluster could not be reached.
        """
        timeout = wait_of("timeout", timeout)
        if not self._submitted:
            raise ClusterJobError(f"job {self.job_id()} has not been submitted", hint="call submit() first.")
        if not self._finished_within(timeout):
            raise ClusterJobTimeoutError(
                f"job {self.job_id()} is not finished after {timeout} s ({self.progress()}).",
                hint="It goes on: call result() again, or partial_result() for what is there.",
            )
        if self._record.status() is JobStatus.CANCELLED:
            raise ClusterJobCancelledError(
                f"job {self.job_id()} was cancelled ({self.progress()})",
                hint="partial_result() has what was finished.",
            )
        if self._record.error is not None:
            raise self._record.error.with_traceback(self._record.error_trace)
        if self._record.lost:
            raise self._lost_error()

    def _finished_within(self, timeout: float | None) -> bool:
        """Whether it ends within ``timeout`` seconds.

        A signal that comes just before a thread begins to wait for a lock is seen only when that wait is over: a
        Ctrl-C would be lost in one that has no end.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._record.finished.wait(_until(deadline, _LOOK_FOR_SIGNALS)):
            if deadline is not None and time.monotonic() >= deadline:
                return False
        return True

    def _now(self) -> tuple[Planned, dict[int, SliceResult], dict[int, Reason]]:
        """The plan as it is cut now, the results that are there, and why others never will be, by slice.

        Raises:
            ClusterJobError: the plan is not made yet, so that it is unknown what is missing.
        """
        plan, results, missing = self._record.snapshot()
        if plan is None:
            raise ClusterJobError(
                f"job {self.job_id()} has no plan yet ({self.status().value})", hint="ask again later."
            )
        return plan, results, missing

    def status(self) -> JobStatus:
        """INITIALIZING before :meth:`submit`; VALIDATING while the cluster is reached and the plan is made; QUEUED
        until a worker begins; then RUNNING, and DONE, ERROR or CANCELLED. A result in which circuits failed
        is DONE, as Aer has it; ERROR means that :meth:`result` raises.
        """
        return self._record.status() if self._submitted else JobStatus.INITIALIZING

    def cancel(self) -> bool:
        """Start no more slices and end those that run.

        Returns:
            True if it is cancelled now, False if it had ended before.
        """
        if not self._submitted:
            return False
        return self._record.cancel()

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        """Wait for the end, as ``JobV1`` does, but without oversleeping.

        Args:
            timeout: seconds; ``None`` waits for ever.
            wait: seconds between calls of ``callback``.
            callback: called as ``callback(job_id, status, job)`` while waiting.

        Raises:
            ClusterJobTimeoutError: not finished in time; the job goes on.
            ClusterConfigError: ``timeout`` or ``wait`` is no number of seconds.
        """
        timeout, pause = wait_of("timeout", timeout), wait_of("wait", wait)
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._record.finished.wait(_until(deadline, pause if callback else _LOOK_FOR_SIGNALS)):
            if deadline is not None and time.monotonic() >= deadline:
                raise ClusterJobTimeoutError(
                    f"job {self.job_id()} is not finished after {timeout} s ({self.progress()})", hint="it goes on."
                )
            if callback:
                callback(self.job_id(), self.status(), self)

    def progress(self) -> Progress:
        """How far it is, in slices and experiments, and the seconds that are probably left."""
        record = self._record
        plan, results, _ = record.snapshot()
        infos = record.infos()
        experiments = record.manifest.experiments
        done = spent = left = 0.0
        for piece in () if plan is None else plan.slices:
            if piece.index in results:
                done, spent = done + record.manifest.weight(piece), spent + piece.cost
            else:
                left += piece.cost
        worked = sum(result.seconds for result in results.values())
        at_once = max(1, sum(info.state is SliceState.RUNNING for info in infos))
        ended = record.ended_at is not None
        lost = [info for info in infos if info.state is SliceState.FAILED]
        return Progress(
            slices_done=len(results),
            slices_failed=len(lost),
            slices_total=len(infos),
            experiments_done=int(done + 1e-9),
            experiments_failed=len(self.errors()),
            experiments_total=experiments,
            seconds=record.seconds,
            seconds_left=0.0 if ended else (worked / spent * left / at_once if spent else None),
        )

    def errors(self) -> Sequence[Any]:
        """What failed so far; empty until the plan is made."""
        plan, results, missing = self._record.snapshot()
        return [] if plan is None else self._failures(plan, results, missing)

    @abstractmethod
    def _failures(
        self, plan: Planned, results: Mapping[int, SliceResult], missing: Mapping[int, Reason]
    ) -> Sequence[Any]:
        """The same, of a given moment."""

    def slices(self) -> list[SliceInfo]:
        """The state of each slice; empty until the plan is made."""
        return self._record.infos()

    def report(self) -> Report:
        """What happened to the job until now: which worker had what and for how long, what did not come back,
        and why. Print it, let a notebook show it, or draw it with :meth:`Report.plot`.
        """
        return report(self._record, self.job_id(), self._where, self.status().name, self._failures)

    def explain(self) -> Explanation:
        """Where the job is simulated, how it was cut, and why; the bytes are those that were sent until now.

        Raises:
            ClusterJobError: the plan is not made yet; ask again later.
        """
        record = self._record
        self._now()
        assert record.plan is not None
        return explain(
            record.plan,
            record.estimate,
            record.placement,
            self._where,
            record.capacity,
            record.tasks_bytes,
            record.blobs,
        )

    def add_callback(self, callback: Listener) -> None:
        """Call ``callback(event)`` with each event of :mod:`qiskit_cluster_provider.progress` from now on.

        It runs in the job's own thread, so that it must not wait for the job.
        """
        self._record.listen(callback)

    @abstractmethod
    def _unfinished(self) -> str:
        """The things without data, for a message."""

    def _lost_error(self) -> SlicesLostError:
        lost = self._record.lost
        index = min(lost)  # not the first that failed, so that the message is the same each time
        reason = lost[index]
        assert self._record.plan is not None
        first, stop = self._record.plan.slices[index].experiments
        detail = f"The process that simulated slice {index} said:\n{indent(reason.detail, '  ')}"
        return SlicesLostError(
            f"{len(lost)} of {len(self._record.plan.slices)} slices failed, among them slice "
            f"{index} with experiments {first} to {stop - 1}: {reason.line}\nWithout data: {self._unfinished()}.",
            hint=(
                "job.partial_result() has all others, job.errors() lists these, print(job.report()) tells how it "
                "went."
            ),
            detail=detail if reason.detail else "",
        )

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __reduce__(self) -> Any:
        raise ClusterJobError(
            f"job {self.job_id()} cannot be pickled: it belongs to this process.",
            hint="Keep job.result(), which can be.",
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job_id()} {self.status().name}: {self.progress()}>"

    def _repr_html_(self) -> str:
        progress = self.progress()
        share = 100 * progress.experiments_done / max(1, progress.experiments_total)
        return (
            f"<div><b>{type(self).__name__}</b> <code>{self.job_id()}</code> on {html.escape(self._where)}: "
            f"{self.status().name}<br><progress max='100' value='{share:.0f}'></progress> "
            f"{html.escape(str(progress))}</div>"
        )


def _until(deadline: float | None, wait: float | None) -> float | None:
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    if wait is None or left is None:
        return wait if left is None else left
    return min(wait, left)
