"""Run a batch of circuits on all cores, and check the answer against one AerSimulator."""

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_cluster_provider import ClusterProvider


def ghz(qubits: int) -> QuantumCircuit:
    """A GHZ state, measured."""
    circuit = QuantumCircuit(qubits, name=f"ghz-{qubits}")
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


circuits = [ghz(qubits) for qubits in range(2, 12)]

with ClusterProvider() as provider:
    backend = provider.get_backend("aer-local")
    job = backend.run(circuits, shots=1000, seed_simulator=7)
    result = job.result()

for circuit, counts in zip(circuits, result.get_counts(), strict=True):
    print(f"{circuit.name:8} {counts}")
print(job.progress())

local = AerSimulator().run(circuits, shots=1000, seed_simulator=7).result()
assert result.get_counts() == local.get_counts()
print("the same counts as one AerSimulator")
