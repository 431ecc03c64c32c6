"""Expressions over parameters as data, and back.

Qiskit keeps for each expression the steps by which it can be made again, which is what QPY writes. The steps are
data: the name of an operation, and operands. An expression that is made again is the same in every bit: its value is
the one that Qiskit's own binding of the original would have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from qiskit.circuit import Parameter, ParameterExpression, ParameterVector

from ..._compat.qiskit import replay_of, value_of
from .columns import Symbol

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


class Symbols:
    """Parameters of our own in the place of a circuit's, by number.

    Qiskit puts the parts of an expression into an order that depends on the identifiers of its parameters. Those of
    these depend on their numbers alone, so that the same expression is made of them in each process.
    """

    def __init__(self) -> None:
        self.made: list[Parameter] = []
        self._vectors: dict[tuple[str, int, int], ParameterVector] = {}

    def add(self, symbol: Symbol) -> None:
        """The next one."""
        uuid = UUID(int=symbol.uuid or _FIRST + len(self.made) * _STEP)
        if symbol.place < 0:
            self.made.append(Parameter(symbol.name, uuid=uuid))
            return
        key = symbol.name, symbol.size, symbol.uuid
        if key not in self._vectors:
            self._vectors[key] = ParameterVector(symbol.name, symbol.size, uuid=uuid)
        self.made.append(self._vectors[key][symbol.place])


_FIRST = 2 * 10**38
"""With as many digits as any: Qiskit compares the texts of identifiers."""
_STEP = 2**32


def steps_of(expression: ParameterExpression, number_of: Callable[[Parameter], int]) -> tuple[Any, ...] | None:
    """The steps of ``expression``; ``None`` if one of them has no form.

    A step is ``(operation, left, right)``. A side is a number, ``(n,)`` for parameter ``n``, or ``None`` for a result
    of earlier steps, which is taken from a stack; or, for operations of one side, for nothing.

    Args:
        expression: over parameters, but not a parameter alone.
        number_of: gives the number of a parameter.
    """
    replay = replay_of(expression)
    if replay is None:
        return None
    steps = []
    for step in replay:
        name = str(step.op).rpartition(".")[2]
        if name not in _TWO and name not in _ONE:
            return None  # a substitution, of a Qiskit that keeps them apart
        sides: list[Any] = []
        for side in (step.lhs, step.rhs):
            if isinstance(side, Parameter):
                sides.append((number_of(side),))
            elif side is None or type(side) in _NUMBERS:
                sides.append(side)
            else:
                return None
        steps.append((name, *sides))
    return tuple(steps)


def come_back(steps: tuple[Any, ...], parameters: Sequence[Parameter]) -> bool:
    """Whether an expression that is made of ``steps`` and ``parameters`` has the same steps, and so the same values.

    The sides of a sum and of a product may change places, which changes no bit of it.
    """
    numbers = {one: number for number, one in enumerate(parameters)}
    try:
        again = made_of(steps, parameters)
    except (ValueError, LookupError, TypeError):
        return False
    found = steps_of(again, numbers.__getitem__) if isinstance(again, ParameterExpression) else None
    return found is not None and _tree_of(found) == _tree_of(steps)


def _tree_of(steps: Sequence[Any]) -> str:
    """A text of all that is computed, with the sides of sums and products in one order."""
    stack: list[str] = []
    for name, left, right in steps:
        other = stack.pop() if right is None and name in _TWO else repr(right)
        one = stack.pop() if left is None else repr(left)
        sides = sorted([one, other]) if name in ("ADD", "MUL") else [one, other]
        stack.append(f"{name}({', '.join(sides)})")
    return stack.pop()


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

    def value(side: Any) -> Any:
        if isinstance(side, (tuple, list)):
            return parameters[side[0]]
        return stack.pop() if side is None else side

    for name, left, right in steps:
        other = value(right) if name in _TWO else None  # of two results, the right one was made last
        one = value(left)
        if not isinstance(one, ParameterExpression):
            one = value_of(one)
        stack.append(getattr(one, _TWO[name])(other) if name in _TWO else getattr(one, _ONE[name])())
    (made,) = stack
    return made
