"""A noise model as data: names, texts, numbers and arrays, of which the same model can be made again.

What is read is what Aer 0.18 reads: of each quantum error its circuits and their probabilities, of each readout error
its matrix, of Aer's own pass of relaxation its parameters. An instruction that stands in many circuits, or an error
that stands on many qubits, is written once.

Equal models have equal data, in every process. So sets are sorted, and the random ids of errors are left out: Aer's
C++ does not read them. Only the error of a channel instruction keeps its id, which is the name that the circuit
refers to.

A model with anything else in it, such as a function of the user's or a class that is none of Aer's, is not data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from qiskit.circuit import Barrier, Delay, Gate, Instruction, Measure, QuantumCircuit, Reset
from qiskit.circuit.library import PauliGate, UnitaryGate, get_standard_gate_name_mapping
from qiskit.transpiler import Target

from ..._compat.aer_noise import FUNC, PassParts, pass_parts
from .noise import class_of, foreign_part, is_known_error, known, relaxes

Body = dict[str, Any]
MOST_QUBITS = 10_000_000
"""Of all circuits in the errors of a model together. The errors of a device of 1,000 qubits have a tenth of it."""


_DTYPES = (np.complex128, np.float64, np.int64)


class NotDataError(Exception):
    """A part of a noise model is not data. The text names the part: it is the end of a sentence about the model."""


def noise_data(noise_model: Any, channel_errors: Iterable[Any] = ()) -> Body:
    """``noise_model`` as data, with the errors of the channel instructions of a batch.

    Args:
        noise_model: of Aer, or ``None``.
        channel_errors: which Aer adds to the model under their ids.

    Raises:
        NotDataError: a part is not data.
    """
    if noise_model is None:
        from qiskit_aer.noise import NoiseModel

        noise_model = NoiseModel()
    parts = known(noise_model)
    if parts is None:
        raise NotDataError(foreign_part(noise_model))
    default, instructions = dict(parts.default_quantum), set(parts.noise_instructions)
    for error in channel_errors:
        if not is_known_error(error):
            raise NotDataError(f"a channel instruction has an error of the class {class_of(error)[1]}")
        if error.id not in default and not error.ideal():
            default[error.id] = error
            instructions.add(error.id)
    steps, errors, readouts = _Steps(), _Each(), _Each()
    read = _reader(steps)
    whole = parts.default_readout
    body = {
        "basis_gates": sorted(map(_text, parts.basis_gates)),
        "instructions": sorted(map(_text, instructions)),
        "qubits": sorted(_qubits(parts.noise_qubits)),
        "default": [
            [_text(name), errors.place(error, read, f"its error on {name!r}")] for name, error in default.items()
        ],
        "local": [
            [
                _text(name),
                [
                    [_qubits(on), errors.place(error, read, f"its error on {name!r} of qubits {on}")]
                    for on, error in by_qubits.items()
                ],
            ]
            for name, by_qubits in parts.local_quantum.items()
        ],
        "default_readout": None if whole is None else readouts.place(whole, _readout, "its readout error"),
        "local_readout": [
            [_qubits(on), readouts.place(error, _readout, f"its readout error of qubits {on}")]
            for on, error in parts.local_readout.items()
        ],
        "passes": _passes(parts.passes),
    }
    return {**body, "errors": errors.made, "readouts": readouts.made, "steps": steps.made}


def why_not(noise_model: Any, channel_errors: Iterable[Any] = ()) -> str | None:
    """What in a noise model is not data: the end of a sentence about the model. ``None`` if all of it is data."""
    try:
        noise_data(noise_model, channel_errors)
    except NotDataError as error:
        return str(error)
    return None


@cache
def gate_classes() -> Mapping[str, type[Instruction]]:
    """The classes of the instructions of errors that follow from their names."""
    gates = get_standard_gate_name_mapping()
    del gates["delay"], gates["measure"]
    found = {name: getattr(gate, "base_class", type(gate)) for name, gate in gates.items()}
    return {**found, "pauli": PauliGate, "unitary": UnitaryGate, "reset": Reset}


@cache
def operation_classes() -> Mapping[str, type]:
    """The classes of operations for which a pass of relaxation may be, by their names."""
    bases: tuple[type, ...] = (Barrier, Delay, Gate, Instruction, Measure)
    return {one.__name__: one for one in (*bases, *gate_classes().values())}


class _Each:
    """Things, each once, by their identity; in the order in which they were first met."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self._places: dict[int, int] = {}

    def place(self, thing: Any, read: Callable[[Any, str], Any], where: str) -> int:
        """The place of ``thing`` in ``made``."""
        found = self._places.get(id(thing))
        if found is None:
            self.made.append(read(thing, where))
            found = self._places[id(thing)] = len(self.made) - 1
        return found


class _Steps:
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
        params = [_value(value, where) for value in operation.params]
        key = (name, label, *qubits, *map(_key, params))
        found = self._places.get(key)
        if found is None:
            if not _follows(operation):
                raise NotDataError(f"{where} has the instruction {name!r}, of the class {type(operation).__name__}")
            self.made.append([_text(name), qubits, params, None if label is None else _text(label)])
            found = self._places[key] = len(self.made) - 1
        return found


def _follows(operation: Any) -> bool:
    """Whether an operation follows from its name, label and parameters."""
    kind = type(operation)
    if kind is Instruction:
        return operation.definition is None and not operation.num_clbits
    return getattr(operation, "base_class", kind) is gate_classes().get(operation.name)


def _reader(steps: _Steps) -> Callable[[Any, str], list[Any]]:
    """What reads a quantum error: its number of qubits, numbers, and circuits or Paulis."""

    def read(error: Any, where: str) -> list[Any]:
        kind = class_of(error)[1]
        if kind == "QuantumError":
            circuits = [steps.of(circuit, where) for circuit in error.circuits]
            numbers = _numbers(error.probabilities, where)
            same = {circuit.num_qubits for circuit in error.circuits} <= {error.num_qubits}
            if not same or numbers.shape != (len(circuits),):
                raise NotDataError(f"{where} has circuits of several sizes, or another number of probabilities")
            return [kind, error.num_qubits, numbers, circuits]
        paulis, numbers = (
            (error.paulis, error.probabilities) if kind == "PauliError" else (error.generators, error.rates)
        )
        return [kind, error.num_qubits, _numbers(numbers, where), paulis.to_labels()]

    return read


def _readout(error: Any, where: str) -> Any:
    matrix = _numbers(error.probabilities, where)
    if matrix.shape != (2**error.number_of_qubits,) * 2:
        raise NotDataError(f"{where} has no square matrix")
    return matrix


def _passes(passes: Sequence[Any]) -> list[list[Any]]:
    made = [_pass(one, number) for number, one in enumerate(passes)]
    for (one, ours), (other, theirs) in combinations(zip(passes, map(_key, made), strict=True), 2):
        # Qiskit skips a pass that is equal to one that it has run, and tells that by more than what the passes do.
        if (one == other) != (ours == theirs):
            raise NotDataError("two of its passes do the same, or are equal and do not")
    return made


def _pass(one: Any, number: int) -> list[Any]:
    where = f"its pass {number}"
    if not relaxes(one):
        func = FUNC.of(one, None)
        name = getattr(func, "__qualname__", type(func).__name__)
        raise NotDataError(f"{where}, a {type(one).__name__}, calls the function {name}")
    parts = pass_parts(one)
    names = {kind: name for name, kind in operation_classes().items()}
    for kind in parts.ops:
        if kind not in names:
            raise NotDataError(f"{where} is for operations of the class {kind.__name__}")
    if parts.method != "append":
        raise NotDataError(f"{where} has the method {parts.method!r}")
    numbers = [_array(one, where) for one in (parts.t1s, parts.t2s, parts.p1s)]
    dt = None if parts.dt is None else _value(parts.dt, where)
    return [*numbers, dt, [names[kind] for kind in parts.ops], _durations(parts, where)]


def _durations(one: PassParts, where: str) -> list[Any] | None:
    """What a pass reads in the target of a device: how long an operation lasts on which qubits.

    Of delays it reads nothing there.
    """
    if one.target is None:
        return None
    if one.ops == (Delay,):
        return []
    if type(one.target) not in (Target, dict):  # the latter is what a decoded pass has
        raise NotDataError(f"{where} has a target of the class {type(one.target).__name__}")
    found = []
    for name in one.target:
        for qubits, properties in one.target.get(name).items():
            duration = getattr(properties, "duration", None)
            if qubits is not None and duration is not None:
                found.append([_text(name), _qubits(qubits), _value(duration, where)])
    return sorted(found)


def _text(name: Any) -> str:
    if type(name) is not str:
        raise NotDataError(f"it has the name {name!r}, of the class {type(name).__name__}")
    return name


def _qubits(numbers: Iterable[Any]) -> list[int]:
    found = list(numbers)
    if not all(type(number) is int and 0 <= number < 2**63 for number in found):
        raise NotDataError(f"it has the qubits {found}, which are no numbers")
    return found


def _value(value: Any, where: str) -> Any:
    """A parameter of an instruction: a number, a text, or an array."""
    if isinstance(value, np.ndarray):
        return _array(value, where)
    if type(value) is int and -(2**63) <= value < 2**64:
        return value
    if isinstance(value, float):  # as numpy's float64 is
        return float(value)
    if isinstance(value, complex):
        return complex(value)
    if isinstance(value, str):
        return str(value)
    raise NotDataError(f"{where} has a parameter of the class {type(value).__name__}")


def _key(value: Any) -> Any:
    """Tells values apart, by their bits."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, list):
        return tuple(map(_key, value))
    return type(value), repr(value)


def _array(value: Any, where: str) -> Any:
    """``value`` in the one form of all arrays with its numbers."""
    if value.dtype.newbyteorder("=") not in _DTYPES:
        raise NotDataError(f"{where} has an array of the type {value.dtype}")
    return np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)


def _numbers(values: Any, where: str) -> Any:
    try:
        return np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise NotDataError(f"{where} has probabilities that are no numbers") from error
