"""From a circuit of plain gates to Aer's C++ circuit, without a Python object for each gate.

Aer's own assembler asks each instruction of Qiskit for its operation, which Qiskit makes anew for each question, and
looks at it five times: 10 to 15 us a gate. Here a plain gate is read as Qiskit stores it, at 3 to 4 us, most of
them in Aer's C++, and so are measurements, resets and matrices; all others are left to Aer's assembler.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from qiskit.circuit import ParameterExpression, QuantumCircuit

from ...._compat import aer
from ....plan.circuits.instructions import matrix_of
from ..gates import PASSED_ON, READS_AND_RESETS, SAVES

# Bound once, since they are called for each gate. Their caller has asked aer.runs_directly().
_assemble_op: Any = aer.ASSEMBLE_OP.found
_AerCircuit: Any = aer.AER_CIRCUIT.found
_CircuitHeader: Any = aer.CIRCUIT_HEADER.found

_OTHERS = READS_AND_RESETS | {"unitary"}

Free = tuple[int, int, ParameterExpression]
"""A parameter without a number: index of the instruction, index of the parameter, and the parameter."""


class Native(NamedTuple):
    """A circuit of Aer's C++.

    Attributes:
        circuit: ``AerCircuit``.
        ends: of each instruction of Qiskit's circuit, the place of its last operation.
        free: each parameter that has no number yet.
    """

    circuit: Any
    ends: list[int]
    free: list[Free]


def native_of(circuit: QuantumCircuit, basis_gates: Sequence[str] | None) -> Native | None:
    """What Aer's assembler makes of ``circuit``; ``None`` if it has anything that Aer's compiler would change.

    Args:
        circuit: what Aer's ``run`` would be given.
        basis_gates: of the device that is simulated, or ``None``.

    Raises:
        AerError: Aer does not know one of its instructions.
    """
    names = circuit.count_ops()
    if circuit.num_vars or not all(n in PASSED_ON or n in _OTHERS or n.startswith(SAVES) for n in names):
        return None
    plain = PASSED_ON if basis_gates is None else PASSED_ON.intersection(basis_gates)
    native = _empty(circuit)
    qubits = {qubit: index for index, qubit in enumerate(circuit.qubits)}
    clbits = {clbit: index for index, clbit in enumerate(circuit.clbits)}
    ends: list[int] = []
    free: list[Free] = []
    count = 0
    for index, instruction in enumerate(circuit.data):
        name = instruction.name
        on = [qubits[qubit] for qubit in instruction.qubits]
        made = 1
        if name in plain and (numbers := _numbers(instruction.params, index, free)) is not None:
            native.gate(name, on, numbers, [], -1, None, instruction.label or name)
        elif name == "measure":
            native.measure(on, [clbits[clbit] for clbit in instruction.clbits], [])
        elif name == "reset":
            native.reset(on, -1)
        elif name == "barrier":
            made = 0
        elif (matrix := matrix_of(instruction)) is not None:
            native.unitary(on, matrix, -1, None, instruction.label or name)
        else:
            made = _assemble_op(circuit, native, instruction, qubits, clbits, False, -1, None, basis_gates)
        count += made
        ends.append(count - 1)
    return Native(native, ends, free)


def _numbers(params: list[Any], index: int, free: list[Free]) -> list[float] | None:
    """``params`` with 0 for what is free, which goes to ``free``; ``None`` if it is for Aer to say what they are."""
    numbers, known = params, True
    for place, value in enumerate(params):
        if type(value) is float:
            continue
        if isinstance(value, ParameterExpression) and value.parameters:
            free.append((index, place, value))
            numbers = [*numbers[:place], 0.0, *numbers[place + 1 :]]
        else:
            known = False
    return numbers if known else None


def _empty(circuit: QuantumCircuit) -> Any:
    """As many qubits and bits, and no operations."""
    phase = circuit.global_phase
    angle = 0.0 if isinstance(phase, ParameterExpression) and phase.parameters else float(phase)
    native = _AerCircuit()
    native.set_header(
        _CircuitHeader(
            n_qubits=circuit.num_qubits,
            qreg_sizes=[[register.name, register.size] for register in circuit.qregs],
            memory_slots=circuit.num_clbits,
            creg_sizes=[[register.name, register.size] for register in circuit.cregs],
            name=circuit.name,
            global_phase=angle,
        )
    )
    native.num_qubits = circuit.num_qubits
    native.num_memory = circuit.num_clbits
    native.global_phase_angle = angle
    return native
