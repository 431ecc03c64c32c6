"""qiskit-addon-cutting's tutorial "Gate Cutting to Reduce Circuit Width" with the cluster's sampler."""

import numpy as np
import pytest
from qiskit import generate_preset_pass_manager
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer import primitives as aer

from qiskit_cluster_provider import SamplerV2

pytest.importorskip("qiskit_addon_cutting", reason="pip install 'qiskit-cluster-provider[integrations]'")

from qiskit_addon_cutting import (
    generate_cutting_experiments,
    partition_problem,
    reconstruct_expectation_values,
)

SHOTS = 2**11


@pytest.fixture(scope="module")
def circuit():
    circuit = efficient_su2(4, entanglement="linear", reps=1)
    return circuit.assign_parameters([0.4] * circuit.num_parameters)


OBSERVABLE = SparsePauliOp(["ZZII", "IZZI", "-IIZZ", "XIXI", "ZIZZ", "IXIX"])


def reconstructed(sampler, subexperiments, coefficients, subobservables):
    """Each term of the observable, from each partition's experiments in a job of their own."""
    jobs = {label: sampler.run(circuits, shots=SHOTS) for label, circuits in subexperiments.items()}
    results = {label: job.result() for label, job in jobs.items()}
    return np.array(reconstruct_expectation_values(results, coefficients, subobservables))


def test_round_trip(backend, circuit):
    problem = partition_problem(circuit=circuit, partition_labels="AABB", observables=OBSERVABLE.paulis)
    subexperiments, coefficients = generate_cutting_experiments(
        circuits=problem.subcircuits, observables=problem.subobservables, num_samples=np.inf
    )
    pass_manager = generate_preset_pass_manager(1, backend=backend, seed_transpiler=1)
    isa = {label: pass_manager.run(circuits) for label, circuits in subexperiments.items()}
    assert sorted(isa) == ["A", "B"]
    ours, theirs = (
        reconstructed(sampler, isa, coefficients, problem.subobservables)
        for sampler in (SamplerV2(mode=backend, seed=21), aer.SamplerV2(seed=21))
    )
    np.testing.assert_array_equal(ours, theirs)
    # Six samples, each with a coefficient of 1/2 and two means of at most 1: four standard errors.
    error = np.sqrt(sum(coefficient**2 for coefficient, _ in coefficients) * 2 / SHOTS)
    exact = [Statevector(circuit).expectation_value(term).real for term in OBSERVABLE.paulis]
    np.testing.assert_allclose(ours, exact, rtol=0, atol=4 * error)
    value = np.dot(ours, OBSERVABLE.coeffs).real
    assert value == pytest.approx(np.dot(exact, OBSERVABLE.coeffs).real, abs=4 * error * np.sqrt(len(exact)))
    assert np.ptp(exact) > 4 * error
