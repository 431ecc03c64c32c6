"""The part of a noise model that the circuits of a run can meet.

A device's model is megabytes, takes a second to pickle and another one to be converted for Aer's C++, in every run;
what a few qubits need of it takes milliseconds. Aer looks an error up by the operation and the qubits on which it
stands, so that errors on other qubits are never sampled. But Aer decides by all errors of the model *how* it
simulates: one Kraus error anywhere changes the method that ``automatic`` takes, and the path on which shots are
sampled. So of every sort of error that would be missing, one stays, where no circuit meets it.

Only what is known is read: the classes of errors that Aer 0.18 has, themselves and not their subclasses. A model in
which anything else stands is copied and sent whole.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..._compat.aer_noise import (
    RELAXATION_ERROR,
    ModelParts,
    PassParts,
    has_more,
    parts_of,
    pass_parts,
    passes_of,
    put_parts,
)
from ..._compat.qiskit import sizes
from ...plan.cache import ByteCache
from ...plan.circuits.columns import Columns
from ...plan.model import Batch
from ...plan.outputs import Parities
from .error_data import LINDBLAD_ERROR, PAULI_ERROR, QUANTUM_ERROR, class_of
from .gates import IDLE

_MODEL = ("qiskit_aer.noise.noise_model", "NoiseModel")
_READOUT = ("qiskit_aer.noise.errors.readout_error", "ReadoutError")
_RELAXATION = ("qiskit_aer.noise.passes.relaxation_noise_pass", "RelaxationNoisePass")
_LOCAL = ("qiskit_aer.noise.passes.local_noise_pass", "LocalNoisePass")

Qubits = frozenset[int]

_BYTES_OF_ERROR = 8000  # of the user's, of ours, of the message, and of the form for Aer's C++

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class InternedNoise:
    """A noise model that outlives the run: nobody changes it, and later runs may have the same.

    Attributes:
        model: of which that is true.
        holds: the errors and passes whose ids it is known by, so that nothing else gets these ids.
        memo: what was made of it, by name.
    """

    model: Any
    holds: Sequence[Any] = ()
    memo: dict[str, Any] = field(default_factory=dict)

    def memoised(self, name: str, make: Callable[[Any], T]) -> T:
        """What follows from the model alone, made once."""
        if name not in self.memo:
            self.memo[name] = make(self.model)
        found: T = self.memo[name]
        return found


def restricted(noise_model: Any, batches: Iterable[Batch], cache: ByteCache) -> tuple[Any, InternedNoise | None]:
    """A noise model with which the circuits of ``batches`` give the same numbers, as small as is easily told.

    For equal models and the same qubits it is the same object, as long as it is remembered.

    Args:
        noise_model: a ``NoiseModel``, which stays as it is, or ``None``.
        batches: of the run.
        cache: remembers models of earlier runs.

    Returns:
        The model, and what is remembered with it if it outlives the run.
    """
    if noise_model is None:
        return None, None
    parts = known(noise_model)
    if parts is None:
        return copy.deepcopy(noise_model), None  # which the user may change as soon as run() has returned
    plain = all(map(relaxes, parts.passes))
    named = {*parts.default_quantum, *parts.local_quantum}
    # Delays and barriers meet no error of a model that does not name them, and a scheduled circuit has them on every
    # qubit of the device. What a pass makes of a delay stands in no table of the model.
    qubits = frozenset(_used(batches, IDLE - named if plain else frozenset()))
    if not plain:
        # Nobody knows on what the function of a LocalNoisePass depends.
        return _part(noise_model, parts, qubits), None

    def make() -> InternedNoise:
        return InternedNoise(_part(noise_model, parts, qubits), _immutable(parts))

    key = (qubits, *_fingerprint(parts))
    interned = cache.get("noise models", key, make, lambda one: _BYTES_OF_ERROR * (len(one.holds) + 10))
    return interned.model, interned


def relaxations(noise_model: Any) -> Sequence[Any]:
    """The passes that a model begins with and of which it is known what they do: Aer's own of relaxation.

    Raises:
        LibraryVersionError: this Aer does not tell.
    """
    passes = passes_of(noise_model)
    if not passes or known(noise_model) is None:
        return ()
    return list(takewhile(relaxes, passes))


def relaxes(one: Any) -> bool:
    """Whether a pass is Aer's own of relaxation, with its own function."""
    if class_of(one) != _RELAXATION:
        return False
    func = pass_parts(one).func
    return getattr(func, "__self__", None) is one and getattr(func, "__name__", "") == RELAXATION_ERROR.key


def sorts_of(noise_model: Any) -> Sorts:
    """The sorts of all quantum errors of a model that is known."""
    parts = parts_of(noise_model)
    return frozenset() if parts is None else frozenset(sort for error in parts.quantum for sort in sorts_in(error))


def _immutable(model: ModelParts) -> list[Any]:
    """What a fingerprint has the ids of."""
    targets = [pass_parts(one).target for one in model.passes]
    return [*model.quantum, *model.readouts, *model.passes, *targets]


def _fingerprint(model: ModelParts) -> tuple[Hashable, ...]:
    """Tells whether anything was changed in a model since it was last met, and in its errors."""
    return (
        tuple((name, id(error), _content(error)) for name, error in model.default_quantum.items()),
        tuple(
            (name, where, id(error), _content(error))
            for name, errors in model.local_quantum.items()
            for where, error in errors.items()
        ),
        _numbers(model.default_readout),
        tuple((where, _numbers(error)) for where, error in model.local_readout.items()),
        tuple(model.basis_gates),
        frozenset(model.noise_instructions),
        frozenset(model.noise_qubits),
        tuple((id(one), *_pass(pass_parts(one))) for one in model.passes),
    )


def _pass(one: PassParts) -> tuple[Hashable, ...]:
    """Of a pass of relaxation."""
    return *map(_bytes, (one.t1s, one.t2s, one.p1s)), one.dt, one.ops, one.method, id(one.target)


def known(model: Any) -> ModelParts | None:
    """What ``model`` is made of, if all that stands in it is of classes that this module can read; else ``None``."""
    parts = None if class_of(model) != _MODEL or has_more(model) else parts_of(model)
    if parts is None:
        return None
    readable = (
        {*map(class_of, parts.quantum)} <= _READERS.keys()
        and {class_of(error) for error in parts.readouts if error is not None} <= {_READOUT}
        and {*map(class_of, parts.passes)} <= {_RELAXATION, _LOCAL}
    )
    return parts if readable else None


def foreign_part(model: Any) -> str:
    """What :func:`known` cannot read: the end of a sentence about ``model``."""
    parts = parts_of(model)
    if class_of(model) != _MODEL or parts is None:
        return f"it is a {class_of(model)[1]}, and not Aer's own NoiseModel"
    if has_more(model):
        return "it has attributes that Aer's own NoiseModel does not have"
    for what, things, classes in (
        ("an error", parts.quantum, _READERS.keys()),
        ("a readout error", [error for error in parts.readouts if error is not None], {_READOUT}),
        ("a pass", parts.passes, {_RELAXATION, _LOCAL}),
    ):
        for thing in things:
            if class_of(thing) not in classes:
                return f"it has {what} of the class {class_of(thing)[1]}, which is none of Aer's"
    raise AssertionError("all of it can be read")


def _content(error: Any) -> tuple[Hashable, ...]:
    """What could be changed in a quantum error."""
    return _READERS[class_of(error)].content(error)


def _numbers(error: Any) -> Hashable:
    """Of an error of readout."""
    return None if error is None else (id(error), _bytes(error.probabilities))


def _bytes(numbers: Any) -> bytes:
    return np.asarray(numbers, dtype=np.float64).tobytes()


def _part(noise_model: Any, parts: ModelParts, qubits: Qubits) -> Any:
    """What of it stands on ``qubits``, and one error of every sort that would be missing."""
    sorts = set[tuple[str, int]]()
    for error in parts.default_quantum.values():
        sorts |= sorts_in(error)
    mine: dict[str, dict[tuple[int, ...], Any]] = {}
    left: list[tuple[str, tuple[int, ...], Any]] = []
    for name, errors in parts.local_quantum.items():
        for where, error in errors.items():
            if qubits.issuperset(where):
                mine.setdefault(name, {})[where] = error
                sorts |= sorts_in(error)
            else:
                left.append((name, where, error))
    for name, where, error in left:
        more = sorts_in(error)
        if not more <= sorts:
            mine.setdefault(name, {})[where] = error
            sorts |= more
    readouts = parts.local_readout
    near = {where: error for where, error in readouts.items() if qubits.issuperset(where)}
    if readouts and not near and parts.default_readout is None:
        near = dict([next(iter(readouts.items()))])
    kept = copy.copy(noise_model)
    own = parts._replace(
        basis_gates=copy.copy(parts.basis_gates),
        noise_instructions=copy.copy(parts.noise_instructions),
        noise_qubits=copy.copy(parts.noise_qubits),
        passes=copy.copy(parts.passes),
        default_quantum=dict(parts.default_quantum),
        local_quantum=mine,
        local_readout=near,
    )
    put_parts(kept, own)
    return kept


Sorts = frozenset[tuple[str, int]]


class _Reader(NamedTuple):
    """How the errors of one class are read.

    Attributes:
        content: of an error: all that could be changed in it.
        sorts: of an error: what Aer looks for when it decides how to simulate.
    """

    content: Callable[[Any], tuple[Hashable, ...]]
    sorts: Callable[[Any], Sorts]


def _circuits(error: Any) -> tuple[Hashable, ...]:
    """The numbers of a QuantumError, and its circuits by their length."""
    return _bytes(error.probabilities), *sizes(error.circuits)


def _steps(error: Any) -> Sorts:
    """The instructions of a QuantumError, and on how many qubits each stands."""
    return frozenset((step.name, len(step.qubits)) for circuit in error.circuits for step in circuit.data)


_READERS = {
    QUANTUM_ERROR: _Reader(_circuits, _steps),
    PAULI_ERROR: _Reader(
        lambda error: (_bytes(error.probabilities), *_paulis(error.paulis)),
        lambda error: frozenset([("pauli", error.num_qubits)]),  # Aer makes these gates of it
    ),
    LINDBLAD_ERROR: _Reader(
        lambda error: (_bytes(error.rates), *_paulis(error.generators)),
        lambda error: frozenset([("pauli_lindblad", error.num_qubits)]),
    ),
}


def _paulis(paulis: Any) -> tuple[bytes, bytes, bytes]:
    return paulis.x.tobytes(), paulis.z.tobytes(), paulis.phase.tobytes()


_READ: dict[int, tuple[weakref.ref[Any], Hashable, Sorts]] = {}
"""The sorts of the errors that were met, by ``id``: to read those of a large device takes a tenth of a second."""


def sorts_in(error: Any) -> Sorts:
    """What Aer looks for when it decides how to simulate: the instructions in it, and on how many qubits each."""
    key, content = id(error), _content(error)
    read = _READ.get(key)
    if read is not None and read[0]() is error and read[1] == content:
        return read[2]
    found = _READERS[class_of(error)].sorts(error)
    _READ[key] = weakref.ref(error, lambda _: _READ.pop(key, None)), content, found
    return found


def _used(batches: Iterable[Batch], passive: frozenset[str]) -> Iterator[int]:
    """Numbers of the qubits on which anything but ``passive`` stands, in control flow too, of each circuit once."""
    fact, of = f"qubits {sorted(passive)}", partial(_of, passive=passive)
    seen: set[int] = set()
    for batch in batches:
        for item in batch.items:
            if id(item.circuit) not in seen:  # the batches hold it
                seen.add(id(item.circuit))
                yield from item.memoised(fact, of)
            if isinstance(item.output, Parities) and id(item.output) not in seen:
                seen.add(id(item.output))
                for readout in item.output.readouts:
                    yield from of(readout.circuit)


def _of(circuit: Columns, passive: frozenset[str]) -> Iterable[int]:
    """An operation with blocks stands on all qubits that they use."""
    used = circuit.where("qubits", lambda word: word.name not in passive or word.label is not None)
    return [int(number) for number in np.unique(used)]
