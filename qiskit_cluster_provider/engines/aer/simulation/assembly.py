"""Circuits in the form of Aer's C++, made once and run with any parameter rows.

Aer's ``run`` assembles every circuit of every call in Python, about 9 us a gate, which is most of the time of a small
circuit. What is used here in its place is Aer's own and private (``_compat/aer.py``): where a part of it is missing,
and with a version of Aer that was not tried, the public call is made (:mod:`.simulator`).

Aer runs a circuit that has a table of parameters on a copy for each row, and one without on the very object, which it
changes. So each circuit gets a table: one without parameters a row with the global phase that it has already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import CircuitInstruction, Delay, Gate, Parameter, ParameterExpression, QuantumCircuit

from ...._compat import aer
from ....plan.circuits.columns import Columns, Kind
from ....plan.circuits.rebuilding import Rebuilding, rebuild
from ....plan.circuits.snapshots import is_free
from ..operations import MAKERS
from .native import native_of
from .relaxation import Errors, Relaxed, has_free_delays, weight_of

_BYTES_OF_OPERATION = 600  # of the native circuit, measured
_BYTES_OF_SLOT = 150
_OTHERS = frozenset({"unitary", "diagonal", "pauli", "multiplexer"})  # gates whose parameters are no angles

Place = tuple[int, int]
"""Of a number in a native circuit: index of the operation, index of its parameter."""
Table = list[list[Any]]


@cache
def available() -> bool:
    """Whether the Aer that is installed has all that is needed here."""
    return aer.runs_directly()


@cache
def _sorts_first() -> bool:
    """Whether this Aer moves measurements behind gates before it looks for the place of a parameter."""
    return metadata.version("qiskit-aer").startswith("0.17.")


@dataclass(frozen=True, eq=False)
class Assembled:
    """A circuit of Aer's C++, and where its parameters go.

    Attributes:
        native: ``AerCircuit``. Only its global phase is ever changed.
        parameters: of the circuit, in the order of the columns of its rows.
        expressions: the distinct ones, over ``parameters``.
        slots: places in ``native``, each with the index of its expression.
        phase: index of the expression of the global phase, if it has parameters.
        delays: whether it has delays, which some noise models turn into noise.
        operations: of ``native``.
        errors: that its delays need in the noise model.
    """

    native: Any
    parameters: tuple[Parameter, ...]
    expressions: tuple[ParameterExpression, ...]
    slots: tuple[tuple[Place, int], ...]
    phase: int | None
    delays: bool
    operations: int
    errors: Errors = ()

    @property
    def bytes(self) -> int:
        """About what it holds."""
        return (
            1000 + weight_of(self.errors) + _BYTES_OF_OPERATION * self.operations + _BYTES_OF_SLOT * len(self.slots)
        )


@dataclass(frozen=True, eq=False)
class Entry:
    """Rows of a circuit, in one call of Aer.

    Attributes:
        assembled: the circuit.
        values: of its parameters, one row for each experiment; ``None`` for a circuit that has none.
    """

    assembled: Assembled
    values: npt.NDArray[np.float64] | None

    @property
    def rows(self) -> int:
        """Number of experiments."""
        return 1 if self.values is None else len(self.values)

    @cached_property
    def columns(self) -> list[list[float]]:
        """The values of each expression for all rows, as Aer's own binding computes them."""
        if self.values is None:
            return []
        given = dict(zip(self.assembled.parameters, self.values.T.tolist(), strict=True))
        found = []
        for expression in self.assembled.expressions:
            if expression in given:
                found.append(given[expression])
                continue
            needed = {parameter: given[parameter] for parameter in expression.parameters}
            found.append(
                [float(expression.bind({p: column[row] for p, column in needed.items()})) for row in range(self.rows)]
            )
        return found

    @property
    def phases(self) -> list[float] | None:
        """The global phase of each row, if it depends on the row; from 0 to 2 pi, as a bound circuit has it."""
        if self.assembled.phase is None:
            return None
        return [phase % (2 * math.pi) for phase in self.columns[self.assembled.phase]]


Relax = Callable[[QuantumCircuit, set[type]], Relaxed]


def assemble(columns: Columns, basis_gates: Sequence[str] | None, relax: Relax | None = None) -> Assembled | None:
    """The native form of a circuit; ``None`` if only Aer's public call can run it.

    Args:
        columns: of what Aer's ``run`` would be given.
        basis_gates: of the device that is simulated, or ``None``.
        relax: what a noise model makes of its delays.

    Raises:
        AerError: Aer does not know one of its instructions.
    """
    delays = "delay" in columns.counts
    native = None if relax is not None and delays else native_of(columns, basis_gates)
    if native is None:
        return _by_aer(columns, basis_gates, relax)
    if native.free and _sorts_first() and _measures_before(columns, native.free[-1].instruction):
        return None
    parameters, expressions = _values(columns)
    slots = tuple(((free.operation, free.place), free.expression) for free in native.free)
    phase = columns.phase_expression
    return Assembled(native.circuit, parameters, expressions, slots, phase, delays, native.operations)


def _values(columns: Columns) -> tuple[tuple[Parameter, ...], tuple[ParameterExpression, ...]]:
    """The parameters of a circuit, and the expressions over them."""
    if not columns.expressions and not columns.parameters:
        return (), ()
    things = Rebuilding(columns, MAKERS)
    places = range(len(columns.expressions))
    return tuple(things.parameters[: columns.num_parameters]), tuple(map(things.expression, places))


def _by_aer(columns: Columns, basis_gates: Sequence[str] | None, relax: Relax | None) -> Assembled | None:
    """The same by Aer's compiler and assembler."""
    circuit, parameters = rebuild(columns, MAKERS)
    types_of, compiled_of = aer.CIRCUIT_OPTYPES.found, aer.COMPILE_CIRCUIT.found
    (compiled,), (types,) = compiled_of([circuit], optypes=[types_of(circuit)])
    if aer.CHANNEL_INSTRUCTION.found in types:
        return None  # it would have to go into the noise model
    errors: Errors = ()
    if relax is not None and Delay in types:
        if has_free_delays(compiled):
            return None
        compiled, errors = relax(compiled, types)
    (native,), (ends,) = aer.ASSEMBLE_CIRCUITS.found([compiled], basis_gates)
    slots: list[tuple[Place, ParameterExpression]] = []
    measured = False
    for end, instruction in zip(ends, compiled.data, strict=True):
        measured |= instruction.name == "measure"
        for index, value in enumerate(instruction.params):
            if is_free(value):
                place = _place(instruction, end)
                if place is None or (measured and _sorts_first()):
                    return None
                slots.append(((place, index), value))
    return _assembled(parameters, native, ends, slots, compiled.global_phase, Delay in types, errors)


def _assembled(
    parameters: tuple[Parameter, ...],
    native: Any,
    ends: Sequence[int],
    slots: Sequence[tuple[Place, ParameterExpression]],
    phase: Any,
    delays: bool,
    errors: Errors,
) -> Assembled:
    expressions: dict[Any, int] = {}
    placed = tuple((place, expressions.setdefault(value, len(expressions))) for place, value in slots)
    phase_index = expressions.setdefault(phase, len(expressions)) if is_free(phase) else None
    count = ends[-1] + 1 if ends else 0
    return Assembled(native, parameters, tuple(expressions), placed, phase_index, delays, count, errors)


def _measures_before(columns: Columns, index: int) -> bool:
    measures = [code for code, word in enumerate(columns.words) if word.kind == Kind.MEASURE]
    return bool(np.isin(columns.codes[:index], measures).any())


def tables(entries: Sequence[Entry]) -> list[Table]:
    """Aer's ``parameterizations`` for a call with ``entries``; sets the phases that their circuits begin with.

    Aer writes the phase of a row into the circuit after it has copied it for the row, so that it holds for the next
    row: each row is given that of its successor, and the circuit that of the first.
    """
    place = (aer.AER_CONFIG.found.GLOBAL_PHASE_POS, -1)
    found = []
    following: dict[int, float] = {}
    for entry in reversed(entries):
        one, phases = entry.assembled, entry.phases
        table = [[at, entry.columns[index]] for at, index in one.slots]
        if phases is not None:
            table.append([place, [*phases[1:], following.get(id(one), phases[0])]])
            following[id(one)] = one.native.global_phase_angle = phases[0]
        elif not table:
            table = [[place, [one.native.global_phase_angle] * entry.rows]]
        found.append(table)
    return found[::-1]


def _place(instruction: CircuitInstruction, end: int) -> int | None:
    """The native operation that has the parameters of ``instruction``, whose last one is ``end``."""
    operation = instruction.operation
    if not isinstance(operation, (Gate, Delay)) or operation.name in _OTHERS:
        return None
    # An open control is an X before the gate and one after it.
    _, controlled, state = operation.name.partition("_o")
    opened = (len(instruction.qubits) - 1 - int(state).bit_count()) if controlled else 0
    return end - opened
