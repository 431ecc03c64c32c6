"""What of a circuit counts for its cost, read from its columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...plan.circuits.columns import Columns, Word, blocks_in
from ...plan.circuits.operations import rounds_of
from .gates import AMPLITUDES, BESIDE_GATES, BRANCHES, BY_SHOT, CLIFFORD, IDLE, METHOD_FOR, READS, SAVED_STATES, SAVES
from .rotations.choice import are_known

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
        rotations: its exact expectation values may be had without Aer.
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
    rotations: bool


def shape_of(circuit: Columns) -> Shape:
    """Read ``circuit``."""
    names = circuit.counts
    gates, repeats, everywhere = len(circuit), False, set(names)
    if not BRANCHES.isdisjoint(names):
        gates, everywhere = _weight(circuit), circuit.names
        repeats = "while_loop" in everywhere
    unitaries = [(word.qubits, count) for word, count in circuit.occurrences if word.name == "unitary"]
    return Shape(
        gates=gates,
        qubits=circuit.num_qubits if circuit.num_qubits <= _NARROW else _used(circuit),
        unitaries=sum(count for _, count in unitaries),
        matrices=sum((count * _dense(width) for width, count in unitaries), 0.0),
        automatic=_automatic(everywhere),
        by_shot=not BY_SHOT.isdisjoint(names) or ("measure" in names and not _measures_last(circuit)),
        saves=sum(count for name, count in names.items() if name.startswith(SAVES)),
        states=sum(count for name, count in names.items() if name in SAVED_STATES),
        repeats=repeats,
        rotations=are_known(names),
    )


def _automatic(names: set[str]) -> str:
    for name, method in METHOD_FOR.items():
        if name in names:
            return method
    plain = all(name in CLIFFORD or name in BESIDE_GATES or name.startswith(SAVES) for name in names)
    return "stabilizer" if plain and AMPLITUDES.isdisjoint(names) else "statevector"


def _dense(width: int) -> float:
    """How many plain gates cost as much as a matrix; of two qubits, 3.3 were measured, of three, 4.7."""
    return max(1.6 * width, 2.0**width / 2)


def _used(circuit: Columns) -> int:
    return len(np.unique(circuit.where("qubits", lambda word: word.name not in IDLE)))


def _measures_last(circuit: Columns) -> bool:
    """Whether nothing comes after the first measurement that keeps Aer from sampling."""
    measures = np.array([word.name == "measure" for word in circuit.words])
    others = np.array([not _keeps_sampling(word) for word in circuit.words])
    first = int(measures[circuit.codes].argmax())
    return not others[circuit.codes[first:]].any()


def _keeps_sampling(word: Word) -> bool:
    return word.name == "measure" or word.name in READS or word.name.startswith(SAVES)


def _weight(circuit: Columns) -> int:
    """The instructions, those in blocks as often as they run."""
    found = 0
    for step in circuit.steps():
        times = rounds_of(step.operand) if step.word.kind == "for_loop" else 1
        inside = sum(map(_weight, blocks_in(step.operand))) if step.word.name in BRANCHES else 0
        found += max(1, times * inside) if step.word.name in BRANCHES else 1
    return found
