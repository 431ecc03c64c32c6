"""Large arrays in results, by every way that they may come: identical to Aer's, and the reader's own."""

import os
import pickle

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.wire import Mailbox

WAYS = ["handed over", "with the message", "here"]


def prepared(qubits, clbits=0, name="saved"):
    rng = np.random.default_rng(qubits)
    circuit = QuantumCircuit(qubits, clbits, name=name)
    for qubit in range(qubits):
        circuit.ry(rng.random(), qubit)
        circuit.cx(qubit, (qubit + 1) % qubits)
    return circuit


def statevectors():
    batch = []
    for qubits in (14, 3, 17, 13):
        circuit = prepared(qubits)
        circuit.save_statevector("half")
        circuit.h(0)
        circuit.save_statevector()
        batch.append(circuit)
    return batch, {}


def density_matrix():
    circuit = prepared(8)
    circuit.save_density_matrix()
    return circuit, {"method": "density_matrix"}


def unitary():
    circuit = prepared(8)
    circuit.save_unitary()
    return circuit, {"method": "unitary"}


def superop():
    circuit = prepared(4)
    circuit.save_superop()
    return circuit, {"method": "superop"}


def probabilities():
    circuit = prepared(16)
    circuit.save_probabilities()
    circuit.save_probabilities_dict(range(5), label="five")
    circuit.save_amplitudes(list(range(2**15)))
    return circuit, {}


def by_shot():
    circuit = prepared(13, 1)
    circuit.measure(0, 0)
    circuit.save_statevector("all", pershot=True)
    circuit.save_statevector("by outcome", conditional=True)
    circuit.save_density_matrix([0, 1], label="mean")
    return circuit, {"shots": 6}


def by_ranges_of_shots():
    circuit = prepared(13, 1)
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.save_statevector("all", pershot=True)
    circuit.save_statevector("by outcome", conditional=True, pershot=True)
    return circuit, {"shots": 6, "method": "statevector", "max_shot_size": 2}


def zeros():
    circuit = QuantumCircuit(18, name="zeros")
    circuit.x(3)
    circuit.save_statevector()
    return circuit, {"method": "statevector"}


def single():
    circuit = prepared(16)
    circuit.save_statevector()
    return circuit, {"precision": "single"}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    if request.param == "with the message":
        monkeypatch.setattr(Mailbox, "open", lambda: None)
    if request.param == "handed over" and not hasattr(os, "memfd_create"):
        pytest.skip("files without a name are Linux's")
    return {"placement": "here" if request.param == "here" else "cluster"}


@pytest.mark.parametrize(
    "make",
    [statevectors, density_matrix, unitary, superop, probabilities, by_shot, by_ranges_of_shots, zeros, single],
    ids=lambda make: make.__name__,
)
def test_saved_quantities(backend, aer, way, make):
    circuits, options = make()
    options = {"shots": 1, "seed_simulator": 7, **options}
    plain = {name: value for name, value in options.items() if name != "max_shot_size"}
    assert differences(backend.run(circuits, **options, **way).result(), aer.run(circuits, **plain).result()) == []


def test_memory_of_many_shots(backend, aer, way):
    circuit = prepared(10)
    circuit.measure_all()
    options = {"shots": 300_000, "memory": True, "seed_simulator": 7}
    assert differences(backend.run(circuit, **options, **way).result(), aer.run(circuit, **options).result()) == []


def test_each_reader_has_an_array_of_its_own(backend, way):
    circuit = prepared(18)
    circuit.save_statevector()
    job = backend.run(circuit, **way)
    first = job.result().get_statevector().data
    before = first.copy()
    second = job.partial_result().get_statevector().data
    first[:] = 0
    third = pickle.loads(pickle.dumps(job.partial_result())).get_statevector().data
    assert not first.any()
    assert np.array_equal(second, before)
    assert np.array_equal(third, before)


def test_a_fork_reads_what_its_parent_has(backend, way):
    circuit = prepared(18)
    circuit.save_statevector()
    result = backend.run(circuit, **way).result()
    pid = os.fork()
    if not pid:
        os._exit(0 if norm_of(result) > 0.9 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert norm_of(result) > 0.9


def norm_of(result):
    return np.linalg.norm(result.get_statevector().data)
