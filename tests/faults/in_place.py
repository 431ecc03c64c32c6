"""Changes of circuits in place, as user code makes them that still holds what it has appended."""

import numpy as np
from qiskit.circuit import Gate
from qiskit.circuit.controlflow import ControlFlowOp
from qiskit.circuit.library import Initialize


def change(circuits, places):
    """Change what stands at ``places`` (numbers, each for an operation of a circuit); the same for the same circuits.

    Circuits with parameters are left alone: a copy, which binding makes, does not have the changes.
    """
    for place in places:
        circuit = circuits[place % len(circuits)]
        found = [] if circuit.num_parameters else list(_operations(circuit))
        if found:
            _change(found[place // len(circuits) % len(found)])


def _operations(circuit):
    for step in circuit.data:
        yield step.operation
        if isinstance(step.operation, ControlFlowOp):
            for block in step.operation.blocks:
                yield from _operations(block)


def _change(operation):
    if isinstance(operation, ControlFlowOp):
        block = operation.blocks[-1]
        if block.num_qubits:
            block.x(0)
    elif operation.name.startswith("save_"):
        operation._label = f"{operation._label}, changed"
    elif isinstance(operation, Initialize):
        if all(isinstance(value, complex) for value in operation.params):
            operation.params.reverse()
    elif operation.name in ("unitary", "kraus", "superop"):
        for array in operation.params:
            if isinstance(array, np.ndarray):
                array[:] = array[::-1].copy()  # with X on all qubits after it
    elif operation.name == "diagonal":
        operation.params.reverse()
    elif operation.name == "pauli":
        operation.params[0] = operation.params[0][::-1]
    elif isinstance(operation, Gate) and operation.mutable and all(isinstance(p, float) for p in operation.params):
        operation.params = [value + 0.25 for value in operation.params]
