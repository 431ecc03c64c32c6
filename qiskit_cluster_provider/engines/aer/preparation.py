"""Circuits and parameter binds, as the user gave them, to the work of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit

from ..._compat.aer import quantum_error
from ...errors import CircuitTypeError, InvalidCircuitError
from ...plan.circuits.instructions import PLAIN, instructions
from ...plan.circuits.snapshots import Snapshot
from ...plan.circuits.templates import PatternMemory, Templates
from ...plan.model import Batch, Item, Work
from ...plan.seeds import draw_base_seed
from .engine import AER
from .noise import restricted
from .operations import WRITERS
from .relaxation import with_strangers
from .seen import seen
from .settings import RunSettings
from .shots import check_divisible


def prepare(
    circuits: Sequence[QuantumCircuit],
    parameter_binds: Sequence[Mapping[Any, Any]] | None,
    settings: RunSettings,
) -> Work:
    """Check the input and make the work of a run; nothing is bound and nothing is sent.

    Args:
        circuits: at least one.
        parameter_binds: Aer's form: for each circuit ``{parameter: [value of set 0, value of set 1, ...]}``.
        settings: of the run.

    Raises:
        InvalidCircuitError: with the circuit's name and index.
        ShotSlicingError: ``max_shot_size`` would change the answer.
        CircuitTypeError: something in ``circuits`` is not a circuit.
    """
    checked(circuits)
    binds = _check_binds(circuits, parameter_binds)
    circuits = seen(circuits, noise_model=settings.aer.get("noise_model"))

    items = tuple(_items(circuits, binds, settings.reuse.circuits))
    return gather(lambda shots, seed: [Batch(items, shots, seed(), channel_errors(circuits))], settings)


def checked(circuits: Sequence[QuantumCircuit]) -> Sequence[QuantumCircuit]:
    """``circuits``, which are some, and circuits.

    Raises:
        InvalidCircuitError: there is none.
        CircuitTypeError: something in ``circuits`` is not a circuit.
    """
    if not circuits:
        raise InvalidCircuitError("run() got no circuits", hint="give it at least one.")
    for index, circuit in enumerate(circuits):
        if not isinstance(circuit, QuantumCircuit):
            raise CircuitTypeError(
                f"circuits[{index}] is a {type(circuit).__name__}, not a QuantumCircuit",
                hint="leave it out or make it one.",
                index=index,
            )
    return circuits


def gather(batches: Callable[[int, Callable[[], int]], list[Batch]], settings: RunSettings) -> Work:
    """The work of ``batches``, checked.

    Args:
        batches: makes them from the ``shots`` option and a function that gives a batch its base seed: the
            user's, or one drawn for it alone.
        settings: of the run.

    Raises:
        ShotSlicingError: ``max_shot_size`` would change the answer.
    """
    options = {k: v for k, v in settings.aer.items() if v is not None}
    seed = options.pop("seed_simulator", None)
    made = tuple(batches(int(options.pop("shots")), lambda: draw_base_seed() if seed is None else int(seed)))
    noise_model, interned = restricted(options.pop("noise_model", None), made, settings.reuse.noise)
    work = Work(
        batches=with_strangers(noise_model, made),
        noise_model=noise_model,
        options=options,
        engine=AER,
        simulator=settings.simulator,
        seed_mode=settings.ours.seed_mode,
        max_job_size=settings.ours.max_job_size,
        max_shot_size=settings.ours.max_shot_size,
        interned_noise=interned,
    )
    check_divisible(work)
    return work


def _check_binds(
    circuits: Sequence[QuantumCircuit], binds: Sequence[Mapping[Any, Any]] | None
) -> Sequence[Mapping[Any, Any] | None]:
    if not binds:
        return [None] * len(circuits)
    if isinstance(binds, Mapping) or not isinstance(binds, Sequence):
        raise InvalidCircuitError(
            f"parameter_binds must be a list with a dictionary for each circuit, not a {type(binds).__name__}."
        )
    if len(binds) != len(circuits):
        raise InvalidCircuitError(
            f"parameter_binds has {len(binds)} dictionaries for {len(circuits)} circuits",
            hint="give one for each circuit ({} for a circuit without parameters).",
        )
    for index, (circuit, bind) in enumerate(zip(circuits, binds, strict=True)):
        if not isinstance(bind, Mapping):
            raise InvalidCircuitError(
                f"parameter_binds[{index}], of circuit {circuit.name!r}, must be a dictionary with a list of values "
                f"for each parameter, not a {type(bind).__name__}.",
                circuit=circuit.name,
                index=index,
            )
    return binds


def _items(
    circuits: Sequence[QuantumCircuit], binds: Sequence[Mapping[Any, Any] | None], memory: PatternMemory
) -> Iterator[Item]:
    first = 0
    templates = Templates(circuits, memory, WRITERS)
    for index, (circuit, bind) in enumerate(zip(circuits, binds, strict=True)):
        item = item_of(templates.of(circuit), circuit, _values(index, circuit, bind), first, source=index)
        yield item
        first += item.experiments


def item_of(
    snapshot: Snapshot,
    circuit: QuantumCircuit,
    values: npt.NDArray[np.float64] | None,
    first: int,
    **fields: Any,
) -> Item:
    """The item of ``circuit``.

    Args:
        snapshot: what stands for it.
        circuit: the user's own.
        values: of its parameters.
        first: global number of its first experiment.
        fields: further ones of :class:`Item`.
    """
    return Item(
        circuit=snapshot.circuit,
        name=str(circuit.name),
        metadata=circuit.metadata,
        values=snapshot.row if values is None else values,
        first=first,
        bind=snapshot.bind,
        interned=snapshot.interned,
        **fields,
    )


def _values(index: int, circuit: QuantumCircuit, bind: Mapping[Any, Any] | None) -> npt.NDArray[np.float64] | None:
    what = f"circuit {circuit.name!r} (index {index})"
    if not circuit.num_parameters:
        return None
    parameters = list(circuit.parameters)
    if not bind:
        raise InvalidCircuitError(
            f"{what} has unbound parameters ({_names(parameters)})",
            hint="give their values in parameter_binds.",
            circuit=circuit.name,
            index=index,
        )
    missing = [p for p in parameters if p not in bind]
    if missing:
        raise InvalidCircuitError(
            f"{what}: parameter_binds has no values for {_names(missing)}.", circuit=circuit.name, index=index
        )
    columns = []
    for parameter in parameters:
        try:
            column = np.asarray(bind[parameter], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidCircuitError(
                f"{what}: the values of {parameter.name!r} are not real numbers: {error}.",
                circuit=circuit.name,
                index=index,
            ) from error
        if column.ndim != 1:
            raise InvalidCircuitError(
                f"{what}: the values of {parameter.name!r} must be a list with one number for each "
                f"parameter set, not an array of shape {column.shape}.",
                circuit=circuit.name,
                index=index,
            )
        columns.append(column)
    lengths = {len(column) for column in columns}
    if lengths == {0}:
        raise InvalidCircuitError(
            f"{what}: parameter_binds has empty lists",
            hint="leave the circuit out instead.",
            circuit=circuit.name,
            index=index,
        )
    if len(lengths) > 1:
        sizes = ", ".join(f"{p.name!r} has {len(c)}" for p, c in zip(parameters, columns, strict=True))
        raise InvalidCircuitError(
            f"{what}: all lists of values must be of one length, but {sizes}.", circuit=circuit.name, index=index
        )
    values = np.column_stack(columns)
    if not np.isfinite(values).all():
        row, column_index = np.argwhere(~np.isfinite(values))[0]
        raise InvalidCircuitError(
            f"{what}: the value of {parameters[column_index].name!r} in parameter set {row} is "
            f"{values[row, column_index]}",
            hint="Aer needs finite numbers.",
            circuit=circuit.name,
            index=index,
        )
    return values


def _names(parameters: Sequence[Any]) -> str:
    names = ", ".join(repr(p.name) for p in parameters[:5])
    return names if len(parameters) <= 5 else f"{names} and {len(parameters) - 5} more"


def channel_errors(circuits: Iterable[QuantumCircuit]) -> tuple[Any, ...]:
    """Errors of quantum channel instructions (circuits to which a ``QuantumError`` was appended), each once."""
    found: dict[Any, Any] = {}
    for circuit in {id(c): c for c in circuits}.values():
        if PLAIN.issuperset(circuit.count_ops()):
            continue
        for operation in instructions(circuit):
            error = quantum_error(operation)
            if error is not None:
                found.setdefault(error.id, error)
    return tuple(found.values())
