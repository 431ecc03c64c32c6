"""The delays of a circuit as the errors that passes of a noise model make of them: once for a circuit and a model.

Aer runs the passes of a noise model over each circuit that has delays, in every ``run``, and puts the errors that
they make into a copy of the whole model: on a device of 133 qubits that takes seconds, though the circuit has three.
What comes of Aer's ``RelaxationNoisePass`` follows from the circuit and the pass alone, so that it can be remembered.
The function of another pass may depend on anything, and be random: only Aer's public call runs it.

A scheduled circuit has delays on every qubit of the device. Of a qubit with delays and barriers alone nothing reaches
a measured or saved one: Aer drops its errors before it simulates, and draws no random number for them. But it decides
by all errors of the model how it simulates, so that of each sort one stays in the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from qiskit.circuit import Delay, QuantumCircuit
from qiskit_aer.noise import NoiseModel, RelaxationNoisePass

from ...._compat import aer_noise
from ..gates import IDLE

Errors = tuple[dict[str, Any], ...]
_PASSIVE = IDLE | {"qerror_loc"}
_FLOW = frozenset({"mark", "jump"})  # with which Aer drops nothing


class Relaxed(NamedTuple):
    """A compiled circuit after the passes.

    Attributes:
        circuit: in which the errors are places that refer to the noise model.
        errors: for the noise model, in the form of Aer's C++.
    """

    circuit: QuantumCircuit
    errors: Errors


def is_plain(model: NoiseModel) -> bool:
    """Whether the passes of ``model`` are Aer's own of relaxation, of which the same comes each time."""
    if not aer_noise.can_remember(model):
        return False
    return all(map(_is_own, aer_noise.passes_of(model)))


def _is_own(one: Any) -> bool:
    func: Any = aer_noise.FUNC.of(one, None)
    own = aer_noise.RELAXATION_ERROR.found
    bound = getattr(func, "__self__", None) is one and getattr(func, "__func__", None) is own
    return bound and type(one) is RelaxationNoisePass


def relax(aer: Any, model: NoiseModel, circuit: QuantumCircuit, types: set[type], truncates: bool) -> Relaxed:
    """What Aer makes of a circuit with delays.

    Args:
        aer: the simulator, whose own method does it.
        model: with passes that are plain.
        circuit: compiled.
        types: of its operations.
        truncates: whether Aer drops qubits that nothing measured depends on.

    Raises:
        NoiseError: the duration of a delay is not known in seconds.
    """
    # Without the model's errors, which Aer would copy.
    passes = aer_noise.model_of_passes(NoiseModel(), aer_noise.passes_of(model))
    (made,), noise, _ = aer_noise.ASSEMBLE_NOISE_MODEL.found(aer, [circuit], [set(types)], noise_model=passes)
    errors = aer_noise.DEFAULT_QUANTUM.of(noise)
    if errors and truncates and _FLOW.isdisjoint(circuit.count_ops()):
        made, kept = _without_idle(made, errors)
        aer_noise.DEFAULT_QUANTUM.put(noise, {name: errors[name] for name in errors if name in kept})
    return Relaxed(made, tuple(noise.to_dict(serializable=True)["errors"]))


def has_free_delays(circuit: QuantumCircuit) -> bool:
    """Whether the duration of a delay is a parameter, of which no pass can make an error."""
    return any(
        getattr(value, "parameters", None)
        for step in circuit.data
        if isinstance(step.operation, Delay)
        for value in step.params
    )


def united(per_circuit: Iterable[Errors]) -> Errors:
    """The errors of the circuits of a call, each once."""
    found: dict[str, dict[str, Any]] = {}
    for errors in per_circuit:
        for error in errors:
            found.setdefault(error["operations"][0], error)
    return tuple(found.values())


def weight_of(errors: Sequence[dict[str, Any]]) -> int:
    """About the bytes of ``errors``."""
    return 4000 * len(errors)


def _without_idle(circuit: QuantumCircuit, errors: dict[str, Any]) -> tuple[QuantumCircuit, set[str]]:
    """``circuit`` without the errors on qubits on which nothing acts; the names of those that the model needs."""
    active = {qubit for step in circuit.data if step.name not in _PASSIVE for qubit in step.qubits}
    kept: set[str] = set()
    left: list[str] = []
    steps = []
    for step in circuit.data:
        if step.name == "qerror_loc":
            name = str(step.operation.label)
            if active.isdisjoint(step.qubits):
                left.append(name)
                continue
            kept.add(name)
        steps.append(step)
    sorts = {sort for name in kept if name in errors for sort in _sorts(errors[name])}
    for name in left:
        if name in errors and not sorts.issuperset(_sorts(errors[name])):
            sorts.update(_sorts(errors[name]))
            kept.add(name)
    made = circuit.copy_empty_like()
    made.data = steps
    return made, kept


def _sorts(error: Any) -> set[tuple[str, int]]:
    """What Aer looks for when it decides how to simulate."""
    return {(step.name, len(step.qubits)) for made in error.circuits for step in made.data}
