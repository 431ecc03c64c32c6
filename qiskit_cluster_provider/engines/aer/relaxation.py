"""What the delays of one circuit change for the others of a batch.

Aer adds the errors that the passes of a noise model make of delays to the model of the whole call. It decides by all
errors of the model how it simulates each circuit, and looks for their sorts: a circuit in another slice has to meet
one of each sort that it would have met.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qiskit.circuit import Delay

from ..._compat.aer_noise import PassParts, pass_parts
from ...plan.circuits.columns import Columns, Free, blocks_in
from ...plan.model import Batch
from .noise import Sorts, relaxations, sorts_in, sorts_of

Waits = frozenset[tuple[int, Any, str]]
"""Qubit, duration and unit of delays."""


def with_strangers(noise_model: Any, batches: Iterable[Batch]) -> tuple[Batch, ...]:
    """``batches``, each with one error of every sort that delays of some of its circuits bring to the others.

    Args:
        noise_model: of the run, or ``None``.
        batches: of the run.
    """
    passes = [pass_parts(one) for one in relaxations(noise_model)]
    passes = [one for one in passes if not one.ops or issubclass(Delay, one.ops)]
    if not passes:
        return tuple(batches)
    known, found = sorts_of(noise_model), []
    for batch in batches:
        errors = _strangers(passes, batch, known)
        found.append(replace(batch, channel_errors=(*batch.channel_errors, *errors)) if errors else batch)
    return tuple(found)


def _strangers(passes: Sequence[PassParts], batch: Batch, known: Sorts) -> tuple[Any, ...]:
    circuits = {id(item.circuit): item for item in batch.items}
    if len(circuits) < 2:
        return ()
    per_circuit = [item.memoised("delays", _waits) for item in circuits.values()]
    if len(set(per_circuit)) < 2:
        return ()
    errors: dict[Any, Any] = {}
    found: list[dict[tuple[str, int], Any]] = []
    for waits in per_circuit:
        mine: dict[tuple[str, int], Any] = {}
        for error in _errors(passes, waits, errors):
            mine.update(dict.fromkeys(sorts_in(error) - known, error))
        found.append(mine)
    every = set[tuple[str, int]].intersection(*map(set, found))
    foreign = {sort: error for mine in found for sort, error in mine.items() if sort not in every}
    return tuple({id(error): error for error in foreign.values()}.values())


def _errors(passes: Iterable[PassParts], waits: Waits, made: dict[Any, Any]) -> Iterator[Any]:
    """An error of each shape that ``passes`` make of ``waits``."""
    for index, one in enumerate(passes):
        for qubit, duration, unit in waits:
            key = (index, *_shape(one, qubit, duration, unit))
            if key not in made:
                made[key] = one.func(Delay(duration, unit), [qubit])
            if made[key] is not None and not made[key].ideal():
                yield made[key]


def _shape(one: PassParts, qubit: int, duration: Any, unit: str) -> tuple[Any, ...]:
    """What decides which instructions are in the error: the others have probability 0."""
    scale: Mapping[str, float] = {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
    seconds = float(duration) * (one.dt or 0 if unit == "dt" else scale.get(unit, 1))
    t1, t2, excited = float(one.t1s[qubit]), float(one.t2s[qubit]), float(one.p1s[qubit])
    resets = math.exp(-seconds / t1) < 1
    flips = math.exp(-seconds * (1 / t2 - 1 / t1)) < 1 if t2 <= t1 else math.exp(-seconds / t2) < 1
    return t2 > t1, t1 == t2 == math.inf, resets, flips, excited > 0, excited < 1


def _waits(circuit: Columns) -> Waits:
    """The delays of ``circuit``, those in control flow too."""
    return frozenset(_all(circuit, range(circuit.num_qubits)))


def _all(circuit: Columns, places: Sequence[int]) -> Iterator[tuple[int, Any, str]]:
    if not circuit.operands:
        return
    for step in circuit.steps():
        if step.word.kind == "delay":
            how, duration, unit = step.operand
            if how == "number" and not isinstance(duration, Free):  # of which Aer makes no error
                yield places[step.qubits[0]], duration, unit
        elif step.operand is not None:
            outer = [places[qubit] for qubit in step.qubits]
            for block in blocks_in(step.operand):
                yield from _all(block, outer)
