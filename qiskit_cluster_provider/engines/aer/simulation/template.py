"""A circuit and the rows of its parameters: what Aer is given to run."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit

from ....plan.circuits.columns import Columns
from ....plan.circuits.rebuilding import rebuild
from ..gates import BRANCHES
from ..operations import MAKERS


@dataclass(frozen=True, eq=False)
class Template:
    """A circuit and the rows of its parameters.

    Attributes:
        circuit: assembled once if it has a ``name``.
        values: of shape ``(rows, parameters)``; ``None`` for a circuit that has no parameters and one row.
        bind: Aer's public call would not bind the rows as Qiskit does.
        name: says all that the circuit follows from, or ``None`` for one that is not met again.
    """

    circuit: Columns
    values: npt.NDArray[np.float64] | None
    bind: bool = False
    name: Hashable = None

    @property
    def rows(self) -> int:
        """Number of experiments."""
        return 1 if self.values is None else len(self.values)

    def part(self, start: int, stop: int) -> Template:
        """Some of its experiments."""
        return self if self.values is None else replace(self, values=self.values[start:stop])


def weight_of(circuit: Columns) -> int:
    """About the bytes that it holds."""
    return circuit.bytes


def portions(templates: Iterable[Template], size: int) -> Iterator[list[Template]]:
    """``templates`` in lists of up to ``size`` rows."""
    portion: list[Template] = []
    room = size
    for template in templates:
        done = 0
        while done < template.rows:
            some = min(room, template.rows - done)
            portion.append(template if some == template.rows else template.part(done, done + some))
            done += some
            room -= some
            if not room:
                yield portion
                portion, room = [], size
    if portion:
        yield portion


def for_run(template: Template) -> Iterator[tuple[QuantumCircuit, dict[Any, list[float]]]]:
    """Circuits for Aer's ``run`` and their ``parameter_binds``: one for all rows, or a bound one for each."""
    columns, values = template.circuit, template.values
    circuit, parameters = rebuild(columns, MAKERS)
    if values is None or values.shape[1] == 0:
        yield from [(circuit, {})] * template.rows
        return
    if not template.bind:
        known = circuit.parameters
        yield circuit, {one: values[:, i].tolist() for i, one in enumerate(parameters) if one in known}
        return
    # Copies of a circuit, deep ones too, share their blocks of control flow with it, and assign_parameters
    # writes into them (Qiskit 2.6): such a circuit is made anew for each row.
    shared = not BRANCHES.isdisjoint(columns.counts)
    for row in values.tolist():
        if shared:
            circuit, parameters = rebuild(columns, MAKERS)
        given = dict(zip(parameters, row, strict=True))
        one = circuit.assign_parameters({known: given[known] for known in circuit.parameters})
        one.name = columns.name
        yield one, {}
