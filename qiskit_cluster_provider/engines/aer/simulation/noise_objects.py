"""The ``NoiseModel`` of data that came over the wire: for passes, and for the public ``run`` of Aer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.transpiler import InstructionProperties
from qiskit_aer.noise import (
    NoiseModel,
    PauliError,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    RelaxationNoisePass,
)

from ...._compat.aer_noise import ModelParts, put_parts
from ....errors import WireError
from ....wire.envelope import DAMAGE
from ..noise_data import gate_classes, operation_classes
from .noise_sent import ErrorData, ModelData, Numbers, PassData, Step


def model_of(model: ModelData) -> NoiseModel:
    """The ``NoiseModel``; its errors have new ids.

    Raises:
        WireError: Qiskit or Aer cannot make it.
    """
    try:
        return _model(model)
    except (QiskitError, *DAMAGE) as error:
        raise WireError(f"the noise model is damaged: {type(error).__name__}: {error}") from error


def _model(data: ModelData) -> NoiseModel:
    operations = [_operation(step) for step in data.steps]
    errors = [_made(error, data.steps, operations) for error in data.errors]
    readouts = [_made_readout(matrix) for matrix in data.readouts]
    made = NoiseModel()
    parts = ModelParts(
        basis_gates=set(data.basis_gates),
        noise_instructions=set(data.instructions),
        noise_qubits=set(data.qubits),
        passes=[_made_pass(one) for one in data.passes],
        default_quantum={name: errors[place] for name, place in data.default},
        local_quantum={
            name: {qubits: errors[place] for qubits, place in by_qubits} for name, by_qubits in data.local
        },
        default_readout=None if data.default_readout is None else readouts[data.default_readout],
        local_readout={qubits: readouts[place] for qubits, place in data.local_readout},
    )
    put_parts(made, parts)
    return made


def _operation(step: Step) -> Instruction:
    kind = gate_classes().get(step.name)
    if kind is None:
        return Instruction(step.name, len(step.qubits), 0, step.params, label=step.label)
    made = kind(*step.params)
    if step.label is not None:
        made = made.to_mutable()
        made.label = step.label
    return made


def _made(error: ErrorData, steps: Sequence[Step], operations: Sequence[Instruction]) -> Any:
    if error.kind == "PauliError":
        return PauliError(error.terms, error.numbers)
    if error.kind == "PauliLindbladError":
        return PauliLindbladError(error.terms, error.numbers)
    made = QuantumError([(QuantumCircuit(error.num_qubits), 1.0)])  # which it would normalise, as it did before
    made.circuits[:] = [_circuit(error.num_qubits, term, steps, operations) for term in error.terms]
    made.probabilities[:] = list(error.numbers)
    return made


def _circuit(
    num_qubits: int, term: Iterable[int], steps: Sequence[Step], operations: Sequence[Instruction]
) -> QuantumCircuit:
    made = QuantumCircuit(num_qubits)
    for place in term:
        made.append(operations[place], steps[place].qubits, copy=False)
    return made


def _made_readout(matrix: Numbers) -> ReadoutError:
    made = ReadoutError(np.eye(len(matrix)))  # which it would refuse if the user has changed it since
    made.probabilities[:] = matrix
    return made


def _made_pass(one: PassData) -> RelaxationNoisePass:
    target: Any = None
    if one.durations is not None:  # a pass asks it for nothing but the durations
        target = {name: {} for name, _, _ in one.durations}
        for name, qubits, seconds in one.durations:
            target[name][qubits] = InstructionProperties(duration=seconds)
    operations = [operation_classes()[name] for name in one.operations] or None
    # Qiskit compares the arguments of a pass, which fails for arrays.
    return RelaxationNoisePass(one.t1s.tolist(), one.t2s.tolist(), one.dt, operations, one.p1s.tolist(), target)
