"""Slice results to a ``Result``, placed by index, never by arrival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from .._compat.qiskit import has_lazy_results
from ..outcomes import Reason
from ..plan import PackedCounts, PackedMemory, Planned, SliceResult
from .failures import reason_in
from .lazy import LazyExperiment, LazyResult
from .source import Source


def merge(
    plan: Planned,
    results: Mapping[int, SliceResult],
    lost: Mapping[int, Reason],
    *,
    head: Mapping[str, Any],
    partial: bool = False,
) -> Result:
    """The result of ``plan``, as one AerSimulator would have returned it; experiments are made when they are read.

    Args:
        plan: of the job.
        results: slice index -> result, of those that came back.
        lost: slice index -> why it was given up.
        head: ``backend_name``, ``backend_version``, ``job_id``, ``date``, ``time_taken``.
        partial: some slices are still to come: their experiments are there, without data and with a
            status that says so, and the result is marked ``partial=True``.

    Raises:
        WireError: what a worker sent cannot be read.
    """
    source = Source(plan, results, lost)
    failed = source.failed()
    extra = {"partial": True} if partial else {}
    first = results[min(results)] if results else None
    metadata = {
        **({} if first is None else first.metadata),
        "base_seed": plan.manifest.batches[0].base_seed,
        "seed_mode": plan.manifest.seed_mode,
        "slices": len(plan.slices),
    }
    lazy = has_lazy_results()
    made = LazyExperiment if lazy else _experiment
    return (LazyResult if lazy else Result)(
        **head,
        **extra,
        qobj_id="",
        success=not failed,
        status=_status(source, len(failed), partial),
        results=[made(source, index) for index in range(source.size)],
        metadata=metadata,
    )


def _experiment(source: Source, index: int) -> ExperimentResult:
    """One that is made at once."""
    packed = (PackedCounts, PackedMemory)
    data = {key: one.unpacked() if isinstance(one, packed) else one for key, one in source.data(index).items()}
    return source.experiment(index, ExperimentResultData(**data))


def _status(source: Source, failed: int, partial: bool) -> str:
    """Aer's words; in a partial result, how much of it is there."""
    if partial:
        return f"PARTIAL: {source.size - failed} of {source.size} experiments"
    if not failed:
        return "COMPLETED"
    if failed < source.size:
        return "PARTIAL COMPLETED"
    said = " ".join(str(reason_in(source.status(index)[1])) for index in range(source.size))
    return f"ERROR:  {said}"
