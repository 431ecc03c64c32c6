"""What a slice needs, roughly: seconds, for a limit that only an endless one meets, and memory, for its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from qiskit.circuit import QuantumCircuit
from qiskit.circuit.controlflow import ControlFlowOp, ForLoopOp

from .model import Item, Slice, Work
from .outputs import ExpectationValues, Parities
from .width import DENSE

LEAST_TIMEOUT = 600.0
"""Seconds that every slice may take."""
UNPREDICTABLE = 86_400.0
"""Seconds for methods whose time nobody knows before."""
_GENEROUS = 50.0  # times the estimate, which is good to a factor of 2 on the machine where it was fitted
_COUNTS_FROM = 64 * 2**20  # bytes below which a slice is not worth a place of its own
_MOST_DENSE = 50  # qubits: more is not simulated densely by anybody, whatever the method says

_CLIFFORD = frozenset({"x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "ecr", "id", "pauli"})
_NO_GATES = frozenset({"barrier", "delay", "measure", "reset"})
_SAVED_STATES = frozenset(
    ["save_statevector", "save_state", "save_density_matrix", "save_unitary", "save_superop", "save_statevector_dict"]
)
_AFTER_SAMPLING = frozenset({"measure", "barrier", "delay"})


class Shape(NamedTuple):
    """What of a circuit counts for its needs.

    Attributes:
        gates: instructions, those of a for-loop as often as it runs them.
        qubits: that something acts on.
        clifford: only Clifford gates, measurements and resets.
        by_shot: its shots are simulated one by one, even without noise.
        states: how often its state is saved.
    """

    gates: int
    qubits: int
    clifford: bool
    by_shot: bool
    states: int


class Needs:
    """What the slices of ``work`` need; it looks at each circuit once."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._shapes: dict[int, Shape] = {}

    def timeout(self, piece: Slice) -> float:
        """Seconds that ``piece`` may take if the user gives no ``slice_timeout``: generous, never infinite."""
        total = 0.0
        for item, shots, count in self._parts(piece):
            seconds = _seconds(self._shape(item), item, shots, self._work)
            if seconds is None:
                return UNPREDICTABLE
            total += seconds * count
        return min(LEAST_TIMEOUT + _GENEROUS * total, 10 * UNPREDICTABLE)

    def memory(self, piece: Slice) -> int:
        """MB that ``piece`` probably needs at its height; 0 if it is so little that it does not count."""
        work = self._work
        noisy = work.noise_model is not None
        state, kept = 0.0, 0.0
        for item, _, count in self._parts(piece):
            shape = self._shape(item)
            dense = _state_bytes(shape, work.options, noisy)
            by_shot = shape.by_shot or noisy
            state = max(state, dense * (_threads(work) if by_shot else 1))
            # Aer's own copy, Python's, and the message. 600 bytes a gate and 18 kB a result were measured.
            kept += count * (3 * dense * shape.states + 600.0 * shape.gates + 18_000)
        needed = state + kept
        return 0 if needed < _COUNTS_FROM else int(needed // 2**20) + 1

    def _parts(self, piece: Slice) -> Iterator[tuple[Item, int, int]]:
        """Items of ``piece``, each with shots and its number of experiments."""
        for run in piece.runs:
            for index, first, last in self._work.pieces(run.start, run.stop):
                yield self._work.items[index], run.shots, last - first

    def _shape(self, item: Item) -> Shape:
        key = id(item.circuit)  # the work holds it
        if key not in self._shapes:
            self._shapes[key] = _shape_of(item.circuit)
        return self._shapes[key]


def _threads(work: Work) -> int:
    return int(work.options.get("max_parallel_threads", 1)) or 1


def _shape_of(circuit: QuantumCircuit) -> Shape:
    names = circuit.count_ops()
    flow = any(name in names for name in ("if_else", "while_loop", "for_loop", "switch_case"))
    by_shot = flow or any(name in names for name in ("reset", "kraus", "quantum_channel", "initialize"))
    gates, measured = 0, False
    used: set[Any] = set()
    for instruction in circuit.data:
        name = instruction.name
        if name not in ("barrier", "delay"):
            used.update(instruction.qubits)
        if name == "measure":
            measured = True
        elif measured and name not in _AFTER_SAMPLING and not name.startswith("save_"):
            by_shot = True
        gates += _weight(instruction.operation) if flow else 1
    return Shape(
        gates=gates,
        qubits=len(used),
        clifford=all(name in _CLIFFORD | _NO_GATES or name.startswith("save_") for name in names),
        by_shot=by_shot,
        states=sum(count for name, count in names.items() if name in _SAVED_STATES),
    )


def _weight(operation: Any) -> int:
    if not isinstance(operation, ControlFlowOp):
        return 1
    times = len(operation.params[0]) if isinstance(operation, ForLoopOp) else 1
    return max(1, times * sum(_weight(step.operation) for block in operation.blocks for step in block.data))


def _state_bytes(shape: Shape, options: Mapping[str, Any], noisy: bool) -> float:
    """Bytes of the state of one experiment; 0 for methods that store none in full."""
    method = str(options.get("method", "automatic"))
    qubits = shape.qubits
    power = DENSE.get(method, 0)
    if method == "automatic" and (noisy or not shape.clifford):
        power = 1
    if not power or power * qubits > _MOST_DENSE:
        return 0.0
    number = 8 if str(options.get("precision", "double")) == "single" else 16
    return number * 2.0 ** (power * qubits)


def _seconds(shape: Shape, item: Item, shots: int, work: Work) -> float | None:
    """CPU seconds of one experiment; the formulas were fitted to qiskit-aer 0.18. ``None`` if nobody knows."""
    gates, qubits = shape.gates, min(shape.qubits, _MOST_DENSE)
    method = str(work.options.get("method", "automatic"))
    noisy = work.noise_model is not None
    if method == "automatic":
        method = "stabilizer" if shape.clifford and (not noisy or shape.qubits > 30) else "statevector"
    size = 2.0**qubits
    by_shot = shape.by_shot or noisy
    if method == "statevector":
        one = 1e-6 * gates + 9e-9 * gates * size
        seconds = 1e-3 + 1.6e-5 * gates + (shots * (3e-5 + one) if by_shot else 2e-9 * gates * size + 1e-6 * shots)
    elif method in ("density_matrix", "unitary"):
        seconds = 1e-3 + 2.2e-5 * gates + 6e-9 * gates * size**2 + 3e-7 * qubits * shots
    elif method == "superop":
        seconds = 1e-3 + 2.2e-5 * gates + 6e-9 * gates * size**4
    elif method == "stabilizer":
        one = 1e-6 * gates + 3e-9 * gates * shape.qubits + 2e-8 * shape.qubits**2
        seconds = 6e-3 + 1e-5 * gates + 5e-8 * gates * shape.qubits + shots * one
    else:
        return None
    if isinstance(item.output, ExpectationValues):
        seconds += sum(len(labels) for labels, _ in item.output.operators) * (2e-5 + 5e-9 * size)
    elif isinstance(item.output, Parities):
        seconds += 1e-6 * shots
    return seconds
