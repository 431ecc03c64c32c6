"""Whether a result of a primitive is the one that ``qiskit_aer.primitives`` would have returned."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.primitives import BitArray, PrimitiveResult


def pub_differences(ours: PrimitiveResult[Any], theirs: PrimitiveResult[Any], *, atol: float = 1e-12) -> list[str]:
    """The differences between two results of a primitive: PUBs, shapes, types, data, shots and precision.

    The list is empty if the results are equal.

    Args:
        ours: The result of a primitive of this package.
        theirs: The result of Aer's primitive.
        atol: The absolute tolerance for expectation values, because Aer's own sums have no fixed order. Bits and
            standard errors must always be equal.
    """
    if len(ours) != len(theirs):
        return [f"{len(ours)} != {len(theirs)} PUBs"]
    found = []
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        where = f"result[{index}]"
        for key in ("shots", "target_precision", "circuit_metadata"):
            if one.metadata.get(key) != other.metadata.get(key):
                found.append(f"{where}.metadata[{key!r}]: {one.metadata.get(key)!r} != {other.metadata.get(key)!r}")
        if one.data.shape != other.data.shape:
            found.append(f"{where}.data.shape: {one.data.shape} != {other.data.shape}")
        if list(one.data) != list(other.data):
            found.append(f"{where}.data: fields {list(one.data)} != {list(other.data)}")
            continue
        for name in other.data:
            tolerance = atol if name == "evs" else 0.0
            if not _same(one.data[name], other.data[name], tolerance):
                found.append(f"{where}.data.{name}: {one.data[name]!r:.100} != {other.data[name]!r:.100}")
    return found


def _same(one: Any, other: Any, atol: float) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, BitArray):
        return bool(one == other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(np.allclose(one, other, rtol=0.0, atol=atol, equal_nan=True))
