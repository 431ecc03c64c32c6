"""Comparing circuits: all that Aer sees of them, but for what is left free."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .columns import Columns, Floats, Kind, Symbol, Word
from .operations import STANDARD
from .snapshots import InternedCircuit, Snapshot, snapshot_of

_PLAIN = frozenset({Kind.MEASURE, Kind.RESET, Kind.BARRIER})
_NAMES = frozenset(STANDARD) - {"delay", "global_phase"}


class Structure:
    """All of a circuit but its numbers; hashed once, which for long circuits takes as long as to read them."""

    __slots__ = ("_hash", "_parts", "bytes")

    def __init__(self, size: int, *parts: Hashable) -> None:
        self._parts = parts
        self._hash = hash(parts)
        self.bytes = size

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self._hash == other._hash and self._parts == other._parts


def read(circuit: Columns) -> tuple[Structure, Floats] | None:
    """The structure of ``circuit`` and its numbers; ``None`` for one that is not compared.

    Compared are circuits of standard gates, measurements, resets and barriers. Aer sees nothing of them but names,
    numbers, labels and bits. The numbers of a circuit without parameters are those of its gates, and a global phase
    that is not 0. Those of a circuit with parameters are a part of its structure: its rows come from the user.
    """
    if circuit.declarations or not all(map(_is_plain, circuit.words)):
        return None
    columns = circuit.codes.tobytes(), circuit.qubits.tobytes(), circuit.clbits.tobytes()
    head = (circuit.num_qubits, circuit.num_clbits, circuit.qregs, circuit.cregs, circuit.words, *columns)
    size = 500 + sum(map(len, columns))
    if circuit.num_parameters:
        own = circuit.numbers.tobytes(), circuit.free.tobytes(), np.float64(circuit.phase).tobytes()
        expressions = circuit.parameters, circuit.expressions, circuit.phase_expression
        return Structure(
            size + sum(map(len, own)) + 100 * len(circuit.expressions), *head, *own, *expressions
        ), np.empty(0)
    if circuit.phase == 0.0:
        return Structure(size, *head, False), circuit.numbers
    return Structure(size, *head, True), np.append(circuit.numbers, circuit.phase)


def _is_plain(word: Word) -> bool:
    return word.kind in _PLAIN or (word.kind == Kind.GATE and word.name in _NAMES)


class Pattern:
    """What other circuits of one structure are compared with.

    In a circuit without parameters all numbers are free. In one with parameters none is.

    Args:
        circuit: one that can be compared.
        numbers: its own.

    Attributes:
        bytes: about what it holds, and what is made of it.
    """

    def __init__(self, circuit: Columns, numbers: Floats) -> None:
        self.bytes = 2 * circuit.bytes + 16 * numbers.nbytes
        self._first = numbers.tobytes()
        self._closed: InternedCircuit | None = None
        self._open: InternedCircuit | None = None

    def snapshot(self, circuit: Columns, numbers: Floats, alone: bool) -> Snapshot:
        """What stands for ``circuit``, which has this pattern.

        Args:
            circuit: one of a run.
            numbers: its own, which are finite.
            alone: whether no other one of the run has this pattern. If it also has the numbers of the first one that
                had it, it has come again as it was, and is not opened: for a long circuit that takes longer than to
                send it.
        """
        if not len(numbers) or (alone and numbers.tobytes() == self._first):
            if self._closed is None:
                made = snapshot_of(circuit)
                self._closed = InternedCircuit(replace(made.circuit, name="template"), made.bind)
            return Snapshot(self._closed.circuit, self._closed.bind, None, self._closed)
        if self._open is None:
            # Rows are the user's bound circuits. A worker that cannot put numbers in their places binds each.
            self._open = InternedCircuit(_opened(circuit), bind=True)
        return Snapshot(self._open.circuit, True, numbers.reshape(1, -1), self._open)


def _opened(circuit: Columns) -> Columns:
    """``circuit`` with parameters in the place of all numbers, the last of them for a phase that is not 0."""
    size = len(circuit.numbers)
    has_phase = circuit.phase != 0.0
    count = size + has_phase
    places: npt.NDArray[np.uint32] = np.arange(size, dtype=np.uint32)
    return replace(
        circuit,
        name="template",
        numbers=np.zeros(size),
        free=np.stack([places, places], axis=1),
        phase=0.0,
        phase_expression=size if has_phase else None,
        parameters=tuple(Symbol(f"number{index:08}") for index in range(count)),
        num_parameters=count,
        expressions=tuple(range(count)),
    )
