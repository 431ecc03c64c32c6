"""Where a run is simulated: on the cluster, or in this process because that is faster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._compat.aer_noise import passes_of
from ...plan.engine import Placement
from .resources import AerEstimate
from .shapes import Shape

HERE_SECONDS = 0.1
"""Work of less than that stays here: as long as it runs no other Python of this process does, and sending it would
take a good part of it."""
_STATE = 16 * 2**20  # bytes of a state that is nothing to speak of: of 20 qubits
_QUBITS = {"states": 10, "saves": 20}  # of circuits that save: what grows as fast as a density matrix, or less
_ONE_BY_ONE = ("max_parallel_threads", "max_parallel_experiments", "max_parallel_shots")
_UNUSUAL = ("batched_shots_gpu", "blocking_enable", "shot_branching_enable", "runtime_parameter_bind_enable")


def place(estimate: AerEstimate, *, safe_in_process: bool) -> Placement:
    """Where it is better to simulate the work of ``estimate``.

    Here it holds the GIL, nothing can end it, and what it does to its process it does to the user's. So it must be
    little, and known to be harmless.

    Args:
        estimate: of the work, by what is known of this process.
        safe_in_process: whether its circuits are, as in :class:`~..engines.aer.contents.Contents`.
    """
    reason = _unfit(estimate.work.options, estimate.work.noise_model)
    if reason or not safe_in_process:
        return Placement(False, reason or "a circuit has an operation that might not end, or crash")
    work, total, seen = estimate.work, 0.0, set[int]()
    limit = HERE_SECONDS - estimate.per_call
    for batch in work.batches:
        for item in batch.items:
            cost = estimate.cost(item, batch.shots)
            total += cost.once + item.experiments * cost.each
            if not cost.known:
                return Placement(False, f"nobody knows how long the method {cost.method!r} takes")
            if total > limit:
                return Placement(False, f"it would be more than {1000 * HERE_SECONDS:g} ms of work here")
            if id(item.circuit) in seen:
                continue
            seen.add(id(item.circuit))
            if estimate.state(item) > _STATE or _saves_much(estimate.shape(item), item.circuit.num_qubits):
                return Placement(False, f"circuit {item.name!r} needs memory")
    return Placement(
        True, f"it is {1000 * (total + estimate.per_call):.2g} ms of work, less than sending it would take"
    )


def _saves_much(shape: Shape, qubits: int) -> bool:
    return any(getattr(shape, name) and qubits > most for name, most in _QUBITS.items())


def _unfit(options: Mapping[str, Any], noise_model: Any) -> str:
    """What of the options needs a process of its own, or empty."""
    if options.get("device", "CPU") != "CPU":
        return f"device={options['device']!r}"
    for name in _ONE_BY_ONE:
        if int(options.get(name, 1)) != 1:
            return f"{name}={options[name]}"
    for name in _UNUSUAL:
        if options.get(name):
            return f"{name}={options[name]}"
    if passes_of(noise_model):
        return "the noise model has passes of its own"
    return ""
