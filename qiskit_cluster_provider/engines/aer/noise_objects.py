"""The ``NoiseModel`` of data that came over the wire: for passes, and for the public ``run`` of Aer."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.exceptions import QiskitError
from qiskit.transpiler import InstructionProperties
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    RelaxationNoisePass,
)

from ..._compat.aer_noise import ModelParts, put_parts
from ...errors import WireError
from ...wire.envelope import DAMAGE
from .error_objects import Numbers, error_of, operation_of
from .noise_data import operation_classes
from .noise_sent import ModelData, PassData


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
    operations = [operation_of(step) for step in data.steps]
    errors = [error_of(error, data.steps, operations) for error in data.errors]
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
