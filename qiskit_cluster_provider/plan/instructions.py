"""Walking through a circuit, its control flow included."""

from __future__ import annotations

from collections.abc import Iterator

from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.circuit.controlflow import ControlFlowOp
from qiskit.circuit.library import get_standard_gate_name_mapping

PLAIN = frozenset({*get_standard_gate_name_mapping(), "barrier", "unitary"})
"""Names of operations that hold no other operations, save nothing and are no channels."""


def instructions(circuit: QuantumCircuit) -> Iterator[Instruction]:
    """All operations of ``circuit``, those inside control flow too."""
    for instruction in circuit.data:
        operation = instruction.operation
        yield operation
        if isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                yield from instructions(block)
