"""The energy of an ansatz at many points, and its most probable outcome, with both primitives."""

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qiskit_cluster_provider import ClusterProvider, EstimatorV2, SamplerV2

QUBITS = 6
energy = SparsePauliOp.from_sparse_list(
    [("ZZ", [i, i + 1], -1.0) for i in range(QUBITS - 1)] + [("X", [i], -0.5) for i in range(QUBITS)],
    num_qubits=QUBITS,
)
ansatz = efficient_su2(QUBITS, reps=2).decompose()
points = np.random.default_rng(7).uniform(-np.pi, np.pi, (500, ansatz.num_parameters))

with ClusterProvider() as provider:
    backend = provider.get_backend("aer-local")
    job = EstimatorV2(mode=backend).run([(ansatz, energy, points)])
    energies = job.result()[0].data.evs
    print(f"{job.progress()}: lowest of {len(energies)} energies {energies.min():.3f}")

    best = points[energies.argmin()]
    sampler = SamplerV2(mode=backend, default_shots=2000, seed=7)
    bits = sampler.run([(ansatz.measure_all(inplace=False), best)]).result()[0].data.meas

outcome, count = max(bits.get_counts().items(), key=lambda entry: entry[1])
print(f"most probable outcome there: {outcome} ({count} of {bits.num_shots} shots)")
assert energies.min() >= np.linalg.eigvalsh(energy.to_matrix()).min()
