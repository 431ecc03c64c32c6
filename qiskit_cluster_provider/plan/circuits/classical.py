"""Classical expressions as data, and back: Qiskit's ``expr`` and ``types``.

An expression is a tuple that begins with what it is. Bits, registers and variables are told by their numbers.
"""

from __future__ import annotations

from typing import Any, Protocol

from qiskit.circuit import Clbit, Duration
from qiskit.circuit.classical import expr, types

from .columns import Register

STRETCH = ("Stretch",)
"""In the place of the type of a stretch."""
_TYPES = {"Bool": types.Bool, "Float": types.Float, "Duration": types.Duration}
_UNARY = {one.name: one for one in expr.Unary.Op}
_BINARY = {one.name: one for one in expr.Binary.Op}


class Numbers(Protocol):
    """Tells bits, registers and variables by number."""

    def clbit(self, bit: Clbit) -> int:
        """The number of a bit."""

    def register(self, register: Any) -> Register:
        """A register by its bits."""

    def variable(self, variable: Any) -> int:
        """The number of a variable or a stretch."""


class Things(Protocol):
    """What the numbers stand for."""

    def clbit(self, number: int) -> Clbit:
        """A bit."""

    def register(self, register: Register) -> Any:
        """A register of bits."""

    def variable(self, number: int) -> Any:
        """A variable or a stretch."""


def type_data(kind: Any) -> tuple[Any, ...]:
    """A type."""
    if isinstance(kind, types.Uint):
        return "Uint", kind.width
    return (type(kind).__name__,)


def type_of(data: Any) -> Any:
    """The inverse of :func:`type_data`.

    Raises:
        KeyError: there is no such type.
    """
    return types.Uint(data[1]) if data[0] == "Uint" else _TYPES[data[0]]()


def expression_data(node: expr.Expr, numbers: Numbers) -> tuple[Any, ...] | None:
    """A classical expression; ``None`` for one with a node that has no form here."""
    visitor = _Writer(numbers)
    try:
        found: tuple[Any, ...] = node.accept(visitor)
    except _Unknown:
        return None
    return found


class _Unknown(Exception):
    """A node that has no form."""


class _Writer(expr.ExprVisitor[tuple[Any, ...]]):
    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def visit_var(self, node: Any, /) -> tuple[Any, ...]:
        if node.standalone:
            return "variable", self._numbers.variable(node)
        if isinstance(node.var, Clbit):
            return "bit", self._numbers.clbit(node.var)
        return "register", self._numbers.register(node.var), type_data(node.type)

    def visit_stretch(self, node: Any, /) -> tuple[Any, ...]:
        return "variable", self._numbers.variable(node)

    def visit_value(self, node: Any, /) -> tuple[Any, ...]:
        value = node.value
        if isinstance(value, Duration):
            value = (value.unit(), value.value())
        return "value", value, type_data(node.type)

    def visit_cast(self, node: Any, /) -> tuple[Any, ...]:
        return "cast", node.operand.accept(self), type_data(node.type), node.implicit

    def visit_unary(self, node: Any, /) -> tuple[Any, ...]:
        return "unary", node.op.name, node.operand.accept(self), type_data(node.type)

    def visit_binary(self, node: Any, /) -> tuple[Any, ...]:
        return "binary", node.op.name, node.left.accept(self), node.right.accept(self), type_data(node.type)

    def visit_index(self, node: Any, /) -> tuple[Any, ...]:
        return "index", node.target.accept(self), node.index.accept(self), type_data(node.type)

    def visit_generic(self, node: Any, /) -> tuple[Any, ...]:
        raise _Unknown(type(node).__name__)


def expression_of(data: Any, things: Things) -> expr.Expr:
    """The inverse of :func:`expression_data`.

    Raises:
        ValueError, LookupError, TypeError: it is none.
    """
    what, *rest = data
    if what == "variable":
        found: expr.Expr = things.variable(rest[0])
        return found
    if what == "bit":
        return expr.Var(things.clbit(rest[0]), types.Bool())
    if what == "register":
        return expr.Var(things.register(rest[0]), type_of(rest[1]))
    if what == "value":
        value, kind = rest
        if isinstance(value, (tuple, list)):
            value = getattr(Duration, _unit(value[0]))(value[1])
        return expr.Value(value, type_of(kind))
    if what == "cast":
        return expr.Cast(expression_of(rest[0], things), type_of(rest[1]), implicit=rest[2])
    if what == "unary":
        return expr.Unary(_UNARY[rest[0]], expression_of(rest[1], things), type_of(rest[2]))
    if what == "binary":
        left, right = expression_of(rest[1], things), expression_of(rest[2], things)
        return expr.Binary(_BINARY[rest[0]], left, right, type_of(rest[3]))
    if what == "index":
        return expr.Index(expression_of(rest[0], things), expression_of(rest[1], things), type_of(rest[2]))
    raise ValueError(f"there is no classical expression {what!r:.40}")


def _unit(name: Any) -> str:
    if name not in ("dt", "s", "ms", "us", "ns", "ps"):
        raise ValueError(f"{name!r:.40} is no unit of time")
    return str(name)
