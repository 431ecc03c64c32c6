"""qiskit-algorithms on the cluster's primitives: what it finds is what it finds on Aer's."""

import numpy as np
import pytest
from qiskit import generate_preset_pass_manager
from qiskit.circuit.library import n_local
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import primitives as aer

from qiskit_cluster_provider import EstimatorV2, SamplerV2

pytest.importorskip("qiskit_algorithms", reason="pip install 'qiskit-cluster-provider[integrations]'")

from qiskit_algorithms import QAOA, VQE, NumPyMinimumEigensolver
from qiskit_algorithms.gradients import (
    LinCombEstimatorGradient,
    ParamShiftEstimatorGradient,
    ParamShiftSamplerGradient,
)
from qiskit_algorithms.optimizers import COBYLA, SLSQP

H2 = SparsePauliOp.from_list(
    [
        ("II", -1.052373245772859),
        ("IZ", 0.39793742484318045),
        ("ZI", -0.39793742484318045),
        ("ZZ", -0.01128010425623538),
        ("XX", 0.18093119978423156),
    ]
)
# A square with one diagonal: {0, 3} against {1, 2} cuts all edges but the diagonal.
EDGES = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
MAX_CUT = SparsePauliOp.from_sparse_list([("ZZ", edge, 0.5) for edge in EDGES], num_qubits=4)
ANSATZ = n_local(2, "ry", "cz", reps=1)
START = [0.1, -0.2, 0.3, 0.4]


def vqe(estimator, gradient):
    """The result, and the energy of each step."""
    energies = []
    solver = VQE(
        estimator,
        ANSATZ,
        SLSQP(maxiter=30),
        gradient=ParamShiftEstimatorGradient(estimator) if gradient else None,
        initial_point=START,
        callback=lambda step, point, energy, metadata: energies.append(energy),
    )
    return solver.compute_minimum_eigenvalue(H2, aux_operators={"parity": SparsePauliOp("ZZ")}), energies


# Differences of 1e-16 in an energy are some 1e-8 in a slope over SLSQP's step of 1.5e-8, and no more than its own
# tolerance of 1e-6 in the energy where it stops. Shifted parameters do not amplify them.
@pytest.mark.parametrize(("gradient", "atol"), [(True, 1e-9), (False, 1e-6)], ids=["shifts", "differences"])
def test_vqe(backend, gradient, atol):
    ours, our_energies = vqe(EstimatorV2(mode=backend), gradient)
    theirs, their_energies = vqe(aer.EstimatorV2(), gradient)
    assert our_energies[0] == pytest.approx(their_energies[0], abs=1e-12)
    assert ours.eigenvalue == pytest.approx(theirs.eigenvalue, abs=atol)
    assert ours.aux_operators_evaluated["parity"][0] == pytest.approx(
        theirs.aux_operators_evaluated["parity"][0], abs=np.sqrt(atol)
    )
    exact = NumPyMinimumEigensolver().compute_minimum_eigenvalue(H2).eigenvalue.real
    assert ours.eigenvalue == pytest.approx(exact, abs=1e-4)


def test_gradients_of_estimates(backend):
    """Of two circuits in one job, one of them with some of its parameters only."""
    circuits, operators, points = [ANSATZ] * 2, [H2, SparsePauliOp("ZX")], [START, [0.5] * 4]
    parameters = [None, list(ANSATZ.parameters)[1:3]]
    ours, theirs = (
        ParamShiftEstimatorGradient(estimator).run(circuits, operators, points, parameters).result().gradients
        for estimator in (EstimatorV2(mode=backend), aer.EstimatorV2())
    )
    assert [len(gradient) for gradient in ours] == [4, 2]
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, its, rtol=0, atol=1e-9)
    assert np.abs(ours[0]).max() > 0.1


def test_gradients_of_linear_combinations(backend):
    """They ask the estimator for its ``default_precision``, which Aer's does not have."""
    ours = LinCombEstimatorGradient(EstimatorV2(mode=backend)).run([ANSATZ], [H2], [START]).result()
    theirs = ParamShiftEstimatorGradient(aer.EstimatorV2()).run([ANSATZ], [H2], [START]).result()
    np.testing.assert_allclose(ours.gradients[0], theirs.gradients[0], rtol=0, atol=1e-9)
    assert ours.precision == 0


def qaoa(sampler, backend):
    """The result, and the energy of each step."""
    energies = []
    solver = QAOA(
        sampler,
        COBYLA(maxiter=15),
        reps=2,
        initial_point=[0.3, 0.6, 0.7, 0.2],
        callback=lambda step, point, energy, metadata: energies.append(energy),
        transpiler=generate_preset_pass_manager(1, backend=backend, seed_transpiler=1),
    )
    return solver.compute_minimum_eigenvalue(MAX_CUT), energies


def test_qaoa(backend):
    ours, our_energies = qaoa(SamplerV2(mode=backend, seed=11), backend)
    theirs, their_energies = qaoa(aer.SamplerV2(seed=11), backend)
    assert our_energies == their_energies
    assert ours.eigenstate == theirs.eigenstate
    assert ours.best_measurement == theirs.best_measurement
    assert ours.best_measurement["bitstring"] in ("1001", "0110")


def test_gradients_of_samples(backend):
    circuit = ANSATZ.measure_all(inplace=False)
    ours, theirs = (
        ParamShiftSamplerGradient(sampler).run([circuit], [START]).result().gradients
        for sampler in (SamplerV2(mode=backend, seed=3), aer.SamplerV2(seed=3))
    )
    assert ours == theirs
    assert len(ours[0]) == 4
