"""How big a slice should be."""

from __future__ import annotations

from qiskit.circuit import QuantumCircuit

SLICES_PER_SLOT = 4
"""Slices for each worker thread: enough to balance uneven circuits and to show progress; the overhead
of a slice (a few milliseconds) stays small."""


def automatic_job_size(experiments: int, slots: int) -> int:
    """Experiments per slice if the user gives no ``max_job_size``.

    Args:
        experiments: of the whole run.
        slots: worker threads that can run slices at the same time.
    """
    return max(1, -(-experiments // (SLICES_PER_SLOT * max(1, slots))))


def saves_whole_operators(paulis: int, terms: int) -> bool:
    """Whether to save each observable as a whole rather than each distinct Pauli.

    A save costs about as much as one Pauli in it. Whole observables evaluate every term of each, Paulis
    are evaluated once for all observables that share them.

    Args:
        paulis: distinct ones.
        terms: of all distinct observables together.
    """
    return terms <= 2 * paulis


def splits_rows(circuit: QuantumCircuit, groups: int, spared: int) -> bool:
    """Whether rows that need different observables are simulated as circuits of their own.

    Each such circuit is assembled in Python, about 10 us a gate, which pays if it spares the evaluation
    of enough terms, about 20 us each and 5 ns for each amplitude more.

    Args:
        circuit: of all rows.
        groups: of neighbouring rows with the same observables.
        spared: terms that need not be evaluated.
    """
    assembling: float = 1e-5 * (len(circuit.data) + 20) * (groups - 1)
    evaluating: float = spared * (2e-5 + 5e-9 * 2.0 ** min(circuit.num_qubits, 40))
    return bool(evaluating > assembling)
