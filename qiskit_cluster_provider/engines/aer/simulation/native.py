"""From the columns of a circuit to Aer's C++ circuit, without a Python object for each instruction.

Aer's own assembler asks each instruction of Qiskit for its operation, which Qiskit makes anew for each question, and
looks at it five times: 10 to 15 us a gate. Here a gate takes 5 us, nearly all of them in Aer's C++, which makes a
table of all its gates for each call. What Aer's compiler would change first is left to it: control flow, variables,
operations that only pickle carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...._compat import aer
from ....plan.circuits.columns import Columns, Kind
from .words import Entry, Plan, plan_of

# Bound once. Their caller has asked aer.runs_directly().
_AerCircuit: Any = aer.AER_CIRCUIT.found
_CircuitHeader: Any = aer.CIRCUIT_HEADER.found


class Free(NamedTuple):
    """A number that an expression over parameters stands for.

    Attributes:
        operation: of the C++ circuit.
        place: of the number among those of the operation.
        expression: its place in :attr:`Columns.expressions`.
        instruction: of the columns.
    """

    operation: int
    place: int
    expression: int
    instruction: int


class Native(NamedTuple):
    """A circuit of Aer's C++.

    Attributes:
        circuit: ``AerCircuit``.
        operations: how many it has.
        free: each number that is not known yet, in their order.
    """

    circuit: Any
    operations: int
    free: list[Free]


def native_of(columns: Columns, basis_gates: Sequence[str] | None) -> Native | None:
    """What Aer's assembler makes of a circuit; ``None`` if it has anything that Aer's compiler would change.

    Args:
        columns: of the circuit.
        basis_gates: of the device that is simulated, or ``None``.
    """
    if columns.variables:
        return None
    plans = []
    for word in columns.words:
        plan = plan_of(word, basis_gates)
        if plan is None:
            return None
        plans.append(plan)
    found = _free(columns, plans)
    if found is None:
        return None
    circuit = _filled(columns, [plan.entry for plan in plans])
    return None if circuit is None else Native(circuit, *found)


def _filled(columns: Columns, entries: Sequence[Entry]) -> Any | None:
    """The C++ circuit; ``None`` if the operand of an instruction is for Aer's compiler."""
    circuit = _empty(columns)
    gate, unitary = circuit.gate, circuit.unitary
    qubits, clbits, numbers = columns.qubits.tolist(), columns.clbits.tolist(), columns.numbers.tolist()
    matrices, operands = columns.matrices, iter(columns.operands)
    qubit = clbit = number = entry = 0
    for code in columns.codes.tolist():
        kind, name, label, width, classical, count, add = entries[code]
        on = qubits[qubit : qubit + width]
        qubit += width
        if kind == Kind.GATE:
            gate(name, on, numbers[number : number + count], [], -1, None, label)
            number += count
        elif kind == Kind.MEASURE:
            circuit.measure(on, clbits[clbit : clbit + 1], [])
            clbit += 1
        elif kind == Kind.UNITARY:
            size = 2**width
            unitary(on, matrices[entry : entry + size * size].reshape(size, size), -1, None, label)
            entry += size * size
        elif kind == Kind.RESET:
            circuit.reset(on, -1)
        elif add is not None:
            if not add(circuit, on, numbers[number : number + count], next(operands)):
                return None
            number += count
            clbit += classical
    return circuit


def _free(columns: Columns, plans: Sequence[Plan]) -> tuple[int, list[Free]] | None:
    """The number of operations, and the places of free numbers; ``None`` if one is for Aer's compiler to find."""
    ends = np.cumsum(np.array([plan.operations for plan in plans], dtype=np.int64)[columns.codes])
    count = int(ends[-1]) if len(ends) else 0
    if not len(columns.free):
        return count, []
    places, expressions = columns.free.T.astype(np.int64)
    after = np.cumsum(columns.widths("numbers"), dtype=np.int64)
    which = np.searchsorted(after, places, side="right")
    first = after[which] - columns.widths("numbers")[which]
    found = []
    for instruction, place, expression in zip(
        which.tolist(), (places - first).tolist(), expressions.tolist(), strict=True
    ):
        plan = plans[columns.codes[instruction]]
        if not plan.binds:
            return None
        # An open control is an X before the gate and one after it.
        operation = int(ends[instruction]) - 1 - (plan.operations - 1) // 2
        found.append(Free(operation, place, expression, instruction))
    return count, found


def _empty(columns: Columns) -> Any:
    """As many qubits and bits, and no operations."""
    native = _AerCircuit()
    native.set_header(
        _CircuitHeader(
            n_qubits=columns.num_qubits,
            qreg_sizes=[[register.name, len(register.bits)] for register in columns.qregs],
            memory_slots=columns.num_clbits,
            creg_sizes=[[register.name, len(register.bits)] for register in columns.cregs],
            name=columns.name,
            global_phase=columns.phase,
        )
    )
    native.num_qubits = columns.num_qubits
    native.num_memory = columns.num_clbits
    native.global_phase_angle = columns.phase
    return native
