"""Ranges of shots of one experiment to the whole experiment.

How a saved quantity is put together follows its subtype in Aer (``SaveData`` of ``qiskit_aer.library``):
a list is appended to, ``single`` is overwritten by each shot, an average is weighted by shots, and
whatever begins with ``c_`` is kept for each value of the classical register.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Experiment = dict[str, Any]


def merge_shots(parts: Sequence[Experiment], *, by_shot: bool) -> Experiment:
    """The experiment of which ``parts`` are consecutive ranges of shots.

    Args:
        parts: Aer's raw experiment dictionaries, in the order of their shots.
        by_shot: the parts used Aer's seeds for each shot, so that Aer must have simulated shot by shot.

    Returns:
        The experiment; a failed one if a part failed, or if Aer took another path than the plan had proven.
    """
    failed = [part for part in parts if not part["success"]]
    if failed:
        return failed[0]
    methods = {part["metadata"].get("method") for part in parts}
    if by_shot and (len(methods) > 1 or any(part["metadata"].get("measure_sampling") for part in parts)):
        status = (
            f"ERROR: simulated with {', '.join(sorted(map(str, methods)))} from one random stream, so that its "
            "ranges of shots do not add up to one run; leave max_shot_size out."
        )
        return {**parts[0], "success": False, "status": status, "shots": 0, "data": {}}
    shots = [part["shots"] for part in parts]
    counts = [part["data"].get("counts", {}) for part in parts]
    types, subtypes = (
        {k: v for part in parts for k, v in part["metadata"].get(f"result_{what}types", {}).items()}
        for what in ("", "sub")
    )
    data: dict[str, Any] = {}
    for key in dict.fromkeys(key for part in parts for key in part["data"]):
        having = [i for i, part in enumerate(parts) if key in part["data"]]  # a branch may not have been taken
        values = [parts[i]["data"][key] for i in having]
        if key == "counts":
            data[key] = _counts(values)
        elif key == "memory":
            data[key] = [shot for value in values for shot in value]
        else:
            data[key] = _saved(subtypes[key], values, [shots[i] for i in having], [counts[i] for i in having])
    merged = dict(parts[0])
    merged["metadata"] = dict(parts[0]["metadata"])
    if types:
        merged["metadata"].update(result_types=types, result_subtypes=subtypes)
    merged.update(data=data, shots=sum(shots), time_taken=sum(part["time_taken"] for part in parts))
    return merged


def _counts(values: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for value in values:
        total.update(value)
    return dict(sorted(total.items(), key=lambda entry: int(entry[0], 16)))


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
