"""Aer's own operations as data for :mod:`..plan.circuits`, and made of it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qiskit_aer.library as library

from ..._compat.aer import CHANNEL_INSTRUCTION, SUBTYPE, UNKNOWN, quantum_error, saved_subtype
from ..._compat.aer_noise import ERROR_ID
from ...plan.circuits import makers, operations
from ...plan.circuits.columns import Word
from .error_data import NotDataError, error_data, name_of
from .error_objects import error_of_data

CHANNEL = "quantum_channel"
"""The name of an instruction that is an error of a noise model."""
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


def _writes_saves(kind: str) -> Callable[[Any, Any], operations.Written | None]:
    """What writes save instructions of one class; one whose subtype is not known is left to pickle."""

    def write(operation: Any, reading: Any) -> operations.Written | None:
        if saved_subtype(operation) in (None, UNKNOWN):
            return None
        return operations.bare(kind, (SUBTYPE.key,))(operation, reading)

    return write


def _makes_saves(kind: Any) -> makers.Maker:
    return lambda *given: makers.bare(kind, (SUBTYPE.key,))(*given)


def _classes(names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(library, name) for name in names if hasattr(library, name)}


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _write_channel(operation: Any, _: Any) -> operations.Written | None:
    """A quantum error in a circuit."""
    if operation.params:
        return None
    try:
        return operations.Written("aer.channel", error_data(quantum_error(operation), "an error in a circuit"))
    except NotDataError:
        return None


def _channel(word: Word, _: list[Any], operand: Any, __: Any) -> Any:
    error = error_of_data(operand)
    ERROR_ID.put(error, name_of(operand))  # its name in the noise model, to which Aer adds it otherwise
    made = CHANNEL_INSTRUCTION.needed()(error)
    made.label = word.label
    return made


WRITERS: Mapping[str, Callable[[Any, Any], operations.Written | None]] = {
    **{_path(kind): _writes_saves(f"aer.{name}") for name, kind in _classes(_SAVES).items()},
    **{_path(kind): operations.bare(f"aer.{name}") for name, kind in _classes(_SETS).items()},
    CHANNEL_INSTRUCTION.name.replace(":", "."): _write_channel,
}
"""What writes Aer's operations, by their classes."""

MAKERS: Mapping[str, makers.Maker] = {
    **{f"aer.{name}": _makes_saves(kind) for name, kind in _classes(_SAVES).items()},
    **{f"aer.{name}": makers.bare(kind) for name, kind in _classes(_SETS).items()},
    "aer.channel": _channel,
}
"""What makes them, by the kinds of their words."""


def subtype_of(word: Word, operand: Any) -> str | None:
    """How what a save instruction saves is put together; ``None`` if it is none of Aer's own."""
    found: str | None = operand[1] if word.kind.startswith("aer.Save") else None
    return found
