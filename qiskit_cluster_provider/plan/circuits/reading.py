"""From Qiskit's circuits to columns: one pass, in which no object of a plain gate is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import CircuitError, CircuitInstruction, ParameterExpression, QuantumCircuit

from ...errors import InvalidCircuitError
from .classical import expression_data
from .columns import Columns, Declaration, Free, Kind, Pickled, Register, Scope, Word
from .operations import Written, pickled, written
from .tables import Tables

_FLOAT = frozenset({float})
_LEAVES = frozenset({"break_loop", "continue_loop"})
_READS = {"measure": (Kind.MEASURE, 1, 1), "reset": (Kind.RESET, 1, 0)}

Writer = Callable[[Any, "Reading"], Written | None]
Writers = Mapping[str, Writer]
"""What writes the operations of an engine, by the qualified names of their classes."""


class Reader:
    """Reads the circuits of a run, which have much in common.

    Args:
        writers: of the engine's own operations.
    """

    def __init__(self, writers: Writers) -> None:
        self.writers = writers
        self.words: dict[Word, Word] = {}
        self._owned: dict[Any, bool] = {}

    def read(self, circuit: QuantumCircuit, metadata: bool = False) -> Columns:
        """The columns of ``circuit``, which is as Aer would see it: about 0.6 us a gate.

        Args:
            circuit: with all that it has.
            metadata: whether its metadata is a part of them; else it is left out.
        """
        tables = Tables(circuit, self._owned)
        reading = Reading(self, tables, circuit)
        return reading.columns(
            num_parameters=circuit.num_parameters,
            parameters=lambda: tables.parameters,
            expressions=lambda: tuple(tables.expressions),
            variables=lambda: tables.variables,
            inner_bits=lambda: (
                len(tables.qubits) - circuit.num_qubits,
                len(tables.clbits) - circuit.num_clbits,
            ),
            metadata=circuit.metadata if metadata else None,
        )


class Reading:
    """Of one circuit, or of a block in it.

    Args:
        reader: of the run.
        tables: of the outermost circuit.
        circuit: to read.
        bits: of a block, in the order in which they are numbered.

    Attributes:
        tables: as given.
    """

    def __init__(
        self, reader: Reader, tables: Tables, circuit: QuantumCircuit, bits: tuple[list[Any], list[Any]] | None = None
    ) -> None:
        self.tables = tables
        self.writers = reader.writers
        self._reader = reader
        self._circuit = circuit
        self._scope = None
        if bits is not None:
            self._scope = Scope(tuple(map(tables.qubit, bits[0])), tuple(map(tables.clbit, bits[1])))
        self._known: dict[Any, int] = {}  # words by Word, and those of standard gates without a label by name
        self._words: list[Word] = []
        self._codes: list[int] = []
        self._qubits: list[int] = []
        self._clbits: list[int] = []
        self._numbers: list[float] = []
        self._free: list[tuple[int, int]] = []
        self._matrices: list[npt.NDArray[np.complex128]] = []
        self._operands: list[Any] = []
        self._order: tuple[Sequence[int], Sequence[int]] = (), ()  # of the bits of the blocks that are read next
        self._qubit_places: Mapping[Any, int] = tables.qubits
        places: Mapping[Any, int] = tables.clbits
        if bits is not None:
            self._qubit_places = {bit: place for place, bit in enumerate(bits[0])}
            places = {bit: place for place, bit in enumerate(bits[1])}
        self._place_of_qubit, self._place_of_clbit = self._qubit_places.__getitem__, places.__getitem__

    def columns(self, **of_all: Any) -> Columns:
        """The columns; ``of_all`` are those that only the outermost circuit has, as values, or made at the end."""
        circuit = self._circuit
        # Variables are declared before instructions refer to them, so that their numbers do not depend on that.
        declarations = self._declarations()
        qregs, cregs = self.tables.registers(circuit.qregs), self.tables.registers(circuit.cregs)
        if self._scope:  # those of a block are in no order
            qregs, cregs = (tuple(sorted(some, key=_by_name)) for some in (qregs, cregs))
        phase, phase_expression = self._phase(circuit.global_phase)
        self._read()
        return Columns(
            # Qiskit numbers the names of blocks through, so that they are others in each process.
            name="" if self._scope else str(circuit.name),
            num_qubits=circuit.num_qubits,
            num_clbits=circuit.num_clbits,
            qregs=qregs,
            cregs=cregs,
            words=tuple(self._words),
            codes=np.array(self._codes, dtype=np.uint32),
            qubits=np.array(self._qubits, dtype=np.uint32),
            clbits=np.array(self._clbits, dtype=np.uint32),
            numbers=np.array(self._numbers, dtype=np.float64),
            matrices=_joined(self._matrices),
            operands=tuple(self._operands),
            free=np.array(self._free, dtype=np.uint32).reshape(-1, 2),
            phase=phase,
            phase_expression=phase_expression,
            declarations=declarations,
            scope=self._scope,
            **{name: made() if callable(made) else made for name, made in of_all.items()},
        )

    def block(self, circuit: QuantumCircuit) -> Columns:
        """The columns of a block of the operation that is read."""
        qubits, clbits = self._order
        bits = [circuit.qubits[index] for index in qubits], [circuit.clbits[index] for index in clbits]
        return Reading(self._reader, self.tables, circuit, bits).columns()

    def value(self, value: Any) -> Any:
        """A parameter of an operation as data: numbers, texts, arrays, and sequences of these.

        Raises:
            TypeError: it has no form.
        """
        if isinstance(value, ParameterExpression):
            place = self.tables.expression(value)
            if place is None:
                raise TypeError(f"the expression {value} has no form")
            return Free(place)
        if value is None or type(value) in (bool, int, float, complex, str):
            return value
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return np.array(value, order="C")
        if isinstance(value, np.generic):
            return self.value(value.item())
        if type(value) in (list, tuple):
            return type(value)(map(self.value, value))
        if type(value) is dict:
            return {self.value(key): self.value(one) for key, one in value.items()}
        raise TypeError(f"a {type(value).__name__} has no form")

    def classical(self, value: Any) -> Any:
        """A classical expression as data.

        Raises:
            TypeError: it has no form.
        """
        found = expression_data(value, self.tables)
        if found is None:
            raise TypeError(f"the expression {value} has no form")
        return found

    def _declarations(self) -> tuple[Declaration, ...]:
        circuit = self._circuit
        found = []
        groups = (
            ("input", circuit.iter_input_vars()),
            ("captured", circuit.iter_captures()),
            ("declared", circuit.iter_declared_vars()),
            ("declared", circuit.iter_declared_stretches()),
        )
        for how, variables in groups:
            numbers = map(self.tables.variable, variables)
            found += [Declaration(how, one) for one in (sorted(numbers) if how == "captured" else numbers)]
        return tuple(found)

    def _phase(self, phase: Any) -> tuple[float, int | None]:
        if not isinstance(phase, ParameterExpression):
            return float(phase), None
        if not phase.parameters:
            return complex(phase).real, None
        place = self.tables.expression(phase)
        if place is None:
            raise InvalidCircuitError(
                f"circuit {self._circuit.name!r} has the global phase {phase}, which cannot be sent",
                hint="write it as a sum, product or function of parameters.",
                circuit=self._circuit.name,
            )
        return 0.0, place

    def _read(self) -> None:
        """The instructions. All that is done for a plain gate is written out here."""
        place = self._qubit_places
        known, codes, qubits, numbers = self._known, self._codes, self._qubits, self._numbers
        for instruction in self._circuit.data:
            on = instruction.qubits
            params = instruction.params
            if instruction.is_standard_gate() and instruction.label is None and _FLOAT.issuperset(map(type, params)):
                name = instruction.name
                code = known.get(name)
                if code is None:
                    code = known[name] = self._code(Word(Kind.GATE, name, None, len(on), 0, len(params)))
                numbers += params
            else:
                if instruction.is_control_flow() or instruction.name in _LEAVES:
                    on = self._in_order(instruction)
                code = self._other(instruction)
            codes.append(code)
            for bit in on:
                qubits.append(place[bit])

    def _in_order(self, instruction: CircuitInstruction) -> list[Any]:
        """The qubits of an operation with blocks by number, in which order its blocks are read.

        Qiskit's own order may be another one each time that the circuit is built, and means nothing to Aer.
        """
        qubits, clbits = instruction.qubits, instruction.clbits
        by_number = sorted(range(len(qubits)), key=lambda index: self._place_of_qubit(qubits[index]))
        self._order = by_number, sorted(range(len(clbits)), key=lambda index: self._place_of_clbit(clbits[index]))
        return [qubits[index] for index in by_number]

    def _code(self, word: Word) -> int:
        code = self._known.get(word)
        if code is None:
            code = self._known[word] = len(self._words)
            self._words.append(self._reader.words.setdefault(word, word))
        return code

    def _other(self, instruction: CircuitInstruction) -> int:
        """The code of an instruction; its clbits, numbers and operand are added."""
        name, label = instruction.name, instruction.label
        widths = len(instruction.qubits), len(instruction.clbits)
        clbits = map(self._place_of_clbit, instruction.clbits)
        self._clbits += sorted(clbits) if instruction.is_control_flow() or name in _LEAVES else clbits
        kind = _READS.get(name)
        if kind is not None and kind[1:] == widths:
            return self._code(Word(kind[0], name, label, *widths, 0))
        if instruction.is_standard_gate() and self.numbers(instruction.params):
            return self._code(Word(Kind.GATE, name, label, *widths, len(instruction.params)))
        matrix = instruction.matrix if name == "unitary" else None
        if matrix is not None and matrix.shape == (2 ** widths[0],) * 2:
            self._matrices.append(np.ascontiguousarray(matrix, dtype=np.complex128).reshape(-1))
            return self._code(Word(Kind.UNITARY, name, label, *widths, 0))
        try:
            operation: Any = instruction.operation
        except CircuitError as error:  # a delay of a wrong number, which Qiskit cannot make again
            numbers = tuple(one for one in instruction.params if isinstance(one, (int, float, complex)))
            found = Written(Kind.PICKLE, Pickled(None, f"{name}: {error}", numbers))
        else:
            found = written(operation, self) or pickled(operation, self.tables)
            if not self.numbers(found.numbers):  # an expression that has no form
                found = pickled(operation, self.tables)
        if found.kind != Kind.BARRIER:
            self._operands.append(found.operand)
        return self._code(Word(found.kind, name, label, *widths, len(found.numbers)))

    def numbers(self, values: Sequence[Any]) -> bool:
        """Add the numbers of an operation; whether all of them have a form, else none is added."""
        numbers: list[float] = []
        free: list[tuple[int, int]] = []
        for value in values:
            number = 0.0
            if not isinstance(value, ParameterExpression):
                number = float(value)
            elif value.parameters:
                place = self.tables.expression(value)
                if place is None:
                    return False
                free.append((len(self._numbers) + len(numbers), place))
            else:
                exact = complex(value)
                if exact.imag:
                    return False
                number = exact.real
            numbers.append(number)
        self._numbers += numbers
        self._free += free
        return True


def _joined(matrices: Sequence[npt.NDArray[np.complex128]]) -> npt.NDArray[np.complex128]:
    return np.concatenate(matrices) if matrices else np.empty(0, dtype=np.complex128)


def _by_name(register: Register) -> tuple[str, tuple[int, ...]]:
    return register.name, tuple(register.bits)
