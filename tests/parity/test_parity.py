"""The same answer as one AerSimulator with one thread, over methods, noise, control flow, saves and slicing."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.circuit.library import (
    CPhaseGate,
    CRXGate,
    CRYGate,
    CRZGate,
    CU1Gate,
    CU3Gate,
    CUGate,
    MCPhaseGate,
)
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, random_statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
    thermal_relaxation_error,
)
from qiskit_aer.noise.passes import RelaxationNoisePass

from qiskit_cluster_provider.testing import differences

from .circuits import circuits, kraus_and_unitary, templates
from .oracle import wrong

JOB_SIZES = st.sampled_from([1, 2, 7, None, 10**6])
SEEDS = st.integers(-(2**63), 2**63 - 1)


def noise_models():
    pauli = NoiseModel()
    pauli.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h", "x", "sx", "rx", "ry"])
    pauli.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx", "cz"])
    kraus = NoiseModel()
    kraus.add_all_qubit_quantum_error(amplitude_damping_error(0.2), ["h", "x", "t"])
    kraus.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    readout = NoiseModel()
    readout.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    return {"none": None, "pauli": pauli, "kraus": kraus, "readout": readout}


NOISE = noise_models()


@pytest.fixture(scope="module")
def workers(provider, any_workers):
    backend = provider.get_backend("aer-local", workers=any_workers)
    backend.run(QuantumCircuit(1, 1), shots=1).result()
    return backend


@settings(max_examples=40)
@given(
    batch=st.lists(circuits(), min_size=1, max_size=9),
    noise=st.sampled_from(sorted(NOISE)),
    method=st.sampled_from(["automatic", "statevector", "density_matrix", "matrix_product_state"]),
    shots=st.sampled_from([1, 5, 100]),
    size=JOB_SIZES,
    seed=SEEDS,
)
def test_any_batch(workers, batch, noise, method, shots, size, seed):
    options = {
        "shots": shots,
        "seed_simulator": seed,
        "memory": True,
        "method": method,
        "noise_model": NOISE[noise],
    }
    ours = workers.run(batch, max_job_size=size, **options).result()
    assert wrong(ours, batch, options, loses_gates=noise == "kraus") == []


def test_aer_forgets_gates_in_a_mixed_batch_and_we_do_not(backend, aer):
    """A fact about Aer 0.18.2, which no slicing may inherit; if Aer is mended, the primer can go."""
    many, one = QuantumCircuit(10, 10), QuantumCircuit(1, 1)
    for circuit in (many, one):
        circuit.h(0)
        circuit.measure(range(circuit.num_qubits), range(circuit.num_qubits))
    options = {"shots": 1000, "noise_model": NOISE["kraus"], "memory": True}
    alone = aer.run(one, seed_simulator=5 + 2113, **options).result().get_memory()
    assert aer.run([many, one], seed_simulator=5, **options).result().get_memory(1) != alone
    for size in (1, 2):
        ours = backend.run([many, one], seed_simulator=5, max_job_size=size, **options).result()
        assert ours.get_memory(1) == alone


@settings(max_examples=15)
@given(
    batch=st.lists(circuits(clifford=True, flow=False), min_size=1, max_size=8),
    method=st.sampled_from(["stabilizer", "extended_stabilizer", "automatic"]),
    size=JOB_SIZES,
)
def test_clifford_methods(backend, aer, same, batch, method, size):
    options = {"shots": 20, "seed_simulator": 5, "memory": True, "method": method}
    same(backend.run(batch, max_job_size=size, **options).result(), aer.run(batch, **options).result())


SAVES = {
    "statevector": ["save_statevector", "save_statevector_dict", "save_density_matrix", "save_state"],
    "density_matrix": ["save_density_matrix", "save_probabilities", "save_state"],
    "matrix_product_state": ["save_matrix_product_state", "save_statevector", "save_probabilities_dict"],
    "stabilizer": ["save_stabilizer", "save_clifford", "save_probabilities", "save_state"],
    "unitary": ["save_unitary", "save_state"],
    "superop": ["save_superop", "save_state"],
}


@pytest.mark.parametrize(("method", "save"), [(m, s) for m, saves in SAVES.items() for s in saves])
def test_every_save(backend, aer, same, method, save):
    batch = []
    for index in range(5):
        circuit = QuantumCircuit(2, name=f"{save} {index}", global_phase=0.1 * index)
        circuit.h(0)
        if method != "stabilizer":
            circuit.rx(0.3 * index + 0.1, 1)
        circuit.cx(0, 1)
        getattr(circuit, save)()
        batch.append(circuit)
    options = {"method": method, "seed_simulator": 11, "shots": 10}
    same(backend.run(batch, max_job_size=2, **options).result(), aer.run(batch, **options).result())


@pytest.mark.parametrize("method", ["statevector", "density_matrix", "matrix_product_state", "stabilizer"])
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("pershot", [False, True])
def test_saves_of_averages(backend, aer, same, method, conditional, pershot):
    batch = []
    for index in range(4):
        circuit = QuantumCircuit(2, 2)
        circuit.h([0, 1])
        circuit.measure(0, 0)
        if index % 2:
            circuit.cx(0, 1)
        how = {"pershot": pershot, "conditional": conditional}
        circuit.save_expectation_value(SparsePauliOp(["ZZ", "XI"], [0.5, 2]), [0, 1], label="e", **how)
        circuit.save_expectation_value_variance(Pauli("ZI"), [0, 1], label="v", **how)
        circuit.save_probabilities_dict([0, 1], label="d", **how)
        circuit.save_amplitudes_squared([0, 3], label="a", **how)
        circuit.measure([0, 1], [0, 1])
        batch.append(circuit)
    options = {"method": method, "seed_simulator": 3, "shots": 30, "memory": True}
    same(backend.run(batch, max_job_size=1, **options).result(), aer.run(batch, **options).result())


def test_set_instructions(backend, aer, same):
    state = random_statevector(4, seed=3)
    first, second, third = QuantumCircuit(2), QuantumCircuit(2), QuantumCircuit(2)
    first.set_statevector(state)
    second.set_density_matrix(np.outer(state.data, state.data.conj()))
    third.set_unitary(Operator.from_label("HX"))
    for circuit, save in ((first, "statevector"), (second, "density_matrix"), (third, "unitary")):
        circuit.h(0)
        getattr(circuit, f"save_{save}")()
    batch = [first, second, third]
    same(
        backend.run(batch, max_job_size=1, seed_simulator=1).result(),
        aer.run(batch, seed_simulator=1).result(),
    )


def test_kraus_unitary_and_channel_instructions_share_noise_as_in_one_batch(backend, aer, same):
    ideal = QuantumCircuit(1, 1, name="ideal")
    ideal.h(0)
    ideal.measure(0, 0)
    channel = QuantumCircuit(1, 1, name="channel")
    channel.x(0)
    channel.append(depolarizing_error(0.2, 1), [0])
    channel.measure(0, 0)
    inside = QuantumCircuit(1, 1, name="inside")
    inside.h(0)
    inside.measure(0, 0)
    with inside.if_test((inside.cregs[0], 1)):
        inside.append(amplitude_damping_error(0.3), [0])
    inside.measure(0, 0)
    batch = [ideal, kraus_and_unitary(), channel, ideal, inside, ideal]
    for extra in ({}, {"noise_model": NOISE["pauli"]}):
        options = {"seed_simulator": 9, "shots": 60, "memory": True, **extra}
        theirs = aer.run(batch, **options).result()
        for size in (1, 2, 4):
            same(backend.run(batch, max_job_size=size, **options).result(), theirs)


def test_a_batch_of_ideal_circuits_would_be_simulated_by_another_method(aer):
    """The fact that makes the sharing necessary; if Aer changes it, the sharing can go."""
    ideal = QuantumCircuit(1, 1)
    ideal.h(0)
    ideal.measure(0, 0)
    channel = QuantumCircuit(1, 1)
    channel.append(depolarizing_error(0.2, 1), [0])
    together = aer.run([ideal, channel]).result().results[0].metadata["method"]
    assert together == "density_matrix"
    assert aer.run(ideal).result().results[0].metadata["method"] == "stabilizer"


def test_noise_passes(backend, aer, same):
    noise_model = NoiseModel()
    noise_model._custom_noise_passes.append(RelaxationNoisePass([50e-6, 50e-6], [60e-6, 60e-6], dt=1e-9))
    noise_model.add_all_qubit_quantum_error(thermal_relaxation_error(50e3, 60e3, 100), ["x"])
    circuit = QuantumCircuit(2, 2)
    circuit.x([0, 1])
    circuit.delay(20_000, 0, unit="dt")
    circuit.measure([0, 1], [0, 1])
    batch = [circuit] * 5
    options = {"noise_model": noise_model, "seed_simulator": 1, "shots": 100, "memory": True}
    same(backend.run(batch, max_job_size=2, **options).result(), aer.run(batch, **options).result())


@settings(max_examples=25)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9)), min_size=1, max_size=4),
    noise=st.sampled_from(sorted(NOISE)),
    size=JOB_SIZES,
    seed=SEEDS,
    data=st.data(),
)
def test_parameter_sets(backend, shapes, noise, size, seed, data):
    batch, binds = [], []
    for qubits, parameters, rows in shapes:
        circuit, found = templates(qubits, parameters)
        numbers = st.lists(st.floats(-7, 7, allow_nan=False), min_size=rows, max_size=rows)
        batch.append(circuit)
        binds.append({parameter: data.draw(numbers) for parameter in found})
        if data.draw(st.booleans()):
            plain = QuantumCircuit(1, name="plain")
            plain.h(0)
            plain.measure_all()
            batch.append(plain)
            binds.append({})
    options = {"shots": 40, "memory": True, "seed_simulator": seed, "noise_model": NOISE[noise]}
    ours = backend.run(batch, binds, max_job_size=size, **options).result()
    theirs = AerSimulator(max_parallel_threads=1).run(batch, binds, **options).result()
    assert differences(ours, theirs) == []


@pytest.mark.parametrize("size", [1, 2, 3, None])
def test_a_parametrised_global_phase_is_right_where_aer_is_not(backend, aer, size):
    """Aer gives set j the phase of set j-1; the truth is a run of bound circuits."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, name="phase", global_phase=angle / 2)
    circuit.rz(angle, 0)
    circuit.save_statevector()
    values = [0.1, 0.2, 0.3, 0.4, 0.5]
    ours = backend.run(circuit, [{angle: values}], max_job_size=size, seed_simulator=1).result()
    bound = [circuit.assign_parameters([value]) for value in values]
    theirs = aer.run(bound, seed_simulator=1).result()
    for index in range(5):
        assert np.array_equal(ours.get_statevector(index).data, theirs.get_statevector(index).data)
        assert ours.results[index].header["name"] == "phase"
    wrong = aer.run(circuit, [{angle: values}], seed_simulator=1).result()
    assert not np.allclose(wrong.get_statevector(1).data, theirs.get_statevector(1).data)


@pytest.mark.parametrize("size", [1, 2, None])
def test_parameters_of_controlled_gates_are_right_where_aer_is_not(backend, aer, size):
    """Aer overlooks them and simulates the angle 0; the truth is a run of bound circuits."""
    angle = Parameter("angle")
    for gate in (
        CPhaseGate(angle), CRXGate(angle), CRYGate(2 * angle), CRZGate(angle), CUGate(angle, angle, 0.1, 0.2),
        CU1Gate(angle), CU3Gate(angle, 0.1, angle), MCPhaseGate(angle, 2), CPhaseGate(angle, ctrl_state=0),
    ):  # fmt: skip
        circuit = QuantumCircuit(3)
        circuit.h([0, 1, 2])
        circuit.append(gate, range(gate.num_qubits))
        with circuit.if_test(expr.lift(True)):
            circuit.append(gate, reversed(range(gate.num_qubits)))
        circuit.h([0, 1, 2])
        circuit.measure_all()
        values = [0.4, 1.1, 2.7]
        options = {"seed_simulator": 3, "shots": 400}
        ours = backend.run(circuit, [{angle: values}], max_job_size=size, **options).result()
        # Qiskit 2.6 shares the blocks between copies, and assigned values with them.
        message = pickle.dumps(circuit)
        bound = [pickle.loads(message).assign_parameters([value]) for value in values]
        theirs = aer.run(bound, **options).result()
        assert [r.data.counts for r in ours.results] == [r.data.counts for r in theirs.results], gate.name
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.cp(angle, 0, 1)
    circuit.save_statevector()
    wrong = aer.run(circuit, [{angle: [0.4]}]).result().get_statevector()
    assert np.allclose(wrong.data, 0.5)  # once Aer sees the angle, such rows need no binding


@pytest.mark.parametrize("size", [1, 2, None])
def test_counts_do_not_depend_on_a_parametrised_global_phase(backend, aer, same, size):
    angle, other = Parameter("angle"), Parameter("other")
    circuit = QuantumCircuit(2, global_phase=angle + other)  # other is in the phase alone
    circuit.rx(angle, 0)
    circuit.cx(0, 1)
    circuit.measure_all()
    binds = [{angle: [0.3, 0.6, 0.9, 1.2, 1.5], other: [1, 2, 3, 4, 5]}]
    options = {"seed_simulator": 5, "shots": 200, "memory": True}
    ours = backend.run(circuit, binds, max_job_size=size, **options).result()
    theirs = aer.run(circuit, binds, **options).result()
    assert len(ours.results) == 5
    assert [r.data.memory for r in ours.results] == [r.data.memory for r in theirs.results]


def test_aers_seed_rule(aer):
    """If Aer changes its stride between experiments, this fails before any parity test is puzzling."""
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    together = aer.run([circuit] * 4, seed_simulator=100, shots=50, memory=True).result()
    for index in range(4):
        alone = aer.run(circuit, seed_simulator=100 + 2113 * index, shots=50, memory=True).result()
        assert alone.get_memory() == together.get_memory(index)
        assert together.results[index].seed_simulator == 100 + 2113 * index


def test_options_that_decide_the_answer(backend, aer, same):
    circuit = QuantumCircuit(16, 16)
    for qubit in range(15):
        circuit.h(qubit)
        circuit.cx(qubit, qubit + 1)
        circuit.rx(0.1 * qubit, qubit)
    circuit.save_expectation_value(Pauli("Z" * 16), range(16))
    circuit.measure(range(16), range(16))
    for options in (
        {"fusion_enable": False},
        {"precision": "single"},
        {"enable_truncation": False},
        {"method": "matrix_product_state", "matrix_product_state_max_bond_dimension": 4},
        {"fusion_threshold": 2, "fusion_max_qubit": 3, "zero_threshold": 1e-12},
    ):
        options |= {"seed_simulator": 4, "shots": 50, "memory": True}
        batch = [circuit, circuit.copy(name="second"), QuantumCircuit(2, 2)]
        same(backend.run(batch, max_job_size=1, **options).result(), aer.run(batch, **options).result())


@pytest.mark.parametrize("size", [1, 2])
def test_the_widest_circuit_decides_for_all(backend, aer, same, size):
    """Classical bits anywhere in Aer's batch give each circuit counts; without truncation, each is as wide."""
    measured = QuantumCircuit(1, 1)
    measured.measure(0, 0)
    saved = QuantumCircuit(2)
    saved.h(0)
    saved.save_statevector()
    batch = [measured, saved, QuantumCircuit(3, 5)]
    options = {"seed_simulator": 1, "shots": 30, "memory": True}
    same(backend.run(batch, max_job_size=size, **options).result(), aer.run(batch, **options).result())

    small, big = QuantumCircuit(2, 2), QuantumCircuit(5, 5)
    for circuit in (small, big):
        circuit.h(range(circuit.num_qubits))
        circuit.measure(range(circuit.num_qubits), range(circuit.num_qubits))
    options |= {"enable_truncation": False, "noise_model": NOISE["pauli"]}
    same(backend.run([big, small], max_job_size=1, **options).result(), aer.run([big, small], **options).result())


@pytest.mark.parametrize("delay", [(200, "us"), (1.5, "us"), (0.1, "ms"), (3000, "dt"), (20, "ns"), (1e-4, "s")])
def test_delays_keep_their_unit(provider, same, delay):
    """With a device's noise a delay decays; QPY of qiskit 2.6.2 loses every unit but dt."""
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    circuit = QuantumCircuit(1, 1)
    circuit.sx(0)
    circuit.delay(delay[0], 0, unit=delay[1])
    circuit.sx(0)
    circuit.measure(0, 0)
    ours = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2())
    theirs = AerSimulator.from_backend(FakeManilaV2(), max_parallel_threads=1)
    options = {"seed_simulator": 1, "shots": 200, "memory": True}
    same(ours.run(circuit, **options).result(), theirs.run(circuit, **options).result())


def test_without_a_seed_one_is_drawn_once_and_recorded(backend, aer, same):
    circuit = QuantumCircuit(3, 3)
    circuit.h(range(3))
    circuit.measure(range(3), range(3))
    first = backend.run([circuit] * 6, memory=True, max_job_size=2).result()
    second = backend.run([circuit] * 6, memory=True, max_job_size=2).result()
    assert first.get_memory(0) != second.get_memory(0)
    seed = first.metadata["base_seed"]
    same(first, aer.run([circuit] * 6, memory=True, seed_simulator=seed).result())
