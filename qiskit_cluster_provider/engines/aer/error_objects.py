"""Quantum errors that came as data (see :mod:`.error_data`): checked, and made again.

Nothing in the data is executed. It may come from anywhere, so that all of it is looked at before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit_aer.noise import PauliError, PauliLindbladError, QuantumError

from .error_data import MOST_QUBITS, gate_classes

Numbers = npt.NDArray[np.float64]
_KINDS = ("QuantumError", "PauliError", "PauliLindbladError")


class Step(NamedTuple):
    """An instruction of an error."""

    name: str
    qubits: list[int]
    params: list[Any]
    label: str | None


class ErrorData(NamedTuple):
    """A quantum error.

    Attributes:
        kind: name of its class.
        num_qubits: on which it is.
        numbers: a probability or a rate of each of its terms.
        terms: of each the places of its instructions, or its Paulis.
    """

    kind: str
    num_qubits: int
    numbers: Numbers
    terms: list[Any]


def error_of_data(data: Any) -> Any:
    """The error of :func:`.error_data.error_data`.

    Raises:
        TypeError, ValueError, IndexError, QiskitError: there is none.
    """
    *rest, made = _thawed(data)
    steps = [step_sent(*entry) for entry in made]
    error = error_sent(steps, *rest)
    if error.num_qubits * len(error.terms) > MOST_QUBITS:
        raise ValueError("too many qubits in the circuits of an error")
    return error_of(error, steps, [operation_of(step) for step in steps])


def _thawed(value: Any) -> Any:
    return list(map(_thawed, value)) if isinstance(value, (tuple, list)) else value


def of_kind(kind: type, value: Any) -> Any:
    """``value``, which is of exactly this type.

    Raises:
        TypeError: it is not.
    """
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def qubits_sent(values: Any) -> list[int]:
    """Numbers of qubits, as they came.

    Raises:
        TypeError, ValueError, IndexError: it is not.
    """
    if not all(type(value) is int and value >= 0 for value in of_kind(list, values)):
        raise ValueError("qubits that are no numbers")
    return list(values)


def place_sent(things: Sequence[Any], place: Any) -> int:
    """The place of one of ``things``, as it came.

    Raises:
        TypeError, ValueError, IndexError: it is not.
    """
    if not 0 <= of_kind(int, place) < len(things):
        raise IndexError(f"{place} of {len(things)}")
    return int(place)


def step_sent(name: Any, qubits: Any, params: Any, label: Any) -> Step:
    """An instruction, as it came.

    Raises:
        TypeError, ValueError, IndexError: it is not.
    """
    for value in of_kind(list, params):
        if type(value) not in (float, int, complex, str, np.ndarray):
            raise TypeError(f"a parameter of the type {type(value).__name__}")
        if isinstance(value, np.ndarray) and value.dtype.kind not in "fic":
            raise TypeError(f"an array of the type {value.dtype}")
    return Step(of_kind(str, name), qubits_sent(qubits), params, label if label is None else of_kind(str, label))


def error_sent(steps: Sequence[Step], kind: Any, num_qubits: Any, numbers: Any, terms: Any) -> ErrorData:
    """An error with instructions among ``steps``, as it came.

    Raises:
        TypeError, ValueError, IndexError: it is not.
    """
    if kind not in _KINDS or of_kind(int, num_qubits) < 0:
        raise ValueError(f"an error {kind!r} on {num_qubits!r} qubits")
    numbers_sent(numbers, (len(of_kind(list, terms)),))
    if kind == "QuantumError":
        places = set(chain.from_iterable(of_kind(list, term) for term in terms))
        used = [steps[place_sent(steps, place)] for place in places]
        if not all(qubit < num_qubits for step in used for qubit in step.qubits):
            raise ValueError("an instruction on a qubit that its error does not have")
    else:
        pauli = re.compile(f"-?i?[IXYZ]{{{min(num_qubits, MOST_QUBITS)}}}")
        if not all(pauli.fullmatch(of_kind(str, term)) for term in terms):
            raise ValueError("an error of Paulis with other letters")
    return ErrorData(kind, num_qubits, numbers, terms)


def numbers_sent(values: Any, shape: tuple[int, ...]) -> Numbers:
    """An array of float64 of that shape, as it came.

    Raises:
        TypeError, ValueError, IndexError: it is not.
    """
    if of_kind(np.ndarray, values).dtype != np.float64 or values.shape != shape:
        raise ValueError("numbers of another type or shape")
    found: Numbers = values
    return found


def operation_of(step: Step) -> Instruction:
    """The operation of an instruction."""
    kind = gate_classes().get(step.name)
    if kind is None:
        return Instruction(step.name, len(step.qubits), 0, step.params, label=step.label)
    made = kind(*step.params)
    if step.label is not None:
        made = made.to_mutable()
        made.label = step.label
    return made


def error_of(error: ErrorData, steps: Sequence[Step], operations: Sequence[Instruction]) -> Any:
    """The error; ``operations`` are those of ``steps``."""
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
