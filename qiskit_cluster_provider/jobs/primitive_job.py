"""``ClusterPrimitiveJob``: a handle on a run of a primitive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.primitives import BasePrimitiveJob, PrimitiveResult
from qiskit.providers import JobStatus

from ..errors import PubsFailedError
from ..merge import failures
from ..merge.failures import Failed, reason_in
from ..merge.numbers import collect
from ..outcomes import Reason
from ..plan import Planned, SliceResult
from .base import JobHandle
from .record import JobRecord

Merge = Callable[..., PrimitiveResult[Any]]
_TOLD = 5  # PUBs that a message names


@dataclass(frozen=True)
class PubFailure(Failed):
    """One parameter set of a PUB that failed.

    Attributes:
        pub: index of the PUB in the list given to ``run``.
        index: of the parameter set, in the shape of the PUB's parameter array.
        name: of the circuit.
        message: what Aer or the cluster said, in one line.
        hint: the next step; empty if there is none.
        detail: what is too long for a line, such as a traceback; empty if there is none.
    """

    pub: int
    index: tuple[int, ...]
    name: str
    message: str
    hint: str = ""
    detail: str = ""

    @property
    def where(self) -> str:
        """The PUB, its circuit and the parameter set."""
        row = f", parameter set {self.index}" if self.index else ""
        return f"PUB {self.pub} (circuit {self.name!r}){row}"


class ClusterPrimitiveJob(JobHandle, BasePrimitiveJob[PrimitiveResult[Any], JobStatus]):
    """A run of :class:`SamplerV2` or :class:`EstimatorV2` on a cluster, submitted already.

    The job goes on in the background; every method here may be called at any time, from any thread.
    """

    def __init__(
        self,
        job_id: str,
        record: JobRecord,
        shapes: Sequence[tuple[int, ...]],
        merge: Merge,
        where: str,
        *,
        progress: bool,
    ) -> None:
        """Watch ``record``.

        Args:
            job_id: its id.
            record: runs the PUBs.
            shapes: of the PUBs' parameter arrays.
            merge: ``merge(plan, results, partial=...)`` makes the result.
            where: name of the backend.
            progress: show a progress bar.
        """
        super().__init__(job_id)
        self._watch(record, where, progress=progress)
        self._shapes = list(shapes)
        self._merge = merge
        self._result: PrimitiveResult[Any] | None = None
        self._merging = threading.Lock()

    def result(self, timeout: float | None = None) -> PrimitiveResult[Any]:
        """Wait for the end and return the result.

        Args:
            timeout: seconds to wait; ``None`` waits for ever.

        Raises:
            PubsFailedError: Aer could not run some PUBs, or parameter sets of them.
                :meth:`partial_result` has all others.
            ClusterJobTimeoutError: it is not finished. Nothing is lost: ask again, or take
                :meth:`partial_result`.
            ClusterJobCancelledError: it was cancelled.
            SlicesLostError: slices failed for a reason that is not the circuits', after all retries.
            ClusterConnectionError: the cluster could not be reached.
        """
        self._wait(timeout)
        with self._merging:
            if self._result is None:
                if found := self.errors():
                    raise PubsFailedError(
                        f"{self._count(found)} of {len(self._shapes)} PUBs failed: {_listed(found)}.",
                        hint="job.partial_result() has all others, job.errors() lists these.",
                    )
                plan, results, _ = self._now()
                self._result = self._merge(plan, results, partial=False)
            return self._result

    def partial_result(self) -> PrimitiveResult[Any]:
        """What is there now, without waiting: all PUBs in their places.

        ``metadata["missing"]`` of each PUB is a bool array of the PUB's shape. Where it is True, expectation
        values and standard errors are NaN and bits are 0. Unless everything is there, the result's own
        metadata has ``partial=True``.

        Raises:
            ClusterJobError: the plan is not made yet, so that it is unknown what is missing.
        """
        plan, results, _ = self._now()
        result = self._merge(plan, results, partial=True)
        if len(results) == len(plan.slices) and not self.errors():
            result.metadata.pop("partial")
        return result

    def status(self) -> JobStatus:
        """INITIALIZING, VALIDATING while the cluster is reached and the plan is made, QUEUED until a worker begins,
        then RUNNING, and DONE, ERROR or CANCELLED. ERROR means that :meth:`result` raises.
        """
        status = super().status()
        return JobStatus.ERROR if status is JobStatus.DONE and self.errors() else status

    def done(self) -> bool:
        """Whether it has ended well."""
        return self.status() is JobStatus.DONE

    def running(self) -> bool:
        """Whether a worker has begun, and it has not ended."""
        return self.status() is JobStatus.RUNNING

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.status() is JobStatus.CANCELLED

    def in_final_state(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._record.finished.is_set()

    def errors(self) -> list[PubFailure]:
        """The parameter sets that failed so far, in order, with PUB, circuit name and message."""
        return list(super().errors())

    def _failures(
        self, plan: Planned, results: Mapping[int, SliceResult], lost: Mapping[int, Reason]
    ) -> list[PubFailure]:
        reasons = {one.index: one.reason for one in failures(plan, results.values(), lost)}
        if any(piece.shots is not None for piece in plan.slices):  # ranges of shots that do not add up
            for experiment, status in collect(plan, results).refused.items():
                reasons.setdefault(experiment, reason_in(status))
        found: dict[tuple[int, int], PubFailure] = {}
        for experiment in sorted(reasons):
            item = plan.manifest.items[plan.manifest.item_of(experiment)]
            row = item.first_row + (experiment - item.first) // item.variants
            shape = self._shapes[item.source]
            index = tuple(int(i) for i in np.unravel_index(row, shape)) if shape else ()
            reason = reasons[experiment]
            one = PubFailure(item.source, index, item.name, reason.message, reason.hint, reason.detail)
            found.setdefault((item.source, row), one)
        return [found[key] for key in sorted(found)]

    def _count(self, found: Sequence[PubFailure]) -> int:
        return len({one.pub for one in found})

    def _unfinished(self) -> str:
        found = self.errors()
        return f"{self._count(found)} of {len(self._shapes)} PUBs, among them {_listed(found, 1)}"


def _listed(found: Sequence[PubFailure], most: int = _TOLD) -> str:
    """The first failure of each PUB, in words."""
    first = list({one.pub: one for one in reversed(found)}.values())[::-1]
    more = f"; and {len(first) - most} more" if len(first) > most else ""
    return "; ".join(one.line for one in first[:most]) + more
