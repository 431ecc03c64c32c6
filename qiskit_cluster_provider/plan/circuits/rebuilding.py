"""From columns to Qiskit's circuits: for Aer's own compiler, its public ``run``, and passes of noise models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from qiskit.circuit import (
    Barrier,
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    Instruction,
    Measure,
    Parameter,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
    Reset,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import UnitaryGate

from ..._compat.qiskit import appender
from ...errors import ClusterError, WireError
from .. import pickles
from .classical import STRETCH, expression_of, type_of
from .columns import Columns, Free, Kind, Pickled, Register, Step, Word
from .expressions import Symbols, made_of
from .makers import MAKERS, STANDARD

Maker = Callable[[Word, list[Any], Any, "Rebuilding"], Instruction]
Makers = Mapping[str, Maker]
"""What makes the operations of an engine, by the kinds of their words."""


def circuit_of(columns: Columns, makers: Makers) -> QuantumCircuit:
    """The circuit that ``columns`` were read from, as far as a simulator sees it.

    Its parameters are other objects with the same names; :func:`parameters_of` has them in the order of its values.

    Args:
        columns: of the outermost circuit.
        makers: of the engine's own operations.

    Raises:
        WireError: they are of no circuit.
        PickleRefusedError: an operation was pickled, and this process unpickles nothing.
    """
    return rebuild(columns, makers)[0]


def rebuild(columns: Columns, makers: Makers) -> tuple[QuantumCircuit, tuple[Parameter, ...]]:
    """As :func:`circuit_of`, with the circuit's parameters in the order of the columns of its values."""
    try:
        rebuilding = Rebuilding(columns, makers)
        circuit = rebuilding.circuit(columns)
    except ClusterError:
        raise
    except Exception as error:  # Qiskit raises what it will of operations that cannot be
        raise WireError(
            f"circuit {columns.name!r} cannot be made of its columns: {type(error).__name__}: {error}",
            hint="install the same release on client and workers.",
        ) from error
    return circuit, tuple(rebuilding.parameters[: columns.num_parameters])


class Rebuilding:
    """What the numbers in the columns of a circuit and its blocks stand for.

    Args:
        columns: of the outermost circuit.
        makers: of the engine's own operations.
    """

    def __init__(self, columns: Columns, makers: Makers) -> None:
        self._makers = makers
        self._registers: dict[tuple[bool, Register], Any] = {}
        self._qubits: list[Qubit | None] = [None] * (columns.num_qubits + columns.inner_bits[0])
        self._clbits: list[Clbit | None] = [None] * (columns.num_clbits + columns.inner_bits[1])
        symbols = Symbols()
        for symbol in columns.parameters:
            symbols.add(symbol)
        self.parameters = symbols.made
        self._expressions = [
            self.parameters[one] if isinstance(one, int) else made_of(one, self.parameters)
            for one in columns.expressions
        ]
        self._variables = [
            expr.Stretch.new(name) if tuple(kind) == STRETCH else expr.Var.new(name, type_of(kind))
            for name, kind in columns.variables
        ]

    def circuit(self, columns: Columns) -> QuantumCircuit:
        """The circuit, or a block of it."""
        scope = columns.scope
        for quantum, registers in ((True, columns.qregs), (False, columns.cregs)):
            for register in registers:
                self._register(register, quantum)
        qubits = [self._qubit(number) for number in (range(columns.num_qubits) if scope is None else scope.qubits)]
        clbits = [self.clbit(number) for number in (range(columns.num_clbits) if scope is None else scope.clbits)]
        circuit = QuantumCircuit(
            qubits,
            clbits,
            *(self._register(register, True) for register in columns.qregs),
            *(self._register(register, False) for register in columns.cregs),
            name=columns.name,
        )
        declare: dict[str, Callable[..., Any]] = {"input": circuit.add_input, "captured": circuit.add_capture}
        for how, number in columns.declarations:
            variable = self.variable(number)
            if how == "declared":
                stretch = isinstance(variable, expr.Stretch)
                (circuit.add_stretch if stretch else circuit.add_uninitialized_var)(variable)
            else:
                declare[how](variable)
        place = columns.phase_expression
        circuit.global_phase = columns.phase if place is None else self.expression(place)
        append = appender(circuit)
        expressions = dict(columns.free.tolist())
        plain: dict[Word, Any] = {}
        for step in columns.steps():
            on = [qubits[number] for number in step.qubits]
            word = step.word
            operation = plain.get(word)
            if operation is None:
                operation = self._operation(step, expressions)
                if word.kind in _SHARED or (word.kind == Kind.GATE and not word.numbers):
                    plain[word] = operation
            append(CircuitInstruction(operation, on, [clbits[number] for number in step.clbits]))
        return circuit

    def _operation(self, step: Step, expressions: Mapping[int, int]) -> Any:
        word = step.word
        if word.kind == Kind.GATE:
            return _labelled(STANDARD[word.name](*self._params(step, expressions)), word.label)
        if word.kind == Kind.UNITARY:
            return UnitaryGate(np.array(step.operand), label=word.label, check_input=False)
        if word.kind in _SHARED:
            return _SHARED[word.kind](word)
        if word.kind == Kind.PICKLE:
            return self._unpickled(step.operand)
        make = self._makers.get(word.kind) or MAKERS.get(word.kind)
        if make is None:
            raise WireError(
                f"an operation {word.name!r:.40} is of the kind {word.kind!r:.40}, which is not known",
                hint="install the same release on client and workers.",
            )
        return make(word, self._params(step, expressions), step.operand, self)

    def _params(self, step: Step, expressions: Mapping[int, int]) -> list[Any]:
        """The numbers of an instruction, with the expressions that stand in their places."""
        numbers: list[Any] = step.numbers.tolist()
        if expressions:
            for index in range(len(numbers)):
                place = expressions.get(step.place + index)
                if place is not None:
                    numbers[index] = self.expression(place)
        return numbers

    def expression(self, place: int) -> Any:
        """An expression over parameters."""
        return self._expressions[place]

    def value(self, data: Any) -> Any:
        """A parameter of an operation."""
        if isinstance(data, Free):
            return self.expression(data.expression)
        if isinstance(data, np.ndarray):
            return np.array(data)
        if type(data) in (list, tuple):
            return type(data)(map(self.value, data))
        if type(data) is dict:
            return {key: self.value(one) for key, one in data.items()}
        return data

    def classical(self, data: Any) -> Any:
        """A classical expression."""
        return expression_of(data, self)

    def clbit(self, number: int) -> Clbit:
        """A bit."""
        found = self._clbits[number]
        if found is None:
            found = self._clbits[number] = Clbit()
        return found

    def _qubit(self, number: int) -> Qubit:
        found = self._qubits[number]
        if found is None:
            found = self._qubits[number] = Qubit()
        return found

    def register(self, register: Register) -> Any:
        """A register of clbits."""
        return self._register(register, False)

    def variable(self, number: int) -> Any:
        """A variable or a stretch."""
        return self._variables[number]

    def _register(self, register: Register, quantum: bool) -> Any:
        key = quantum, register
        found = self._registers.get(key)
        if found is None:
            kind: Any = QuantumRegister if quantum else ClassicalRegister
            bits: list[Any] = self._qubits if quantum else self._clbits
            if register.bits and max(register.bits[0], register.bits[-1]) >= len(bits):
                raise ValueError(f"register {register.name!r:.40} has bits that are not there")
            if register.owns:
                found = kind(len(register.bits), register.name)
                for number, bit in zip(register.bits, found, strict=True):
                    if bits[number] is None:
                        bits[number] = bit
            else:
                bit_of: Callable[[int], Any] = self._qubit if quantum else self.clbit
                found = kind(name=register.name, bits=[bit_of(number) for number in register.bits])
            self._registers[key] = found
        return found

    def _unpickled(self, operand: Pickled) -> Any:
        if operand.data is None:
            raise WireError(f"the operation cannot be sent: {operand.about}")
        return pickles.loads(operand.data, f"an operation of the class {operand.about}", self._named)

    def _named(self, what: str, number: int) -> Any:
        """What a pickled operation refers to."""
        if what == "parameter":
            return self.parameters[number]
        if what == "variable":
            return self.variable(number)
        return self._qubit(number) if what == "qubit" else self.clbit(number)


_SHARED: Mapping[str, Callable[[Word], Any]] = {
    Kind.MEASURE: lambda word: _labelled(Measure(), word.label),
    Kind.RESET: lambda word: _labelled(Reset(), word.label),
    Kind.BARRIER: lambda word: Barrier(word.qubits, label=word.label),
}
"""What is the same object for all instructions of a word."""


def _labelled(operation: Any, label: str | None) -> Any:
    if label is None:
        return operation
    mutable = operation.to_mutable()
    mutable.label = label
    return mutable
