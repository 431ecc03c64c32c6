"""Comparing circuits, instruction by instruction: all that Aer sees of them, but for what is left free."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, ParameterExpression, QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping

from ..._compat.qiskit import appender, drop_layout
from .snapshots import InternedCircuit, Snapshot, snapshot_of

_NOT_GATES = frozenset({"measure", "reset", "barrier"})
_NAMES = (frozenset(get_standard_gate_name_mapping()) | _NOT_GATES) - {"delay", "global_phase"}

_FLOAT = frozenset({float})

Numbers = npt.NDArray[np.float64]


def outline_of(circuit: QuantumCircuit) -> Hashable | None:
    """What circuits of one structure have in common at a glance; ``None`` for one that is not compared.

    Compared are circuits of standard gates, measurements, resets and barriers. Their instructions cannot be changed
    in place, and Aer sees nothing of them but names, numbers, labels and bits.
    """
    names = circuit.count_ops()
    if not _NAMES.issuperset(names) or circuit.num_vars:
        return None
    free = not circuit.num_parameters
    if free and type(circuit.global_phase) is not float:
        return None
    return circuit.num_qubits, circuit.num_clbits, tuple(names.items()), free, free and circuit.global_phase != 0.0


class Structure:
    """All of a circuit but its numbers; hashed once, which for long circuits takes as long as to read them."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, *parts: Hashable) -> None:
        self._parts = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self._hash == other._hash and self._parts == other._parts


def read(circuit: QuantumCircuit) -> tuple[Structure, list[Any]] | None:
    """The structure of a circuit that has an outline, and its numbers; ``None`` if it cannot be compared after all.

    Its numbers are those of its gates, and the global phase; but a phase of 0 of a circuit without parameters is a
    part of its structure.
    """
    steps: list[Hashable] = []
    numbers: list[Any] = []
    for one in circuit.data:
        name = one.name
        if name not in _NOT_GATES and not one.is_standard_gate():
            return None
        steps.append((name, one.qubits, one.clbits, one.label))
        numbers += one.params
    phase = bool(circuit.num_parameters) or circuit.global_phase != 0.0
    if phase:
        numbers.append(circuit.global_phase)
    registers = tuple(circuit.qregs), tuple(circuit.cregs)
    head = tuple(circuit.qubits), tuple(circuit.clbits), *registers, tuple(circuit.parameters)
    return Structure(*head, phase, tuple(steps)), numbers


class Pattern:
    """What other circuits of one structure are compared with.

    In a circuit without parameters all numbers are free. In one with parameters none is: its rows come from the user.

    Args:
        circuit: one that can be compared.
        numbers: its own.

    Attributes:
        free: whether numbers are.
        size: instructions.
    """

    def __init__(self, circuit: QuantumCircuit, numbers: list[Any]) -> None:
        self.free = not circuit.num_parameters
        self.size = len(circuit.data)
        self._first = numbers
        self._closed: InternedCircuit | None = None
        self._open: InternedCircuit | None = None

    def row(self, numbers: list[Any]) -> Numbers | None:
        """The free ones of the ``numbers`` of a circuit of this structure if it has this pattern; else ``None``."""
        if not self.free:
            return np.empty(0) if all(map(same, numbers, self._first)) else None
        if not _FLOAT.issuperset(map(type, numbers)):
            return None
        row = np.array(numbers, dtype=np.float64)
        return row if np.isfinite(row).all() else None

    def snapshot(self, circuit: QuantumCircuit, row: Numbers, alone: bool) -> Snapshot:
        """What stands for ``circuit``, which has this pattern.

        Args:
            circuit: one of a run.
            row: its free numbers.
            alone: whether no other one of the run has this pattern. If it also has the numbers of the first one that
                had it, it has come again as it was, and is not opened: for a long circuit that takes longer than to
                send it.
        """
        if not len(row) or (alone and all(map(same, row.tolist(), self._first))):
            if self._closed is None:
                made = snapshot_of(circuit)
                self._closed = InternedCircuit(made.circuit, made.bind)
            return Snapshot(self._closed.circuit, self._closed.bind, None, self._closed)
        if self._open is None:
            # Rows are the user's bound circuits. A worker that cannot put numbers in their places binds each.
            self._open = InternedCircuit(_opened(circuit), bind=True)
        return Snapshot(self._open.circuit, True, row.reshape(1, -1), self._open)


def same(one: Any, other: Any) -> bool:
    """Whether two parameters of gates are the same in every bit; in doubt, no."""
    if type(one) is not type(other):
        return False
    if type(one) is ParameterExpression:
        # Their equality forgives numbers that differ in the last bits, which their texts tell, and the texts leave
        # out brackets, which tell the order of operations.
        alike = getattr(one, "structurally_equal", None)
        return alike is not None and bool(alike(other)) and str(one) == str(other)
    return bool(one == other) and (one != 0.0 or str(one) == str(other))  # 0.0 == -0.0


def _opened(circuit: QuantumCircuit) -> QuantumCircuit:
    """``circuit`` with parameters in the place of all numbers, the last of them for a phase that is not 0."""
    opened = circuit.copy_empty_like("template")
    opened.metadata = {}
    drop_layout(opened)
    append = appender(opened)
    count = 0
    for one in circuit.data:
        if one.params:
            operation = one.operation.to_mutable()
            operation.params = [_parameter(count + index) for index in range(len(one.params))]
            count += len(one.params)
            one = one.replace(operation=operation)
        append(one)
    if circuit.global_phase != 0.0:
        opened.global_phase = _parameter(count)
    return opened


@cache
def _parameter(index: int) -> Parameter:
    """The same for each template, so that equal ones are written in equal bytes; sorted by index."""
    return Parameter(f"number{index:08}", uuid=UUID(int=index + 1))
