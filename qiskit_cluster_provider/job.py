"""``ClusterJob``: a handle on a run, with the interface of Qiskit's ``JobV1``."""

from __future__ import annotations

import datetime
import html
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qiskit.providers import JobStatus, JobV1
from qiskit.result import Result

from .bars import ProgressBar
from .dispatch import Dispatch, SliceInfo
from .errors import (
    ClusterJobCancelledError,
    ClusterJobError,
    ClusterJobTimeoutError,
    SlicesLostError,
)
from .merge import Failure, failures, merge
from .progress import Listener, Progress

if TYPE_CHECKING:
    from .backend import ClusterBackend

logger = logging.getLogger("qiskit_cluster_provider")


class ClusterJob(JobV1):
    """A run on a cluster. Made by :meth:`ClusterBackend.run`, which submits it too.

    The job goes on in the background; every method here may be called at any time, from any thread.
    """

    def __init__(self, backend: ClusterBackend, job_id: str, dispatch: Dispatch, *, progress: bool) -> None:
        super().__init__(backend, job_id)
        self._dispatch = dispatch
        self._submitted = False
        self._date = datetime.datetime.now().isoformat()
        self._result: Result | None = None
        self._merging = threading.Lock()
        if progress:
            dispatch.listen(ProgressBar())

    def submit(self) -> None:
        """Begin.

        Raises:
            ClusterJobError: it has begun already.
        """
        if self._submitted:
            raise ClusterJobError(f"job {self.job_id()} has been submitted already; call backend.run() again.")
        self._submitted = True
        self._dispatch.start()

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end and return the merged result.

        A circuit that Aer could not run fails alone: ``Result.success`` is False, its experiment has a status
        that names it, and all others have their data.

        Args:
            timeout: seconds to wait; ``None`` waits for ever.

        Raises:
            ClusterJobTimeoutError: it is not finished. Nothing is lost: ask again, or take
                :meth:`partial_result`.
            ClusterJobCancelledError: it was cancelled.
            SlicesLostError: slices failed for a reason that is not the circuits', after all retries.
            ClusterConnectionError: the cluster could not be reached.
        """
        if not self._submitted:
            raise ClusterJobError(f"job {self.job_id()} has not been submitted; call submit() first.")
        if not self._dispatch.finished.wait(timeout):
            raise ClusterJobTimeoutError(
                f"job {self.job_id()} is not finished after {timeout} s ({self.progress()}). It goes on: call "
                "result() again, or partial_result() for what is there."
            )
        if self.status() is JobStatus.CANCELLED:
            raise ClusterJobCancelledError(
                f"job {self.job_id()} was cancelled ({self.progress()}); partial_result() has what was finished."
            )
        if self._dispatch.error is not None:
            raise self._dispatch.error
        if self._dispatch.lost:
            raise self._lost_error()
        with self._merging:
            if self._result is None:
                self._result = self._merge(partial=False)
                if not self._result.success:
                    logger.warning("job %s: %s", self.job_id(), "; ".join(map(str, self.errors()[:10])))
            return self._result

    def partial_result(self) -> Result:
        """What is there now, without waiting.

        All experiments are listed, in their places. Those without data have ``success=False`` and a status
        that says why (``NOT DONE: …`` or ``ERROR: …``). Unless everything is there, ``Result.partial`` is True
        and its status says ``PARTIAL: 37 of 40 experiments``.

        Raises:
            ClusterJobError: the plan is not made yet, so that it is unknown what is missing.
        """
        dispatch = self._dispatch
        if dispatch.plan is None:
            raise ClusterJobError(f"job {self.job_id()} has no plan yet ({self.status().value}); ask again later.")
        complete = len(dispatch.results) == len(dispatch.plan.slices)
        return self._merge(partial=not complete)

    def status(self) -> JobStatus:
        """INITIALIZING before :meth:`submit`; VALIDATING while the cluster is reached and the plan is made; QUEUED
        until a worker begins; then RUNNING, and DONE, ERROR or CANCELLED. A result in which circuits failed
        is DONE, as Aer has it; ERROR means that :meth:`result` raises.
        """
        return self._dispatch.status() if self._submitted else JobStatus.INITIALIZING

    def cancel(self) -> bool:
        """Start no more slices and end those that run.

        Returns:
            True if it is cancelled now, False if it had ended before.
        """
        if not self._submitted:
            return False
        return self._dispatch.cancel()

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
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._dispatch.finished.wait(_until(deadline, wait if callback else None)):
            if deadline is not None and time.monotonic() >= deadline:
                raise ClusterJobTimeoutError(
                    f"job {self.job_id()} is not finished after {timeout} s ({self.progress()}); it goes on."
                )
            if callback:
                callback(self.job_id(), self.status(), self)

    def progress(self) -> Progress:
        """How far it is, in slices and experiments, and the seconds that are probably left."""
        dispatch = self._dispatch
        infos = dispatch.infos()
        results = list(dispatch.results.values())
        experiments = dispatch.work.experiments
        cost = 0.0 if dispatch.plan is None else sum(dispatch.plan.slices[r.index].cost for r in results)
        worked = sum(result.seconds for result in results)
        at_once = max(1, sum(info.state == "running" for info in infos))
        seconds = (dispatch.ended_at or time.monotonic()) - dispatch.started_at
        ended = dispatch.ended_at is not None
        lost = [info for info in infos if info.state == "failed"]
        return Progress(
            slices_done=len(results),
            slices_failed=len(lost),
            slices_total=len(infos),
            experiments_done=int(cost + 1e-9),
            experiments_failed=len(self.errors()),
            experiments_total=experiments,
            seconds=seconds,
            seconds_left=0.0 if ended else (worked / cost * (experiments - cost) / at_once if cost else None),
        )

    def errors(self) -> list[Failure]:
        """The experiments that failed so far, with circuit name, global index and message."""
        dispatch = self._dispatch
        if dispatch.plan is None:
            return []
        return failures(dispatch.plan, list(dispatch.results.values()), dict(dispatch.lost))

    def slices(self) -> list[SliceInfo]:
        """The state of each slice; empty until the plan is made."""
        return self._dispatch.infos()

    def add_callback(self, callback: Listener) -> None:
        """Call ``callback(event)`` with each event of :mod:`qiskit_cluster_provider.progress` from now on.

        It runs in the job's own thread, so that it must not wait for the job.
        """
        self._dispatch.listen(callback)

    def _merge(self, *, partial: bool) -> Result:
        dispatch = self._dispatch
        assert dispatch.plan is not None
        backend = self.backend()
        head = {
            "backend_name": backend.name,
            "backend_version": backend.backend_version,
            "job_id": self.job_id(),
            "date": self._date,
            "time_taken": (dispatch.ended_at or time.monotonic()) - dispatch.started_at,
        }
        return merge(dispatch.plan, dict(dispatch.results), dict(dispatch.lost), head=head, partial=partial)

    def _lost_error(self) -> SlicesLostError:
        found = self.errors()
        index, reason = next(iter(self._dispatch.lost.items()))
        assert self._dispatch.plan is not None
        first, stop = self._dispatch.plan.slices[index].experiments
        names = ", ".join(dict.fromkeys(repr(f.name) for f in found[:5]))
        return SlicesLostError(
            f"{len(self._dispatch.lost)} of {len(self._dispatch.plan.slices)} slices failed, among them slice "
            f"{index} with experiments {first} to {stop - 1}: {reason}\nWithout data: {len(found)} experiments "
            f"(circuits {names}{', …' if len(found) > 5 else ''}). job.partial_result() has all others, "
            "job.errors() lists these."
        )

    def __repr__(self) -> str:
        return f"<ClusterJob {self.job_id()} {self.status().name}: {self.progress()}>"

    def _repr_html_(self) -> str:
        progress = self.progress()
        share = 100 * progress.experiments_done / max(1, progress.experiments_total)
        return (
            f"<div><b>ClusterJob</b> <code>{self.job_id()}</code> on {html.escape(self.backend().name)}: "
            f"{self.status().name}<br><progress max='100' value='{share:.0f}'></progress> "
            f"{html.escape(str(progress))}</div>"
        )


def _until(deadline: float | None, wait: float | None) -> float | None:
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    if wait is None or left is None:
        return wait if left is None else left
    return min(wait, left)
