"""``ClusterJob``: a handle on a run, with the interface of Qiskit's ``JobV1``."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qiskit.providers import JobV1
from qiskit.result import Result

from ..merge import Failure, failures, merge
from ..outcomes import Reason
from ..plan import Planned, SliceResult
from ..progress.log import logger
from .base import JobHandle
from .record import JobRecord

if TYPE_CHECKING:
    from ..backend.cluster_backend import ClusterBackend


class ClusterJob(JobHandle, JobV1):
    """A run on a cluster. Made by :meth:`ClusterBackend.run`, which submits it too.

    The job goes on in the background; every method here may be called at any time, from any thread.
    """

    def __init__(
        self, backend: ClusterBackend, job_id: str, record: JobRecord, *, progress: bool, **metadata: Any
    ) -> None:
        super().__init__(backend, job_id, **metadata)
        self._watch(record, backend.name, progress=progress)
        self._date = datetime.datetime.now().isoformat()
        self._result: Result | None = None
        self._merging = threading.Lock()

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
        self._wait(timeout)
        with self._merging:
            if self._result is None:
                self._result = self._merge(partial=False)
                if not self._result.success:
                    said = "; ".join(one.line for one in self.errors()[:10])
                    fields = {"job_id": self.job_id(), "slice": None, "event": "failures"}
                    logger.warning("job %s: %s", self.job_id(), said, extra=fields)
            return self._result

    def partial_result(self) -> Result:
        """What is there now, without waiting.

        All experiments are listed, in their places. Those without data have ``success=False`` and a status
        that says why (``NOT DONE: …`` or ``ERROR: …``). Unless everything is there, ``Result.partial`` is True
        and its status says ``PARTIAL: 37 of 40 experiments``.

        Raises:
            ClusterJobError: the plan is not made yet, so that it is unknown what is missing.
        """
        plan, results, _ = self._now()
        return self._merge(partial=len(results) < len(plan.slices))

    def errors(self) -> list[Failure]:
        """The experiments that failed so far, with circuit name, global index and message."""
        return list(super().errors())

    def _failures(
        self, plan: Planned, results: Mapping[int, SliceResult], missing: Mapping[int, Reason]
    ) -> list[Failure]:
        return failures(plan, list(results.values()), missing)

    def _merge(self, *, partial: bool) -> Result:
        record = self._record
        plan, results, missing = self._now()
        backend = self.backend()
        head = {
            "backend_name": backend.name,
            "backend_version": backend.backend_version,
            "job_id": self.job_id(),
            "date": self._date,
            "time_taken": (record.ended_at or time.monotonic()) - record.started_at,
        }
        return merge(plan, results, missing, head=head, partial=partial)

    def _unfinished(self) -> str:
        found = self.errors()
        names = ", ".join(dict.fromkeys(repr(f.name) for f in found[:5]))
        return f"{len(found)} experiments (circuits {names}{', …' if len(found) > 5 else ''})"
