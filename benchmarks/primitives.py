"""PUBs that users run, and the primitives that can run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit.library import efficient_su2, zz_feature_map
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator, primitives

from qiskit_cluster_provider import EstimatorV2, SamplerV2

BASE = "qiskit_aer.primitives, 1 thread"
SEED = 7
SHOTS = 1000


@dataclass(frozen=True)
class Pubs:
    """One call of a primitive: of the estimator if its PUBs have observables."""

    name: str
    pubs: list[Any]
    experiments: int
    estimates: bool = False


def sweep(pubs: int, sets: int) -> Pubs:
    """PUBs of one circuit, each with an array of parameter sets."""
    circuit = efficient_su2(5, reps=2).decompose()
    circuit.measure_all()
    rng = np.random.default_rng(1)
    found = [(circuit, rng.uniform(-np.pi, np.pi, (sets, circuit.num_parameters))) for _ in range(pubs)]
    return Pubs(f"sampler: {pubs} PUBs of {sets} sets, 5 qubits", found, pubs * sets)


def kernel(points: int) -> Pubs:
    """A quantum kernel: one PUB for each pair of points, all of one circuit."""
    feature_map = zz_feature_map(10, reps=1).decompose()
    overlap = feature_map.compose(feature_map.inverse())
    overlap.measure_all()
    rng = np.random.default_rng(1)
    pairs = points * (points - 1) // 2
    found = [(overlap, rng.uniform(0, 1, overlap.num_parameters)) for _ in range(pairs)]
    return Pubs(f"sampler: kernel of {points} points, 10 qubits", found, pairs)


def gradient(qubits: int, terms: int) -> Pubs:
    """The energy at all points that a gradient needs: one PUB."""
    circuit = efficient_su2(qubits, reps=2).decompose()
    rng = np.random.default_rng(1)
    labels = ["".join(rng.choice(list("IXYZ"), qubits)) for _ in range(terms)]
    energy = SparsePauliOp(labels, rng.normal(size=terms)).simplify()
    sets = 2 * circuit.num_parameters
    pub = (circuit, energy, rng.uniform(-np.pi, np.pi, (sets, circuit.num_parameters)))
    return Pubs(f"estimator: gradient, {sets} sets, {terms} Paulis, {qubits} qubits", [pub], sets, True)


QUICK = [lambda: sweep(20, 20), lambda: kernel(10), lambda: gradient(6, 100)]
FULL = [lambda: sweep(500, 20), lambda: kernel(30), lambda: gradient(10, 300)]


def contenders(backend: Any) -> dict[str, Callable[[Pubs], Any]]:
    """Name -> what runs the PUBs and waits."""

    def aer(**backend_options: Any) -> Callable[[Pubs], Any]:
        def run(work: Pubs) -> Any:
            options: dict[str, Any] = {"backend_options": backend_options}
            if work.estimates:
                estimator = primitives.EstimatorV2(options={**options, "run_options": {"seed_simulator": SEED}})
                return estimator.run(work.pubs).result()
            return primitives.SamplerV2(seed=SEED, default_shots=SHOTS, options=options).run(work.pubs).result()

        return run

    def ours(work: Pubs) -> Any:
        if work.estimates:
            return EstimatorV2(backend, options={"run_options": {"seed_simulator": SEED}}).run(work.pubs).result()
        return SamplerV2(backend, seed=SEED, default_shots=SHOTS).run(work.pubs).result()

    def generic(work: Pubs) -> Any:
        simulator = AerSimulator(max_parallel_threads=1)
        if work.estimates:
            return BackendEstimatorV2(backend=simulator).run(work.pubs, precision=SHOTS**-0.5).result()
        sampler = BackendSamplerV2(backend=simulator, options={"default_shots": SHOTS})
        return sampler.run(work.pubs).result()

    return {
        BASE: aer(max_parallel_threads=1),
        "qiskit-cluster-provider": ours,
        "qiskit_aer.primitives, its defaults": aer(),
        "Backend…V2 of Qiskit on AerSimulator": generic,
    }
