"""qiskit-ibm-runtime's primitives in their local testing mode, with a ClusterBackend as the mode."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from qiskit import generate_preset_pass_manager
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer import primitives as aer_primitives
from qiskit_aer.noise import NoiseModel, depolarizing_error

pytest.importorskip("qiskit_ibm_runtime", reason="pip install 'qiskit-cluster-provider[integrations]'")

from qiskit_ibm_runtime import Batch, EstimatorV2, SamplerV2, Session
from qiskit_ibm_runtime.executor_estimator import EstimatorV2 as ExecutorEstimator
from qiskit_ibm_runtime.executor_sampler import SamplerV2 as ExecutorSampler
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

# qiskit-ibm-runtime 0.50 deprecates its own primitives, whatever their mode.
pytestmark = pytest.mark.filterwarnings("ignore:The (Sampler|Estimator)V2 class is deprecated:DeprecationWarning")
VALUES = np.random.default_rng(3).uniform(-3, 3, (2, 3, 8))


@pytest.fixture
def events(backend):
    """What the cluster did; without an event, somebody else has simulated."""
    found = []
    backend.set_options(callback=found.append)
    return found


def bell():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def sampled(mode, backend, **options):
    sampler = SamplerV2(mode=mode)
    sampler.options.simulator.seed_simulator = 17
    sampler.options.update(**options)
    pass_manager = generate_preset_pass_manager(1, backend=backend, seed_transpiler=1)
    ansatz = real_amplitudes(2, reps=3)
    ansatz.measure_all()
    return sampler.run([*pass_manager.run([bell()]), (pass_manager.run(ansatz), VALUES)]).result()


def same_bits(ours, theirs):
    for mine, its in zip(ours, theirs, strict=True):
        assert mine.data.meas.shape == its.data.meas.shape
        assert mine.data.meas.num_shots == its.data.meas.num_shots
        np.testing.assert_array_equal(mine.data.meas.array, its.data.meas.array)


def test_sampler(backend, events):
    ours = sampled(backend, backend, default_shots=300)
    assert events
    assert ours[1].data.meas.shape == (2, 3)
    assert ours[0].data.meas.num_shots == 300
    aer = AerSimulator()
    same_bits(ours, sampled(aer, aer, default_shots=300))


def test_sampler_with_options(backend):
    noise_model = NoiseModel()
    noise_model.add_all_qubit_quantum_error(depolarizing_error(0.3, 2), ["cx"])
    options = {"simulator": {"noise_model": noise_model}, "execution": {"meas_type": "classified"}}
    ours = sampled(backend, backend, **options)
    aer = AerSimulator()
    same_bits(ours, sampled(aer, aer, **options))
    assert len(ours[0].data.meas.get_counts()) == 4


class Watch:
    def __init__(self):
        self.events = []

    def see(self, event):
        self.events.append(event)


def test_callback_of_an_object(backend):
    """The local mode copies the backend; what the backend was given to call must not be copied with it."""
    watch = Watch()
    backend.set_options(callback=watch.see)
    sampled(backend, backend)
    assert watch.events


def test_executor(backend):
    """An executor cannot be copied."""
    with ThreadPoolExecutor(1) as executor:
        backend.set_options(executor=executor)
        ours = sampled(backend, backend)
    aer = AerSimulator()
    same_bits(ours, sampled(aer, aer))


def test_sampler_on_a_device(provider):
    ours = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2())
    theirs = AerSimulator.from_backend(FakeManilaV2())
    same_bits(sampled(ours, ours), sampled(theirs, theirs))


@pytest.mark.parametrize("mode", [Session, Batch])
def test_session(backend, events, mode):
    with mode(backend=backend) as session:
        ours = sampled(session, backend)
    assert events
    aer = AerSimulator()
    same_bits(ours, sampled(aer, aer))


def estimated(mode, backend):
    estimator = EstimatorV2(mode=mode)
    estimator.options.simulator.seed_simulator = 17
    estimator.options.default_precision = 0.05
    ansatz = generate_preset_pass_manager(1, backend=backend, seed_transpiler=1).run(real_amplitudes(2, reps=3))
    observables = [SparsePauliOp(["ZZ", "XI"], [1, 0.5]), SparsePauliOp("IY"), SparsePauliOp("XX")]
    observables = [one.apply_layout(ansatz.layout) for one in observables]
    return estimator.run([(ansatz, observables, VALUES)]).result()[0].data


def test_estimator(backend, events):
    ours, aer = estimated(backend, backend), AerSimulator()
    assert events
    theirs = estimated(aer, aer)
    assert ours.evs.shape == (2, 3)
    np.testing.assert_array_equal(ours.evs, theirs.evs)
    np.testing.assert_array_equal(ours.stds, theirs.stds)
    assert (ours.stds > 0).any()


def same_executed(ours, theirs, seed=17):
    """What the primitives that follow those above give for two modes: samples, values and errors."""
    found = []
    for mode in (ours, theirs):
        device = {"backend": mode} if mode.coupling_map else {"basis_gates": ["rz", "sx", "x", "cx"]}
        pass_manager = generate_preset_pass_manager(1, seed_transpiler=1, **device)
        sampler = ExecutorSampler(mode)
        estimator = ExecutorEstimator(mode)
        for primitive in (sampler, estimator):
            primitive.options.simulator.seed_simulator = seed
        ansatz = pass_manager.run(real_amplitudes(2, reps=3))
        observables = [SparsePauliOp(["ZZ", "XI"], [1, 0.5]).apply_layout(ansatz.layout)]
        values = estimator.run([(ansatz, observables, VALUES[0])]).result()[0].data
        measured = real_amplitudes(2, reps=3)
        measured.measure_all()
        pubs = [pass_manager.run(bell()), (pass_manager.run(measured), VALUES)]
        found.append((sampler.run(pubs, shots=300).result(), values))
    (our_samples, our_values), (their_samples, their_values) = found
    same_bits(our_samples, their_samples)
    np.testing.assert_array_equal(our_values.evs, their_values.evs)
    np.testing.assert_array_equal(our_values.stds, their_values.stds)


def test_executor_primitives(backend, events):
    """They run on what is an AerSimulator, and make one of everything else, in this process."""
    qubits = backend.num_qubits
    same_executed(backend, AerSimulator())
    assert events
    assert backend.num_qubits == qubits == AerSimulator().num_qubits  # of a copy they set the number of qubits


def test_executor_primitives_with_noise(provider):
    noise_model = NoiseModel()
    noise_model.add_all_qubit_quantum_error(depolarizing_error(0.3, 2), ["cx"])
    ours = provider.get_backend("aer-local", workers=2, noise_model=noise_model)
    same_executed(ours, AerSimulator(noise_model=noise_model))


def test_executor_primitives_on_a_device(provider):
    ours = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2())
    found = []
    ours.set_options(callback=found.append)
    same_executed(ours, AerSimulator.from_backend(FakeManilaV2()))
    assert found


@pytest.mark.parametrize("primitive", [aer_primitives.SamplerV2, aer_primitives.EstimatorV2])
def test_primitives_of_aer(backend, events, primitive):
    circuit = bell() if primitive is aer_primitives.SamplerV2 else bell().remove_final_measurements(inplace=False)
    pub = (circuit,) if primitive is aer_primitives.SamplerV2 else (circuit, SparsePauliOp(["ZZ", "XI"], [1, 0.5]))
    options = {"options": {"run_options": {"seed_simulator": 7}}}
    ours, theirs = (
        primitive.from_backend(one, **options).run([pub]).result()[0].data for one in (backend, AerSimulator())
    )
    assert events
    if primitive is aer_primitives.SamplerV2:
        np.testing.assert_array_equal(ours.meas.array, theirs.meas.array)
    else:
        np.testing.assert_array_equal(ours.evs, theirs.evs)
