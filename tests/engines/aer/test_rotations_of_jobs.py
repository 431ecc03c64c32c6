"""Expectation values from rotations are Aer's to rounding, and the same in every bit however the work is cut."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer import primitives as aer_primitives

from qiskit_cluster_provider import EstimatorV2
from qiskit_cluster_provider.engines.aer.rotations.choice import pays
from qiskit_cluster_provider.engines.aer.simulation import rotations
from qiskit_cluster_provider.engines.aer.simulation.noise import Noise
from qiskit_cluster_provider.engines.aer.simulation.simulator import Aer
from qiskit_cluster_provider.errors import PubsFailedError
from qiskit_cluster_provider.plan import ExpectationValues, Simulator
from qiskit_cluster_provider.wire import decode_output, encode_output
from tests.parity.test_parity import NOISE

from . import test_expectations as by_states


def wanted(circuit, labels=by_states.LABELS, coefficients=None):
    one = by_states.job(circuit, labels, coefficients)
    return replace(one, output=replace(one.output, as_rotations=True))


@settings(max_examples=15)
@given(
    labels=st.lists(
        st.lists(st.sampled_from(by_states.LABELS), min_size=1, max_size=9, unique=True), min_size=1, max_size=3
    ),
    rows=st.integers(10, 25),
    seed=st.integers(0, 99),
    size=st.integers(1, 9),
)
def test_they_are_aers_and_the_cut_does_not_matter(backend, labels, rows, seed, size):
    rng = np.random.default_rng(seed)
    circuit = by_states.ansatz()
    assert pays(len(circuit.data), circuit.num_qubits, rows)
    operators = [SparsePauliOp(some, rng.normal(size=len(some))) for some in labels]
    values = rng.uniform(-3, 3, (rows, circuit.num_parameters))
    pubs = [(circuit, operator, values) for operator in operators]
    theirs = by_states.run(
        aer_primitives.EstimatorV2(options={"backend_options": {"max_parallel_threads": 1}}), *pubs
    )
    found = [
        by_states.run(EstimatorV2(backend, options={"run_options": options}), *pubs)
        for options in ({}, {"max_job_size": size}, {"placement": "here"})
    ]
    for index, expected in enumerate(theirs):
        assert np.allclose(found[0][index], expected, rtol=0, atol=1e-12)
        assert all(np.array_equal(one[index], found[0][index]) for one in found)


def test_the_rows_of_an_item_decide():
    assert not pays(gates=100, qubits=8, rows=1)
    assert pays(gates=100, qubits=8, rows=50)
    assert not pays(gates=100, qubits=15, rows=50)
    assert not pays(gates=0, qubits=0, rows=50)


def test_the_decision_travels():
    for decision in (False, True):
        output = ExpectationValues(((("X",), (1.0,)),), decision)
        assert decode_output(encode_output(output)).as_rotations is decision


def test_where_it_is_used():
    assert rotations.takes_rotations(Aer({}, Simulator(), None), wanted(by_states.bell()))
    assert rotations.takes_rotations(
        Aer({"method": "statevector"}, Simulator(), None), wanted(by_states.bell(), by_states.LABELS[:1])
    )


def clifford():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    return circuit


@pytest.mark.parametrize(
    ("options", "noise", "asked"),
    [
        ({"method": "density_matrix"}, None, wanted(by_states.bell())),
        ({"method": "matrix_product_state"}, None, wanted(by_states.bell())),
        ({"precision": "single"}, None, wanted(by_states.bell())),
        ({}, Noise(NOISE["pauli"]), wanted(by_states.bell())),
        ({}, None, wanted(by_states.bell(("measure", 0, 0)))),
        ({}, None, wanted(by_states.bell(("reset", 0)))),
        ({}, None, wanted(by_states.bell(("save_statevector",)))),
        ({}, None, wanted(by_states.bell(), by_states.LABELS[:8], [1j] * 8)),
        ({}, None, wanted(by_states.bell(("cswap", 0, 1, 2)))),
        ({}, None, wanted(QuantumCircuit(15), [15 * "X"] * 8)),
        ({}, None, wanted(clifford())),
        ({}, None, by_states.job(by_states.bell(), by_states.LABELS)),
    ],
    ids=[
        *("density", "mps", "single", "noise", "measured", "reset", "saves", "complex", "other gate", "wide"),
        *("stabilizer", "few rows"),
    ],
)
def test_where_aer_does_it(options, noise, asked):
    assert not rotations.takes_rotations(Aer(options, Simulator(), noise), asked)


def test_a_circuit_that_aer_simulates_faster_is_left_to_it(monkeypatch):
    aer = Aer({}, Simulator(), None)
    monkeypatch.setattr(rotations, "most_numbers", lambda gates, qubits: 1)
    assert not rotations.takes_rotations(aer, wanted(by_states.bell()))


def test_a_device_without_a_gate_refuses_it():
    simulator = AerSimulator(basis_gates=["rz", "sx", "cx"])
    configuration = simulator.configuration().to_dict()
    assert "rx" not in configuration["basis_gates"]
    aer = Aer({}, Simulator("automatic", configuration, tuple(configuration["basis_gates"])), None)
    assert not rotations.takes_rotations(aer, wanted(by_states.bell()))


def test_a_row_without_a_value_fails_alone_in_aers_words(backend):
    theta = ParameterVector("t", 1)
    circuit = QuantumCircuit(3)
    circuit.rx(1 / theta[0], range(3))
    values = np.linspace(-1, 1, 15)[:, np.newaxis]
    values[7] = 0.0
    pub = (circuit, SparsePauliOp(["ZZZ", "XXX"], [1.0, 0.5]), values)
    job = EstimatorV2(backend).run([pub], precision=0.0)
    with pytest.raises(PubsFailedError, match="infinite value"):
        job.result()
    (found,) = job.partial_result()
    (plain,) = by_states.run(aer_primitives.EstimatorV2(), (circuit, pub[1], np.delete(values, 7, axis=0)))
    assert np.isnan(found.data.evs[7])
    assert np.allclose(np.delete(found.data.evs, 7), plain, rtol=0, atol=1e-12)
