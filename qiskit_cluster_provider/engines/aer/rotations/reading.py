"""Gates of a circuit of Qiskit, and the values of its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, ParameterExpression, QuantumCircuit
from qiskit.circuit.exceptions import CircuitError

from ....plan.circuits.instructions import matrix_of
from .program import Floats
from .sequence import Free, Gate

_PROBES = (0.7, -1.3)  # an expression that is a sum of parameters is that sum at each point
_CLOSE = 1e-14


class Sources:
    """What the angles of a circuit are sums of: parameters, and expressions that are no sums of them.

    Args:
        parameters: of the circuit, in the order of the columns of its rows.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self._sources: dict[ParameterExpression, int] = {}
        self._known: dict[ParameterExpression, Free] = {}
        self._parameters = tuple(parameters)

    def values(self, rows: npt.NDArray[np.float64] | None) -> list[Floats]:
        """Of each source, one for each of ``rows``; NaN where an expression has no value."""
        given = {} if rows is None else dict(zip(self._parameters, rows.T, strict=True))
        return [_values(expression, given) for expression in self._sources]

    def gates(self, circuit: QuantumCircuit) -> Iterator[Gate]:
        """Those of a circuit of gates and barriers alone; their angles become known here."""
        qubits = {qubit: index for index, qubit in enumerate(circuit.qubits)}
        for instruction in circuit.data:
            name, matrix = instruction.name, matrix_of(instruction)
            if name == "barrier":
                continue
            numbers = () if matrix is not None else tuple(map(self._number, instruction.params))
            yield Gate(name, [qubits[qubit] for qubit in instruction.qubits], numbers, matrix)

    def _number(self, value: Any) -> float | Free:
        if not isinstance(value, ParameterExpression):
            return float(value)
        if value not in self._known:
            self._known[value] = self._sum(value) or Free(((self._source(value), 1.0),))
        return self._known[value]

    def _sum(self, expression: ParameterExpression) -> Free | None:
        """``expression`` as a sum of parameters with factors; ``None`` if it is no such sum."""
        parameters = sorted(expression.parameters, key=self._parameters.index)
        factors = [expression.gradient(parameter) for parameter in parameters]
        if not all(isinstance(factor, (int, float)) for factor in factors):
            return None
        constant = _at(expression, parameters, [0.0] * len(parameters))
        for probe in _PROBES:
            point = [probe * (1 + place) for place in range(len(parameters))]
            terms = [constant, *(factor * number for factor, number in zip(factors, point, strict=True))]
            if not abs(_at(expression, parameters, point) - sum(terms)) <= _CLOSE * (1 + sum(map(abs, terms))):
                return None
        terms_of = zip(map(self._source, parameters), map(float, factors), strict=True)
        return Free(tuple(terms_of), constant)

    def _source(self, expression: ParameterExpression) -> int:
        return self._sources.setdefault(expression, len(self._sources))


def _values(expression: ParameterExpression, given: dict[Parameter, Floats]) -> Floats:
    """As Qiskit binds it, once for all rows that agree."""
    if isinstance(expression, Parameter):
        return given[expression]
    needed = tuple(expression.parameters)
    rows = np.stack([given[parameter] for parameter in needed], axis=1)
    apart, which = np.unique(rows, axis=0, return_inverse=True)
    found = np.array([_at(expression, needed, row) for row in apart.tolist()])
    return found[which.ravel()]


def _at(expression: ParameterExpression, parameters: Sequence[Parameter], point: Sequence[float]) -> float:
    """The value of ``expression``; NaN where it has none."""
    try:
        found = float(expression.bind(dict(zip(parameters, point, strict=True))))
    except (ArithmeticError, CircuitError, RuntimeError, TypeError, ValueError):
        return math.nan
    return found if math.isfinite(found) else math.nan
