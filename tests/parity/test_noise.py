"""The part of a noise model that travels gives the numbers of the whole."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Delay
from qiskit.circuit.library import XGate, ZGate
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer import primitives as aer_primitives
from qiskit_aer.noise import NoiseModel, ReadoutError, amplitude_damping_error, depolarizing_error, pauli_error
from qiskit_aer.noise.passes import LocalNoisePass
from qiskit_ibm_runtime.fake_provider import FakeAlgiers

from qiskit_cluster_provider import EstimatorV2
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.testing import differences, pub_differences

from .oracle import wrong

METHODS = ["automatic", "statevector", "density_matrix", "matrix_product_state"]


@pytest.fixture(scope="module")
def device():
    return NoiseModel.from_backend(FakeAlgiers())


def sent(noise_model, *circuits):
    options = {"shots": 10, "noise_model": noise_model}
    return prepare(list(circuits), None, RunSettings(options, SliceOptions())).noise_model


@st.composite
def circuits(draw, qubits=27):
    """On a few neighbours anywhere on the device, with feedback now and then."""
    width = draw(st.integers(1, 3))
    first = draw(st.integers(0, qubits - width))
    circuit = QuantumCircuit(qubits, width, name="drawn")
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(["sx", "x", "rz", "cx", "reset", "if"]))
        qubit = first + draw(st.integers(0, width - 1))
        if name == "rz":
            circuit.rz(draw(st.floats(-3, 3)), qubit)
        elif name == "cx" and width > 1:
            other = first + (qubit - first + 1) % width
            circuit.cx(qubit, other)
        elif name == "if":
            circuit.measure(qubit, 0)
            with circuit.if_test((circuit.clbits[0], 1)):
                circuit.x(first)
        elif name != "cx":
            getattr(circuit, name)(qubit)
    circuit.measure(range(first, first + width), range(width))
    return circuit


@settings(max_examples=12)
@given(batch=st.lists(circuits(), min_size=1, max_size=3), method=st.sampled_from(METHODS), seed=st.integers(0, 99))
def test_a_device_model(device, backend, batch, method, seed):
    options = {"shots": 64, "seed_simulator": seed, "method": method, "noise_model": device, "memory": True}
    ours = backend.run(batch, max_job_size=1, **options).result()
    assert wrong(ours, batch, options, loses_gates=True) == []


def errors(draw_kraus):
    yield pauli_error([("X", 0.1), ("I", 0.9)])
    yield depolarizing_error(0.05, 1)
    if draw_kraus:
        yield amplitude_damping_error(0.2)


@settings(max_examples=30)
@given(data=st.data(), method=st.sampled_from([*METHODS, "stabilizer"]))
def test_models_of_all_sorts(backend, data, method):
    """Kraus errors near and far, for all qubits and for one: they decide by which path shots are sampled."""
    kinds = list(errors(data.draw(st.booleans())) if method != "stabilizer" else errors(False))
    model = NoiseModel()
    if data.draw(st.booleans()):
        model.add_all_qubit_quantum_error(data.draw(st.sampled_from(kinds)), ["h"])
    for qubit in data.draw(st.lists(st.integers(0, 4), max_size=4, unique=True)):
        model.add_quantum_error(data.draw(st.sampled_from(kinds)), ["x", "s"], [qubit], warnings=False)
    for qubit in data.draw(st.lists(st.integers(0, 4), max_size=2, unique=True)):
        model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [qubit])
    circuit = QuantumCircuit(5, 2)
    for name, qubit in data.draw(
        st.lists(st.tuples(st.sampled_from(["h", "x", "s"]), st.integers(0, 1)), min_size=1, max_size=8)
    ):
        getattr(circuit, name)(qubit)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    options = {"shots": 50, "seed_simulator": 5, "method": method, "noise_model": model, "memory": True}
    ours = backend.run([circuit], **options).result()
    assert differences(ours, AerSimulator(max_parallel_threads=1).run([circuit], **options).result()) == []


@pytest.mark.slow
def test_readouts_of_an_estimator_meet_more_than_the_circuit(device, backend):
    """Measurements that an estimator adds stand on qubits on which the circuit does nothing."""
    circuit = QuantumCircuit(4)
    circuit.sx(0)
    operator = SparsePauliOp(["ZIIZ", "XIII", "IYII"], [1.0, 0.5, 0.25])
    for estimation in ("exact", "shots"):
        found = [
            EstimatorV2(
                backend,
                options={
                    "backend_options": {"noise_model": noise, "method": "density_matrix"},
                    "run_options": {"seed_simulator": 4},
                    "estimation": estimation,
                },
            )
            .run([(circuit, operator)], precision=0.0 if estimation == "exact" else 0.05)
            .result()
            for noise in (device, _whole(device))
        ]
        assert pub_differences(*found) == []
    options = {
        "backend_options": {"noise_model": device, "method": "density_matrix"},
        "run_options": {"seed_simulator": 4},
    }
    theirs = aer_primitives.EstimatorV2(options=options).run([(circuit, operator)], precision=0.0).result()
    ours = EstimatorV2(backend, options=options).run([(circuit, operator)], precision=0.0).result()
    assert np.allclose(ours[0].data.evs, theirs[0].data.evs, rtol=1e-12)


def _whole(model):
    """A model that is sent as it is, since it has something that nobody knows."""
    copy = pickle.loads(pickle.dumps(model))
    copy.of_a_later_release = True
    return copy


def test_little_of_a_device_travels(device):
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    part = sent(device, circuit)
    assert len(pickle.dumps(part)) < len(pickle.dumps(device)) / 10
    assert part.basis_gates == device.basis_gates
    assert set(part._local_readout_errors) == {(0,), (1,)}


def test_the_users_model_stays_as_it_is_and_ours_too():
    model = NoiseModel()
    model.add_quantum_error(depolarizing_error(0.1, 1), ["x"], [0])
    model.add_quantum_error(amplitude_damping_error(0.1), ["x"], [1])
    before = model.to_dict()
    circuit = QuantumCircuit(1)
    circuit.x(0)
    part = sent(model, circuit)
    assert model.to_dict() == before
    model.add_quantum_error(depolarizing_error(0.5, 1), ["h"], [0])
    model.add_readout_error(ReadoutError([[0.5, 0.5], [0.5, 0.5]]), [0])
    assert "h" not in part._local_quantum_errors
    assert not part._local_readout_errors


def test_one_of_each_sort_stays():
    """Without the Kraus error far away, Aer would sample by another path."""
    model = NoiseModel()
    model.add_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), ["x"], [0])
    for qubit in range(5, 9):
        model.add_quantum_error(amplitude_damping_error(0.1), ["x"], [qubit])
        model.add_readout_error(ReadoutError([[0.9, 0.1], [0.1, 0.9]]), [qubit])
    circuit = QuantumCircuit(1)
    circuit.x(0)
    part = sent(model, circuit)
    assert list(part._local_quantum_errors["x"]) == [(0,), (5,)]
    assert list(part._local_readout_errors) == [(5,)]


@pytest.mark.slow
def test_what_a_later_release_adds_is_sent_as_it_is(device):
    whole = _whole(device)
    circuit = QuantumCircuit(1)
    circuit.x(0)
    assert sent(whole, circuit) == whole


def flipped(probability):
    return pauli_error([("X", probability), ("I", 1 - probability)])


def in_place(model):
    model._default_quantum_errors["x"].probabilities[:] = [0.0, 1.0]


def longer(model):
    for circuit in model._default_quantum_errors["x"].circuits:
        circuit.x(0)


def readout(model):
    model._local_readout_errors[(0,)].probabilities[:] = np.eye(2)


@pytest.mark.parametrize("change", [in_place, longer, readout])
def test_what_is_changed_inside_a_model_is_noticed(backend, aer, same, change):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(flipped(0.3), "x")
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [0])
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    options = {"noise_model": model, "shots": 100, "seed_simulator": 1, "memory": True}
    answers = []
    for _ in range(2):
        for _ in range(3):  # until everything is remembered
            ours = backend.run([circuit], **options).result()
        same(ours, aer.run([circuit], **options).result())
        answers.append(ours.get_memory())
        change(model)
    assert answers[0] != answers[1]


def test_a_pass_of_the_users_own_may_depend_on_anything(backend, aer, same):
    state = {}
    model = NoiseModel()
    model._custom_noise_passes.append(LocalNoisePass(lambda op, qubits: state["after"], op_types=[Delay]))
    model.add_all_qubit_quantum_error(flipped(0.1), "h")
    circuit = QuantumCircuit(1, 1)
    circuit.delay(10, 0)
    circuit.measure(0, 0)
    options = {"noise_model": model, "shots": 10, "seed_simulator": 1, "memory": True}
    answers = []
    for gate in (ZGate(), XGate()):
        state["after"] = gate
        ours = backend.run([circuit], **options).result()
        same(ours, aer.run([circuit], **options).result())
        answers.append(ours.get_memory())
    assert answers[0] != answers[1]
