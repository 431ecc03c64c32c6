"""How much of a GHZ state is left for several strengths of noise: many jobs at once on one cluster."""

from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_cluster_provider import ClusterProvider

SHOTS = 2000
STRENGTHS = (0.0, 0.005, 0.01, 0.02, 0.05)
SIZES = range(2, 9)


def ghz(qubits: int) -> QuantumCircuit:
    """A GHZ state, measured."""
    circuit = QuantumCircuit(qubits, name=f"ghz-{qubits}")
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def depolarizing(strength: float) -> NoiseModel:
    """Depolarizing noise on each CX gate."""
    model = NoiseModel()
    if strength:
        model.add_all_qubit_quantum_error(depolarizing_error(strength, 2), ["cx"])
    return model


def population(counts: dict[str, int]) -> float:
    """Share of the shots in which all qubits agree."""
    return sum(n for bits, n in counts.items() if len(set(bits)) == 1) / SHOTS


circuits = [ghz(qubits) for qubits in SIZES]

with ClusterProvider() as provider:
    backend = provider.get_backend("aer-local", shots=SHOTS, seed_simulator=7)
    # run() returns at once: all jobs share the workers.
    jobs = {p: backend.run(circuits, noise_model=depolarizing(p)) for p in STRENGTHS}
    left = {p: [population(counts) for counts in job.result().get_counts()] for p, job in jobs.items()}

print("error per CX " + "".join(f"{n:>4} qubits" for n in SIZES))
for strength, shares in left.items():
    print(f"{strength:<13}" + "".join(f"{share:11.3f}" for share in shares))

assert all(share == 1.0 for share in left[0.0])
assert left[0.05][-1] < left[0.005][-1]
