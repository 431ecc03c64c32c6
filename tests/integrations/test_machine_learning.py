"""qiskit-machine-learning on the cluster's primitives: kernels and networks as on Aer's."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import primitives as aer

from qiskit_cluster_provider import EstimatorV2, SamplerV2

pytest.importorskip("qiskit_machine_learning", reason="pip install 'qiskit-cluster-provider[integrations]'")

from qiskit_machine_learning.algorithms import QSVC
from qiskit_machine_learning.kernels import FidelityQuantumKernel
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from qiskit_machine_learning.state_fidelities import ComputeUncompute

TRAIN = np.random.default_rng(1).uniform(0, 2 * np.pi, (5, 2))
LABELS = [0, 1, 0, 1, 1]
TEST = np.random.default_rng(2).uniform(0, 2 * np.pi, (3, 2))


def kernel(sampler, **options):
    feature_map = zz_feature_map(feature_dimension=2, reps=2, entanglement="linear")
    return FidelityQuantumKernel(fidelity=ComputeUncompute(sampler=sampler), feature_map=feature_map, **options)


@pytest.mark.parametrize("options", [{}, {"max_circuits_per_job": 3}, {"evaluate_duplicates": "all"}], ids=str)
def test_kernel_matrix(backend, options):
    options = {**options, "enforce_psd": False}  # its eigenvalues would hide which entries are estimates
    ours = kernel(SamplerV2(mode=backend, seed=5), **options).evaluate(TRAIN)
    theirs = kernel(aer.SamplerV2(seed=5), **options).evaluate(TRAIN)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ours, ours.T)
    assert len(np.unique(ours)) > 5


def test_kernel_between_sets_and_classifier(backend):
    ours, theirs = kernel(SamplerV2(mode=backend, seed=5)), kernel(aer.SamplerV2(seed=5))
    np.testing.assert_array_equal(ours.evaluate(TEST, TRAIN), theirs.evaluate(TEST, TRAIN))
    trained = [QSVC(quantum_kernel=one).fit(TRAIN, LABELS) for one in (ours, theirs)]
    scores = [one.decision_function(TEST) for one in trained]
    # One count more is 1e-3; LAPACK's eigenvalues may differ in their last bits.
    np.testing.assert_allclose(*scores, rtol=0, atol=1e-9)


def estimator_networks(backend, default_precision):
    circuit = QuantumCircuit(1)
    x, weight = Parameter("input1"), Parameter("weight1")
    circuit.h(0)
    circuit.ry(x, 0)
    circuit.rx(weight, 0)
    seeded = {"run_options": {"seed_simulator": 9}}
    return [
        EstimatorQNN(
            circuit=circuit,
            observables=[SparsePauliOp("Y"), SparsePauliOp(["Z", "X"], [0.5, -2])],
            input_params=[x],
            weight_params=[weight],
            estimator=estimator,
            input_gradients=True,
            default_precision=default_precision,
        )
        for estimator in (EstimatorV2(mode=backend, options=seeded), aer.EstimatorV2(options=seeded))
    ]


@pytest.mark.parametrize("default_precision", [0.0, 0.015625])
def test_estimator_network(backend, default_precision):
    ours, theirs = estimator_networks(backend, default_precision)
    inputs, weights = [[0.3], [1.2], [-0.7]], [0.4]
    forward = ours.forward(inputs, weights)
    assert forward.shape == (3, 2)
    np.testing.assert_allclose(forward, theirs.forward(inputs, weights), rtol=0, atol=1e-9)
    exact = estimator_networks(backend, 0.0)[1].forward(inputs, weights)
    assert np.allclose(forward, exact, rtol=0, atol=1e-9) == (default_precision == 0)
    for mine, its, shape in zip(
        ours.backward(inputs, weights), theirs.backward(inputs, weights), [(3, 2, 1)] * 2, strict=True
    ):
        assert mine.shape == shape
        np.testing.assert_allclose(mine, its, rtol=0, atol=1e-9)


def sampler_network(sampler, **options):
    circuit = QuantumCircuit(2)
    inputs, weights = ParameterVector("input", 2), ParameterVector("weight", 4)
    circuit.ry(inputs[0], 0)
    circuit.ry(inputs[1], 1)
    circuit.cx(0, 1)
    circuit.compose(real_amplitudes(2, reps=1).assign_parameters(weights), inplace=True)
    return SamplerQNN(circuit=circuit, input_params=inputs, weight_params=weights, sampler=sampler, **options)


@pytest.mark.parametrize(
    "options", [{}, {"interpret": lambda x: f"{x:b}".count("1") % 2, "output_shape": 2}], ids=["all", "parity"]
)
def test_sampler_network(backend, options):
    ours = sampler_network(SamplerV2(mode=backend, seed=5), input_gradients=True, **options)
    theirs = sampler_network(aer.SamplerV2(seed=5), input_gradients=True, **options)
    inputs, weights = [[0.3, 1.0], [1.2, -0.4]], [0.1, 0.7, -1.1, 0.5]
    forward = ours.forward(inputs, weights)
    np.testing.assert_array_equal(forward, theirs.forward(inputs, weights))
    np.testing.assert_allclose(forward.sum(axis=1), 1)
    assert np.ptp(forward) > 0.05
    for mine, its in zip(ours.backward(inputs, weights), theirs.backward(inputs, weights), strict=True):
        np.testing.assert_array_equal(mine, its)
        assert np.abs(mine).max() > 0.05
