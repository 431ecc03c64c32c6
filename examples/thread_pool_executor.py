"""Aer's ``executor`` and ``max_job_size``, which qiskit-aer itself ignores since 0.15, at work."""

from concurrent.futures import ThreadPoolExecutor
from math import pi

from qiskit import QuantumCircuit

from qiskit_cluster_provider import ClusterProvider

circuit = QuantumCircuit(3, name="phased")
circuit.h(0)
circuit.cx(0, 1)
circuit.cx(1, 2)
circuit.p(pi / 2, 2)
circuit.measure_all()

with ClusterProvider() as provider, ThreadPoolExecutor(max_workers=2) as executor:
    backend = provider.get_backend("aer-local")  # in the place of AerSimulator()
    backend.set_options(executor=executor)
    backend.set_options(max_job_size=1)
    job = backend.run([circuit, circuit.copy(), circuit.copy()], seed_simulator=7)
    result = job.result()

for counts, piece in zip(result.get_counts(), job.slices(), strict=True):
    print(f"slice {piece.index}: {counts}")
assert len(job.slices()) == 3
