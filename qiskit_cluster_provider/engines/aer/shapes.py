"""What of a circuit counts for its cost, read without making an object of each gate."""

from __future__ import annotations

from typing import Any, NamedTuple

from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit.circuit.controlflow import ControlFlowOp, ForLoopOp

from ...plan.circuits.instructions import instructions
from .gates import AMPLITUDES, BESIDE_GATES, BRANCHES, BY_SHOT, CLIFFORD, IDLE, METHOD_FOR, READS, SAVED_STATES, SAVES

_NARROW = 8  # qubits: so few that it does not matter how many of them are idle


class Shape(NamedTuple):
    """What of a circuit counts for its cost.

    Attributes:
        gates: instructions, those of a for-loop as often as it runs them.
        qubits: that something acts on.
        unitaries: those of the gates that are given as matrices.
        matrices: as many plain gates would cost what these cost.
        automatic: the method that Aer's ``automatic`` takes for it if there is no noise.
        by_shot: its shots are simulated one by one, even without noise.
        saves: instructions that save something.
        states: those that save its state.
        repeats: how often something in it runs is decided while it runs.
    """

    gates: int
    qubits: int
    unitaries: int
    matrices: float
    automatic: str
    by_shot: bool
    saves: int
    states: int
    repeats: bool


def shape_of(circuit: QuantumCircuit) -> Shape:
    """Read ``circuit``."""
    names = circuit.count_ops()
    gates, repeats, everywhere = sum(names.values()), False, set(names)
    if not BRANCHES.isdisjoint(names):
        gates = sum(_weight(step.operation) for step in circuit.data)
        everywhere = {operation.name for operation in instructions(circuit)}
        repeats = "while_loop" in everywhere
    measured = names.get("measure", 0)
    return Shape(
        gates=gates,
        qubits=circuit.num_qubits if circuit.num_qubits <= _NARROW else _used(circuit),
        unitaries=names.get("unitary", 0),
        matrices=sum(_dense(step) for step in circuit.data if step.name == "unitary") if "unitary" in names else 0.0,
        automatic=_automatic(everywhere),
        by_shot=not BY_SHOT.isdisjoint(names) or (measured > 0 and not _measures_last(circuit, measured)),
        saves=sum(count for name, count in names.items() if name.startswith(SAVES)),
        states=sum(count for name, count in names.items() if name in SAVED_STATES),
        repeats=repeats,
    )


def _automatic(names: set[str]) -> str:
    for name, method in METHOD_FOR.items():
        if name in names:
            return method
    plain = all(name in CLIFFORD or name in BESIDE_GATES or name.startswith(SAVES) for name in names)
    return "stabilizer" if plain and AMPLITUDES.isdisjoint(names) else "statevector"


def _dense(step: CircuitInstruction) -> float:
    """How many plain gates cost as much as a matrix; of two qubits, 3.3 were measured, of three, 4.7."""
    width = len(step.qubits)
    return max(1.6 * width, 2.0**width / 2)


def _used(circuit: QuantumCircuit) -> int:
    used: set[Any] = set()
    for step in circuit.data:
        if step.name not in IDLE:
            used.update(step.qubits)
            if len(used) == circuit.num_qubits:
                break
    return len(used)


def _measures_last(circuit: QuantumCircuit, measurements: int) -> bool:
    """Whether nothing comes after the first measurement that keeps Aer from sampling."""
    for step in reversed(circuit.data):
        name = step.name
        if name == "measure":
            measurements -= 1
            if not measurements:
                return True
        elif name not in READS and not name.startswith(SAVES):
            return False
    return True


def _weight(operation: Any) -> int:
    if not isinstance(operation, ControlFlowOp):
        return 1
    times = len(operation.params[0]) if isinstance(operation, ForLoopOp) else 1
    return max(1, times * sum(_weight(step.operation) for block in operation.blocks for step in block.data))
