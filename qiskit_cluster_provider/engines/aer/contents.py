"""What stands in a circuit, read from its columns for the checks before anything is sent."""

from __future__ import annotations

import cmath
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...plan.circuits.columns import WITHOUT_OPERAND, Columns, Kind, Pickled, Word, blocks_in
from ...plan.circuits.operations import rounds_of
from .gates import HARMLESS, SAVES


@dataclass
class Contents:
    """What Aer is given of a circuit, control flow included.

    Attributes:
        names: of operations.
        labels: of save instructions; each as often as Aer sees it, which unrolls ``for`` loops.
        strange: the first number that is not finite, and where it stands; ``None`` if there is none.
        unsent: the first operation that cannot be sent, and why; ``None`` if there is none.
        safe_in_process: nothing in it can keep Aer busy for ever or end its process, as far as is known. Qiskit's own
            gates, measurements and saves are safe, and branches and counted loops of them. A loop with a condition is
            not safe, nor is an operation that another package defines, whatever its name.
    """

    names: set[str] = field(default_factory=set)
    labels: list[str] = field(default_factory=list)
    strange: str | None = None
    unsent: str | None = None
    safe_in_process: bool = True


def contents_of(circuit: Columns) -> Contents:
    """Read ``circuit``: a few whole columns, and one by one the operands."""
    found = Contents()
    _read(circuit, 1, found)
    return found


def _read(circuit: Columns, times: int, found: Contents) -> None:
    found.names.update(word.name for word in circuit.words)
    if found.strange is None and not cmath.isfinite(circuit.phase):
        found.strange = f"a global phase of {circuit.phase}"
    if found.strange is None and not _all_finite(circuit):
        found.strange = _first_strange(circuit)
    for word, count in circuit.occurrences:
        found.safe_in_process &= _is_safe(word)
        if word.name.startswith(SAVES):
            found.labels += [word.label or word.name] * times * count
    if circuit.operands:
        _look(circuit, times, found)


def _look(circuit: Columns, times: int, found: Contents) -> None:
    """The blocks of control flow, and what cannot be sent."""
    for step in circuit.steps():
        if step.word.kind in WITHOUT_OPERAND:
            continue
        if isinstance(step.operand, Pickled) and step.operand.data is None:
            found.unsent = found.unsent or f"{step.word.name!r}, which cannot be sent: {step.operand.about}"
        rounds = times * min(rounds_of(step.operand), 2) if step.word.kind == "for_loop" else times
        for block in blocks_in(step.operand) if rounds else ():
            _read(block, rounds, found)


def _all_finite(circuit: Columns) -> bool:
    return (
        bool(np.isfinite(circuit.numbers).all())
        and bool(np.isfinite(circuit.matrices).all())
        and _finite(circuit.operands)
    )


def _first_strange(circuit: Columns) -> str | None:
    for index, step in enumerate(circuit.steps()):
        for value in (*step.numbers.tolist(), step.operand):
            if not _finite(value):
                return f"{_shown(value)} in its instruction {index} ({step.word.name!r})"
    return None


def _is_safe(word: Word) -> bool:
    """Of an operation, without what is inside it."""
    if word.kind == Kind.PICKLE:
        return False
    return word.kind in WITHOUT_OPERAND or word.name in HARMLESS | {"delay"} or word.name.startswith(SAVES)


def _finite(value: Any) -> bool:
    """Whether all numbers in an operand are finite, but for those in blocks, which are read on their own."""
    if isinstance(value, (float, complex)):
        return cmath.isfinite(value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    if isinstance(value, Pickled):
        return all(map(_finite, value.numbers))
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return True


def _shown(value: Any) -> str:
    """A number that stands alone, or alone in a list; else that there is one."""
    while isinstance(value, (list, tuple)):
        strange = [one for one in value if not _finite(one)]
        if len(strange) != 1:
            break
        (value,) = strange
    return str(value) if isinstance(value, (float, complex)) else "a number that is not finite"
