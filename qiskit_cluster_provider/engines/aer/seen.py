"""Copies of circuits, where they are needed, that hold what Aer would see of the circuits at this moment.

Aer reads the operations of a circuit as Python objects, and so sees what somebody has changed in one: the matrix of a
gate, an angle, a block of control flow. Qiskit keeps numbers, matrices and blocks a second time, as they were when
the operation was appended. It reads, copies and writes circuits by these; Aer sees these where it copies first.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
from qiskit.circuit import CircuitError, CircuitInstruction, Gate, Instruction, QuantumCircuit
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES, ControlFlowOp, ForLoopOp

from ..._compat.aer import QUANTUM_ERROR, quantum_error
from ..._compat.aer_noise import passes_of
from ..._compat.qiskit import appender
from ...plan.circuits.instructions import PLAIN, matrix_of
from .gates import READS_AND_RESETS

_PLAIN = PLAIN - {"delay"}
_LOOKS = 2000
"""Plain instructions of a run that are looked at one by one: to make the object of a gate takes a microsecond or two.
Of a circuit beyond that only the first gate with numbers is, which tells how the circuit was made."""


def seen(circuits: Iterable[QuantumCircuit], copies: bool = False, noise_model: Any = None) -> list[QuantumCircuit]:
    """For each circuit itself, or a copy if it has what was changed in place, or can still be.

    Args:
        circuits: of the user.
        copies: as Aer sees copies of them by Qiskit, which is what Aer's EstimatorV2 runs.
        noise_model: of the run; if it has passes, Aer copies what has delays.
    """
    eye = _Eye()
    copied = {"delay"} if passes_of(noise_model) else set()
    found: dict[int, QuantumCircuit] = {}
    given = list(circuits)
    for circuit in given:
        if id(circuit) not in found:
            names = circuit.count_ops()
            if copies and _PLAIN.issuperset(names):
                found[id(circuit)] = circuit
            elif copies or (not copied.isdisjoint(names) and CONTROL_FLOW_OP_NAMES.isdisjoint(names)):
                found[id(circuit)] = eye.look(circuit.copy())
            else:
                found[id(circuit)] = eye.look(circuit)
    return [found[id(circuit)] for circuit in given]


class _Eye:
    """Looks at the circuits of a run."""

    def __init__(self) -> None:
        self._looks = _LOOKS
        self._errors: dict[int, Any] = {}

    def look(self, circuit: QuantumCircuit) -> QuantumCircuit:
        names = circuit.count_ops()
        if not CONTROL_FLOW_OP_NAMES.isdisjoint(names):
            return self._rebuilt(circuit, copied=True)  # Qiskit cannot replace a block of a copy
        if READS_AND_RESETS.issuperset(names):
            return circuit
        closely = self._closely(circuit)
        if not closely and _PLAIN.issuperset(names):
            return circuit
        changed = {}
        for index, step in enumerate(circuit.data):
            operation = self._changed(step, closely)
            if operation is not None:
                changed[index] = operation
        if not changed:
            return circuit
        own = circuit.copy()
        for index, operation in changed.items():
            own.data[index] = _with(circuit.data[index], operation)
        own.metadata = circuit.metadata
        return own

    def _closely(self, circuit: QuantumCircuit) -> bool:
        """Whether each plain gate of ``circuit`` is looked at."""
        data = circuit.data
        self._looks -= len(data)
        if self._looks >= 0:
            return True
        first = next((i for i, step in enumerate(data) if step.params or matrix_of(step) is not None), None)
        # An operation that the circuit does not hold is made anew for each that asks.
        return first is not None and data[first].operation is data[first].operation

    def _changed(self, step: CircuitInstruction, closely: bool) -> Instruction | None:
        """An operation in the place of that of ``step``; ``None`` if a copy of the circuit has the right one."""
        if step.name in READS_AND_RESETS:
            return None
        matrix = matrix_of(step)
        if matrix is None and not step.is_standard_gate():
            operation = _object(step)
            return None if operation is None else self._own(operation)
        if not closely:
            return None
        operation = step.operation
        if not getattr(operation, "mutable", True):
            return None
        try:
            same = operation.name == step.name and operation.label == step.label
            if matrix is None:
                same = same and operation.params == step.params
            else:
                same = same and np.array_equal(operation.params[0], matrix)
        except ValueError:  # an array in the place of a number
            same = False
        return None if same else self._own(operation)

    def _rebuilt(self, circuit: QuantumCircuit, copied: bool = False) -> QuantumCircuit:
        """All of it anew.

        Args:
            circuit: of the user, or a block.
            copied: Aer copies it after it has written out its control flow: the plain gates are those of a copy.
        """
        own = circuit.copy_empty_like()
        append = appender(own)
        plain = circuit.copy().data if copied else None
        for index, step in enumerate(circuit.data):
            if step.name in READS_AND_RESETS:
                append(step)
            elif plain is not None and (step.is_standard_gate() or matrix_of(step) is not None):
                append(plain[index])
            else:
                operation = _object(step)
                append(step if operation is None else _with(step, self._own(operation)))
        own.metadata = circuit.metadata
        return own

    def _own(self, value: Any) -> Any:
        """``value``, sharing nothing with it that can be changed."""
        if isinstance(value, np.ndarray):
            return value.copy()
        if type(value) in (list, tuple):
            return type(value)(map(self._own, value))
        if type(value) is dict:
            return {key: self._own(one) for key, one in value.items()}
        if isinstance(value, QuantumCircuit):
            return self._rebuilt(value)
        if isinstance(value, ControlFlowOp):
            # What depends on the number of the round is bound to it, which copies the block.
            bound = isinstance(value, ForLoopOp) and value.params[1] is not None
            return value.replace_blocks(self._rebuilt(block, copied=bound) for block in value.blocks)
        if not isinstance(value, Instruction) or not value.mutable:
            return value
        error = quantum_error(value)
        if error is not None and id(error) not in self._errors:
            self._errors[id(error)] = self._whole(error)
        own = self._whole(value)
        if error is not None:
            QUANTUM_ERROR.put(own, self._errors[id(error)])
        return own

    def _whole(self, value: Any) -> Any:
        own = copy.copy(value)
        vars(own).update({name: self._own(one) for name, one in vars(value).items()})
        return own


def _object(step: CircuitInstruction) -> Any | None:
    """The operation of ``step``; ``None`` for a delay of a wrong number, which Qiskit cannot make again."""
    try:
        return step.operation
    except CircuitError:
        return None


def _with(step: CircuitInstruction, operation: Any) -> CircuitInstruction:
    """``step`` with another operation, by the name that Aer knows it by."""
    new = step.replace(operation=operation)
    if new.name == operation.name:
        return new
    return step.replace(
        operation=Gate(operation.name, operation.num_qubits, list(operation.params), label=operation.label)
    )
