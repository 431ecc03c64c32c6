"""May an experiment be cut into ranges of shots? Decided before anything runs.

Aer simulates an experiment on one of two paths. On the per-shot path (noise by trajectories, measurement in
the middle, control flow) shot ``t`` has a seed of its own, ``seed + t``: any range of shots can be run
alone. On the sampled path one random stream serves all shots and cannot be divided. What is not proven here to
be on the per-shot path is refused; the merge checks Aer's ``measure_sampling`` afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit.circuit.controlflow import ControlFlowOp, ForLoopOp, WhileLoopOp

from ..._compat.aer import SUBTYPE, UNKNOWN, quantum_error, saved_subtype
from ..._compat.aer_noise import parts_of, passes_of
from ...errors import ShotSlicingError
from ...outcomes import Reason
from ...plan.circuits.instructions import instructions
from ...plan.model import Batch, Item, Work
from ...plan.outputs import ExpectationValues, Parities, measured
from .gates import IDLE, METHOD_FOR, READS, SAVES

TRAJECTORY_METHODS = ("automatic", "statevector", "matrix_product_state", "stabilizer")
"""Methods that simulate quantum noise shot by shot."""
COLLAPSE_METHODS = (*TRAJECTORY_METHODS, "density_matrix")
"""Methods that simulate a measurement in the middle of a circuit shot by shot."""
Noisy = dict[str, set[tuple[int, ...]] | None]
LOOPS = (ForLoopOp, WhileLoopOp)
_EXACT = (None, "single", "c_single", "list", "c_list")
"""Subtypes of saves that are put together without arithmetic, ``None`` for what saves nothing."""
_UNUSUAL = ("batched_shots_gpu", "runtime_parameter_bind_enable")
"""Options with which Aer takes other ways with the shots of an experiment."""


def check_divisible(work: Work) -> None:
    """Check each experiment of ``work`` if shot slices were asked for.

    Raises:
        ShotSlicingError: the answer would change, or a saved quantity cannot be merged.
    """
    divided = [batch for batch in work.batches if work.divided(batch)]
    if not divided:
        return
    noisy = _noisy_operations(work.noise_model)
    checked = set()
    for batch in divided:
        for item in batch.items:
            if id(item.circuit) in checked:
                continue
            checked.add(id(item.circuit))
            reason = _unmergeable_save(item.circuit) if item.output is None else None
            if reason is None and work.seed_mode == "aer":
                reason = _indivisible(item, batch, work, noisy)
            if reason is not None:
                raise ShotSlicingError(
                    f"max_shot_size={work.max_shot_size} would change the answer of circuit {item.name!r} "
                    f"(index {item.source}): {reason.message}",
                    hint=reason.hint,
                    circuit=item.name,
                    index=item.source,
                )


def changes_nothing(work: Work, batch: Batch, item: Item) -> bool:
    """Whether ranges of shots of each experiment of ``item`` give every bit of the undivided answer.

    That is more than :func:`check_divisible` asks for: an average of averages may be rounded otherwise.
    """
    if work.seed_mode != "aer" or work.options.get("device", "CPU") != "CPU" or any(map(work.options.get, _UNUSUAL)):
        return False
    if isinstance(item.output, ExpectationValues):
        return False
    if item.output is None and any(saved_subtype(one) not in _EXACT for one in instructions(item.circuit)):
        return False
    return _indivisible(item, batch, work, _noisy_operations(work.noise_model)) is None


def _indivisible(item: Item, batch: Batch, work: Work, noisy: Noisy) -> Reason | None:
    method = str(work.options.get("method", "automatic"))
    independent = "leave max_shot_size out, or take seed_mode='independent'."
    if work.options.get("shot_branching_enable"):
        return Reason("shot_branching_enable shares random numbers between shots", independent)
    has_noise = bool(noisy) or bool(batch.channel_errors) or _has_passes(work.noise_model)
    for kept in views(item):
        touched = _is_noisy(item.circuit, kept, noisy)
        collapses = _measures_in_the_middle(kept)
        if has_noise and method == "automatic" and not collapses and batch.shots > 2 ** _acted_on(kept):
            return Reason(
                "with noise, method 'automatic' chooses by the number of shots, and a range of them would get "
                "another method",
                hint=f"set one, for example method='statevector', or {independent}",
            )
        if not (touched and _by_trajectories(item, method)) and not (collapses and method in COLLAPSE_METHODS):
            return Reason(
                f"with method {method!r} its shots are sampled from one final state, which is fast and is one "
                "random stream",
                hint=independent,
            )
    return None


def views(item: Item) -> Iterator[list[CircuitInstruction]]:
    """The instructions that matter, for each circuit that Aer is given for ``item``."""
    if isinstance(item.output, ExpectationValues):
        yield list(item.circuit.data)  # saved on all qubits
    elif isinstance(item.output, Parities):
        for readout in item.output.readouts:
            yield _kept(measured(item.circuit, readout))
    else:
        yield _kept(item.circuit)


def _kept(circuit: QuantumCircuit) -> list[CircuitInstruction]:
    """The instructions that a measured or saved qubit depends on; Aer drops the others before it looks."""
    kept = []
    relevant: set[Any] = set()
    for instruction in reversed(circuit.data):
        name = instruction.operation.name
        if name == "barrier":
            continue
        if name == "measure" or name.startswith(SAVES) or not relevant.isdisjoint(instruction.qubits):
            kept.append(instruction)
            relevant.update(instruction.qubits)
    return kept[::-1]


def _by_trajectories(item: Item, method: str) -> bool:
    """Whether quantum noise is simulated shot by shot, as far as that is known of ``method``."""
    if method == "automatic" and any(one.name in METHOD_FOR for one in instructions(item.circuit)):
        return False  # it may take density matrices
    return method in TRAJECTORY_METHODS


def _acted_on(kept: Sequence[CircuitInstruction]) -> int:
    """The number of qubits on which there is more than a measurement: Aer counts at least these.

    With noise, its ``automatic`` takes density matrices for what it can sample, if there are more than two to that
    power of shots. If there are not, no range of them has so many.
    """
    return len({qubit for one in kept if one.operation.name not in (*IDLE, "measure") for qubit in one.qubits})


def _measures_in_the_middle(kept: Sequence[CircuitInstruction]) -> bool:
    measured: set[Any] = set()
    for instruction in kept:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp) and not measured.isdisjoint(instruction.clbits):
            return True
        if isinstance(operation, LOOPS) and _measures_and_acts(operation):
            return True
        if operation.name == "measure":
            measured.update((*instruction.qubits, *instruction.clbits))
        elif operation.name in READS or operation.name.startswith(SAVES):
            continue
        elif not measured.isdisjoint(instruction.qubits):
            return True
    return False


def _measures_and_acts(loop: ControlFlowOp) -> bool:
    names = {operation.name for block in loop.blocks for operation in instructions(block)}
    return "measure" in names and bool(names - {"measure", *READS, "break_loop", "continue_loop"})


def _has_passes(noise_model: Any) -> bool:
    """Whether it adds noise to delays, which its dictionary does not tell."""
    return bool(passes_of(noise_model))


def _noisy_operations(noise_model: Any) -> Noisy:
    """Operation name or label -> the qubits with a quantum error, or ``None`` for all qubits."""
    found: Noisy = {}
    if noise_model is None:
        return found
    if parts := parts_of(noise_model):
        local = ((name, set(errors)) for name, errors in parts.local_quantum.items() if errors)
        return {**dict(local), **dict.fromkeys(parts.default_quantum)}
    for error in noise_model.to_dict().get("errors", []):
        if error.get("type") == "roerror":  # of the readout; all other types are drawn while a shot is simulated
            continue
        for name in error["operations"]:
            if "gate_qubits" not in error:
                found[name] = None
            elif (places := found.setdefault(name, set())) is not None:
                places.update(tuple(qubits) for qubits in error["gate_qubits"])
    return found


def _is_noisy(circuit: QuantumCircuit, kept: Sequence[CircuitInstruction], noisy: Noisy) -> bool:
    for instruction in kept:
        operation = instruction.operation
        if quantum_error(operation) is not None:
            return True
        name = operation.label or operation.name
        if name in noisy:
            places = noisy[name]
            qubits = tuple(circuit.find_bit(q).index for q in instruction.qubits)
            if places is None or qubits in places:
                return True
    return False


def _unmergeable_save(circuit: QuantumCircuit) -> Reason | None:
    """Why a saved quantity of ``circuit`` cannot be put together from ranges of shots."""
    if any(saved_subtype(operation) == UNKNOWN for operation in instructions(circuit)):
        return SUBTYPE.error().reason
    conditional_average = None
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            inside = (i for block in operation.blocks for i in instructions(block))
            if any(saved_subtype(i) in ("average", "c_average") for i in inside):
                return Reason(
                    "an average inside control flow is over an unknown number of shots", "save it with pershot=True."
                )
        if saved_subtype(operation) == "c_average":
            conditional_average = operation.label
        elif conditional_average is not None and (
            operation.name in ("measure", "store") or isinstance(operation, ControlFlowOp)
        ):
            return Reason(
                f"the conditional average {conditional_average!r} is saved before the last measurement, so that "
                "its weights are unknown",
                hint="save it after the measurement, or with pershot=True.",
            )
    if conditional_average is not None and not any(i.operation.name == "measure" for i in circuit.data):
        return Reason(f"the conditional average {conditional_average!r} has no measurement to be weighted by.")
    return None
