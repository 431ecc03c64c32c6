"""Operations that are no plain gates as data: Qiskit's own, by their classes.

What is written is all that Aer and Qiskit read of an operation: its class, its parameters, and what a few classes
have beside them. An operation with anything more, and one of a class that is not known, only pickle carries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from qiskit.circuit import (
    Barrier,
    ClassicalRegister,
    Clbit,
    ControlledGate,
    Delay,
    Gate,
    Instruction,
    Parameter,
    ParameterExpression,
    Store,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.controlflow import (
    CASE_DEFAULT,
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library import (
    C4XGate,
    DiagonalGate,
    Initialize,
    MCPhaseGate,
    MCU1Gate,
    MCXGate,
    MCXGrayCode,
    PauliGate,
    UCGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)

from .. import pickles
from .columns import Kind, Pickled

if TYPE_CHECKING:
    from .reading import Reading
    from .tables import Tables

STANDARD: Mapping[str, Any] = {
    name: getattr(gate, "base_class", type(gate)) for name, gate in get_standard_gate_name_mapping().items()
}
"""The classes of Qiskit's standard gates, by name."""
DEFAULT = ("default",)
"""In the place of the value of a ``switch`` that stands for all others."""
_SHARED = frozenset({
    "_name", "_num_qubits", "_num_clbits", "_params", "_label", "_definition", "_duration", "_unit",
})  # fmt: skip
"""What every operation has; a definition follows from the rest."""
_CONTROLS = frozenset({"base_gate", "_num_ctrl_qubits", "_ctrl_state", "_open_ctrl"})


class Written(NamedTuple):
    """An operation as data.

    Attributes:
        kind: for its word.
        operand: its own.
        numbers: parameters that go into the column of numbers: floats and expressions.
    """

    kind: str
    operand: Any = None
    numbers: Sequence[Any] = ()


def class_of(operation: Any) -> str:
    """The qualified name of its class; of a singleton, of the class that it stands for."""
    return _named(getattr(operation, "base_class", type(operation)))


def _named(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def written(operation: Any, reading: Reading) -> Written | None:
    """``operation`` as data; ``None`` for one that only pickle carries."""
    name = class_of(operation)
    write = reading.writers.get(name) or _WRITERS.get(name)
    if write is None:
        return None
    try:
        return write(operation, reading)
    except (TypeError, AttributeError):  # a part of it has no form, or is not where it was
        return None


def bare(kind: str, extras: Sequence[str] = ()) -> Callable[[Any, Reading], Written | None]:
    """What writes operations that are made of a name, parameters and a label, and of ``extras``.

    Args:
        kind: for their word.
        extras: names of further attributes, which are data.
    """
    known = _SHARED.union(extras)

    def write(operation: Any, reading: Reading) -> Written | None:
        if not known.issuperset(vars(operation)):
            return None
        further = tuple(reading.value(getattr(operation, name)) for name in extras)
        params = operation.params
        if params and isinstance(params, list) and all(map(_is_number, params)):
            return Written(kind, (None, *further), params)
        return Written(kind, (reading.value(params), *further))

    return write


def _is_number(value: Any) -> bool:
    return type(value) is float or isinstance(value, ParameterExpression)


def _controlled(operation: ControlledGate, reading: Reading) -> Written | None:
    """One of Qiskit's controlled gates with open controls."""
    name = operation.name.partition("_o")[0]
    if not (_SHARED | _CONTROLS).issuperset(vars(operation)):
        return None
    if class_of(operation) != _named(STANDARD.get(name, object)) or not all(map(_is_number, operation.params)):
        return None
    return Written("controlled", (name, operation.ctrl_state), operation.params)


def _many(kind: str) -> Callable[[Any, Reading], Written | None]:
    """What writes gates with any number of controls."""

    def write(operation: ControlledGate, _: Reading) -> Written | None:
        if not (_SHARED | _CONTROLS).issuperset(vars(operation)) or not all(map(_is_number, operation.params)):
            return None
        return Written(kind, (operation.num_ctrl_qubits, operation.ctrl_state), operation.params)

    return write


def _unitary(operation: UnitaryGate, reading: Reading) -> Written | None:
    """One whose matrix was put there later, which Qiskit does not count as its matrix."""
    if not _SHARED.issuperset(vars(operation)):
        return None
    return Written("matrix", (reading.value(operation.params), isinstance(operation, UnitaryGate)))


def _delay(operation: Delay, reading: Reading) -> Written | None:
    if not _SHARED.issuperset(vars(operation)):
        return None
    duration = operation.duration
    if isinstance(duration, expr.Expr):
        return Written("delay", ("classical", reading.classical(duration), operation.unit))
    return Written("delay", ("number", reading.value(duration), operation.unit))


def _barrier(operation: Barrier, _: Reading) -> Written:
    return Written(Kind.BARRIER)


def _condition(condition: Any, reading: Reading) -> tuple[Any, ...]:
    if isinstance(condition, expr.Expr):
        return "classical", reading.classical(condition)
    what, value = condition
    return "equals", *_target(what, reading), int(value)  # which a copy of the circuit has as True


def _target(what: Any, reading: Reading) -> tuple[Any, ...]:
    if isinstance(what, Clbit):
        return "bit", reading.tables.clbit(what)
    if isinstance(what, ClassicalRegister):
        return "register", reading.tables.register(what)
    if isinstance(what, expr.Expr):
        return "classical", reading.classical(what)
    raise TypeError(f"a {type(what).__name__} is no condition")


def _if_else(operation: IfElseOp, reading: Reading) -> Written:
    condition = _condition(operation.condition, reading)
    return Written("if_else", (condition, *map(reading.block, operation.blocks)))


def _while(operation: WhileLoopOp, reading: Reading) -> Written:
    condition = _condition(operation.condition, reading)
    return Written("while_loop", (condition, *map(reading.block, operation.blocks)))


def _for(operation: ForLoopOp, reading: Reading) -> Written:
    indices, parameter, body = operation.params
    if isinstance(indices, range):
        rounds: Any = ("range", indices.start, indices.stop, indices.step)
    else:
        rounds = ("indices", tuple(map(reading.value, indices)))
    bound: Any = None
    if isinstance(parameter, Parameter):
        bound = ("parameter", reading.tables.parameter(parameter))
    elif parameter is not None:
        bound = ("variable", reading.tables.variable(parameter))
    return Written("for_loop", (rounds, bound, reading.block(body)))


def rounds_of(operand: Any) -> int:
    """How often a ``for`` loop runs, by its operand."""
    how, *rounds = operand[0]
    return len(range(*rounds)) if how == "range" else len(rounds[0])


def _switch(operation: SwitchCaseOp, reading: Reading) -> Written:
    target = _target(operation.target, reading)
    cases = tuple(
        (tuple(DEFAULT if value is CASE_DEFAULT else reading.value(value) for value in values), reading.block(block))
        for values, block in operation.cases_specifier()
    )
    return Written("switch_case", (target, cases))


def _box(operation: BoxOp, reading: Reading) -> Written | None:
    if operation.annotations or operation.duration is not None:
        return None
    return Written("box", (reading.block(operation.body),))


def _leave(operation: Any, _: Reading) -> Written:
    return Written(operation.name)


def _store(operation: Store, reading: Reading) -> Written:
    return Written("store", (reading.classical(operation.lvalue), reading.classical(operation.rvalue)))


def _multiplexer(operation: UCGate, reading: Reading) -> Written | None:
    if not (_SHARED | {"up_to_diagonal", "simp_contr"}).issuperset(vars(operation)):
        return None
    simplified, controls = operation.simp_contr
    return Written(
        "UCGate",
        (reading.value(operation.params), operation.up_to_diagonal, bool(simplified), tuple(sorted(controls))),
    )


def _initialize(operation: Initialize, reading: Reading) -> Written | None:
    if not (_SHARED | {"_stateprep"}).issuperset(vars(operation)):
        return None
    return Written("initialize", reading.value(operation.params))


_OF_QISKIT: tuple[tuple[Any, Any], ...] = (
    (Gate, bare("Gate")),
    (Instruction, bare("Instruction")),
    (DiagonalGate, bare("DiagonalGate")),
    (PauliGate, bare("PauliGate")),
    (UCGate, _multiplexer),
    (UnitaryGate, _unitary),
    (Initialize, _initialize),
    (C4XGate, _many("c4x")),
    (MCXGate, _many("mcx")),
    (MCXGrayCode, _many("mcx_gray")),
    (MCPhaseGate, _many("mcphase")),
    (MCU1Gate, _many("mcu1")),
    (Delay, _delay),
    (Barrier, _barrier),
    (Store, _store),
    (IfElseOp, _if_else),
    (WhileLoopOp, _while),
    (ForLoopOp, _for),
    (SwitchCaseOp, _switch),
    (BoxOp, _box),
    (BreakLoopOp, _leave),
    (ContinueLoopOp, _leave),
)
_WRITERS: Mapping[str, Callable[[Any, Reading], Written | None]] = {
    **{_named(kind): _controlled for kind in STANDARD.values() if issubclass(kind, ControlledGate)},
    **{_named(kind): write for kind, write in _OF_QISKIT},
}


def pickled(operation: Any, tables: Tables) -> Written:
    """``operation`` as a pickle; bits, parameters and variables of its circuit by their numbers."""
    about = class_of(operation)
    try:
        data = pickles.dumps(operation, tables.name_of)
    except Exception as error:  # whatever the operation's own code raises
        return Written(Kind.PICKLE, Pickled(None, f"{about}: {error}"))
    numbers = tuple(one for one in getattr(operation, "params", ()) if isinstance(one, (int, float, complex)))
    return Written(Kind.PICKLE, Pickled(data, about, numbers))
