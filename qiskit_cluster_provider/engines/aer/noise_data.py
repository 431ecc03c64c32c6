"""A noise model as data: names, texts, numbers and arrays, of which the same model can be made again.

What is read is what Aer 0.18 reads: of each quantum error its circuits and their probabilities, of each readout error
its matrix, of Aer's own pass of relaxation its parameters. An instruction that stands in many circuits, or an error
that stands on many qubits, is written once.

Equal models have equal data, in every process. So sets are sorted, and the random ids of errors are left out: Aer's
C++ does not read them. The error of a channel instruction, to which its circuit refers by that id, is named by its
content.

A model with anything else in it, such as a function of the user's or a class that is none of Aer's, is not data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

from qiskit.circuit import Barrier, Delay, Gate, Instruction, Measure
from qiskit.transpiler import Target

from ..._compat.aer_noise import FUNC, PassParts, pass_parts
from .error_data import (
    NotDataError,
    Steps,
    array_of,
    error_data,
    gate_classes,
    key_of,
    name_of,
    numbers_of,
    qubits_of,
    reader_of,
    text_of,
    value_of,
)
from .noise import foreign_part, known, relaxes

Body = dict[str, Any]


def noise_data(noise_model: Any, channel_errors: Iterable[Any] = ()) -> Body:
    """``noise_model`` as data, with the errors of the channel instructions of a batch.

    Args:
        noise_model: of Aer, or ``None``.
        channel_errors: which Aer adds to the model under their ids, and this under names that follow from them.

    Raises:
        NotDataError: a part is not data.
    """
    if noise_model is None:
        from qiskit_aer.noise import NoiseModel

        noise_model = NoiseModel()
    parts = known(noise_model)
    if parts is None:
        raise NotDataError(foreign_part(noise_model))
    default, instructions = dict(parts.default_quantum), set(parts.noise_instructions)
    for error in channel_errors:
        name = channel_name(error)
        if name not in default and not error.ideal():
            default[name] = error
            instructions.add(name)
    steps, errors, readouts = Steps(), _Each(), _Each()
    read = reader_of(steps)
    whole = parts.default_readout
    body = {
        "basis_gates": sorted(map(text_of, parts.basis_gates)),
        "instructions": sorted(map(text_of, instructions)),
        "qubits": sorted(qubits_of(parts.noise_qubits)),
        "default": [
            [text_of(name), errors.place(error, read, f"its error on {name!r}")] for name, error in default.items()
        ],
        "local": [
            [
                text_of(name),
                [
                    [qubits_of(on), errors.place(error, read, f"its error on {name!r} of qubits {on}")]
                    for on, error in by_qubits.items()
                ],
            ]
            for name, by_qubits in parts.local_quantum.items()
        ],
        "default_readout": None if whole is None else readouts.place(whole, _readout, "its readout error"),
        "local_readout": [
            [qubits_of(on), readouts.place(error, _readout, f"its readout error of qubits {on}")]
            for on, error in parts.local_readout.items()
        ],
        "passes": _passes(parts.passes),
    }
    return {**body, "errors": errors.made, "readouts": readouts.made, "steps": steps.made}


def channel_name(error: Any) -> str:
    """The name under which the error of a channel instruction is in the noise model: equal errors have one name.

    Raises:
        NotDataError: it is not data.
    """
    return name_of(error_data(error, "an error in a circuit"))


def why_not(noise_model: Any, channel_errors: Iterable[Any] = ()) -> str | None:
    """What in a noise model is not data: the end of a sentence about the model. ``None`` if all of it is data."""
    try:
        noise_data(noise_model, channel_errors)
    except NotDataError as error:
        return str(error)
    return None


@cache
def operation_classes() -> Mapping[str, type]:
    """The classes of operations for which a pass of relaxation may be, by their names."""
    bases: tuple[type, ...] = (Barrier, Delay, Gate, Instruction, Measure)
    return {one.__name__: one for one in (*bases, *gate_classes().values())}


class _Each:
    """Things, each once, by their identity; in the order in which they were first met."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self._places: dict[int, int] = {}

    def place(self, thing: Any, read: Callable[[Any, str], Any], where: str) -> int:
        """The place of ``thing`` in ``made``."""
        found = self._places.get(id(thing))
        if found is None:
            self.made.append(read(thing, where))
            found = self._places[id(thing)] = len(self.made) - 1
        return found


def _readout(error: Any, where: str) -> Any:
    matrix = numbers_of(error.probabilities, where)
    if matrix.shape != (2**error.number_of_qubits,) * 2:
        raise NotDataError(f"{where} has no square matrix")
    return matrix


def _passes(passes: Sequence[Any]) -> list[list[Any]]:
    made = [_pass(one, number) for number, one in enumerate(passes)]
    for (one, ours), (other, theirs) in combinations(zip(passes, map(key_of, made), strict=True), 2):
        # Qiskit skips a pass that is equal to one that it has run, and tells that by more than what the passes do.
        if (one == other) != (ours == theirs):
            raise NotDataError("two of its passes do the same, or are equal and do not")
    return made


def _pass(one: Any, number: int) -> list[Any]:
    where = f"its pass {number}"
    if not relaxes(one):
        func = FUNC.of(one, None)
        name = getattr(func, "__qualname__", type(func).__name__)
        raise NotDataError(f"{where}, a {type(one).__name__}, calls the function {name}")
    parts = pass_parts(one)
    names = {kind: name for name, kind in operation_classes().items()}
    for kind in parts.ops:
        if kind not in names:
            raise NotDataError(f"{where} is for operations of the class {kind.__name__}")
    if parts.method != "append":
        raise NotDataError(f"{where} has the method {parts.method!r}")
    numbers = [array_of(one, where) for one in (parts.t1s, parts.t2s, parts.p1s)]
    dt = None if parts.dt is None else value_of(parts.dt, where)
    return [*numbers, dt, [names[kind] for kind in parts.ops], _durations(parts, where)]


def _durations(one: PassParts, where: str) -> list[Any] | None:
    """What a pass reads in the target of a device: how long an operation lasts on which qubits.

    Of delays it reads nothing there.
    """
    if one.target is None:
        return None
    if one.ops == (Delay,):
        return []
    if type(one.target) not in (Target, dict):  # the latter is what a decoded pass has
        raise NotDataError(f"{where} has a target of the class {type(one.target).__name__}")
    found = []
    for name in one.target:
        for qubits, properties in one.target.get(name).items():
            duration = getattr(properties, "duration", None)
            if qubits is not None and duration is not None:
                found.append([text_of(name), qubits_of(qubits), value_of(duration, where)])
    return sorted(found)
