"""What stands in a circuit, read in one pass for the checks before anything is sent."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qiskit.circuit import CircuitInstruction, ParameterExpression, QuantumCircuit
from qiskit.circuit.controlflow import ControlFlowOp, ForLoopOp

from ...plan.circuits.instructions import PLAIN, matrix_of
from .gates import HARMLESS, SAVES


@dataclass
class Contents:
    """What Aer is given of a circuit, control flow included.

    Attributes:
        names: of operations.
        labels: of save instructions; each as often as Aer sees it, which unrolls ``for`` loops.
        strange: the first number that is not finite, and where it stands; ``None`` if there is none.
        safe_in_process: nothing in it can keep Aer busy for ever or end its process, as far as is known. Qiskit's own
            gates, measurements and saves are safe, and branches and counted loops of them. A loop with a condition is
            not safe, nor is an operation that another package defines, whatever its name.
    """

    names: set[str] = field(default_factory=set)
    labels: list[str] = field(default_factory=list)
    strange: str | None = None
    safe_in_process: bool = True


def contents_of(circuit: QuantumCircuit) -> Contents:
    """Read ``circuit``: about 0.3 us a gate, as long as no operation objects have to be made."""
    found = Contents()
    _read(circuit, 1, found)
    return found


def _read(circuit: QuantumCircuit, times: int, found: Contents) -> None:
    names = circuit.count_ops()
    found.names.update(names)
    looks = not PLAIN.issuperset(names)
    if found.strange is None and not _finite(circuit.global_phase):
        found.strange = f"a global phase of {circuit.global_phase}"
    for index, instruction in enumerate(circuit.data):
        matrix = matrix_of(instruction)
        for value in instruction.params if matrix is None else [matrix]:
            fine = math.isfinite(value) if type(value) is float else _finite(value)
            if not fine and found.strange is None:
                found.strange = f"{_shown(value)} in its instruction {index} ({instruction.name!r})"
        if found.safe_in_process and not instruction.is_standard_gate():
            # A delay is not looked at: it cannot be made again if its number is a wrong one.
            found.safe_in_process = (
                instruction.name == "delay" or _fits(matrix, instruction) or _is_safe(instruction.operation)
            )
        if looks:
            _look(instruction.operation, times, found)


def _look(operation: Any, times: int, found: Contents) -> None:
    if isinstance(operation, ControlFlowOp):
        if isinstance(operation, ForLoopOp):
            rounds = operation.params[0]
            times *= min(len(rounds), 2) if isinstance(rounds, Sized) else 1
        for block in operation.blocks if times else ():
            _read(block, times, found)
    elif operation.name.startswith(SAVES):
        found.labels += [getattr(operation, "label", None) or operation.name] * times


def _fits(matrix: Any, instruction: CircuitInstruction) -> bool:
    """Whether it is a matrix of as many qubits as ``instruction`` has."""
    return getattr(matrix, "shape", None) == (2 ** len(instruction.qubits),) * 2


def _is_safe(operation: Any) -> bool:
    """Of an operation that is no standard gate, without what is inside it."""
    defined = getattr(operation, "base_class", type(operation)).__module__
    named = operation.name in HARMLESS or operation.name.startswith(SAVES)
    return named and defined.startswith(("qiskit.", "qiskit_aer."))


def _finite(value: Any) -> bool:
    if isinstance(value, ParameterExpression):
        return bool(value.parameters) or cmath.isfinite(complex(value))
    if isinstance(value, (float, complex)):  # numpy's float64 and complex128 are such
        return cmath.isfinite(value)
    if isinstance(value, (np.ndarray, np.inexact)):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return True


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, (float, complex, ParameterExpression)) else "a number that is not finite"
