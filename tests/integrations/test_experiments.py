"""qiskit-experiments: randomized benchmarking on a ClusterBackend measures the noise that is there."""

import pytest
from qiskit.circuit.library import CXGate, SXGate
from qiskit.transpiler import CouplingMap
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_cluster_provider import SamplerV2

pytest.importorskip("qiskit_experiments", reason="pip install 'qiskit-cluster-provider[integrations]'")

from qiskit_experiments.framework import AnalysisStatus, ExperimentStatus
from qiskit_experiments.library import InterleavedRB, StandardRB

# Of qiskit-ibm-runtime's own sampler, in which the experiment puts a backend.
pytestmark = pytest.mark.filterwarnings("ignore:The SamplerV2 class is deprecated:DeprecationWarning")
ERROR = 5e-3
SEED = 8


def noise():
    """Of the example in StandardRB's documentation."""
    noise_model = NoiseModel()
    noise_model.add_all_qubit_quantum_error(depolarizing_error(ERROR, 1), ["sx", "x"])
    noise_model.add_all_qubit_quantum_error(depolarizing_error(0, 1), ["rz"])
    noise_model.add_all_qubit_quantum_error(depolarizing_error(10 * ERROR, 2), ["cx"])
    return noise_model


def benchmark(backend, transpiling=None, **how):
    experiment = StandardRB([1], [1, 40, 80, 160, 320], num_samples=3, seed=1010)
    experiment.set_transpile_options(**(transpiling or {}))
    experiment.set_run_options(shots=1000, seed_simulator=SEED)
    data = experiment.run(backend, **how).block_for_results()
    assert data.status() is ExperimentStatus.DONE, data.errors()
    assert data.analysis_status() is AnalysisStatus.DONE
    return data


def error_per_clifford(data):
    found = data.analysis_results("EPC", dataframe=True)
    assert list(found.quality) == ["good"]
    return found.value.iloc[0]


def check(ours, aer, transpiling=None):
    theirs = benchmark(aer, transpiling)
    counts, their_counts = ([one["counts"] for one in data.data()] for data in (ours, theirs))
    assert len(counts) == 15
    assert counts == their_counts
    assert {one["shots"] for one in ours.data()} == {1000}
    mine, its = error_per_clifford(ours), error_per_clifford(theirs)
    assert mine.nominal_value == pytest.approx(its.nominal_value, rel=1e-6)  # a fit
    return mine


@pytest.mark.parametrize("how", ["backend", "backend_run", "sampler"])
def test_device_with_our_noise(provider, how):
    """A backend goes into qiskit-ibm-runtime's sampler unless told otherwise."""
    device = FakeManilaV2()
    backend = provider.get_backend("aer-local", workers=2, from_backend=device, noise_model=noise())
    ways = {
        "backend": {},
        "backend_run": {"backend_run": True},
        "sampler": {"sampler": SamplerV2(backend, seed=SEED)},
    }
    found = check(benchmark(backend, **ways[how]), AerSimulator.from_backend(device, noise_model=noise()))
    # A Clifford has about one sx or x, and what depolarizes by p errs in half of p.
    assert 0.3 * ERROR < found.nominal_value < 0.7 * ERROR
    assert found.std_dev < 0.1 * ERROR


def test_device_with_its_noise(provider):
    backend = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2())
    found = check(benchmark(backend), AerSimulator.from_backend(FakeManilaV2()))
    assert 0 < found.nominal_value < 0.01


def test_noise_without_device(provider):
    backend = provider.get_backend("aer-local", workers=2, noise_model=noise())
    transpiling = {"basis_gates": ["rz", "sx", "x", "cx"], "coupling_map": CouplingMap([(0, 1), (1, 0)])}
    check(benchmark(backend, transpiling), AerSimulator(noise_model=noise()), transpiling)


def all_counts(backend, experiment, seed):
    experiment.set_transpile_options(basis_gates=["rz", "sx", "x", "cx"])
    experiment.set_run_options(shots=400, seed_simulator=seed)
    data = experiment.run(backend).block_for_results()
    assert data.status() is ExperimentStatus.DONE, data.errors()
    assert data.analysis_status() is AnalysisStatus.DONE
    return [one["counts"] for one in data.data()], data.analysis_results("EPC", dataframe=True).value.iloc[0]


@pytest.mark.parametrize("seed", [8, 9])
@pytest.mark.parametrize("qubits", [[0], [0, 1]])
@pytest.mark.parametrize("interleaved", [False, True])
def test_without_device_and_coupling_map(provider, qubits, interleaved, seed):
    """The experiment asks whether the backend's name has the word simulator, and takes it for a device if not."""

    def experiment():
        if interleaved:
            gate = CXGate() if len(qubits) == 2 else SXGate()
            return InterleavedRB(gate, qubits, [1, 10, 25, 50], num_samples=2, seed=seed)
        return StandardRB(qubits, [1, 10, 25, 50], num_samples=2, seed=seed)

    backend = provider.get_backend("aer-local", workers=2, noise_model=noise())
    ours, mine = all_counts(backend, experiment(), seed)
    theirs, its = all_counts(AerSimulator(noise_model=noise()), experiment(), seed)
    assert len(ours) == (16 if interleaved else 8)
    assert ours == theirs
    assert mine.nominal_value == pytest.approx(its.nominal_value, rel=1e-6)
