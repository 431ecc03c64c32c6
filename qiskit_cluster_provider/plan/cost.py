"""How big a slice should be, and what to save."""

from __future__ import annotations

from typing import NamedTuple

from qiskit.circuit import QuantumCircuit

SLICES_PER_SLOT = 4
"""Slices for each worker thread, if there is work enough: to balance uneven circuits and to show progress."""
LONGEST = 60.0
"""Seconds after which a job should show that it moves."""
OVERHEAD_LOCAL, OVERHEAD_NETWORK = 0.008, 0.025
"""Seconds that a slice costs besides its simulation, on this machine and over a network."""
_SHARE = 0.05  # of a slice's time: more should not be spent on sending it and fetching its result


class Aim(NamedTuple):
    """How long a slice should take.

    Attributes:
        seconds: of one slice.
        why: in words.
    """

    seconds: float
    why: str


def least(overhead: float) -> float:
    """Seconds that a slice should take at least, if each costs ``overhead`` seconds besides."""
    return overhead / _SHARE


def aim(total: float, slots: int, least: float, longest: float = LONGEST, known: bool = True) -> Aim:
    """How long the slices should take if the user gives no ``max_job_size``.

    Args:
        total: seconds of the whole run on one thread.
        slots: worker threads that can run slices at the same time.
        least: seconds that a slice should take, unless there is too little work for all slots.
        longest: seconds that no slice should exceed.
        known: whether ``total`` is more than a guess.
    """
    slots = max(1, slots)
    usual = total / (slots * SLICES_PER_SLOT)
    each = f"for each of {slots} slots" if slots > 1 else "for the one slot"
    if not known:
        return Aim(usual, f"{SLICES_PER_SLOT} {each}, as nobody knows how long they take")
    rounds = int(total / (slots * least))
    if rounds < 1:
        # A slot more is worth its while as long as it spares twice what it costs.
        count = max(1, min(slots, int(total / (2 * _SHARE * least))))
        if count == 1:
            return Aim(total, "there is too little work to share it out")
        return Aim(total / count, f"{count} slots get one each, as there is little work")
    if usual > longest:
        return Aim(longest, f"no slice longer than {longest:g} s")
    if rounds < SLICES_PER_SLOT:
        return Aim(total / (slots * rounds), f"{rounds} {each}, none so short that sending it would count")
    return Aim(usual, f"{SLICES_PER_SLOT} {each}, to balance and to show progress")


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
