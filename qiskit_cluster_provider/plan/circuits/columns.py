"""A circuit as columns: read once, and then looked at without an object for each of its gates.

An instruction is a code: the place of its word in the circuit's vocabulary. The word says what its instructions have
in common: name, label, widths. What differs lies in columns, one instruction after the other: qubits and clbits by
their numbers, the numbers of gates as float64, matrices as complex128, and operands for all else.

Columns are data and nothing else: numbers, texts, tuples and arrays, which nobody changes. Equal circuits have equal
columns in every process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.uint32]
Matrices = npt.NDArray[np.complex128]


class Kind:
    """What sort of operation a word is; those that are not here are named by who writes them.

    Attributes:
        GATE: one of Qiskit's standard gates, with numbers.
        UNITARY: a matrix, complex128 of shape ``(2**n, 2**n)`` for ``n`` qubits.
        MEASURE, RESET, BARRIER: what their names say, with nothing beside their bits.
        PICKLE: an operation that only pickle carries; its operand is a :class:`Pickled`.
    """

    GATE = "gate"
    UNITARY = "unitary"
    MEASURE = "measure"
    RESET = "reset"
    BARRIER = "barrier"
    PICKLE = "pickle"


WITHOUT_OPERAND = frozenset({Kind.GATE, Kind.UNITARY, Kind.MEASURE, Kind.RESET, Kind.BARRIER})
"""Kinds whose instructions have none."""


class Word(NamedTuple):
    """What the instructions of one code have in common.

    Attributes:
        kind: of :class:`Kind`, or another one, which has operands.
        name: as Qiskit has it; Aer knows operations by it.
        label: the user's, or ``None``.
        qubits, clbits: how many of them each instruction has.
        numbers: how many numbers each has in the column of numbers.
    """

    kind: str
    name: str
    label: str | None
    qubits: int
    clbits: int
    numbers: int


class Register(NamedTuple):
    """A register of bits.

    Attributes:
        name: of the register.
        bits: numbers of its bits, in its order, as :func:`numbers_of` has them.
        owns: whether they are bits that the register has made, and not bits that were there before.
    """

    name: str
    bits: range | tuple[int, ...]
    owns: bool


def numbers_of(bits: Sequence[int]) -> range | tuple[int, ...]:
    """Numbers of bits; of neighbours in order, which most are, a range."""
    if not bits:
        return ()
    neighbours = range(bits[0], bits[0] + len(bits))
    return neighbours if all(map(int.__eq__, bits, neighbours)) else tuple(bits)


class Symbol(NamedTuple):
    """A parameter.

    Attributes:
        name: of the parameter, or of the vector of which it is an element.
        place, size: place in that vector, and length of the vector; -1 and 0 for one that is of no vector.
        uuid: of the parameter or the vector, where it matters; else 0. Qiskit adds up the parts of an expression in
            an order that may depend on it.
    """

    name: str
    place: int = -1
    size: int = 0
    uuid: int = 0

    @property
    def text(self) -> str:
        """As Qiskit names it."""
        return self.name if self.place < 0 else f"{self.name}[{self.place}]"


class Pickled(NamedTuple):
    """An operation that only pickle carries.

    Attributes:
        data: of it; bits, parameters and variables of the circuit are told by their numbers. ``None`` if it cannot
            be pickled.
        about: its class, and why it cannot be pickled.
        numbers: those of its parameters that are plain, for checks.
    """

    data: bytes | None
    about: str
    numbers: tuple[Any, ...] = ()


Expression = int | tuple[Any, ...]
"""Over parameters: the number of one, or steps; see :mod:`.expressions`."""


class Free(NamedTuple):
    """An expression in an operand: its place in :attr:`Columns.expressions`."""

    expression: int


class Variable(NamedTuple):
    """A classical variable, or a stretch.

    Attributes:
        name: of it.
        type: as :mod:`.classical` writes types; of a stretch it is ``("Stretch",)``.
    """

    name: str
    type: tuple[Any, ...]


class Declaration(NamedTuple):
    """What a circuit or a block says of a variable.

    Attributes:
        how: ``"input"``, ``"declared"`` or ``"captured"``.
        variable: its place in :attr:`Columns.variables`.
    """

    how: str
    variable: int


class Scope(NamedTuple):
    """How the bits of a block are numbered in the whole circuit.

    Attributes:
        qubits, clbits: for each bit of the block its number. Those from the width of the outermost circuit on are
            bits of blocks alone.
    """

    qubits: tuple[int, ...]
    clbits: tuple[int, ...]


def _nothing(kind: Any, *shape: int) -> Any:
    """The same empty array for all columns, of which a small circuit has many."""
    empty = np.empty(shape or 0, dtype=kind)
    return field(default_factory=lambda: empty)


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Columns:
    """A circuit, or a block of control flow in one.

    Attributes:
        name: of the circuit; a block has none.
        num_qubits, num_clbits: its widths.
        qregs, cregs: its registers.
        words: its vocabulary, in the order in which its instructions first use it.
        codes: of each instruction the place of its word in ``words``.
        qubits, clbits: of all instructions, one after the other; as many of each as its word says.
        numbers: of all instructions, one after the other. Where an expression stands, the number is 0.
        matrices: of all instructions of kind :attr:`Kind.UNITARY`, flat and in C order.
        operands: of all instructions whose kind has one, in order.
        free: of shape ``(places, 2)``: places in ``numbers``, and the numbers of the expressions that stand there.
        phase: the global phase; 0 if it is an expression.
        phase_expression: the number of that expression.
        parameters: first those of the circuit, in the order of ``QuantumCircuit.parameters``, which is the order of
            the columns of its values; then those that loops bind. Some may stand nowhere. A block has those of the
            outermost circuit.
        num_parameters: how many of them are the circuit's.
        expressions: the distinct ones that stand anywhere in the circuit; a block has those of the outermost circuit.
        variables: of the outermost circuit and its blocks; a block has those of the outermost circuit.
        declarations: the variables that this circuit, or this block, knows.
        scope: of a block; ``None`` for the outermost circuit.
        inner_bits: of the outermost circuit, how many qubits and clbits blocks have beside its own.
        metadata: plain data; ``None`` where it stays at home.
    """

    name: str = ""
    num_qubits: int = 0
    num_clbits: int = 0
    qregs: tuple[Register, ...] = ()
    cregs: tuple[Register, ...] = ()
    words: tuple[Word, ...] = ()
    codes: Integers = _nothing(np.uint32)  # noqa: RUF009
    qubits: Integers = _nothing(np.uint32)  # noqa: RUF009
    clbits: Integers = _nothing(np.uint32)  # noqa: RUF009
    numbers: Floats = _nothing(np.float64)  # noqa: RUF009
    matrices: Matrices = _nothing(np.complex128)  # noqa: RUF009
    operands: tuple[Any, ...] = ()
    free: Integers = _nothing(np.uint32, 0, 2)  # noqa: RUF009
    phase: float = 0.0
    phase_expression: int | None = None
    parameters: tuple[Symbol, ...] = ()
    num_parameters: int = 0
    expressions: tuple[Expression, ...] = ()
    variables: tuple[Variable, ...] = ()
    declarations: tuple[Declaration, ...] = ()
    scope: Scope | None = None
    inner_bits: tuple[int, int] = (0, 0)
    metadata: Any = None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def occurrences(self) -> Iterator[tuple[Word, int]]:
        """Each word, and how many instructions have it."""
        return zip(self.words, np.bincount(self.codes, minlength=len(self.words)).tolist(), strict=True)

    @property
    def counts(self) -> Counter[str]:
        """How often each name occurs, without what is in blocks; as ``QuantumCircuit.count_ops`` has it."""
        found: Counter[str] = Counter()
        for word, count in self.occurrences:
            found[word.name] += count
        return found

    @property
    def blocks(self) -> Iterator[Columns]:
        """The blocks of control flow in it, without those inside them."""
        for operand in self.operands:
            yield from blocks_in(operand)

    def everywhere(self) -> Iterator[Columns]:
        """The circuit, and all blocks in it."""
        yield self
        for block in self.blocks:
            yield from block.everywhere()

    @property
    def names(self) -> set[str]:
        """Of all operations, those in blocks too."""
        return {word.name for part in self.everywhere() for word in part.words}

    def where(self, which: str, words: Callable[[Word], bool]) -> Any:
        """The entries of column ``which`` (``"qubits"`` or ``"clbits"``) that belong to some words."""
        chosen = np.array([words(word) for word in self.words], dtype=np.bool_)
        mine = chosen[self.codes]
        return getattr(self, which)[np.repeat(mine, self.widths(which))]

    def widths(self, which: str) -> Integers:
        """Of each instruction, how many ``"qubits"``, ``"clbits"`` or ``"numbers"`` it has."""
        return np.array([getattr(word, which) for word in self.words], dtype=np.uint32)[self.codes]

    def steps(self) -> Iterator[Step]:
        """The instructions, one by one: for what is not done for a whole column at once."""
        qubits, clbits, numbers = self.qubits.tolist(), self.clbits.tolist(), self.numbers
        qubit = clbit = number = entry = 0
        operands = iter(self.operands)
        for code in self.codes.tolist():
            word = self.words[code]
            operand: Any = None
            if word.kind == Kind.UNITARY:
                size = 2**word.qubits
                operand = self.matrices[entry : entry + size * size].reshape(size, size)
                entry += size * size
            elif word.kind not in WITHOUT_OPERAND:
                operand = next(operands)
            yield Step(
                word,
                qubits[qubit : qubit + word.qubits],
                clbits[clbit : clbit + word.clbits],
                numbers[number : number + word.numbers],
                operand,
                number,
            )
            qubit += word.qubits
            clbit += word.clbits
            number += word.numbers

    @property
    def bytes(self) -> int:
        """About what it holds."""
        arrays = (self.codes, self.qubits, self.clbits, self.numbers, self.matrices, self.free)
        return 1000 + sum(one.nbytes for one in arrays) + sum(map(_weight, self.operands))

    def clear(self) -> None:
        """Let go of the instructions: all that was to be made of them is made. Names, widths and registers stay."""
        empty = Columns()
        for name in ("words", "codes", "qubits", "clbits", "numbers", "matrices", "operands", "free", "expressions"):
            object.__setattr__(self, name, getattr(empty, name))


class Step(NamedTuple):
    """An instruction of :meth:`Columns.steps`.

    Attributes:
        word: its own.
        qubits, clbits: their numbers.
        numbers: its part of the column.
        operand: its own; for a matrix an array; ``None`` if its kind has none.
        place: of its first number in the column.
    """

    word: Word
    qubits: list[int]
    clbits: list[int]
    numbers: Floats
    operand: Any
    place: int


def blocks_in(operand: Any) -> Iterator[Columns]:
    """The blocks of control flow in an operand."""
    if isinstance(operand, Columns):
        yield operand
    elif type(operand) in (tuple, list):
        for one in operand:
            yield from blocks_in(one)


def frees_in(operand: Any) -> Iterator[Free]:
    """The expressions in an operand, without those in blocks."""
    if isinstance(operand, Free):
        yield operand
    elif type(operand) in (tuple, list):
        for one in operand:
            yield from frees_in(one)


def _weight(operand: Any) -> int:
    if isinstance(operand, (np.ndarray, bytes, str)):
        return operand.nbytes if isinstance(operand, np.ndarray) else len(operand)
    if isinstance(operand, Columns):
        return operand.bytes
    if isinstance(operand, (tuple, list)):
        return 16 + sum(map(_weight, operand))
    return 16
