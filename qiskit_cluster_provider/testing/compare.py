"""Whether a merged result is the one that a single machine would have returned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from qiskit.result import Result

MAY_DIFFER = frozenset(
    {
        "time_taken",
        "time_taken_execute",
        "time_taken_parameter_binding",
        "sample_measure_time",
        "max_memory_mb",
        "parallel_experiments",
        "parallel_shots",
        "parallel_state_update",
    }
)
"""Metadata that describes the run and not its answer."""


def differences(ours: Result, theirs: Result, *, rtol: float = 0.0) -> list[str]:
    """The differences between two results: data, order, shots, seeds, headers and metadata; empty if equal.

    Args:
        ours: The merged result.
        theirs: The result of one AerSimulator.
        rtol: The relative tolerance for floating-point data. 0 demands that every bit is equal.
    """
    found = []
    if (ours.success, ours.status) != (theirs.success, theirs.status):
        found.append(f"success, status: {ours.success, ours.status} != {theirs.success, theirs.status}")
    if len(ours.results) != len(theirs.results):
        return [*found, f"{len(ours.results)} != {len(theirs.results)} experiments"]
    for index, (one, other) in enumerate(zip(ours.results, theirs.results, strict=True)):
        mine, its = one.to_dict(), other.to_dict()
        for key in ("shots", "success", "status", "seed_simulator", "header", "data", "metadata"):
            left, right = mine.get(key), its.get(key)
            if key == "metadata":
                left, right = _lasting(left), _lasting(right)
            found += _differ(f"results[{index}].{key}", left, right, rtol)
    return found


def _lasting(metadata: Any) -> Any:
    lasting = {key: value for key, value in (metadata or {}).items() if key not in MAY_DIFFER}
    if "input_qubit_map" in lasting:  # in the order of a hash table
        lasting["input_qubit_map"] = sorted(lasting["input_qubit_map"])
    if isinstance(lasting.get("fusion"), Mapping):
        lasting["fusion"] = {k: v for k, v in lasting["fusion"].items() if k != "time_taken"}
    return lasting


def _differ(where: str, one: Any, other: Any, rtol: float) -> Iterator[str]:
    if type(one) is not type(other):
        yield f"{where}: {type(one).__name__} != {type(other).__name__}"
    elif isinstance(one, Mapping):
        if one.keys() != other.keys():
            yield f"{where}: keys {sorted(map(str, one))} != {sorted(map(str, other))}"
            return
        for key in one:
            yield from _differ(f"{where}[{key!r}]", one[key], other[key], rtol)
    elif isinstance(one, (list, tuple)):
        if len(one) != len(other):
            yield f"{where}: {len(one)} != {len(other)} entries"
            return
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differ(f"{where}[{index}]", left, right, rtol)
    elif isinstance(one, (np.ndarray, float, complex)):
        if not _same_numbers(np.asarray(one), np.asarray(other), rtol):
            yield f"{where}: {one!r:.200} != {other!r:.200}"
    elif isinstance(getattr(one, "data", None), np.ndarray):
        yield from _differ(where, one.data, other.data, rtol)
    elif one != other:
        yield f"{where}: {one!r:.200} != {other!r:.200}"


def _same_numbers(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any], rtol: float) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if rtol == 0.0:
        return bool(np.array_equal(one, other, equal_nan=True))
    return bool(np.allclose(one, other, rtol=rtol, atol=rtol))
