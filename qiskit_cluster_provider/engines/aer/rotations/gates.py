"""Gates as products of rotations about Paulis, up to a global phase, which no mean depends on.

A new gate is one line here. What is in no line is simulated by Aer.
"""

from __future__ import annotations

from itertools import combinations
from math import pi
from typing import NamedTuple

from .paulis import Pauli, pauli_of


class Turn(NamedTuple):
    """``exp(-i angle/2 pauli)``, where the angle is ``factor`` times a parameter of the gate.

    Attributes:
        pauli: bit ``j`` belongs to the gate's qubit ``j``.
        factor: of the parameter.
        parameter: which one of the gate; ``None`` if ``factor`` is the angle.
    """

    pauli: Pauli
    factor: float
    parameter: int | None = None


def _turn(letters: str, factor: float, parameter: int | None = None) -> Turn:
    return Turn(pauli_of(letters), factor, parameter)


def _phase(letters: str, factor: float, parameter: int | None = None) -> tuple[Turn, ...]:
    """The phase ``factor`` for the state that is at -1 of each letter: ``Z`` is a control, or a target of a phase."""
    found = []
    for size in range(1, len(letters) + 1):
        for chosen in combinations(range(len(letters)), size):
            some = "".join(letter if place in chosen else "I" for place, letter in enumerate(letters))
            found.append(_turn(some, -factor * (-1) ** size * 2 / 2 ** len(letters), parameter))
    return tuple(found)


def _controlled(letter: str) -> tuple[Turn, ...]:
    return (_turn("I" + letter, 0.5, 0), _turn("Z" + letter, -0.5, 0))


_EULER = (_turn("Z", 1.0, 2), _turn("Y", 1.0, 0), _turn("Z", 1.0, 1))

TURNS: dict[str, tuple[Turn, ...]] = {
    "id": (),
    "x": (_turn("X", pi),),
    "y": (_turn("Y", pi),),
    "z": (_turn("Z", pi),),
    "h": (_turn("Y", pi / 2), _turn("X", pi)),
    "s": (_turn("Z", pi / 2),),
    "sdg": (_turn("Z", -pi / 2),),
    "t": (_turn("Z", pi / 4),),
    "tdg": (_turn("Z", -pi / 4),),
    "sx": (_turn("X", pi / 2),),
    "sxdg": (_turn("X", -pi / 2),),
    "rx": (_turn("X", 1.0, 0),),
    "ry": (_turn("Y", 1.0, 0),),
    "rz": (_turn("Z", 1.0, 0),),
    "p": (_turn("Z", 1.0, 0),),
    "u1": (_turn("Z", 1.0, 0),),
    "u2": (_turn("Z", 1.0, 1), _turn("Y", pi / 2), _turn("Z", 1.0, 0)),
    "u3": _EULER,
    "u": _EULER,
    "r": (_turn("Z", -1.0, 1), _turn("X", 1.0, 0), _turn("Z", 1.0, 1)),
    "cx": _phase("ZX", pi),
    "cy": _phase("ZY", pi),
    "cz": _phase("ZZ", pi),
    "csx": _phase("ZX", pi / 2),
    "ccx": _phase("ZZX", pi),
    "ccz": _phase("ZZZ", pi),
    "cp": _phase("ZZ", 1.0, 0),
    "cu1": _phase("ZZ", 1.0, 0),
    "crx": _controlled("X"),
    "cry": _controlled("Y"),
    "crz": _controlled("Z"),
    "swap": (_turn("XX", -pi / 2), _turn("YY", -pi / 2), _turn("ZZ", -pi / 2)),
    "ecr": (_turn("ZX", pi / 2), _turn("XI", pi)),
    "rxx": (_turn("XX", 1.0, 0),),
    "ryy": (_turn("YY", 1.0, 0),),
    "rzz": (_turn("ZZ", 1.0, 0),),
    "rzx": (_turn("ZX", 1.0, 0),),
}
"""Gate -> what it is a product of, the first to act first."""
