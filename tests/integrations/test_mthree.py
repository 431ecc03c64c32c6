"""mthree calibrates itself on a ClusterBackend, and corrects what it counted."""

import numpy as np
import pytest
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

mthree = pytest.importorskip("mthree", reason="pip install 'qiskit-cluster-provider[integrations]'")

QUBITS = [3, 2, 1]


def ghz():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    return circuit


def corrected(backend, **options):
    """The calibrations, the counts and the corrected quasi-probabilities of a GHZ state."""
    mitigation = mthree.M3Mitigation(backend)
    mitigation.cals_from_system(QUBITS, shots=4000, **options)
    circuit = transpile(ghz(), backend, initial_layout=QUBITS, seed_transpiler=1)
    counts = backend.run(circuit, shots=4000).result().get_counts()
    quasi = mitigation.apply_correction(counts, QUBITS, return_mitigation_overhead=True)
    return mitigation.cals_to_matrices(), counts, quasi


@pytest.mark.parametrize("options", [{}, {"method": "balanced"}, {"method": "marginal", "async_cal": False}], ids=str)
def test_readout_noise(provider, options):
    noise_model = NoiseModel()
    wrong = {1: (0.02, 0.06), 2: (0.05, 0.1), 3: (0.01, 0.03)}
    for qubit, (p10, p01) in wrong.items():
        noise_model.add_readout_error(ReadoutError([[1 - p10, p10], [p01, 1 - p01]]), [qubit])
    both = {"noise_model": noise_model, "coupling_map": [[0, 1], [1, 2], [2, 3]], "seed_simulator": 4}
    ours, our_counts, our_quasi = corrected(provider.get_backend("aer-local", workers=2, **both), **options)
    theirs, their_counts, their_quasi = corrected(AerSimulator(**both), **options)
    assert our_counts == their_counts
    assert our_quasi == their_quasi
    assert ours[0] is theirs[0] is None
    for qubit, (p10, p01) in wrong.items():
        np.testing.assert_array_equal(ours[qubit], theirs[qubit])
        # Five standard errors of 4000 shots.
        np.testing.assert_allclose(
            ours[qubit], [[1 - p10, p01], [p10, 1 - p01]], rtol=0, atol=5 * 0.3 / np.sqrt(4000)
        )
    raw = (our_counts["000"] + our_counts["111"]) / 4000
    assert raw < 0.9
    assert our_quasi["000"] + our_quasi["111"] == pytest.approx(1, abs=0.03)
    assert our_quasi.expval_and_stddev()[1] > 0


def test_fake_device(provider):
    backend = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2(), seed_simulator=4)
    ours, our_counts, our_quasi = corrected(backend)
    theirs, their_counts, their_quasi = corrected(AerSimulator.from_backend(FakeManilaV2(), seed_simulator=4))
    assert our_counts == their_counts
    assert our_quasi == their_quasi
    for qubit in QUBITS:
        np.testing.assert_array_equal(ours[qubit], theirs[qubit])
        assert 0.5 < ours[qubit][0, 0] < 1
    mitigated = our_quasi["000"] + our_quasi["111"]
    assert mitigated > (our_counts["000"] + our_counts["111"]) / 4000
