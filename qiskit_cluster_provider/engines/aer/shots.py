"""May an experiment be cut into ranges of shots? Decided before anything runs.

Aer simulates an experiment on one of two paths. On the per-shot path (noise by trajectories, measurement in
the middle, control flow) shot ``t`` has a seed of its own, ``seed + t``: any range of shots can be run
alone. On the sampled path one random stream serves all shots and cannot be divided. What is not proven here to
be on the per-shot path is refused; the merge checks Aer's ``measure_sampling`` afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..._compat.aer import SUBTYPE, UNKNOWN
from ..._compat.aer_noise import parts_of, passes_of
from ...errors import ShotSlicingError
from ...outcomes import Reason
from ...plan.circuits.columns import Columns, Step, blocks_in
from ...plan.model import Batch, Item, Work
from ...plan.outputs import ExpectationValues, Parities, measured
from .gates import BRANCHES, IDLE, METHOD_FOR, READS, SAVES
from .operations import CHANNEL, subtype_of

TRAJECTORY_METHODS = ("automatic", "statevector", "matrix_product_state", "stabilizer")
"""Methods that simulate quantum noise shot by shot."""
COLLAPSE_METHODS = (*TRAJECTORY_METHODS, "density_matrix")
"""Methods that simulate a measurement in the middle of a circuit shot by shot."""
Noisy = dict[str, set[tuple[int, ...]] | None]
LOOPS = frozenset({"for_loop", "while_loop"})
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
    if item.output is None and any(subtype not in _EXACT for subtype in _subtypes(item.circuit)):
        return False
    return _indivisible(item, batch, work, _noisy_operations(work.noise_model)) is None


def _indivisible(item: Item, batch: Batch, work: Work, noisy: Noisy) -> Reason | None:
    method = str(work.options.get("method", "automatic"))
    independent = "leave max_shot_size out, or take seed_mode='independent'."
    if work.options.get("shot_branching_enable"):
        return Reason("shot_branching_enable shares random numbers between shots", independent)
    has_noise = bool(noisy) or bool(batch.channel_errors) or _has_passes(work.noise_model)
    for kept in views(item):
        touched = _is_noisy(kept, noisy)
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


def views(item: Item) -> Iterator[list[Step]]:
    """The instructions that matter, for each circuit that Aer is given for ``item``."""
    if isinstance(item.output, ExpectationValues):
        yield [*item.circuit.steps()]  # saved on all qubits
    elif isinstance(item.output, Parities):
        for readout in item.output.readouts:
            yield _kept(measured(item.circuit, readout))
    else:
        yield _kept(item.circuit)


def _kept(circuit: Columns) -> list[Step]:
    """The instructions that a measured or saved qubit depends on; Aer drops the others before it looks."""
    kept = []
    relevant: set[int] = set()
    for step in reversed([*circuit.steps()]):
        name = step.word.name
        if name == "barrier":
            continue
        if name == "measure" or name.startswith(SAVES) or not relevant.isdisjoint(step.qubits):
            kept.append(step)
            relevant.update(step.qubits)
    return kept[::-1]


def _by_trajectories(item: Item, method: str) -> bool:
    """Whether quantum noise is simulated shot by shot, as far as that is known of ``method``."""
    if method == "automatic" and not METHOD_FOR.keys().isdisjoint(item.circuit.names):
        return False  # it may take density matrices
    return method in TRAJECTORY_METHODS


def _acted_on(kept: Sequence[Step]) -> int:
    """The number of qubits on which there is more than a measurement: Aer counts at least these.

    With noise, its ``automatic`` takes density matrices for what it can sample, if there are more than two to that
    power of shots. If there are not, no range of them has so many.
    """
    return len({qubit for step in kept if step.word.name not in (*IDLE, "measure") for qubit in step.qubits})


def _measures_in_the_middle(kept: Sequence[Step]) -> bool:
    qubits: set[int] = set()
    clbits: set[int] = set()
    for step in kept:
        name = step.word.name
        if name in BRANCHES and not clbits.isdisjoint(step.clbits):
            return True
        if name in LOOPS and _measures_and_acts(step):
            return True
        if name == "measure":
            qubits.update(step.qubits)
            clbits.update(step.clbits)
        elif name in READS or name.startswith(SAVES):
            continue
        elif not qubits.isdisjoint(step.qubits):
            return True
    return False


def _measures_and_acts(loop: Step) -> bool:
    names = {name for block in blocks_in(loop.operand) for name in block.names}
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


def _is_noisy(kept: Sequence[Step], noisy: Noisy) -> bool:
    for step in kept:
        if step.word.name == CHANNEL:
            return True
        name = step.word.label or step.word.name
        if name in noisy:
            places = noisy[name]
            if places is None or tuple(step.qubits) in places:
                return True
    return False


def _unmergeable_save(circuit: Columns) -> Reason | None:
    """Why a saved quantity of ``circuit`` cannot be put together from ranges of shots."""
    if UNKNOWN in _subtypes(circuit):
        return SUBTYPE.error().reason
    conditional_average = None
    for step in circuit.steps():
        inside = [one for block in blocks_in(step.operand) for part in block.everywhere() for one in part.steps()]
        if any(_subtype(one) in ("average", "c_average") for one in inside):
            return Reason(
                "an average inside control flow is over an unknown number of shots", "save it with pershot=True."
            )
        if _subtype(step) == "c_average":
            conditional_average = step.word.label
        elif conditional_average is not None and step.word.name in {"measure", "store"} | BRANCHES:
            return Reason(
                f"the conditional average {conditional_average!r} is saved before the last measurement, so that "
                "its weights are unknown",
                hint="save it after the measurement, or with pershot=True.",
            )
    if conditional_average is not None and "measure" not in circuit.counts:
        return Reason(f"the conditional average {conditional_average!r} has no measurement to be weighted by.")
    return None


def _subtypes(circuit: Columns) -> set[str | None]:
    """Those of all save instructions, in blocks too."""
    saving = (one for one in circuit.everywhere() if any(word.name.startswith(SAVES) for word in one.words))
    return {_subtype(step) for part in saving for step in part.steps()}


def _subtype(step: Step) -> str | None:
    """How what a save instruction saves is put together, or ``UNKNOWN``; ``None`` for any other operation."""
    if not step.word.name.startswith(SAVES):
        return None
    return subtype_of(step.word, step.operand) or UNKNOWN
