"""How long an experiment takes, roughly: CPU seconds of Aer, by formulas that were fitted to qiskit-aer 0.18.

On the machine where they were fitted they are right within a factor of two for nearly all circuits; what a
machine is faster or slower is learned from the slices that ran (:mod:`.calibration`).
"""

from __future__ import annotations

from typing import Any

from qiskit.circuit import QuantumCircuit

from ..._compat.aer_noise import parts_of
from ...plan.engine import Cost
from ...plan.model import Item, Work
from ...plan.outputs import Bits, ExpectationValues, Parities
from .rotations.choice import preparation_seconds
from .shapes import Shape

_ASSEMBLE = 1.1e-5  # a gate, in Python
_BIND = 2e-6  # a gate, besides
_TERM = 5e-5  # of a quantum error, which Aer converts for each of its calls
_FEW = 9  # qubits: what a gate costs besides its amplitudes is most of it
_FUSED = 14  # qubits: with more, Aer makes one gate of several
_FUSION = 0.15  # of the time of plain gates that it takes then
_ROTATIONS = 0.3  # of Aer's time, roughly: from a hundredth to all of it
MOST_DENSE = 50
"""Qubits: nothing simulates more than that densely, whatever the method says."""


def cost_of(shape: Shape, item: Item, shots: int, work: Work) -> Cost:
    """The cost of ``item``, whose circuit has ``shape``."""
    cost = _cost_of(shape, item, shots, work)
    size = "few" if shape.qubits <= _FEW else "some" if shape.qubits <= _FUSED else "many"
    return cost._replace(kind=f"{cost.method}, {size} qubits, {type(item.output).__name__}")


def _cost_of(shape: Shape, item: Item, shots: int, work: Work) -> Cost:
    method, each, known = _run(shape, shots, work)
    assemble = _ASSEMBLE * shape.gates
    output = item.output
    if isinstance(output, ExpectationValues):
        if output.as_rotations and shape.rotations and method == "statevector" and work.noise_model is None:
            once, each = preparation_seconds(shape.gates, shape.qubits), _ROTATIONS * each
            return Cost("rotations", once, each, known)
        terms = sum(len(labels) for labels, _ in output.operators)
        each += terms * (2e-5 + 5e-9 * _size(shape))
    elif isinstance(output, Parities):
        if output.share_state:  # of a row, and each readout starts from it
            each = (assemble + each) / output.variants + 3e-4 + 1.5e-8 * _size(shape) + 1e-6 * shots
            return Cost(method, 0.0, each, known)
        return Cost(method, 0.0, each + assemble + 1e-6 * shots, known)
    elif isinstance(output, Bits) or work.options.get("memory"):
        each += 3e-7 * shots
    if item.values is None:
        return Cost(method, 0.0, each + assemble, known)
    if item.bind:
        return Cost(method, 0.0, each + assemble + _BIND * shape.gates, known)
    return Cost(method, assemble, each, known)


def noise_seconds(noise_model: Any) -> float:
    """Seconds that each call of Aer spends with converting ``noise_model``."""
    return 0.0 if noise_model is None else _TERM * _terms(noise_model)


def method_of(shape: Shape, shots: int, work: Work) -> str:
    """The method that Aer takes, as far as it can be told beforehand."""
    method = str(work.options.get("method", "automatic"))
    if method != "automatic":
        return method
    if shape.automatic not in ("stabilizer", "statevector"):
        return shape.automatic
    if shape.automatic == "stabilizer" and (work.noise_model is None or shape.qubits > 30):
        return "stabilizer"
    if work.noise_model is not None and not shape.by_shot and shots > 2**shape.qubits:
        return "density_matrix"  # Aer's rule: when that takes less than a state vector for each shot
    return "statevector"


def _run(shape: Shape, shots: int, work: Work) -> tuple[str, float, bool]:
    """Method, seconds in Aer of one experiment without assembling it, and whether they are known."""
    gates, qubits, size = shape.gates, shape.qubits, _size(shape)
    noisy = work.noise_model is not None
    by_shot = shape.by_shot or noisy
    method = method_of(shape, shots, work)
    if method == "statevector":
        if not by_shot:
            plain = (gates - shape.unitaries) * (_FUSION if qubits > _FUSED else 1.0)
            passes = 2.1e-9 * size * (plain + shape.matrices)
            return method, 1.5e-4 + 1.2e-6 * gates + passes + shots * (4e-7 + 1e-7 * qubits), True
        one = 3.5e-5 + (1.4e-6 if noisy else 1.1e-7) * gates + 3.4e-9 * gates * size
        return "statevector, shot by shot", 1e-3 * noisy + 1.5e-4 + shots * one, True
    if method == "density_matrix" and noisy and not shape.by_shot:
        each = 4e-6 + 1e-8 * size**2  # with its noise
        return method, 2e-4 + gates * each + 2.6e-7 * qubits * shots, True
    if method in ("density_matrix", "unitary"):
        return method, 3e-4 + 5.8e-9 * gates * size**2 + 2.6e-7 * qubits * shots, True
    if method == "superop":
        return method, 3e-4 + 5.8e-9 * gates * size**4, True
    if method == "stabilizer":
        if not by_shot:
            sampled = shots * (1e-6 + 1e-8 * shape.qubits**2)
            return method, 2.5e-4 + 1e-8 * gates * shape.qubits + sampled, True
        one = 2e-5 + 1.3e-6 * gates + 2.7e-9 * gates * shape.qubits
        return "stabilizer, shot by shot", 1e-3 * noisy + 2.5e-4 + shots * one, True
    if method == "matrix_product_state":  # how entangled it gets decides, which nobody knows before
        times = shots if by_shot else 1
        return method, 1e-3 + times * 5e-5 * gates + shots * 4e-6 * shape.qubits, False
    return method, 1e-2 + 1e-3 * gates + 1e-4 * shots, False


def _size(shape: Shape) -> float:
    return float(2.0 ** min(shape.qubits, MOST_DENSE))


def _terms(noise_model: Any) -> int:
    parts = None if noise_model is None else parts_of(noise_model)
    if parts is None:  # an estimate goes without
        return 0
    return len(parts.local_readout) + sum(int(getattr(error, "size", 1)) for error in parts.quantum)


def saves_whole_operators(paulis: int, terms: int) -> bool:
    """Whether to save each observable as a whole rather than each distinct Pauli.

    A save costs about as much as one Pauli in it. Whole observables evaluate every term of each, Paulis
    are evaluated once for all observables that share them.

    Args:
        paulis: distinct ones.
        terms: of all distinct observables together.
    """
    return terms <= 2 * paulis


def splits_rows(circuit: QuantumCircuit, groups: int, spared: int) -> bool:
    """Whether rows that need different observables are simulated as circuits of their own.

    Each such circuit is assembled in Python, about 10 us a gate, which pays if it spares the evaluation
    of enough terms, about 20 us each and 5 ns for each amplitude more.

    Args:
        circuit: of all rows.
        groups: of neighbouring rows with the same observables.
        spared: terms that need not be evaluated.
    """
    assembling: float = 1e-5 * (len(circuit.data) + 20) * (groups - 1)
    evaluating: float = spared * (2e-5 + 5e-9 * 2.0 ** min(circuit.num_qubits, 40))
    return bool(evaluating > assembling)
