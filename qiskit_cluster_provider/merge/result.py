"""Slice results to a ``Result``, placed by index, never by arrival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiskit.result import Result
from qiskit_aer.backends.backend_utils import format_save_type

from ..errors import headline
from ..plan import Plan, SliceResult
from .failures import failure
from .shots import merge_shots


def merge(
    plan: Plan,
    results: Mapping[int, SliceResult],
    lost: Mapping[int, str],
    *,
    head: Mapping[str, Any],
    partial: bool = False,
) -> Result:
    """The result of ``plan``, as one AerSimulator would have returned it.

    Args:
        plan: of the job.
        results: slice index -> result, of those that came back.
        lost: slice index -> why it was given up.
        head: ``backend_name``, ``backend_version``, ``job_id``, ``date``, ``time_taken``.
        partial: some slices are still to come: their experiments are there, without data and with a
            status that says so, and the result is marked ``partial=True``.
    """
    by_experiment: list[list[dict[str, Any] | None]] = [[] for _ in range(plan.work.experiments)]
    reasons: dict[int, str] = {}
    for piece in plan.slices:
        result = results.get(piece.index)
        start, stop = piece.experiments
        if result is None:
            why = lost.get(piece.index, f"NOT DONE: slice {piece.index} has not finished")
            reasons.update(dict.fromkeys(range(start, stop), why))
        for offset in range(stop - start):
            by_experiment[start + offset].append(None if result is None else result.experiments[offset])

    experiments = [_experiment(plan, index, parts, reasons.get(index)) for index, parts in enumerate(by_experiment)]
    done = sum(experiment["success"] for experiment in experiments)
    extra = {"partial": True} if partial else {}
    first = results[min(results)] if results else None
    metadata = {
        **({} if first is None else first.metadata),
        "base_seed": plan.work.batches[0].base_seed,
        "seed_mode": plan.work.seed_mode,
        "slices": len(plan.slices),
    }
    return Result.from_dict(
        {
            **head,
            **extra,
            "qobj_id": "",
            "success": done == len(experiments),
            "status": _status(experiments, done, partial),
            "results": experiments,
            "metadata": metadata,
        }
    )


def _status(experiments: list[dict[str, Any]], done: int, partial: bool) -> str:
    """Aer's words; in a partial result, how much of it is there."""
    if partial:
        return f"PARTIAL: {done} of {len(experiments)} experiments"
    if done == len(experiments):
        return "COMPLETED"
    if done:
        return "PARTIAL COMPLETED"
    said = " ".join(experiment["status"].removeprefix("ERROR: ") for experiment in experiments)
    return f"ERROR:  {said}"


def _experiment(
    plan: Plan,
    index: int,
    parts: list[dict[str, Any] | None],
    reason: str | None,
) -> dict[str, Any]:
    work = plan.work
    item = work.items[work.item_of(index)]
    there = [part for part in parts if part is not None]
    if reason is not None and len(there) < len(parts):
        return _missing(plan, index, reason)
    by_shot = work.seed_mode == "aer"
    raw = there[0] if len(there) == 1 else merge_shots(there, by_shot=by_shot)
    if not raw["success"]:
        return _missing(plan, index, raw["status"], raw)
    experiment = dict(raw)
    metadata = raw["metadata"]
    experiment["header"] = {**raw["header"], "name": item.name, "metadata": item.metadata}
    types, subtypes = metadata.get("result_types", {}), metadata.get("result_subtypes", {})
    experiment["data"] = {
        key: format_save_type(value, types[key], subtypes[key]) if key in types else value
        for key, value in raw["data"].items()
    }
    return experiment


def _missing(plan: Plan, index: int, reason: str, raw: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An experiment without data. Its status names the circuit, its header lets it be found by name.

    A status is one line: some print it for each of a thousand experiments.
    """
    said = headline(reason)
    more = " (job.errors() has the rest)" if reason[len(said) :].strip() else ""
    what = failure(plan, index, said + more)
    item = plan.work.items[what.circuit]
    return {
        "shots": 0,
        "data": {},
        "metadata": {},
        "time_taken": 0.0,
        **(raw or {}),
        "success": False,
        "status": str(what) if reason.startswith("NOT DONE") else f"ERROR: {what}",
        "header": {"name": item.name, "metadata": item.metadata},
    }
