"""Operations that are no plain gates, made of what :mod:`.operations` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from qiskit.circuit import (
    ClassicalRegister,
    Delay,
    Gate,
    Instruction,
    QuantumCircuit,
    Store,
)
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
)

from .columns import Columns, Register, Word
from .operations import DEFAULT, STANDARD

__all__ = ["MAKERS", "STANDARD", "Maker", "Things", "bare"]


class Things(Protocol):
    """What the numbers in columns stand for; see :class:`.rebuilding.Rebuilding`."""

    parameters: list[Any]

    def circuit(self, columns: Columns) -> QuantumCircuit:
        """A block."""

    def value(self, data: Any) -> Any:
        """A parameter of an operation."""

    def classical(self, data: Any) -> Any:
        """A classical expression."""

    def clbit(self, number: int) -> Any:
        """A bit."""

    def register(self, register: Register) -> ClassicalRegister:
        """A register."""

    def variable(self, number: int) -> Any:
        """A variable."""


Maker = Callable[[Word, list[Any], Any, Any], Instruction]


def bare(kind: Any, extras: tuple[str, ...] = ()) -> Maker:
    """The inverse of :func:`.operations.bare`: nothing but the initialiser of ``Instruction`` runs.

    Args:
        kind: class of the operations.
        extras: names of their further attributes.
    """

    def make(word: Word, numbers: list[Any], operand: Any, things: Things) -> Instruction:
        params = numbers if operand[0] is None else things.value(operand[0])
        made: Instruction = kind.__new__(kind)
        Instruction.__init__(made, word.name, word.qubits, word.clbits, [], label=word.label)
        made.__dict__["_params"] = params  # as they were: some classes check or convert what is set
        for name, value in zip(extras, operand[1:], strict=True):
            setattr(made, name, things.value(value))
        return made

    return make


def _controlled(word: Word, numbers: list[Any], operand: Any, _: Things) -> Instruction:
    name, state = operand
    made: Instruction = STANDARD[name](*numbers, label=word.label, ctrl_state=state)
    return made


def _many(kind: Callable[..., Instruction]) -> Maker:
    """What makes gates with any number of controls."""

    def make(word: Word, numbers: list[Any], operand: Any, _: Things) -> Instruction:
        controls, state = operand
        return kind(*numbers, controls, label=word.label, ctrl_state=state)

    return make


def _c4x(word: Word, _: list[Any], operand: Any, __: Things) -> Instruction:
    return C4XGate(label=word.label, ctrl_state=operand[1])


def _multiplexer(word: Word, numbers: list[Any], operand: Any, things: Things) -> Instruction:
    made: Any = bare(UCGate)(word, numbers, operand[:1], things)
    made.up_to_diagonal = operand[1]
    made.simp_contr = operand[2], set(operand[3])
    return made


def _matrix(word: Word, _: list[Any], operand: Any, things: Things) -> Instruction:
    made = UnitaryGate(np.eye(2**word.qubits), label=word.label, check_input=False)
    made.params = things.value(operand[0])
    return made


def _initialize(word: Word, _: list[Any], operand: Any, __: Things) -> Instruction:
    if isinstance(operand[0], str):
        return Initialize("".join(operand))
    if len(operand) == 1:
        return Initialize(int(operand[0].real), word.qubits)
    return Initialize(operand)


def _delay(word: Word, _: list[Any], operand: Any, things: Things) -> Instruction:
    how, duration, unit = operand
    if how == "classical":
        return Delay(things.classical(duration))
    made = Delay(things.value(duration), unit)
    return made if word.label is None else _labelled(made, word.label)


def _labelled(operation: Any, label: str) -> Any:
    operation = operation.to_mutable()
    operation.label = label
    return operation


def _condition(data: Any, things: Things) -> Any:
    how, *rest = data
    if how == "classical":
        return things.classical(rest[0])
    what, which, value = rest
    return _target((what, which), things), value


def _target(data: Any, things: Things) -> Any:
    what, which = data
    if what == "bit":
        return things.clbit(which)
    return things.register(which) if what == "register" else things.classical(which)


def _if_else(word: Word, _: list[Any], operand: Any, things: Things) -> Instruction:
    condition, *blocks = operand
    return IfElseOp(_condition(condition, things), *map(things.circuit, blocks), label=word.label)


def _while(word: Word, _: list[Any], operand: Any, things: Things) -> Instruction:
    condition, body = operand
    return WhileLoopOp(_condition(condition, things), things.circuit(body), label=word.label)


def _for(word: Word, _: list[Any], operand: Any, things: Things) -> Instruction:
    (how, *rounds), bound, body = operand
    indices: Any = range(*rounds) if how == "range" else tuple(rounds[0])
    parameter: Any = None
    if bound is not None:
        parameter = things.parameters[bound[1]] if bound[0] == "parameter" else things.variable(bound[1])
    return ForLoopOp(indices, parameter, things.circuit(body), label=word.label)


def _switch(word: Word, _: list[Any], operand: Any, things: Things) -> Instruction:
    target, cases = operand
    made = []
    for values, block in cases:
        known = [CASE_DEFAULT if isinstance(one, (tuple, list)) and tuple(one) == DEFAULT else one for one in values]
        made.append((tuple(known), things.circuit(block)))
    return SwitchCaseOp(_target(target, things), made, label=word.label)


def _box(word: Word, _: list[Any], operand: Any, things: Things) -> Instruction:
    return BoxOp(things.circuit(operand[0]), label=word.label)


def _store(word: Word, _: list[Any], operand: Any, things: Things) -> Instruction:
    return Store(things.classical(operand[0]), things.classical(operand[1]))


MAKERS: Mapping[str, Maker] = {
    "Gate": bare(Gate),
    "Instruction": bare(Instruction),
    "DiagonalGate": bare(DiagonalGate),
    "PauliGate": bare(PauliGate),
    "UCGate": _multiplexer,
    "matrix": _matrix,
    "initialize": _initialize,
    "controlled": _controlled,
    "c4x": _c4x,
    "mcx": _many(MCXGate),
    "mcx_gray": _many(MCXGrayCode),
    "mcphase": _many(MCPhaseGate),
    "mcu1": _many(MCU1Gate),
    "delay": _delay,
    "if_else": _if_else,
    "while_loop": _while,
    "for_loop": _for,
    "switch_case": _switch,
    "box": _box,
    "break_loop": lambda word, *_: BreakLoopOp(word.qubits, word.clbits, label=word.label),
    "continue_loop": lambda word, *_: ContinueLoopOp(word.qubits, word.clbits, label=word.label),
    "store": _store,
}
"""What makes Qiskit's operations, by the kinds of their words."""
