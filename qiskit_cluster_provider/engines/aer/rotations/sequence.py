"""A circuit as rotations about Paulis: its Clifford gates are moved behind all others, where they cost nothing.

``C2 R2 C1 R1``, of which the last acts first, is ``C2 C1 R2' R1``, where ``R2'`` turns about what ``C1`` makes of the
Pauli of ``R2``. So all Clifford gates come to stand behind all rotations. There they change the Paulis that are
measured, and not the state. A rotation between two ladders of CX is one operation, and gates that cancel are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import pi
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from qiskit.synthesis import OneQubitEulerDecomposer

from .gates import TURNS, Turn
from .paulis import Changes, Frame, Pauli, pauli_of

_CLOSE = 4e-15  # to a multiple of 90 degrees: what transpilers leave of it
_QUARTER = pi / 2


class Free(NamedTuple):
    """A number of a gate that depends on the row: a sum of terms, and a constant.

    Attributes:
        terms: each the number of a source, and the factor of its value.
        constant: what is added.
    """

    terms: tuple[tuple[int, float], ...]
    constant: float = 0.0


class Gate(NamedTuple):
    """A gate of a circuit.

    Attributes:
        name: as Aer has it.
        qubits: their numbers.
        numbers: its parameters.
        matrix: of a gate ``unitary``.
    """

    name: str
    qubits: Sequence[int]
    numbers: Sequence[float | Free] = ()
    matrix: npt.NDArray[np.complex128] | None = None


class Rotation(NamedTuple):
    """``exp(-i angle/2 P)`` of the Hermitian Pauli ``P`` that has the bits of ``x`` and ``z``.

    Attributes:
        x, z: of the Pauli.
        factor: of the value of ``source`` in the angle.
        source: the number of a source; ``None`` if ``factor`` is the angle.
    """

    x: int
    z: int
    factor: float
    source: int | None


class Rotations(NamedTuple):
    """A circuit up to its global phase.

    Attributes:
        sequence: acts first.
        frame: the Clifford circuit that follows.
    """

    sequence: list[Rotation]
    frame: Frame


def rotations_of(qubits: int, gates: Iterable[Gate]) -> Rotations | None:
    """A circuit as rotations; ``None`` if one of its gates is none that is known as a product of them.

    Args:
        qubits: of the circuit.
        gates: of the circuit, in order.
    """
    frame = Frame(qubits)
    rotations: list[Rotation] = []
    known: dict[Any, Changes | tuple[Turn, ...] | None] = {}
    for gate in gates:
        key: Any = (gate.name, *gate.numbers) if gate.matrix is None else gate.matrix.tobytes()
        if key not in known:
            known[key] = _parts(gate)
        parts = known[key]
        if parts is None:
            return None
        if isinstance(parts, list):
            frame.append(parts, gate.qubits)
            continue
        for turn in parts:
            number = 1.0 if turn.parameter is None else gate.numbers[turn.parameter]
            if isinstance(number, Free):
                image = frame.image(turn.pauli, gate.qubits)
                rotations += [_rotation(image, turn.factor * factor, source) for source, factor in number.terms]
                number = number.constant
            quarters = _quarters(turn.factor * number)
            if quarters is None:
                rotations.append(_rotation(frame.image(turn.pauli, gate.qubits), turn.factor * number, None))
            else:
                frame.turn(turn.pauli, gate.qubits, quarters)
    return Rotations(rotations, frame)


def _rotation(image: Pauli, factor: float, source: int | None) -> Rotation:
    return Rotation(image.x, image.z, image.sign * factor, source)


def _quarters(angle: float) -> int | None:
    """How many times 90 degrees it is; ``None`` if it is not."""
    quarters = round(angle / _QUARTER)
    return quarters if abs(angle - quarters * _QUARTER) <= _CLOSE else None


def _parts(gate: Gate) -> Changes | tuple[Turn, ...] | None:
    """A Clifford gate as what it changes in a frame, another one as turns; ``None`` for one that is not known."""
    if gate.matrix is not None:
        clifford = _clifford(gate.matrix, len(gate.qubits))
        return _euler(gate.matrix) if clifford is None else clifford.changes()
    turns = TURNS.get(gate.name)
    if turns is None or any(isinstance(number, Free) for number in gate.numbers):
        return turns
    frame, wires = Frame(len(gate.qubits)), range(len(gate.qubits))
    for turn in turns:
        number = 1.0 if turn.parameter is None else gate.numbers[turn.parameter]
        assert not isinstance(number, Free)
        quarters = _quarters(turn.factor * number)
        if quarters is None:
            return turns
        frame.turn(turn.pauli, wires, quarters)
    return frame.changes()


def _clifford(matrix: npt.NDArray[np.complex128], qubits: int) -> Frame | None:
    """The frame of a matrix of one or two qubits; ``None`` if it is not Clifford, or larger."""
    if qubits > 2:
        return None
    frame = Frame(qubits)
    for images in (frame.xs, frame.zs):
        for qubit, pauli in enumerate(images):
            image = _read(matrix.conj().T @ _matrix(pauli, qubits) @ matrix, qubits)
            if image is None:
                return None
            images[qubit] = image
    return frame


def _read(matrix: npt.NDArray[np.complex128], qubits: int) -> Pauli | None:
    """The Pauli, or its negative, that is ``matrix``."""
    x = int(abs(matrix[:, 0]).argmax())
    first = matrix[x, 0]
    bits = (1 << qubit for qubit in range(qubits))
    z = sum(bit for bit in bits if (matrix[x ^ bit, bit] * first.conjugate()).real < 0)
    power = max(range(4), key=lambda power: (first * (1j**power).conjugate()).real)
    pauli = Pauli(x, z, power)
    return pauli if abs(matrix - _matrix(pauli, qubits)).max() <= _CLOSE else None


def _matrix(pauli: Pauli, qubits: int) -> npt.NDArray[np.complex128]:
    size = 2**qubits
    found = np.zeros((size, size), dtype=complex)
    for state in range(size):
        found[state ^ pauli.x, state] = 1j ** (pauli.power + 2 * (pauli.z & state).bit_count())
    return found


def _euler(matrix: npt.NDArray[np.complex128]) -> tuple[Turn, ...] | None:
    """Turns about Z, Y and Z that are a matrix of one qubit; ``None`` for a larger one."""
    if len(matrix) != 2:
        return None
    middle, last, first = OneQubitEulerDecomposer("ZYZ").angles(matrix)
    angles = zip("ZYZ", (first, middle, last), strict=True)
    return tuple(Turn(pauli_of(letter), float(angle)) for letter, angle in angles)
