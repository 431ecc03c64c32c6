"""A noise model in the form of Aer's C++."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from qiskit_aer.noise import NoiseModel

from ...._compat import aer_noise
from ..error_objects import ErrorData, Step
from ..noise_objects import model_of
from ..noise_sent import ModelData
from .relaxation import is_plain


class Noise:
    """A noise model that is converted once, and not in each call of Aer.

    Args:
        given: the model, not to be changed any more; or its data, of which an object is made only if it is needed.
    """

    def __init__(self, given: NoiseModel | ModelData) -> None:
        self._given = given

    @cached_property
    def model(self) -> NoiseModel:
        """Aer's object, not to be changed."""
        return model_of(self._given) if isinstance(self._given, ModelData) else self._given

    @cached_property
    def has_passes(self) -> bool:
        """Whether it may change a circuit before it is simulated."""
        if isinstance(self._given, ModelData):
            return bool(self._given.passes)
        return aer_noise.has_passes(self._given)

    @cached_property
    def relaxes(self) -> bool:
        """Whether all that it makes of a circuit can be remembered."""
        return is_plain(self.model)

    @property
    def weight(self) -> int:
        """About the bytes of the data and of all that is made of it."""
        if not isinstance(self._given, ModelData):
            return 0
        terms = sum(len(error.terms) for error in self._given.errors)
        return 4000 * (len(self._given.steps) + len(self._given.readouts)) + 1000 * terms

    def with_errors(self, errors: Sequence[dict[str, Any]]) -> Noise:
        """The same with further errors on all qubits, which are in the form of Aer's C++ already."""
        found, given, first = Noise(self._given), self._converted, self._defaults
        found.__dict__["_converted"] = {
            **given,
            "errors": [*given["errors"][:first], *errors, *given["errors"][first:]],
        }
        return found

    @property
    def _defaults(self) -> int:
        """How many errors are on all qubits; they come first."""
        if isinstance(self._given, ModelData):
            return len(self._given.default)
        return len(aer_noise.DEFAULT_QUANTUM.of(self._given))

    @cached_property
    def _converted(self) -> dict[str, Any]:
        if isinstance(self._given, ModelData):
            return converted(self._given)
        found: dict[str, Any] = self._given.to_dict(serializable=True)
        return found

    def to_dict(self, serializable: bool = True) -> dict[str, Any]:
        """What Aer asks a noise model for before it hands it to its C++ code, which does not change it."""
        assert serializable
        return self._converted


def converted(model: ModelData) -> dict[str, Any]:
    """What ``NoiseModel.to_dict(serializable=True)`` gives, but for the ids of errors, which Aer does not read."""
    steps = [_converted_step(step) for step in model.steps]
    errors = [_converted_error(error, steps) for error in model.errors]
    readouts = [matrix.tolist() for matrix in model.readouts]
    found = [{**errors[place], "operations": [name]} for name, place in model.default]
    found += [
        {**errors[place], "operations": [name], "gate_qubits": [list(qubits)]}
        for name, by_qubits in model.local
        for qubits, place in by_qubits
    ]
    readout = {"type": "roerror", "operations": ["measure"]}
    if model.default_readout is not None:
        found.append({**readout, "probabilities": readouts[model.default_readout]})
    found += [
        {**readout, "probabilities": readouts[place], "gate_qubits": [list(qubits)]}
        for qubits, place in model.local_readout
    ]
    return {"errors": found}


def _converted_step(step: Step) -> dict[str, Any]:
    found = {"name": step.name, "qubits": step.qubits}
    if step.params:
        found["params"] = [_converted_value(value) for value in step.params]
    if step.label:
        found["label"] = step.label
    return found


def _converted_value(value: Any) -> Any:
    """Complex numbers are pairs."""
    if isinstance(value, complex):
        return [value.real, value.imag]
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind != "c":
        return value.tolist()
    return np.stack([value.real, value.imag], axis=-1).tolist()


def _converted_error(error: ErrorData, steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if error.kind == "QuantumError":
        instructions = [[steps[place] for place in term] for term in error.terms]
    else:
        qubits = list(range(error.num_qubits))
        instructions = [[{"name": "pauli", "params": [term], "qubits": qubits}] for term in error.terms]
    kind, numbers = ("plerror", "rates") if error.kind == "PauliLindbladError" else ("qerror", "probabilities")
    return {"type": kind, "operations": [], "instructions": instructions, numbers: error.numbers.tolist()}
