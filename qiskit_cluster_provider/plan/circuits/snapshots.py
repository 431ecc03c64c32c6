"""What stands for a circuit of the user in a run: its columns, which nobody changes behind our back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ControlledGate, ParameterExpression

from .columns import Columns, Kind, frees_in
from .operations import STANDARD

T = TypeVar("T")

_HIDING = frozenset(name for name, kind in STANDARD.items() if issubclass(kind, ControlledGate))
_HIDING_KINDS = frozenset({"controlled", "mcphase", "mcu1", Kind.PICKLE})
_SAVES = "save_"


@dataclass(frozen=True, eq=False)
class InternedCircuit:
    """A circuit that outlives the run: never changed, and never emptied.

    Attributes:
        circuit: without the user's name.
        bind: see :class:`Snapshot`.
        memo: what was made of it, by name.
    """

    circuit: Columns
    bind: bool
    memo: dict[str, Any] = field(default_factory=dict)

    def memoised(self, name: str, make: Callable[[Columns], T]) -> T:
        """What follows from the circuit alone, made once."""
        if name not in self.memo:
            self.memo[name] = make(self.circuit)
        found: T = self.memo[name]
        return found


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What stands for a circuit of the user.

    Attributes:
        circuit: without metadata.
        bind: whether Aer's public call would bind its rows in another way than Qiskit.
        row: of shape ``(1, numbers)``: the numbers of a bound circuit, if ``circuit`` has parameters in their place.
        interned: ``circuit``, if it outlives the run.
    """

    circuit: Columns
    bind: bool
    row: npt.NDArray[np.float64] | None = None
    interned: InternedCircuit | None = None


def snapshot_of(circuit: Columns) -> Snapshot:
    """What stands for ``circuit``, and whether its rows must be bound.

    Rows go to Aer as one template and its values. Where Aer's public call would not bind them as Qiskit does, the
    worker puts the values in their places itself, or binds each row (``engines/aer/simulation/simulator.py``):

    * Aer looks for parameters with ``Instruction.is_parameterized``, which says no for Qiskit's controlled
      gates (cp, crx, cu1, mcp, ...), and simulates them with the angle 0;
    * it gives parameter set j the global phase of set j-1, so that a parametrised phase (usual after
      transpiling to rz) would make saved amplitudes depend on the slicing. Counts do not depend on the
      phase: without save instructions it is dropped.
    """
    if not circuit.num_parameters:
        return Snapshot(circuit, False)
    if any(map(_hides_parameters, circuit.everywhere())):
        return Snapshot(circuit, True)
    if circuit.phase_expression is None:
        return Snapshot(circuit, False)
    if any(name.startswith(_SAVES) for name in circuit.names):
        return Snapshot(circuit, True)
    if any(map(_has_expressions, circuit.everywhere())):
        return Snapshot(replace(circuit, phase_expression=None), False)
    return Snapshot(circuit, True)  # whose only parameters are in its phase: it would lose its parameter sets


def is_free(value: Any) -> bool:
    """Whether ``value`` has parameters."""
    return isinstance(value, ParameterExpression) and bool(value.parameters)


def _hides_parameters(circuit: Columns) -> bool:
    """Whether an operation has parameters that ``is_parameterized`` denies; of a pickled one that is not known."""
    hiding = {
        code
        for code, word in enumerate(circuit.words)
        if word.kind in _HIDING_KINDS or (word.kind == Kind.GATE and word.name in _HIDING)
    }
    if not hiding:
        return False
    if any(circuit.words[code].kind == Kind.PICKLE for code in hiding):
        return True
    owners = np.repeat(circuit.codes, circuit.widths("numbers"))
    return not hiding.isdisjoint(owners[circuit.free[:, 0]].tolist())


def _has_expressions(circuit: Columns) -> bool:
    return bool(len(circuit.free)) or next(frees_in(circuit.operands), None) is not None
