"""Copies of circuits that the user cannot change behind our back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Instruction, Operation, ParameterExpression, QuantumCircuit

from ..._compat.qiskit import drop_layout
from .instructions import instructions

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class InternedCircuit:
    """A circuit that outlives the run: never changed, and never emptied.

    Attributes:
        circuit: without the user's name and metadata.
        bind: see :class:`Snapshot`.
        memo: what was made of it, by name.
    """

    circuit: QuantumCircuit
    bind: bool
    memo: dict[str, Any] = field(default_factory=dict)

    def memoised(self, name: str, make: Callable[[QuantumCircuit], T]) -> T:
        """What follows from the circuit alone, made once."""
        if name not in self.memo:
            self.memo[name] = make(self.circuit)
        found: T = self.memo[name]
        return found


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What stands for a circuit of the user.

    Attributes:
        circuit: without metadata and layout.
        bind: whether Aer's public call would bind its rows in another way than Qiskit.
        row: of shape ``(1, numbers)``: the numbers of a bound circuit, if ``circuit`` has parameters in their place.
        interned: ``circuit``, if it outlives the run.
    """

    circuit: QuantumCircuit
    bind: bool
    row: npt.NDArray[np.float64] | None = None
    interned: InternedCircuit | None = None

    def columns(self, circuit: QuantumCircuit, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The columns of ``values``, of the parameters of the user's ``circuit``, that are still parameters here."""
        if self.circuit.num_parameters == values.shape[1]:
            return values
        kept = [i for i, p in enumerate(circuit.parameters) if p in self.circuit.parameters]
        return np.ascontiguousarray(values[:, kept])


def snapshot_of(circuit: QuantumCircuit) -> Snapshot:
    """A copy, and whether its rows must be bound. ``circuit`` is as :func:`..seen.seen` gives it.

    Rows go to Aer as one template and its values. Where Aer's public call would not bind them as Qiskit does, the
    worker puts the values in their places itself, or binds each row (``engines/aer/simulation/simulator.py``):

    * Aer looks for parameters with ``Instruction.is_parameterized``, which says no for Qiskit's controlled
      gates (cp, crx, cu1, mcp, ...), and simulates them with the angle 0;
    * it gives parameter set j the global phase of set j-1, so that a parametrised phase (usual after
      transpiling to rz) would make saved amplitudes depend on the slicing. Counts do not depend on the
      phase: without save instructions it is dropped.
    """
    copied = circuit.copy()
    copied.metadata = {}
    drop_layout(copied)
    if not circuit.num_parameters:
        return Snapshot(copied, False)
    if any(_hides_parameters(operation) for operation in _free_operations(circuit)):
        return Snapshot(copied, True)
    if not is_free(circuit.global_phase):
        return Snapshot(copied, False)
    if any(operation.name.startswith("save_") for operation in _not_standard(circuit)):
        return Snapshot(copied, True)
    without = copied.copy()
    without.global_phase = 0.0
    # A circuit whose only parameters are in its phase would lose its parameter sets.
    return Snapshot(without, False) if without.num_parameters else Snapshot(copied, True)


def is_free(value: Any) -> bool:
    """Whether ``value`` has parameters."""
    return isinstance(value, ParameterExpression) and bool(value.parameters)


def _hides_parameters(operation: Operation) -> bool:
    """Whether ``operation`` has parameters that ``is_parameterized`` denies."""
    return (
        isinstance(operation, Instruction)
        and not operation.is_parameterized()
        and any(is_free(value) for value in operation.params)
    )


def _free_operations(circuit: QuantumCircuit) -> Iterator[Operation]:
    """The operations that may have parameters; of each standard gate one, since an object of it has to be made."""
    seen = set()
    for step in circuit.data:
        if step.is_standard_gate() and step.name not in seen and any(map(is_free, step.params)):
            seen.add(step.name)
            yield step.operation
    yield from _not_standard(circuit)


def _not_standard(circuit: QuantumCircuit) -> Iterator[Operation]:
    for step in circuit.data:
        if not step.is_standard_gate():
            yield step.operation
            for block in getattr(step.operation, "blocks", ()):
                yield from instructions(block)
