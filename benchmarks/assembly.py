"""What Aer's C++ takes for a call, and for a circuit and a shot whatever they hold: `python -m benchmarks.assembly`.

All figures are CPU time on one core, the least of five rounds. docs/explanation/assembly.md says what they mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.backends.aer_compiler import assemble_circuits
from qiskit_aer.backends.controller_wrappers import AerCircuit

from qiskit_cluster_provider.engines.aer.operations import WRITERS
from qiskit_cluster_provider.engines.aer.simulation.native import native_of
from qiskit_cluster_provider.plan.circuits.reading import Reader

_ROUNDS = 5
_CALLS = 5000
_NUMBERS = [0.1, 0.2, 0.3]
_MATRIX = np.eye(2, dtype=complex)
_LINES: Sequence[tuple[str, str, tuple[Any, ...]]] = (
    ("gate, u with three numbers", "gate", ("u", [3], _NUMBERS, [], -1, None, "u")),
    ("gate, cx", "gate", ("cx", [3, 4], [], [], -1, None, "cx")),
    ("gate, cx, tuples and no label", "gate", ("cx", (3, 4), (), (), -1, None, "")),
    ("unitary, 2 x 2", "unitary", ([3], _MATRIX, -1, None, "u")),
    ("diagonal, 2", "diagonal", ([3], [1.0, 1.0], -1, "d")),
    ("measure", "measure", ([3], [3], [])),
    ("reset", "reset", ([3], -1)),
    ("barrier", "barrier", ([3, 4],)),
)


def calls() -> list[tuple[str, float]]:
    """Microseconds of each call that adds an operation, and of making an empty circuit."""
    found = [(name, _each(method, arguments)) for name, method, arguments in _LINES]
    return [*found, ("AerCircuit()", _least(lambda: [AerCircuit() for _ in range(500)]) / 500 * 1e6)]


def instructions() -> tuple[float, float]:
    """Microseconds of an instruction of a circuit of gates: of ours and of Aer's assembler."""
    circuit = QuantumCircuit(8)
    for index in range(4000):
        circuit.u(*_NUMBERS, index % 8)
        circuit.cx(index % 8, (index + 1) % 8)
    columns, count = Reader(WRITERS).read(circuit), len(circuit.data)
    ours, theirs = _least(lambda: native_of(columns, None)), _least(lambda: assemble_circuits([circuit]))
    return ours / count * 1e6, theirs / count * 1e6


def shot() -> float:
    """Microseconds of a shot of a circuit with next to nothing in it."""
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.reset(0)  # so that no shot can be sampled
    circuit.measure(0, 0)
    simulator = AerSimulator(max_parallel_threads=1)
    return _least(lambda: simulator.run(circuit, shots=_CALLS).result()) / _CALLS * 1e6


def _each(method: str, arguments: tuple[Any, ...]) -> float:
    def many() -> None:
        call = getattr(AerCircuit(), method)
        for _ in range(_CALLS):
            call(*arguments)

    return _least(many) / _CALLS * 1e6


def _least(work: Callable[[], object]) -> float:
    found = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    """Print a table."""
    print("| | us |\n|---|---:|")
    for name, figure in calls():
        print(f"| {name} | {figure:.1f} |")
    ours, theirs = instructions()
    print(f"| an instruction, by our assembler | {ours:.1f} |\n| an instruction, by Aer's assembler | {theirs:.1f} |")
    print(f"| a shot that Aer simulates by itself | {shot():.1f} |")


if __name__ == "__main__":
    main()
