"""Ranges of shots of one experiment to the whole experiment.

How a saved quantity is put together follows its subtype in Aer (``SaveData`` of ``qiskit_aer.library``):
a list is appended to, ``single`` is overwritten by each shot, an average is weighted by shots, and
whatever begins with ``c_`` is kept for each value of the classical register.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..plan import Experiment
from ..plan.packed import added, joined


def merge_heads(parts: Sequence[Experiment], *, by_shot: bool) -> Experiment:
    """All but the data of the experiment of which ``parts`` are consecutive ranges of shots.

    Args:
        parts: Aer's raw experiments, in the order of their shots.
        by_shot: the parts used Aer's seeds for each shot, so that Aer must have simulated shot by shot.

    Returns:
        Of a failed one if a part failed, or if Aer took another path than the plan had proven.
    """
    if len(parts) == 1:
        return parts[0]
    failed = [part for part in parts if not part["success"]]
    if failed:
        return failed[0]
    methods = {part["metadata"].get("method") for part in parts}
    if by_shot and (len(methods) > 1 or any(part["metadata"].get("measure_sampling") for part in parts)):
        status = (
            f"ERROR: simulated with {', '.join(sorted(map(str, methods)))} from one random stream, so that its "
            "ranges of shots do not add up to one run; set max_shot_size=shots."
        )
        return {**parts[0], "success": False, "status": status, "shots": 0}
    metadata = dict(parts[0]["metadata"])
    types, subtypes = (
        {k: v for part in parts for k, v in part["metadata"].get(f"result_{what}types", {}).items()}
        for what in ("", "sub")
    )
    if types:
        metadata.update(result_types=types, result_subtypes=subtypes)
    seconds = sum(part["time_taken"] for part in parts)
    if "time_taken" in metadata:
        metadata["time_taken"] = seconds
    return {
        **parts[0],
        "metadata": metadata,
        "shots": sum(part["shots"] for part in parts),
        "time_taken": seconds,
    }


def merge_data(
    data: Sequence[Mapping[str, Any]], shots: Sequence[int], subtypes: Mapping[str, str]
) -> dict[str, Any]:
    """The data of that experiment.

    Args:
        data: of its parts; counts and memory packed.
        shots: of each part.
        subtypes: of what was saved, by its label.
    """
    if len(data) == 1:
        return dict(data[0])
    conditional = any(subtype.startswith("c_") for subtype in subtypes.values())
    counts = [part["counts"].unpacked() if conditional and "counts" in part else {} for part in data]
    merged: dict[str, Any] = {}
    for key in dict.fromkeys(key for part in data for key in part):
        having = [i for i, part in enumerate(data) if key in part]  # a branch may not have been taken
        values = [data[i][key] for i in having]
        if key in subtypes:
            merged[key] = _saved(subtypes[key], values, [shots[i] for i in having], [counts[i] for i in having])
        else:
            merged[key] = added(values) if key == "counts" else joined(values)
    return merged


def _saved(subtype: str, values: Sequence[Any], shots: Sequence[int], counts: Sequence[Mapping[str, int]]) -> Any:
    if not subtype.startswith("c_"):
        return _combine(subtype, values, shots)
    keys = list(dict.fromkeys(key for value in values for key in value))
    merged = {}
    for key in keys:
        having = [i for i, value in enumerate(values) if key in value]
        weights = [counts[i].get(key, 0) for i in having]
        merged[key] = _combine(subtype[2:], [values[i][key] for i in having], weights)
    return merged


def _combine(subtype: str, values: Sequence[Any], weights: Sequence[int]) -> Any:
    if subtype == "single":
        return values[-1]
    if subtype == "list":
        if isinstance(values[0], np.ndarray):  # a number for each shot
            return np.concatenate(values)
        return [one for value in values for one in value]
    if subtype == "accum":
        return _sum(values, [1.0] * len(values))
    total = sum(weights)
    return _sum(values, [weight / total for weight in weights])


def _sum(values: Sequence[Any], factors: Sequence[float]) -> Any:
    if not isinstance(values[0], Mapping):
        return sum(value * factor for value, factor in zip(values, factors, strict=True))
    keys = dict.fromkeys(key for value in values for key in value)
    return {
        key: sum(value.get(key, 0.0) * factor for value, factor in zip(values, factors, strict=True)) for key in keys
    }
