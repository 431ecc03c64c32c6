"""Aer's own operations as data for :mod:`..plan.circuits`, and made of it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qiskit_aer.library as library

from ..._compat.aer import SUBTYPE
from ...plan.circuits import makers, operations

_SAVES = (
    "SaveAmplitudes",
    "SaveAmplitudesSquared",
    "SaveClifford",
    "SaveDensityMatrix",
    "SaveExpectationValue",
    "SaveExpectationValueVariance",
    "SaveMatrixProductState",
    "SaveProbabilities",
    "SaveProbabilitiesDict",
    "SaveStabilizer",
    "SaveState",
    "SaveStatevector",
    "SaveStatevectorDict",
    "SaveSuperOp",
    "SaveUnitary",
)
_SETS = (
    "SetDensityMatrix",
    "SetMatrixProductState",
    "SetStabilizer",
    "SetStatevector",
    "SetSuperOp",
    "SetUnitary",
)
_EXTRAS = {**dict.fromkeys(_SAVES, (SUBTYPE.key,)), **dict.fromkeys(_SETS, ())}
_CLASSES: Mapping[str, Any] = {name: getattr(library, name) for name in _EXTRAS if hasattr(library, name)}

WRITERS = {
    f"{kind.__module__}.{kind.__qualname__}": operations.bare(f"aer.{name}", _EXTRAS[name])
    for name, kind in _CLASSES.items()
}
"""What writes Aer's operations, by their classes."""

MAKERS: Mapping[str, makers.Maker] = {
    f"aer.{name}": makers.bare(kind, _EXTRAS[name]) for name, kind in _CLASSES.items()
}
"""What makes them, by the kinds of their words."""
