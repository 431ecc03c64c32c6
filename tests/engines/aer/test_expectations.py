"""Expectation values from states are Aer's to rounding, and the same in every bit however the work is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import primitives as aer_primitives

from qiskit_cluster_provider import EstimatorV2
from qiskit_cluster_provider.engines.aer.simulation import expectations
from qiskit_cluster_provider.engines.aer.simulation.jobs import Job
from qiskit_cluster_provider.engines.aer.simulation.noise import Noise
from qiskit_cluster_provider.engines.aer.simulation.simulator import Aer
from qiskit_cluster_provider.plan import ExpectationValues, Simulator
from qiskit_cluster_provider.wire import Piece
from tests.columns import columns_of
from tests.parity.test_parity import NOISE

LABELS = [first + second + third for first in "IXYZ" for second in "IXYZ" for third in "IXYZ"]


def ansatz(qubits=3):
    angles = ParameterVector("a", 2 * qubits)
    circuit = QuantumCircuit(qubits, global_phase=0.3)
    for qubit in range(qubits):
        circuit.ry(angles[qubit], qubit)
        circuit.rzz(angles[qubits + qubit], qubit, (qubit + 1) % qubits)
        circuit.h(qubit)
    return circuit


def run(estimator, *pubs):
    return [np.asarray(one.data.evs) for one in estimator.run(list(pubs), precision=0.0).result()]


@settings(max_examples=25)
@given(
    labels=st.lists(st.lists(st.sampled_from(LABELS), min_size=8, max_size=30, unique=True), min_size=1, max_size=3),
    rows=st.integers(1, 7),
    seed=st.integers(0, 99),
    size=st.integers(1, 7),
)
def test_they_are_aers_and_the_cut_does_not_matter(backend, labels, rows, seed, size):
    rng = np.random.default_rng(seed)
    circuit = ansatz()
    operators = [SparsePauliOp(some, rng.normal(size=len(some))) for some in labels]
    values = rng.uniform(-3, 3, (rows, circuit.num_parameters))
    pubs = [(circuit, operator, values) for operator in operators]
    theirs = run(aer_primitives.EstimatorV2(options={"backend_options": {"max_parallel_threads": 1}}), *pubs)
    found = [
        run(EstimatorV2(backend, options={"run_options": options}), *pubs)
        for options in ({}, {"max_job_size": size}, {"placement": "here"})
    ]
    for index, expected in enumerate(theirs):
        assert np.allclose(found[0][index], expected, rtol=0, atol=1e-12)
        assert all(np.array_equal(one[index], found[0][index]) for one in found)


def job(circuit, labels, coefficients=None):
    given = [1.0] * len(labels) if coefficients is None else coefficients
    output = ExpectationValues(((tuple(labels), tuple(given)),))
    return Job(Piece(0, 0, None, False, 0, 0, 1), columns_of(circuit), output, ("circuit", 0), "output")


def bell(*more):
    circuit = QuantumCircuit(3, 1)
    circuit.rx(0.3, 0)
    for name, *where in more:
        getattr(circuit, name)(*where)
    return circuit


def test_where_it_is_used():
    assert expectations.takes_states(Aer({}, Simulator(), None), job(bell(), LABELS))
    assert expectations.takes_states(Aer({"method": "statevector"}, Simulator(), None), job(bell(), LABELS[:8]))


@pytest.mark.parametrize(
    ("options", "noise", "wanted"),
    [
        ({"method": "density_matrix"}, None, job(bell(), LABELS)),
        ({"method": "matrix_product_state"}, None, job(bell(), LABELS)),
        ({"precision": "single"}, None, job(bell(), LABELS)),
        ({}, Noise(NOISE["pauli"]), job(bell(), LABELS)),
        ({}, None, job(bell(("measure", 0, 0)), LABELS)),
        ({}, None, job(bell(("reset", 0)), LABELS)),
        ({}, None, job(bell(("save_statevector",)), LABELS)),
        ({}, None, job(bell(), LABELS[:7])),
        ({}, None, job(bell(), LABELS[:8], [1j] * 8)),
        ({}, None, job(QuantumCircuit(15), [15 * "X"] * 8)),
    ],
    ids=["density", "mps", "single", "noise", "measured", "reset", "saves", "few", "complex", "wide"],
)
def test_where_aer_does_it(options, noise, wanted):
    assert not expectations.takes_states(Aer(options, Simulator(), noise), wanted)


def test_a_stabilizer_state_is_left_to_the_stabilizer_method():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    assert not expectations.takes_states(Aer({}, Simulator(), None), job(circuit, LABELS))


def test_matrices_that_would_be_large_are_not_made():
    circuit = QuantumCircuit(14)
    circuit.rx(0.1, range(14))
    flips = ["".join("X" if number >> bit & 1 else "I" for bit in range(14)) for number in range(300)]
    assert not expectations.takes_states(Aer({}, Simulator(), None), job(circuit, flips))
    assert expectations.takes_states(Aer({}, Simulator(), None), job(circuit, ["I" * 13 + "Z"] * 300))
