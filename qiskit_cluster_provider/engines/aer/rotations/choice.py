"""For which circuits and how many rows it is faster to simulate rotations than to let Aer simulate gates.

Measured on one core beside qiskit-aer 0.18. What is decided follows from a circuit and from the rows of its whole
item, never from those of a slice, because the two ways differ in the last bits.
"""

from __future__ import annotations

from collections.abc import Iterable

from .gates import TURNS

QUBITS = 14
"""Of circuits that are simulated as rotations: with more, Aer joins gates, and uses a core better than numpy does."""
_READ, _GATE, _STATE = 1e-3, 2e-5, 1e-8  # seconds: to make a program, for each gate, and for each amplitude of one
_AMPLITUDE = 6e-9  # seconds, for a real number that a step changes
_NAMES = frozenset({*TURNS, "barrier", "unitary"})


def are_known(names: Iterable[str]) -> bool:
    """Whether circuits with operations of these names may be rotations."""
    return _NAMES.issuperset(names)


def pays(gates: int, qubits: int, rows: int) -> bool:
    """Whether to make a program of a circuit is less than what Aer simulates.

    Args:
        gates: of the circuit.
        qubits: of the circuit.
        rows: of its item.
    """
    if not 0 < qubits <= QUBITS:
        return False
    return rows * aer_seconds(gates, qubits) > preparation_seconds(gates, qubits)


def most_numbers(gates: int, qubits: int) -> int:
    """How many real numbers the steps of a program may change, before Aer is faster."""
    return int(aer_seconds(gates, qubits) / _AMPLITUDE)


def preparation_seconds(gates: int, qubits: int) -> float:
    """Seconds to make the program of a circuit."""
    return float(_READ + gates * (_GATE + _STATE * 2**qubits))


def aer_seconds(gates: int, qubits: int) -> float:
    """Seconds that Aer simulates one row."""
    return float(1.5e-4 + gates * (1.2e-6 + 2.1e-9 * 2**qubits))
