"""Groups of rotations to operations on the amplitudes that can be other than zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .groups import Group, grouped
from .paulis import Frame
from .sequence import Gate, rotations_of

Places = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Step:
    """An operation on pairs of amplitudes, or on single ones.

    Attributes:
        first, second: places of the two of each pair. They are the same for an operation that is diagonal.
        odd: ``first`` becomes ``cos first - sin second``, and ``second`` becomes ``cos second + sin first``; else
            ``cos first - i sin second``, and ``cos second - i sin first``.
        sources: numbers of those of whose values the angles are sums.
        factors: of shape ``(angles, sources)``.
        constants: what is added to each angle.
        which: for each pair its angle; ``None`` if there is one angle.
    """

    first: Places
    second: Places
    odd: bool
    sources: tuple[int, ...]
    factors: Floats
    constants: Floats
    which: Places | None

    @property
    def moved(self) -> int:
        """Amplitudes that it changes."""
        size = len(self.first)
        return size if self.first is self.second else 2 * size


@dataclass(frozen=True, eq=False)
class Program:
    """A circuit, up to its global phase.

    Attributes:
        qubits: of the circuit.
        basis: the basis states whose amplitudes can be other than zero; the first is ``|0...0>``.
        steps: make the amplitudes.
        frame: the Clifford circuit that follows.
    """

    qubits: int
    basis: npt.NDArray[np.int64]
    steps: tuple[Step, ...]
    frame: Frame

    @property
    def real(self) -> bool:
        """Whether no amplitude has an imaginary part."""
        return all(step.odd for step in self.steps)

    @property
    def moved(self) -> int:
        """Amplitudes that the steps change, all together."""
        return sum(step.moved for step in self.steps)

    @property
    def bytes(self) -> int:
        """About what it holds."""
        return 1000 + sum(1000 + 24 * len(step.first) for step in self.steps) + (8 << self.qubits)


def program_of(qubits: int, gates: Iterable[Gate], most: int) -> Program | None:
    """What simulates a circuit of ``gates``.

    Args:
        qubits: of the circuit.
        gates: of the circuit, in order.
        most: real numbers that the steps may change, all together.

    Returns:
        The program; ``None`` if a gate is not known as a product of rotations, or if the steps would change more.
    """
    rotations = rotations_of(qubits, gates)
    if rotations is None:
        return None
    support = _Support(qubits)
    steps, moved, parts = [], 0, 1
    for group in grouped(rotations.sequence):
        step = support.step(group)
        if step is None:
            continue
        moved += step.moved
        parts = max(parts, 1 if step.odd else 2)
        if parts * moved > most:
            return None
        steps.append(step)
    return Program(qubits, support.basis, tuple(steps), rotations.frame)


class _Support:
    """The basis states that have been reached, in the order in which they were.

    Args:
        qubits: of the circuit.
    """

    def __init__(self, qubits: int) -> None:
        self.basis = np.zeros(1, dtype=np.int64)
        self._places = np.full(2**qubits, -1, dtype=np.intp)
        self._places[0] = 0

    def step(self, group: Group) -> Step | None:
        """The operation of ``group``; ``None`` if it changes no amplitude but by a phase of the whole state."""
        sources = sorted({source for _, source in group.factors}, key=lambda source: (source is not None, source))
        weights = np.zeros((len(self.basis), len(sources)))
        for (z, source), factor in group.factors.items():
            weights[:, sources.index(source)] += 0.5 * factor * signs(self.basis, group.x, z)
        if not group.x:
            weights -= weights[0]  # the global phase
        active = np.flatnonzero(weights.any(axis=1))
        if not len(active):
            return None
        if group.x:
            active, partners, weights = self._pairs(group, active, weights)
        else:
            partners, weights = active, weights[active]
        angles, which = _distinct(weights)
        constant = sources[0] is None
        return Step(
            active,
            partners,
            group.odd,
            tuple(source for source in sources if source is not None),
            np.ascontiguousarray(angles[:, constant:]),
            angles[:, 0].copy() if constant else np.zeros(len(angles)),
            which,
        )

    def _pairs(self, group: Group, active: Places, weights: Any) -> tuple[Places, Places, Any]:
        """Each pair once. A pair that a negative angle turns is a pair the other way round, if they mix as reals."""
        others = self.basis[active] ^ group.x
        new = others[self._places[others] < 0]
        self._places[new] = np.arange(len(self.basis), len(self.basis) + len(new))
        self.basis = np.concatenate([self.basis, new])
        partners = self._places[others]
        once = active < partners
        # Of a pair of which both were there, each names the other, and one is dropped.
        active, partners, weights = active[once], partners[once], weights[active[once]]
        if group.odd:
            leading = np.take_along_axis(weights, (weights != 0).argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
            turned = leading < 0
            active, partners = np.where(turned, partners, active), np.where(turned, active, partners)
            weights = np.where(turned[:, np.newaxis], -weights, weights)
        return active, partners, weights


def _distinct(rows: Floats) -> tuple[Floats, Places | None]:
    """The distinct rows, and for each row which one it is; ``None`` if there is one."""
    codes = np.zeros(len(rows), dtype=np.intp)
    for column in rows.T:
        if (column != column[0]).any():
            apart, which = np.unique(column, return_inverse=True)
            codes = codes * len(apart) + which
    _, firsts, which = np.unique(codes, return_index=True, return_inverse=True)
    return rows[firsts], None if len(firsts) == 1 else which


def signs(basis: npt.NDArray[np.int64], x: int, z: int) -> Floats:
    """For each basis state, the sign with which the Hermitian Pauli flips it; beside ``i``, if it has that factor."""
    halves = (x & z).bit_count() >> 1
    odd = (np.bitwise_count(basis & z) + halves) & 1
    found: Floats = 1.0 - 2.0 * odd
    return found
