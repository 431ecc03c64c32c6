"""Walking through a circuit, its control flow included."""

from __future__ import annotations

from collections.abc import Iterator

from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.circuit.controlflow import ControlFlowOp


def instructions(circuit: QuantumCircuit) -> Iterator[Instruction]:
    """All operations of ``circuit``, those inside control flow too."""
    for instruction in circuit.data:
        operation = instruction.operation
        yield operation
        if isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                yield from instructions(block)
