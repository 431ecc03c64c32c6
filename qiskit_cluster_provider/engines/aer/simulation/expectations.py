"""Exact expectation values from states: one matrix for an operator, and not one pass of Aer over it for each Pauli.

Aer's save instruction evaluates an operator Pauli by Pauli, 20 us each for 12 qubits. Paulis that flip the same
qubits fill the same places of a matrix, which is made once: an operator of 631 Paulis is evaluated in 0.6 ms, and in
13 by Aer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import SparsePauliOp

from .... import wire
from ....plan import ExpectationValues
from ....plan.circuits.instructions import PLAIN
from ..gates import CLIFFORD
from ..seeds import aer_seed
from .jobs import Job
from .outputs import STATE, chunks, label, with_saved_state
from .simulator import Aer, Experiment
from .template import Template

_UNITARY = PLAIN - {"measure", "reset", "delay"}
_QUBITS = 14  # of circuits: up to here a state is copied to Python in far less time than it takes to simulate it
_NUMBERS = 4 * 2**20  # in the matrices of an output
_PAULIS = 8  # fewer are as fast in Aer


def takes_states(aer: Aer, job: Job) -> bool:
    """Whether the numbers of ``job`` are computed here: by circuit and operators, however the work is cut."""
    output, circuit = job.output, job.circuit
    if not isinstance(output, ExpectationValues) or circuit.num_qubits > _QUBITS or not aer.has_one_state:
        return False
    names = set(circuit.counts)
    if names - {"barrier"} <= CLIFFORD:
        return False  # a stabilizer state, whose numbers have no rounding
    return names <= _UNITARY and _fits(output, 2**circuit.num_qubits)


def _fits(output: ExpectationValues, size: int) -> bool:
    paulis = sum(len(labels) for labels, _ in output.operators)
    if paulis < _PAULIS or any(np.iscomplex(coefficients).any() for _, coefficients in output.operators):
        return False
    numbers = 0
    for labels, _ in output.operators:
        numbers += size * len({one.translate(_FLIPS) for one in labels})
        if numbers > _NUMBERS:
            return False
    return True


_FLIPS = str.maketrans("IXYZ", "0110")  # a Pauli is where the others of its flips are in the matrix


def from_states(aer: Aer, run: wire.TaskRun, job: Job, offset: int) -> tuple[list[Experiment], Mapping[str, Any]]:
    """The experiments of a piece, and Aer's metadata.

    Args:
        aer: simulates.
        run: of the piece.
        job: the piece.
        offset: of its first experiment in the run.
    """
    piece, output = job.piece, job.output
    assert isinstance(output, ExpectationValues)
    matrices = aer.remembered("operators", (job.output_name, "matrices"), lambda: _matrices(output), _weight)
    name = (*job.name, "state")
    circuit = aer.circuit(name, lambda: with_saved_state(job.circuit))
    experiments: list[Experiment] = []
    metadata: Mapping[str, Any] = {}
    for first, last in chunks(circuit, piece.stop - piece.start):
        values = None if piece.values is None else piece.values[piece.start + first : piece.start + last]
        template = Template(circuit, values, piece.bind, name)
        seed = aer_seed(run.seed, offset + first)
        found, metadata = aer.run([template], seed, run.shots, run.widths)
        for one in found:
            if one["success"]:
                state = np.ascontiguousarray(one["data"].pop(STATE), dtype=np.complex128)
                means = (_mean(matrix, state) for matrix in matrices)
                one["data"] = {label(index): mean for index, mean in enumerate(means)}
            experiments.append(one)
    return experiments, metadata


def _matrices(output: ExpectationValues) -> list[Any]:
    """One for each operator, of real numbers if it has no others."""
    found = []
    for labels, coefficients in output.operators:
        matrix = SparsePauliOp(list(labels), np.asarray(coefficients)).to_matrix(sparse=True)
        found.append(matrix if matrix.data.imag.any() else matrix.real)
    return found


def _mean(matrix: Any, state: npt.NDArray[np.complex128]) -> float:
    """Added up in an order that depends on nothing but the sizes, so that each machine gets the same number."""
    if matrix.dtype == np.float64:
        parts = state.view(np.float64).reshape(-1, 2)
        return float((parts * (matrix @ parts)).sum())
    image = matrix @ state
    return float((state.real * image.real + state.imag * image.imag).sum())


def _weight(matrices: Sequence[Any]) -> int:
    return sum(one.data.nbytes + one.indices.nbytes + one.indptr.nbytes for one in matrices)
