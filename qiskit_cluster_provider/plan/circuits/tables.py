"""What the columns of a circuit and of its blocks have in common: the numbers of bits, parameters and variables."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from qiskit.circuit import (
    ClassicalRegister,
    Clbit,
    Parameter,
    ParameterExpression,
    ParameterVectorElement,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
)
from qiskit.circuit.classical import expr

from .classical import STRETCH, type_data
from .columns import Expression, Register, Symbol, Variable, numbers_of
from .expressions import Symbols, come_back, steps_of


class Tables:
    """Numbers for what is told by identity, in the order in which it is met: those of one circuit and its blocks.

    Args:
        circuit: the outermost one.
        owned: remembers whether registers own their bits; of several circuits, whose registers are often the same.
    """

    def __init__(self, circuit: QuantumCircuit, owned: dict[Any, bool]) -> None:
        self.qubits: dict[Qubit, int] = {bit: number for number, bit in enumerate(circuit.qubits)}
        self.clbits: dict[Clbit, int] = {bit: number for number, bit in enumerate(circuit.clbits)}
        self._owned = owned
        self._parameters: dict[Parameter, int] = {}
        self._own = circuit.num_parameters
        if circuit.num_parameters:
            self._parameters = {one: number for number, one in enumerate(circuit.parameters)}
        self._symbols = Symbols()
        self._exact = False
        self._places: dict[Any, int | None] = {}
        self.expressions: list[Expression] = []
        self._variables: dict[Any, int] = {}

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """All that were met. Their identifiers are left out unless an expression would be made in another order.

        What loops bind gets a name of ours: Qiskit's names of it are numbered through in each process.
        """
        own = itertools.islice(self._parameters, self._own)
        bound = range(self._own, len(self._parameters))
        return (*(_symbol(one, self._exact) for one in own), *(Symbol(f"_bound_{number}") for number in bound))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All that were met."""
        return tuple(
            Variable(one.name, STRETCH if isinstance(one, expr.Stretch) else type_data(one.type))
            for one in self._variables
        )

    def qubit(self, bit: Qubit) -> int:
        """The number of ``bit``."""
        return self.qubits.setdefault(bit, len(self.qubits))

    def clbit(self, bit: Clbit) -> int:
        """The number of ``bit``."""
        return self.clbits.setdefault(bit, len(self.clbits))

    def registers(self, registers: Sequence[Any]) -> tuple[Register, ...]:
        """Of a circuit."""
        return tuple(map(self.register, registers))

    def register(self, register: Any) -> Register:
        """``register``, by the numbers of its bits."""
        quantum = isinstance(register, QuantumRegister)
        number = self.qubit if quantum else self.clbit
        bits = [*register]
        owns = self._owned.get(register)
        if owns is None:
            kind = QuantumRegister if quantum else ClassicalRegister
            owns = self._owned[register] = [*kind(len(bits), register.name)] == bits
        return Register(register.name, numbers_of([*map(number, bits)]), owns)

    def parameter(self, parameter: Parameter) -> int:
        """The number of ``parameter``."""
        return self._parameters.setdefault(parameter, len(self._parameters))

    def variable(self, variable: Any) -> int:
        """The number of a variable or a stretch."""
        return self._variables.setdefault(variable, len(self._variables))

    def expression(self, value: ParameterExpression) -> int | None:
        """The place of an expression among those of the circuit; ``None`` if only pickle carries it."""
        # Equality of expressions forgives the last bits of numbers, which their texts tell.
        key = value if isinstance(value, Parameter) else (value, str(value))
        if key not in self._places:
            self._places[key] = self._add(value)
        return self._places[key]

    def _add(self, value: ParameterExpression) -> int | None:
        written: Expression | None = self.parameter(value) if isinstance(value, Parameter) else self._steps(value)
        if written is None:
            return None
        self.expressions.append(written)
        return len(self.expressions) - 1

    def _steps(self, value: ParameterExpression) -> Expression | None:
        steps = steps_of(value, self.parameter)
        if steps is None:
            return None
        for parameter in [*self._parameters][len(self._symbols.made) :]:
            self._symbols.add(_symbol(parameter, exact=False))
        if not self._exact and not come_back(steps, self._symbols.made):
            self._exact = come_back(steps, [*self._parameters])  # else nothing brings it back, QPY and pickle neither
        return steps

    def name_of(self, thing: Any) -> tuple[str, int] | None:
        """How a pickled operation refers to ``thing``; ``None`` if it is nothing that has a number."""
        if isinstance(thing, Qubit):
            return ("qubit", self.qubit(thing)) if thing in self.qubits else None
        if isinstance(thing, Clbit):
            return ("clbit", self.clbit(thing)) if thing in self.clbits else None
        if isinstance(thing, Parameter):
            return "parameter", self.parameter(thing)
        if isinstance(thing, (expr.Var, expr.Stretch)) and thing in self._variables:
            return "variable", self.variable(thing)
        return None


def _symbol(parameter: Parameter, exact: bool) -> Symbol:
    if isinstance(parameter, ParameterVectorElement):
        vector = parameter.vector
        root = parameter.uuid.int - parameter.index if exact else 0
        return Symbol(vector.name, parameter.index, len(vector), root)
    return Symbol(parameter.name, uuid=parameter.uuid.int if exact else 0)
