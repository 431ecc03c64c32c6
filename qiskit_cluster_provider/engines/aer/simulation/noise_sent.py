"""A noise model that came as data (see :mod:`..noise_data`), checked.

Nothing in the data is executed. It may come from anywhere, so that all of it is looked at before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ....errors import WireError
from ....wire.envelope import DAMAGE
from ..noise_data import MOST_QUBITS, operation_classes

Qubits = tuple[int, ...]
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


class PassData(NamedTuple):
    """A pass of relaxation."""

    t1s: Numbers
    t2s: Numbers
    p1s: Numbers
    dt: Any
    operations: list[str]
    durations: list[tuple[str, Qubits, Any]] | None


class ModelData(NamedTuple):
    """A noise model; errors refer to the steps by their places, and the rest to the errors."""

    basis_gates: list[str]
    instructions: list[str]
    qubits: list[int]
    default: list[tuple[str, int]]
    local: list[tuple[str, list[tuple[Qubits, int]]]]
    default_readout: int | None
    local_readout: list[tuple[Qubits, int]]
    passes: list[PassData]
    errors: list[ErrorData]
    readouts: list[Numbers]
    steps: list[Step]


def checked(body: Mapping[str, Any]) -> ModelData:
    """``body``, of which all is as :func:`..noise_data.noise_data` writes it.

    Raises:
        WireError: it is not.
    """
    try:
        return _checked(body)
    except DAMAGE as error:
        raise WireError(
            f"the noise model is damaged: {type(error).__name__}: {error}",
            hint="install the same release on client and workers.",
        ) from error


def _checked(body: Mapping[str, Any]) -> ModelData:
    steps = [_step(*_of(list, entry)) for entry in _of(list, body["steps"])]
    errors, left = [], MOST_QUBITS
    for entry in _of(list, body["errors"]):
        error = _error(steps, *_of(list, entry))
        left -= error.num_qubits * (len(error.terms) if error.kind == "QuantumError" else 1)
        if left < 0:
            raise ValueError("too many qubits in the circuits of errors")
        errors.append(error)
    readouts = [_readout(matrix) for matrix in _of(list, body["readouts"])]
    whole = body["default_readout"]
    return ModelData(
        basis_gates=_texts(body["basis_gates"]),
        instructions=_texts(body["instructions"]),
        qubits=_qubits(body["qubits"]),
        default=[(_of(str, name), _place(errors, place)) for name, place in _of(list, body["default"])],
        local=[
            (_of(str, name), [(tuple(_qubits(on)), _place(errors, place)) for on, place in _of(list, by_qubits)])
            for name, by_qubits in _of(list, body["local"])
        ],
        default_readout=None if whole is None else _place(readouts, whole),
        local_readout=[
            (tuple(_qubits(on)), _place(readouts, place)) for on, place in _of(list, body["local_readout"])
        ],
        passes=[_pass(*_of(list, entry)) for entry in _of(list, body["passes"])],
        errors=errors,
        readouts=readouts,
        steps=steps,
    )


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def _texts(values: Any) -> list[str]:
    return [_of(str, value) for value in _of(list, values)]


def _qubits(values: Any) -> list[int]:
    if not all(type(value) is int and value >= 0 for value in _of(list, values)):
        raise ValueError("qubits that are no numbers")
    return list(values)


def _place(things: Sequence[Any], place: Any) -> int:
    if not 0 <= _of(int, place) < len(things):
        raise IndexError(f"{place} of {len(things)}")
    return int(place)


def _step(name: Any, qubits: Any, params: Any, label: Any) -> Step:
    for value in _of(list, params):
        if type(value) not in (float, int, complex, str, np.ndarray):
            raise TypeError(f"a parameter of the type {type(value).__name__}")
        if isinstance(value, np.ndarray) and value.dtype.kind not in "fic":
            raise TypeError(f"an array of the type {value.dtype}")
    return Step(_of(str, name), _qubits(qubits), params, label if label is None else _of(str, label))


def _error(steps: Sequence[Step], kind: Any, num_qubits: Any, numbers: Any, terms: Any) -> ErrorData:
    if kind not in _KINDS or _of(int, num_qubits) < 0:
        raise ValueError(f"an error {kind!r} on {num_qubits!r} qubits")
    _numbers(numbers, (len(_of(list, terms)),))
    if kind == "QuantumError":
        places = set(chain.from_iterable(_of(list, term) for term in terms))
        used = [steps[_place(steps, place)] for place in places]
        if not all(qubit < num_qubits for step in used for qubit in step.qubits):
            raise ValueError("an instruction on a qubit that its error does not have")
    else:
        pauli = re.compile(f"-?i?[IXYZ]{{{min(num_qubits, MOST_QUBITS)}}}")
        if not all(pauli.fullmatch(_of(str, term)) for term in terms):
            raise ValueError("an error of Paulis with other letters")
    return ErrorData(kind, num_qubits, numbers, terms)


def _numbers(values: Any, shape: tuple[int, ...]) -> Numbers:
    if _of(np.ndarray, values).dtype != np.float64 or values.shape != shape:
        raise ValueError("numbers of another type or shape")
    found: Numbers = values
    return found


def _readout(matrix: Any) -> Numbers:
    size = len(_of(np.ndarray, matrix))
    if size < 1 or size & (size - 1):
        raise ValueError(f"a readout error of {size} outcomes")
    return _numbers(matrix, (size, size))


def _pass(t1s: Any, t2s: Any, p1s: Any, dt: Any, operations: Any, durations: Any) -> PassData:
    for numbers in (t1s, t2s, p1s):
        if _of(np.ndarray, numbers).dtype.kind not in "fi":
            raise TypeError("times that are no numbers")
    if type(dt) not in (int, float, type(None)):
        raise TypeError("a time step that is no number")
    if not operation_classes().keys() >= set(_texts(operations)):
        raise ValueError(f"operations of an unknown class among {operations}")
    if durations is not None:
        durations = [(_of(str, name), tuple(_qubits(on)), seconds) for name, on, seconds in _of(list, durations)]
        if not all(type(seconds) in (int, float) for _, _, seconds in durations):
            raise TypeError("a duration that is no number")
    return PassData(t1s, t2s, p1s, dt, operations, durations)
