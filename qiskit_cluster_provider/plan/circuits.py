"""Circuits and parameter binds, as the user gave them, to the work of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Instruction, Operation, ParameterExpression, QuantumCircuit

from ..errors import CircuitTypeError, InvalidCircuitError
from ..options import SliceOptions
from .instructions import PLAIN, instructions
from .model import Batch, Item, Simulator, Work
from .noise import met
from .seeds import draw_base_seed
from .shots import check_divisible


def prepare(
    circuits: Sequence[QuantumCircuit],
    parameter_binds: Sequence[Mapping[Any, Any]] | None,
    aer_options: Mapping[str, Any],
    slice_options: SliceOptions,
    simulator: Simulator,
) -> Work:
    """Check the input and make the work of a run; nothing is bound and nothing is sent.

    Args:
        circuits: at least one.
        parameter_binds: Aer's form: for each circuit ``{parameter: [value of set 0, value of set 1, ...]}``.
        aer_options: Aer's effective options.
        slice_options: ours.
        simulator: what the workers must rebuild.

    Raises:
        InvalidCircuitError: with the circuit's name and index.
        ShotSlicingError: ``max_shot_size`` would change the answer.
        CircuitTypeError: something in ``circuits`` is not a circuit.
    """
    if not circuits:
        raise InvalidCircuitError("run() got no circuits; give it at least one.")
    for index, circuit in enumerate(circuits):
        if not isinstance(circuit, QuantumCircuit):
            raise CircuitTypeError(
                f"circuits[{index}] is a {type(circuit).__name__}, not a QuantumCircuit; leave it out or make it one."
            )
    binds = _check_binds(circuits, parameter_binds)

    items = tuple(_items(circuits, binds))
    return gather(
        lambda shots, seed: [Batch(items, shots, seed(), channel_errors(circuits))],
        aer_options,
        slice_options,
        simulator,
    )


def gather(
    batches: Callable[[int, Callable[[], int]], list[Batch]],
    aer_options: Mapping[str, Any],
    slice_options: SliceOptions,
    simulator: Simulator,
) -> Work:
    """The work of ``batches``, checked.

    Args:
        batches: makes them from the ``shots`` option and a function that gives a batch its base seed: the
            user's, or one drawn for it alone.
        aer_options: Aer's effective options.
        slice_options: ours.
        simulator: what the workers must rebuild.

    Raises:
        ShotSlicingError: ``max_shot_size`` would change the answer.
    """
    options = {k: v for k, v in aer_options.items() if v is not None}
    seed = options.pop("seed_simulator", None)
    made = tuple(batches(int(options.pop("shots")), lambda: draw_base_seed() if seed is None else int(seed)))
    work = Work(
        batches=made,
        noise_model=met(options.pop("noise_model", None), made),
        options=options,
        simulator=simulator,
        seed_mode=slice_options.seed_mode,
        max_job_size=slice_options.max_job_size,
        max_shot_size=slice_options.max_shot_size,
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
            f"parameter_binds has {len(binds)} dictionaries for {len(circuits)} circuits; "
            "give one for each circuit ({} for a circuit without parameters)."
        )
    for index, (circuit, bind) in enumerate(zip(circuits, binds, strict=True)):
        if not isinstance(bind, Mapping):
            raise InvalidCircuitError(
                f"parameter_binds[{index}], of circuit {circuit.name!r}, must be a dictionary with a list of values "
                f"for each parameter, not a {type(bind).__name__}."
            )
    return binds


def _items(circuits: Sequence[QuantumCircuit], binds: Sequence[Mapping[Any, Any] | None]) -> Iterator[Item]:
    first = 0
    snapshots: dict[int, tuple[QuantumCircuit, bool]] = {}
    for index, (circuit, bind) in enumerate(zip(circuits, binds, strict=True)):
        values = _values(index, circuit, bind)
        if id(circuit) not in snapshots:  # a circuit that stands in the list twice travels once
            snapshots[id(circuit)] = snapshot_of(circuit)
        snapshot, by_binding = snapshots[id(circuit)]
        if values is not None:
            values = columns_of(snapshot, circuit, values)
        item = Item(snapshot, circuit.metadata, values, first, by_binding, source=index)
        yield item
        first += item.experiments


def snapshot_of(circuit: QuantumCircuit) -> tuple[QuantumCircuit, bool]:
    """A copy that the user cannot change behind our back, and whether its rows must be bound.

    Rows go to Aer as one template and its values, but where Aer would not bind them as Qiskit does, each
    row is bound on the worker:

    * Aer looks for parameters with ``Instruction.is_parameterized``, which says no for Qiskit's controlled
      gates (cp, crx, cu1, mcp, ...), and simulates them with the angle 0;
    * it gives parameter set j the global phase of set j-1, so that a parametrised phase (usual after
      transpiling to rz) would make saved amplitudes depend on the slicing. Counts do not depend on the
      phase: without save instructions it is dropped.
    """
    snapshot = circuit.copy()
    snapshot.metadata = {}
    snapshot._layout = None  # only a transpiler's next pass would want it, and it is large
    operations = list(instructions(circuit)) if circuit.num_parameters else []
    if any(_hides_parameters(operation) for operation in operations):
        return snapshot, True
    if not _is_free(circuit.global_phase):
        return snapshot, False
    if any(operation.name.startswith("save_") for operation in operations):
        return snapshot, True
    without = snapshot.copy()
    without.global_phase = 0.0
    # A circuit whose only parameters are in its phase would lose its parameter sets.
    return (without, False) if without.num_parameters else (snapshot, True)


def _hides_parameters(operation: Operation) -> bool:
    """Whether ``operation`` has parameters that ``is_parameterized`` denies."""
    return (
        isinstance(operation, Instruction)
        and not operation.is_parameterized()
        and any(_is_free(value) for value in operation.params)
    )


def _is_free(value: Any) -> bool:
    return isinstance(value, ParameterExpression) and bool(value.parameters)


def columns_of(
    snapshot: QuantumCircuit, circuit: QuantumCircuit, values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The columns of ``values`` whose parameters are still in the snapshot of ``circuit``."""
    if snapshot.num_parameters == values.shape[1]:
        return values
    kept = [i for i, p in enumerate(circuit.parameters) if p in snapshot.parameters]
    return np.ascontiguousarray(values[:, kept])


def _values(index: int, circuit: QuantumCircuit, bind: Mapping[Any, Any] | None) -> npt.NDArray[np.float64] | None:
    what = f"circuit {circuit.name!r} (index {index})"
    if not circuit.num_parameters:
        return None
    parameters = list(circuit.parameters)
    if not bind:
        raise InvalidCircuitError(
            f"{what} has unbound parameters ({_names(parameters)}); give their values in parameter_binds."
        )
    missing = [p for p in parameters if p not in bind]
    if missing:
        raise InvalidCircuitError(f"{what}: parameter_binds has no values for {_names(missing)}.")
    columns = []
    for parameter in parameters:
        try:
            column = np.asarray(bind[parameter], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidCircuitError(
                f"{what}: the values of {parameter.name!r} are not real numbers: {error}."
            ) from error
        if column.ndim != 1:
            raise InvalidCircuitError(
                f"{what}: the values of {parameter.name!r} must be a list with one number for each "
                f"parameter set, not an array of shape {column.shape}."
            )
        columns.append(column)
    lengths = {len(column) for column in columns}
    if lengths == {0}:
        raise InvalidCircuitError(f"{what}: parameter_binds has empty lists; leave the circuit out instead.")
    if len(lengths) > 1:
        sizes = ", ".join(f"{p.name!r} has {len(c)}" for p, c in zip(parameters, columns, strict=True))
        raise InvalidCircuitError(f"{what}: all lists of values must be of one length, but {sizes}.")
    values = np.column_stack(columns)
    if not np.isfinite(values).all():
        row, column_index = np.argwhere(~np.isfinite(values))[0]
        raise InvalidCircuitError(
            f"{what}: the value of {parameters[column_index].name!r} in parameter set {row} is "
            f"{values[row, column_index]}; Aer needs finite numbers."
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
            error = getattr(operation, "_quantum_error", None)
            if error is not None:
                found.setdefault(error.id, error)
    return tuple(found.values())
