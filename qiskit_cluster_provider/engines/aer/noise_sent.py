"""A noise model that came as data (see :mod:`.noise_data`), checked.

Nothing in the data is executed. It may come from anywhere, so that all of it is looked at before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import WireError
from ...wire.envelope import DAMAGE
from .error_data import MOST_QUBITS
from .error_objects import (
    ErrorData,
    Numbers,
    Step,
    error_sent,
    numbers_sent,
    of_kind,
    place_sent,
    qubits_sent,
    step_sent,
)
from .noise_data import operation_classes

Qubits = tuple[int, ...]


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
    """``body``, of which all is as :func:`.noise_data.noise_data` writes it.

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
    steps = [step_sent(*of_kind(list, entry)) for entry in of_kind(list, body["steps"])]
    errors, left = [], MOST_QUBITS
    for entry in of_kind(list, body["errors"]):
        error = error_sent(steps, *of_kind(list, entry))
        left -= error.num_qubits * (len(error.terms) if error.kind == "QuantumError" else 1)
        if left < 0:
            raise ValueError("too many qubits in the circuits of errors")
        errors.append(error)
    readouts = [_readout(matrix) for matrix in of_kind(list, body["readouts"])]
    whole = body["default_readout"]
    return ModelData(
        basis_gates=_texts(body["basis_gates"]),
        instructions=_texts(body["instructions"]),
        qubits=qubits_sent(body["qubits"]),
        default=[(of_kind(str, name), place_sent(errors, place)) for name, place in of_kind(list, body["default"])],
        local=[(of_kind(str, name), _placed(errors, entries)) for name, entries in of_kind(list, body["local"])],
        default_readout=None if whole is None else place_sent(readouts, whole),
        local_readout=_placed(readouts, body["local_readout"]),
        passes=[_pass(*of_kind(list, entry)) for entry in of_kind(list, body["passes"])],
        errors=errors,
        readouts=readouts,
        steps=steps,
    )


def _texts(values: Any) -> list[str]:
    return [of_kind(str, value) for value in of_kind(list, values)]


def _placed(things: Sequence[Any], entries: Any) -> list[tuple[Qubits, int]]:
    return [(tuple(qubits_sent(on)), place_sent(things, place)) for on, place in of_kind(list, entries)]


def _readout(matrix: Any) -> Numbers:
    size = len(of_kind(np.ndarray, matrix))
    if size < 1 or size & (size - 1):
        raise ValueError(f"a readout error of {size} outcomes")
    return numbers_sent(matrix, (size, size))


def _pass(t1s: Any, t2s: Any, p1s: Any, dt: Any, operations: Any, durations: Any) -> PassData:
    for numbers in (t1s, t2s, p1s):
        if of_kind(np.ndarray, numbers).dtype.kind not in "fi":
            raise TypeError("times that are no numbers")
    if type(dt) not in (int, float, type(None)):
        raise TypeError("a time step that is no number")
    if not operation_classes().keys() >= set(_texts(operations)):
        raise ValueError(f"operations of an unknown class among {operations}")
    if durations is not None:
        entries = of_kind(list, durations)
        durations = [(of_kind(str, name), tuple(qubits_sent(on)), seconds) for name, on, seconds in entries]
        if not all(type(seconds) in (int, float) for _, _, seconds in durations):
            raise TypeError("a duration that is no number")
    return PassData(t1s, t2s, p1s, dt, operations, durations)
