"""Expressions over parameters as data, and back.

Qiskit keeps for each expression the steps by which it can be made again, which is what QPY writes. The steps are
data: the name of an operation, and operands. An expression that is made again is the same in every bit: its value is
the one that Qiskit's own binding of the original would have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qiskit.circuit import Parameter, ParameterExpression

from ..._compat.qiskit import replay_of, value_of

_TWO = {
    "ADD": "__add__", "SUB": "__sub__", "MUL": "__mul__", "DIV": "__truediv__", "POW": "__pow__",
    "RSUB": "__rsub__", "RDIV": "__rtruediv__", "RPOW": "__rpow__",
}  # fmt: skip
_ONE = {
    "SIN": "sin", "COS": "cos", "TAN": "tan", "ASIN": "arcsin", "ACOS": "arccos", "ATAN": "arctan", "EXP": "exp",
    "LOG": "log", "SIGN": "sign", "CONJ": "conjugate", "ABS": "abs",
}  # fmt: skip
_NUMBERS = (int, float, complex)
_MOST_STEPS = 100_000
"""Of an expression that is read from bytes."""


def steps_of(expression: ParameterExpression, number_of: Callable[[Parameter], int]) -> tuple[Any, ...] | None:
    """The steps of ``expression``; ``None`` if they do not bring it back in every bit.

    A step is ``(operation, left, right)``. A side is a number, ``(n,)`` for parameter ``n``, or ``None`` for a result
    of earlier steps, which is taken from a stack; or, for operations of one side, for nothing.

    Args:
        expression: over parameters, but not a parameter alone.
        number_of: gives the number of a parameter.
    """
    replay = replay_of(expression)
    if replay is None:
        return None
    parameters: list[Parameter] = []
    steps = []
    for step in replay:
        name = str(step.op).rpartition(".")[2]
        if name not in _TWO and name not in _ONE:
            return None  # a substitution, of a Qiskit that keeps them apart
        sides: list[Any] = []
        for side in (step.lhs, step.rhs):
            if isinstance(side, Parameter):
                parameters.append(side)
                sides.append((number_of(side),))
            elif side is None or type(side) in _NUMBERS:
                sides.append(side)
            else:
                return None
        steps.append((name, *sides))
    again = made_of(tuple(steps), {number_of(one): one for one in parameters})
    alike = getattr(again, "structurally_equal", None)
    same = alike is not None and alike(expression) and str(again) == str(expression)
    return tuple(steps) if same and again.parameters == expression.parameters else None


def made_of(steps: Sequence[Any], parameters: Any) -> Any:
    """The inverse of :func:`steps_of`.

    Args:
        steps: of an expression.
        parameters: by number.

    Raises:
        ValueError, LookupError, TypeError: they are no steps.
    """
    if len(steps) > _MOST_STEPS:
        raise ValueError(f"an expression has {len(steps)} steps")
    stack: list[Any] = []
    for name, left, right in steps:
        for side in (left, right):
            if isinstance(side, (tuple, list)):
                stack.append(parameters[side[0]])
            elif side is not None:
                stack.append(side)
        if name in _TWO:
            other, one = stack.pop(), stack.pop()
            if not isinstance(one, ParameterExpression):
                one = value_of(one)
            stack.append(getattr(one, _TWO[name])(other))
        else:
            one = stack.pop()
            stack.append(getattr(one if isinstance(one, ParameterExpression) else value_of(one), _ONE[name])())
    (made,) = stack
    return made
