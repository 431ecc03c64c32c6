"""Walking through Qiskit's circuits, their control flow included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qiskit.circuit import CircuitInstruction, Instruction, QuantumCircuit
from qiskit.circuit.controlflow import ControlFlowOp
from qiskit.circuit.library import get_standard_gate_name_mapping

PLAIN = frozenset({*get_standard_gate_name_mapping(), "barrier", "unitary"})
"""Names of operations that hold no other operations, save nothing and are no channels."""


def matrix_of(instruction: CircuitInstruction) -> Any:
    """The matrix of a gate ``unitary``, read without making the gate; ``None`` for anything else.

    Qiskit 2 does not count that of its ``UnitaryGate`` among the parameters: complex128, of shape ``(2**n, 2**n)``
    for ``n`` qubits. Other gates of that name have theirs there, whatever it is.
    """
    if instruction.name != "unitary":
        return None
    params = instruction.params
    return params[0] if len(params) == 1 else instruction.matrix


def instructions(circuit: QuantumCircuit) -> Iterator[Instruction]:
    """All operations of ``circuit``, those inside control flow too."""
    for instruction in circuit.data:
        operation = instruction.operation
        yield operation
        if isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                yield from instructions(block)
