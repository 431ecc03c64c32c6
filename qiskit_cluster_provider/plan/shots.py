"""May an experiment be cut into ranges of shots? Decided before anything runs.

Aer simulates an experiment on one of two paths. On the per-shot path (noise by trajectories, measurement in
the middle, control flow) shot ``t`` has a seed of its own, ``seed + t``: any range of shots can be run
alone. On the sampled path one random stream serves all shots and cannot be divided. What is not proven here to
be on the per-shot path is refused; the merge checks Aer's ``measure_sampling`` afterwards.
"""

from __future__ import annotations

from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.circuit.controlflow import ControlFlowOp

from ..errors import ShotSlicingError
from .model import Item, Work

TRAJECTORY_METHODS = ("automatic", "statevector", "matrix_product_state", "stabilizer")
"""Methods that simulate quantum noise shot by shot."""
COLLAPSE_METHODS = (*TRAJECTORY_METHODS, "density_matrix")
"""Methods that simulate a measurement in the middle of a circuit shot by shot."""
_PASSIVE = ("barrier", "delay", "measure")


def check_divisible(work: Work) -> None:
    """Check each experiment of ``work`` if shot slices were asked for.

    Raises:
        ShotSlicingError: the answer would change, or a saved quantity cannot be merged.
    """
    if work.max_shot_size is None or work.max_shot_size >= work.shots:
        return
    noisy = _noisy_operations(work.noise_model)
    checked = set()
    for index, item in enumerate(work.items):
        if id(item.circuit) in checked:
            continue
        checked.add(id(item.circuit))
        reason = _unmergeable_save(item.circuit)
        if reason is None and work.seed_mode == "aer":
            reason = _indivisible(item, work, noisy)
        if reason is not None:
            raise ShotSlicingError(
                f"max_shot_size={work.max_shot_size} would change the answer of circuit {item.name!r} "
                f"(index {index}): {reason}"
            )


def _indivisible(item: Item, work: Work, noisy: dict[str, set[tuple[int, ...]] | None]) -> str | None:
    method = str(work.options.get("method", "automatic"))
    independent = "leave max_shot_size out, or take seed_mode='independent'."
    if work.options.get("shot_branching_enable"):
        return f"shot_branching_enable shares random numbers between shots; {independent}"
    touched = _is_noisy(item.circuit, noisy)
    collapses = _measures_in_the_middle(item.circuit)
    if not (touched and method in TRAJECTORY_METHODS) and not (collapses and method in COLLAPSE_METHODS):
        return (
            f"with method {method!r} its shots are sampled from one final state, which is fast and is one "
            f"random stream; {independent}"
        )
    has_noise = bool(noisy) or bool(work.channel_errors)
    if has_noise and method == "automatic" and work.shots > 2 ** _active_qubits(item.circuit):
        return (
            f"with noise and {work.shots} shots method 'automatic' takes density_matrix, with fewer shots "
            f"another one; set method='statevector', or {independent}"
        )
    return None


def _measures_in_the_middle(circuit: QuantumCircuit) -> bool:
    measured: set[Any] = set()
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            return True
        if operation.name == "measure":
            measured.update(instruction.qubits)
        elif operation.name in _PASSIVE or operation.name.startswith("save_"):
            continue
        elif not measured.isdisjoint(instruction.qubits):
            return True
    return False


def _active_qubits(circuit: QuantumCircuit) -> int:
    """Qubits that Aer keeps: it drops those that nothing acts on."""
    return len({q for instruction in circuit.data for q in instruction.qubits if instruction.name != "barrier"})


def _noisy_operations(noise_model: Any) -> dict[str, set[tuple[int, ...]] | None]:
    """Operation name or label -> the qubits with a quantum error, or ``None`` for all qubits."""
    found: dict[str, set[tuple[int, ...]] | None] = {}
    if noise_model is None:
        return found
    for error in noise_model.to_dict().get("errors", []):
        if error["type"] != "qerror":
            continue
        for name in error["operations"]:
            if "gate_qubits" not in error:
                found[name] = None
            elif (places := found.setdefault(name, set())) is not None:
                places.update(tuple(qubits) for qubits in error["gate_qubits"])
    return found


def _is_noisy(circuit: QuantumCircuit, noisy: dict[str, set[tuple[int, ...]] | None]) -> bool:
    for instruction in circuit.data:
        operation = instruction.operation
        if getattr(operation, "_quantum_error", None) is not None:
            return True
        name = operation.label or operation.name
        if name in noisy:
            places = noisy[name]
            qubits = tuple(circuit.find_bit(q).index for q in instruction.qubits)
            if places is None or qubits in places:
                return True
    return False


def _unmergeable_save(circuit: QuantumCircuit) -> str | None:
    """Why a saved quantity of ``circuit`` cannot be put together from ranges of shots."""
    conditional_average = None
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                if any(getattr(i.operation, "_subtype", None) == "c_average" for i in block.data):
                    return "a conditional average inside control flow has unknown weights; save it per shot."
        if getattr(operation, "_subtype", None) == "c_average":
            conditional_average = operation.label
        elif conditional_average is not None and (
            operation.name == "measure" or isinstance(operation, ControlFlowOp)
        ):
            return (
                f"the conditional average {conditional_average!r} is saved before the last measurement, so that "
                "its weights are unknown; save it after the measurement, or with pershot=True."
            )
    if conditional_average is not None and not any(i.operation.name == "measure" for i in circuit.data):
        return f"the conditional average {conditional_average!r} has no measurement to be weighted by."
    return None
