"""Aer's ``run(parameterizations=...)``: values for places in the circuits as Aer has assembled them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES

from ..._compat.aer import ASSEMBLE_CIRCUITS, GLOBAL_PHASE
from ..._compat.qiskit import appender
from ...errors import InvalidCircuitError, OptionTypeError

_MANY = frozenset({*CONTROL_FLOW_OP_NAMES, "initialize", "break_loop", "continue_loop"})
"""Of these Aer may make any number of operations."""


def parametrized(
    circuits: Sequence[QuantumCircuit], given: Any
) -> tuple[list[QuantumCircuit], list[dict[Parameter, Any]]]:
    """Circuits with parameters in the places that ``given`` names, and the ``parameter_binds`` of these.

    Args:
        circuits: of a run.
        given: for each circuit a list of ``[(operation, position), [value of set 0, value of set 1, ...]]``.
            Operations are counted as Aer counts them, without barriers; -1 is the global phase.

    Raises:
        OptionTypeError: something in it has the wrong type.
        InvalidCircuitError: a place that is not there, by name and index.
        LibraryVersionError: this Aer does not tell which operations it makes.
    """
    if not isinstance(given, list):
        raise OptionTypeError(f"parameterizations must be a list, not a {type(given).__name__}.")
    if len(given) != len(circuits):
        raise InvalidCircuitError(
            f"parameterizations has {len(given)} lists for {len(circuits)} circuits",
            hint="give one for each circuit ([] for one that runs as it is).",
        )
    pairs = [
        _one(index, circuit, places) for index, (circuit, places) in enumerate(zip(circuits, given, strict=True))
    ]
    return [circuit for circuit, _ in pairs], [binds for _, binds in pairs]


def _one(index: int, circuit: QuantumCircuit, places: Any) -> tuple[QuantumCircuit, dict[Parameter, Any]]:
    if isinstance(places, Iterable) and not list(places):
        return circuit, {}
    what = f"circuit {circuit.name!r} (index {index})"
    try:
        wanted = {(int(operation), int(position)): values for (operation, position), values in places}
    except (TypeError, ValueError) as error:
        raise OptionTypeError(
            f"{what}: parameterizations must have [(operation, position), [values]] for each place: {error}.",
            circuit=circuit.name,
            index=index,
        ) from error
    if circuit.num_parameters:
        raise InvalidCircuitError(
            f"{what} has unbound parameters",
            hint="give their values in parameter_binds.",
            circuit=circuit.name,
            index=index,
        )
    if not _MANY.isdisjoint(circuit.count_ops()):
        raise InvalidCircuitError(
            f"{what} has operations that Aer makes several of, so that parameterizations cannot name a place in it",
            hint="put parameters into it and give parameter_binds.",
            circuit=circuit.name,
            index=index,
        )
    owner = _owners(circuit)
    binds: dict[Parameter, Any] = {}
    mine: dict[int, dict[int, Parameter]] = {}
    own = circuit.copy_empty_like()
    own.metadata = circuit.metadata
    append = appender(own)
    for number, ((operation, position), values) in enumerate(wanted.items()):
        parameter = Parameter(f"parameterization{number:06}")
        binds[parameter] = values
        if operation == GLOBAL_PHASE:
            own.global_phase = parameter
        elif operation in owner and 0 <= position < len(circuit.data[owner[operation]].params):
            mine.setdefault(owner[operation], {})[position] = parameter
        else:
            raise InvalidCircuitError(
                f"{what} has no parameter {position} of an operation {operation}.", circuit=circuit.name, index=index
            )
    for place, step in enumerate(circuit.data):
        if place in mine:
            gate = step.operation.to_mutable()
            gate.params = [mine[place].get(position, value) for position, value in enumerate(gate.params)]
            step = step.replace(operation=gate)
        append(step)
    return own, binds


def _owners(circuit: QuantumCircuit) -> dict[int, int]:
    """Aer's operations that are gates of ``circuit`` -> their instructions."""
    _, (ends,) = ASSEMBLE_CIRCUITS.needed()([circuit])
    found, begin = {}, 0
    for index, end in enumerate(ends):
        if end >= begin:
            found[(begin + end) // 2] = index  # an open control has as many X before the gate as after it
        begin = end + 1
    return found
