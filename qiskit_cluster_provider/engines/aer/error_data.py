"""Quantum errors of noise models as data: their circuits, and the instructions in these.

An instruction is data if it follows from its name, qubits, parameters and label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from qiskit.circuit import Instruction, QuantumCircuit, Reset
from qiskit.circuit.library import PauliGate, UnitaryGate, get_standard_gate_name_mapping

from ...wire.envelope import pack

_ERRORS = "qiskit_aer.noise.errors."
QUANTUM_ERROR = (f"{_ERRORS}quantum_error", "QuantumError")
PAULI_ERROR = (f"{_ERRORS}pauli_error", "PauliError")
LINDBLAD_ERROR = (f"{_ERRORS}pauli_lindblad_error", "PauliLindbladError")
"""Modules and names of classes; see :func:`class_of`."""


MOST_QUBITS = 10_000_000
"""Of all circuits in the errors of a model together. The errors of a device of 1,000 qubits have a tenth of it."""


_DTYPES = (np.complex128, np.float64, np.int64)


class NotDataError(Exception):
    """A part of a noise model is not data. The text names the part: it is the end of a sentence about the model."""


def class_of(thing: Any) -> tuple[str, str]:
    """Module and name of its class, which tell Aer's classes without an import of Aer."""
    return type(thing).__module__, type(thing).__qualname__


def error_data(error: Any, where: str) -> tuple[Any, ...]:
    """An error by itself: as :func:`reader_of` reads it, with its instructions; in tuples.

    Raises:
        NotDataError: it is not data.
    """
    steps = Steps()
    return (*_frozen(reader_of(steps)(error, where)), _frozen(steps.made))


@cache
def gate_classes() -> Mapping[str, type[Instruction]]:
    """The classes of the instructions of errors that follow from their names."""
    gates = get_standard_gate_name_mapping()
    del gates["delay"], gates["measure"]
    found = {name: getattr(gate, "base_class", type(gate)) for name, gate in gates.items()}
    return {**found, "pauli": PauliGate, "unitary": UnitaryGate, "reset": Reset}


class Steps:
    """The instructions of errors, each once: name, qubits, parameters and label."""

    def __init__(self) -> None:
        self.made: list[list[Any]] = []
        self._places: dict[Any, int] = {}
        self.qubits = 0

    def of(self, circuit: QuantumCircuit, where: str) -> list[int]:
        """The places of the instructions of ``circuit`` in ``made``."""
        self.qubits += circuit.num_qubits
        if circuit.num_clbits or self.qubits > MOST_QUBITS:
            raise NotDataError(f"{where} has a circuit with classical bits, or too many circuits")
        numbers = {qubit: number for number, qubit in enumerate(circuit.qubits)}
        return [
            self._place(step.operation, [numbers[qubit] for qubit in step.qubits], where) for step in circuit.data
        ]

    def _place(self, operation: Any, qubits: list[int], where: str) -> int:
        name, label = operation.name, operation.label
        params = [value_of(value, where) for value in operation.params]
        key = (name, label, *qubits, *map(key_of, params))
        found = self._places.get(key)
        if found is None:
            if not _follows(operation):
                raise NotDataError(f"{where} has the instruction {name!r}, of the class {type(operation).__name__}")
            self.made.append([text_of(name), qubits, params, None if label is None else text_of(label)])
            found = self._places[key] = len(self.made) - 1
        return found


def _follows(operation: Any) -> bool:
    """Whether an operation follows from its name, label and parameters."""
    kind = type(operation)
    if kind is Instruction:
        return operation.definition is None and not operation.num_clbits
    return getattr(operation, "base_class", kind) is gate_classes().get(operation.name)


def reader_of(steps: Steps) -> Callable[[Any, str], list[Any]]:
    """What reads a quantum error: its number of qubits, numbers, and circuits or Paulis."""

    def read(error: Any, where: str) -> list[Any]:
        if class_of(error) not in (QUANTUM_ERROR, PAULI_ERROR, LINDBLAD_ERROR):
            raise NotDataError(f"{where} is of the class {type(error).__name__}, which is none of Aer's")
        kind = class_of(error)[1]
        if kind == "QuantumError":
            circuits = [steps.of(circuit, where) for circuit in error.circuits]
            numbers = numbers_of(error.probabilities, where)
            same = {circuit.num_qubits for circuit in error.circuits} <= {error.num_qubits}
            if not same or numbers.shape != (len(circuits),):
                raise NotDataError(f"{where} has circuits of several sizes, or another number of probabilities")
            return [kind, error.num_qubits, numbers, circuits]
        paulis, numbers = (
            (error.paulis, error.probabilities) if kind == "PauliError" else (error.generators, error.rates)
        )
        return [kind, error.num_qubits, numbers_of(numbers, where), paulis.to_labels()]

    return read


def name_of(data: tuple[Any, ...]) -> str:
    """A name that follows from the data of an error: equal errors have equal names, in every process."""
    return hashlib.sha256(pack(data)).hexdigest()[:32]


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def text_of(name: Any) -> str:
    """A name.

    Raises:
        NotDataError: it is something else.
    """
    if type(name) is not str:
        raise NotDataError(f"it has the name {name!r}, of the class {type(name).__name__}")
    return name


def qubits_of(numbers: Iterable[Any]) -> list[int]:
    """Numbers of qubits.

    Raises:
        NotDataError: it is something else.
    """
    found = list(numbers)
    if not all(type(number) is int and 0 <= number < 2**63 for number in found):
        raise NotDataError(f"it has the qubits {found}, which are no numbers")
    return found


def value_of(value: Any, where: str) -> Any:
    """A parameter of an instruction: a number, a text, or an array."""
    if isinstance(value, np.ndarray):
        return array_of(value, where)
    if type(value) is int and -(2**63) <= value < 2**64:
        return value
    if isinstance(value, float):  # as numpy's float64 is
        return float(value)
    if isinstance(value, complex):
        return complex(value)
    if isinstance(value, str):
        return str(value)
    raise NotDataError(f"{where} has a parameter of the class {type(value).__name__}")


def key_of(value: Any) -> Any:
    """Tells values apart, by their bits."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, list):
        return tuple(map(key_of, value))
    return type(value), repr(value)


def array_of(value: Any, where: str) -> Any:
    """``value`` in the one form of all arrays with its numbers."""
    if value.dtype.newbyteorder("=") not in _DTYPES:
        raise NotDataError(f"{where} has an array of the type {value.dtype}")
    return np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)


def numbers_of(values: Any, where: str) -> Any:
    """Probabilities, or rates, as an array.

    Raises:
        NotDataError: it is something else.
    """
    try:
        return np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise NotDataError(f"{where} has probabilities that are no numbers") from error
