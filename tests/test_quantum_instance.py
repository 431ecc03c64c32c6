"""QuantumInstance: as it was, on the cluster."""

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_cluster_provider import QuantumInstance
from qiskit_cluster_provider.errors import ClusterConfigError, UnknownOptionError


def star(qubits=4):
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(1, qubits):
        circuit.cx(0, qubit)
    circuit.measure_all()
    return circuit


def test_execute_transpiles_and_runs(provider, same):
    backend = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2())
    instance = QuantumInstance(backend, shots=100, seed_simulator=3, seed_transpiler=5, optimization_level=1)
    circuit = star()
    ready = instance.transpile(circuit)
    assert ready == [transpile(circuit, backend, seed_transpiler=5, optimization_level=1)]
    assert set(ready[0].count_ops()) <= set(backend.operation_names) | {"barrier"}
    result = instance.execute([circuit, circuit])
    assert [sum(counts.values()) for counts in result.get_counts()] == [100, 100]
    same(result, backend.run(ready * 2, shots=100, seed_simulator=3).result())
    same(result, instance.execute(ready * 2, had_transpiled=True))


def test_options_are_checked(backend):
    with pytest.raises(UnknownOptionError, match="'max_job_size'"):
        QuantumInstance(backend, max_job_sise=3)
    with pytest.raises(ClusterConfigError, match="shots"):
        QuantumInstance(backend, shots=0)
    with pytest.raises(TypeError, match="name of one"):
        QuantumInstance(FakeManilaV2())
    instance = QuantumInstance(backend, max_job_size=1, shots=10)
    assert instance.execute([star()] * 3).metadata["slices"] == 3
    assert repr(instance) == "QuantumInstance('aer-local', shots=10, max_job_size=1)"
