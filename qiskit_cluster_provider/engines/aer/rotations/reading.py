"""Gates of a circuit, and the values of its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, ParameterExpression
from qiskit.circuit.exceptions import CircuitError

from ....plan.circuits.columns import Columns, Kind
from ....plan.circuits.rebuilding import Rebuilding
from ..operations import MAKERS
from .program import Floats
from .sequence import Free, Gate

_PROBES = (0.7, -1.3)  # an expression that is a sum of parameters is that sum at each point
_CLOSE = 1e-14


class Sources:
    """What the angles of a circuit are sums of: parameters, and expressions that are no sums of them.

    Args:
        columns: of the circuit, which has gates and barriers alone.
    """

    def __init__(self, columns: Columns) -> None:
        self._sources: dict[ParameterExpression, int] = {}
        self._parameters: list[Parameter] = []
        self._free: list[Free] = []
        if columns.expressions or columns.parameters:
            things = Rebuilding(columns, MAKERS)
            self._parameters = list(things.parameters[: columns.num_parameters])
            self._free = [self._of(things.expression(place)) for place in range(len(columns.expressions))]

    def values(self, rows: npt.NDArray[np.float64] | None) -> list[Floats]:
        """Of each source, one for each of ``rows``; NaN where an expression has no value."""
        given = {} if rows is None else dict(zip(self._parameters, rows.T, strict=True))
        return [_values(expression, given) for expression in self._sources]

    def gates(self, columns: Columns) -> Iterator[Gate]:
        """Those of the circuit."""
        free = {place: self._free[expression] for place, expression in columns.free.tolist()}
        for step in columns.steps():
            if step.word.kind == Kind.UNITARY:
                yield Gate(step.word.name, step.qubits, (), step.operand)
            elif step.word.kind != Kind.BARRIER:
                numbers = [free.get(place, number) for place, number in enumerate(step.numbers.tolist(), step.place)]
                yield Gate(step.word.name, step.qubits, tuple(numbers))

    def _of(self, expression: ParameterExpression) -> Free:
        return self._sum(expression) or Free(((self._source(expression), 1.0),))

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
