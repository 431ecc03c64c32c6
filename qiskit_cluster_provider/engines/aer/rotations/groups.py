"""Rotations about Paulis that flip the same qubits, and that commute, are one operation.

They turn each pair of basis states by an angle of its own, which is a sum of their angles with signs. In the eight
rotations of a double excitation, the signs leave an angle other than zero for one pair in eight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .sequence import Rotation

_ANGLES = 64  # different ones in a group, at most
_FAR = 64  # groups that are passed in search of one that fits


@dataclass
class Group:
    """Commuting rotations about Paulis of the same ``x``.

    Attributes:
        x: the qubits that they flip.
        odd: whether the Paulis have an odd number of Y, so that the numbers that they mix stay real.
        factors: ``(z, source)`` of each, and its factor.
    """

    x: int
    odd: bool
    factors: dict[tuple[int, int | None], float] = field(default_factory=dict)
    _sums: dict[int | None, set[float]] = field(default_factory=dict)

    def takes(self, one: Rotation) -> bool:
        """Whether ``one`` belongs here, and was taken."""
        key = one.z, one.source
        if one.x != self.x or _odd(one) != self.odd:
            return False
        if key in self.factors:
            self.factors[key] += one.factor
            if not self.factors[key]:
                del self.factors[key]
            return True
        sums = {one_sum + sign * one.factor for one_sum in self._sums.get(one.source, {0.0}) for sign in (1, -1)}
        count = len(sums)
        for source, others in self._sums.items():
            count *= 1 if source == one.source else len(others)
        if self._sums and count > _ANGLES:
            return False
        self._sums[one.source] = sums
        self.factors[key] = one.factor
        return True

    def lets_pass(self, one: Rotation) -> bool:
        """Whether ``one`` commutes with all of them."""
        here = (self.x & one.z).bit_count()
        return not any((here + (z & one.x).bit_count()) & 1 for z, _ in self.factors)


def grouped(rotations: Iterable[Rotation]) -> list[Group]:
    """The same circuit as groups. A rotation moves over others that it commutes with to the group that takes it."""
    found: list[Group] = []
    for one in rotations:
        for group in reversed(found[-_FAR:]):
            if group.takes(one):
                break
            if not group.lets_pass(one):
                found.append(_of(one))
                break
        else:
            found.append(_of(one))
    return [group for group in found if group.factors]


def _of(one: Rotation) -> Group:
    group = Group(one.x, _odd(one))
    group.takes(one)
    return group


def _odd(one: Rotation) -> bool:
    return bool((one.x & one.z).bit_count() & 1)
