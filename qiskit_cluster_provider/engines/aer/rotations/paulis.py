"""Paulis as bit masks, and Clifford circuits as what they make of Paulis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Pauli(NamedTuple):
    """``i**power * X**x * Z**z``: bit ``q`` of ``x`` and of ``z`` belongs to qubit ``q``."""

    x: int
    z: int
    power: int = 0

    def times(self, other: Pauli) -> Pauli:
        """The product, of which ``other`` acts first."""
        swapped = (self.z & other.x).bit_count()
        return Pauli(self.x ^ other.x, self.z ^ other.z, (self.power + other.power + 2 * swapped) & 3)

    @property
    def sign(self) -> int:
        """1 or -1, of a Hermitian one: the factor before its letters."""
        return 1 if (self.power - (self.x & self.z).bit_count()) & 3 == 0 else -1


def pauli_of(letters: str) -> Pauli:
    """The Pauli whose first letter belongs to qubit 0."""
    x = sum(1 << place for place, letter in enumerate(letters) if letter in "XY")
    z = sum(1 << place for place, letter in enumerate(letters) if letter in "YZ")
    return Pauli(x, z, (x & z).bit_count() & 3)


Changes = list[tuple[bool, int, Pauli]]
"""Images in a frame that a Clifford circuit changes: of Z or of X, of which of its qubits, and the image."""


class Frame:
    """A Clifford circuit ``F``, as the images ``F† X F`` and ``F† Z F`` of each qubit; at first, no circuit.

    Args:
        qubits: how many.
    """

    def __init__(self, qubits: int) -> None:
        self.xs = [Pauli(1 << qubit, 0) for qubit in range(qubits)]
        self.zs = [Pauli(0, 1 << qubit) for qubit in range(qubits)]

    def image(self, pauli: Pauli, qubits: Sequence[int]) -> Pauli:
        """``F† P F`` of the ``pauli`` whose bits belong to ``qubits``."""
        x, z, power = 0, 0, pauli.power
        for rows, bits in ((self.xs, pauli.x), (self.zs, pauli.z)):
            place = 0
            while bits:
                if bits & 1:
                    row = rows[qubits[place]]
                    power += row.power + 2 * (z & row.x).bit_count()
                    x ^= row.x
                    z ^= row.z
                bits >>= 1
                place += 1
        return Pauli(x, z, power & 3)

    def turn(self, pauli: Pauli, qubits: Sequence[int], quarters: int) -> None:
        """Append the rotation by ``quarters`` times 90 degrees about ``pauli``, a Hermitian one."""
        quarters &= 3
        if not quarters:
            return
        about = self.image(pauli, qubits)
        for place, qubit in enumerate(qubits):
            if pauli.z >> place & 1:
                self.xs[qubit] = _turned(self.xs[qubit], about, quarters)
            if pauli.x >> place & 1:
                self.zs[qubit] = _turned(self.zs[qubit], about, quarters)

    def changes(self) -> Changes:
        """The images that are other ones than without a circuit."""
        plain = Frame(len(self.xs))
        pairs = ((False, self.xs, plain.xs), (True, self.zs, plain.zs))
        return [
            (is_z, qubit, image)
            for is_z, images, unchanged in pairs
            for qubit, (image, same) in enumerate(zip(images, unchanged, strict=True))
            if image != same
        ]

    def append(self, changes: Changes, qubits: Sequence[int]) -> None:
        """Append a circuit that acts on ``qubits`` and makes ``changes``."""
        found = [(is_z, qubits[place], self.image(image, qubits)) for is_z, place, image in changes]
        for is_z, qubit, image in found:
            (self.zs if is_z else self.xs)[qubit] = image


def _turned(pauli: Pauli, about: Pauli, quarters: int) -> Pauli:
    """``pauli``, which does not commute with ``about``: ``exp(i t/2 about) pauli exp(-i t/2 about)``."""
    if quarters == 2:
        return Pauli(pauli.x, pauli.z, (pauli.power + 2) & 3)
    product = about.times(pauli)
    return Pauli(product.x, product.z, (product.power + quarters) & 3)
