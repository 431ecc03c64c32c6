"""A dispatch that simulates in the user's process: its thread runs the slices, one after the other."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace

from ..options import SliceOptions
from ..outcomes import Outcome, Reason
from ..plan import Placement, Plan, ResourceEstimate, cut
from ..plan.reuse import Reuse
from .base import Dispatch
from .retry import Action

HERE = "here"
"""Stands for the worker."""
_LONGEST = 1.0  # seconds: between two slices a job can be cancelled, and the rest of this process gets its turn


def cut_here(estimate: ResourceEstimate) -> Plan:
    """In one slice, or so that each takes about a second."""
    return cut(estimate.work, 1, estimate, shortest=_LONGEST, longest=_LONGEST)


class HereDispatch(Dispatch):
    """Simulates in this process: work that is done before it would have been sent, or that is to stay."""

    def __init__(
        self, job_id: str, estimate: ResourceEstimate, options: SliceOptions, placement: Placement, reuse: Reuse
    ) -> None:
        super().__init__(job_id, estimate, options, placement)
        self._reuse = reuse

    def _run(self) -> None:
        if not self.work.experiments:
            self._planned(Plan(self.work, ()))
            return
        from ..engines.aer.simulation.here import (
            simulate_here,  # what simulates is loaded by those alone who simulate
        )

        plan = cut_here(self.estimate)
        tracker, order = self._planned(plan)
        with self._lock:
            refused = tracker.refuse(self.estimate.too_big())
            order += range(len(order), len(tracker.infos))  # parts of those that hold what was refused
        for index in refused:
            self._given_up(index, Outcome.REFUSED, Action.POISON, tracker)
        for index in (index for index in order if index not in tracker.poison):
            if self._cancelled:
                return
            with self._lock:
                tracker.submitted(index, self._now())
            self._on_started(index, HERE)
            began = time.thread_time()
            try:
                result = simulate_here(self.work, tracker.plan.slices[index], self._reuse)
            except Exception as error:
                reason = replace(Reason.of(error), detail=traceback.format_exc().strip())
                with self._lock:
                    action = tracker.failed(index, Outcome.ERROR, reason, self._now())
                self._given_up(index, Outcome.ERROR, action, tracker)
            else:
                # What others do on this machine meanwhile says nothing of how much work it was.
                self._done(result, tracker, time.thread_time() - began)
