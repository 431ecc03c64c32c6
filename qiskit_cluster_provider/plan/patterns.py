"""Comparing circuits, instruction by instruction: all that Aer sees of them, but for what is left free."""

from __future__ import annotations

import math
from collections.abc import Hashable
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, ParameterExpression, QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping

from .snapshots import Lasting, Snapshot, snapshot_of

_NOT_GATES = frozenset({"measure", "reset", "barrier"})
_NAMES = (frozenset(get_standard_gate_name_mapping()) | _NOT_GATES) - {"delay", "global_phase"}

Numbers = npt.NDArray[np.float64]


def outline_of(circuit: QuantumCircuit) -> Hashable | None:
    """What circuits of one pattern have in common at a glance; ``None`` for one that is not compared.

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


class Pattern:
    """What other circuits are compared with.

    In a circuit without parameters all numbers are free. In one with parameters none is: its rows come from the user.

    Args:
        circuit: one that has an outline.

    Attributes:
        free: whether numbers are.
        size: instructions.
        first: the free numbers of ``circuit``; ``None`` if it cannot be compared after all.
    """

    def __init__(self, circuit: QuantumCircuit) -> None:
        self.free = not circuit.num_parameters
        self.size = len(circuit.data)
        self._closed: Lasting | None = None
        self._open: Lasting | None = None
        self._head = _head(circuit)
        self._steps = [(one.name, one.qubits, one.clbits, one.label, one.params) for one in circuit.data]
        self._phase = None if self.free else circuit.global_phase
        self.first = self.numbers(circuit)

    def numbers(self, circuit: QuantumCircuit) -> Numbers | None:
        """The free numbers of ``circuit``, of the same outline, if it has this pattern; else ``None``."""
        if _head(circuit) != self._head:
            return None
        free = self.free
        found: list[Any] = []
        for one, (name, qubits, clbits, label, expected) in zip(circuit.data, self._steps, strict=True):
            if one.name != name or one.qubits != qubits or one.clbits != clbits or one.label != label:
                return None
            if name not in _NOT_GATES and not one.is_standard_gate():
                return None
            params = one.params
            if len(params) != len(expected):
                return None
            if free:
                found += params
            elif not all(map(same, params, expected)):
                return None
        if not free:
            return np.empty(0) if same(circuit.global_phase, self._phase) else None
        if circuit.global_phase != 0.0:
            found.append(circuit.global_phase)
        if not all(type(value) is float and math.isfinite(value) for value in found):
            return None
        return np.array(found, dtype=np.float64)

    def snapshot(self, circuit: QuantumCircuit, numbers: Numbers, alone: bool) -> Snapshot:
        """What stands for ``circuit``, which has this pattern.

        Args:
            circuit: one of a run.
            numbers: its free ones.
            alone: whether no other one of the run has this pattern. If it also has the numbers of the first one that
                had it, it has come again as it was, and is not opened: for a long circuit that takes longer than to
                send it.
        """
        if not len(numbers) or (alone and self.first is not None and numbers.tobytes() == self.first.tobytes()):
            if self._closed is None:
                made = snapshot_of(circuit)
                self._closed = Lasting(made.circuit, made.bind)
            return Snapshot(self._closed.circuit, self._closed.bind, None, self._closed)
        if self._open is None:
            # Rows are the user's bound circuits. A worker that cannot put numbers in their places binds each.
            self._open = Lasting(_opened(circuit), bind=True)
        return Snapshot(self._open.circuit, True, numbers.reshape(1, -1), self._open)


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


def _head(circuit: QuantumCircuit) -> tuple[Any, ...]:
    return circuit.qubits, circuit.clbits, circuit.qregs, circuit.cregs, list(circuit.parameters)


def _opened(circuit: QuantumCircuit) -> QuantumCircuit:
    """``circuit`` with parameters in the place of all numbers, the last of them for a phase that is not 0."""
    opened = circuit.copy_empty_like("template")
    opened.metadata = {}
    opened._layout = None
    count = 0
    for one in circuit.data:
        if one.params:
            operation = one.operation.to_mutable()
            operation.params = [_parameter(count + index) for index in range(len(one.params))]
            count += len(one.params)
            one = one.replace(operation=operation)
        opened._append(one)
    if circuit.global_phase != 0.0:
        opened.global_phase = _parameter(count)
    return opened


@cache
def _parameter(index: int) -> Parameter:
    """The same for each template, so that equal ones are written in equal bytes; sorted by index."""
    return Parameter(f"number{index:08}", uuid=UUID(int=index + 1))
