"""What is asked of an item's experiments, where it is less than Aer's whole result.

The numbers of consecutive experiments lie one after the other in one flat array, so that whatever range of
them a slice has run is placed by one assignment.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .circuits.columns import Columns
from .circuits.joining import joined

Operator = tuple[tuple[str, ...], tuple[float, ...]]
"""Pauli labels (over ``IXYZ``, qubit 0 last) and their real coefficients."""


@dataclass(frozen=True)
class Bits:
    """The outcome of every shot: uint8 of shape ``(shots, ceil(clbits / 8))``, big-endian, clbit 0 last."""

    variants: int = 1


@dataclass(frozen=True, eq=False)
class ExpectationValues:
    """The exact mean of each operator, one float64 each; with noise by trajectories, the average over shots.

    Attributes:
        operators: whose means are asked.
        as_rotations: simulate a circuit of rotations as such, if it is one: its rows are many enough for that.
    """

    operators: tuple[Operator, ...]
    as_rotations: bool = False
    variants: int = 1

    def position(self, experiment: int) -> int:
        """Where the numbers of the item's ``experiment`` begin."""
        return experiment * len(self.operators)


@dataclass(frozen=True, eq=False)
class Readout:
    """How to measure Paulis that commute qubit by qubit.

    Attributes:
        circuit: as wide as the item's circuit; turns each qubit into its basis and measures it.
        support: bool of shape ``(Paulis, clbits)``: the parity of these bits is the Pauli's outcome.
    """

    circuit: Columns
    support: npt.NDArray[np.bool_]


def measured(circuit: Columns, readout: Readout) -> Columns:
    """``circuit`` and then ``readout``, whose clbits come after those of ``circuit``."""
    return joined(circuit, readout.circuit, new_clbits=True)


@dataclass(frozen=True, eq=False)
class Parities:
    """Of each Pauli, the number of shots with outcome -1, one int64 each.

    The experiments of an item are its rows times its readouts, the readouts of one row together.

    Attributes:
        readouts: in the order of their experiments.
        share_state: simulate the state of a row once and only its readouts for each experiment.
    """

    readouts: tuple[Readout, ...]
    share_state: bool

    @property
    def variants(self) -> int:
        """Experiments for each row."""
        return len(self.readouts)

    @cached_property
    def starts(self) -> list[int]:
        """Where the numbers of each readout begin within a row; the last entry is their number."""
        return [0, *np.cumsum([len(readout.support) for readout in self.readouts]).tolist()]

    def position(self, experiment: int) -> int:
        """Where the numbers of the item's ``experiment`` begin."""
        row, readout = divmod(experiment, self.variants)
        return row * self.starts[-1] + self.starts[readout]


Output = Bits | ExpectationValues | Parities
