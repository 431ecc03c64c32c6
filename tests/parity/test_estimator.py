"""EstimatorV2 gives the values of qiskit_aer.primitives.EstimatorV2, and its own bits for any slicing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import BackendEstimatorV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer import AerSimulator, primitives

from qiskit_cluster_provider import EstimatorV2
from qiskit_cluster_provider.errors import InvalidPubError

from .circuits import kraus_and_unitary
from .pubs import estimator_pubs, noise

SIZES = st.sampled_from([None, 1, 2, 5])


def close(ours, theirs, exact=False):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.data.shape == other.data.shape
        assert type(one.data.evs) is type(other.data.evs)
        assert one.data.evs.dtype == other.data.evs.dtype
        assert np.array_equal(one.data.stds, other.data.stds)
        if exact:
            assert np.array_equal(one.data.evs, other.data.evs)
        else:
            assert np.allclose(one.data.evs, other.data.evs, rtol=0, atol=1e-12)
        assert one.metadata["target_precision"] == other.metadata["target_precision"]
        assert one.metadata["circuit_metadata"] == other.metadata["circuit_metadata"]
        assert one.metadata.keys() >= other.metadata.keys()
    assert ours.metadata == theirs.metadata


def estimator(backend, seed, size=None, backend_options=None, **options):
    run_options = {"seed_simulator": seed, "max_job_size": size}
    return EstimatorV2(
        backend, options={"backend_options": backend_options or {}, "run_options": run_options, **options}
    )


def aers(seed, backend_options=None):
    theirs = primitives.EstimatorV2(
        options={"backend_options": backend_options or {}, "run_options": {"seed_simulator": seed}}
    )
    theirs._backend.set_options(max_parallel_threads=1)
    return theirs


@given(
    pubs=st.lists(estimator_pubs(), min_size=1, max_size=4),
    seed=st.integers(0, 2**62),
    size=SIZES,
    precision=st.sampled_from([None, 0.05]),
)
@settings(max_examples=50)
def test_any_pubs(backend, pubs, seed, size, precision):
    ours = estimator(backend, seed, size).run(pubs, precision=precision).result()
    close(ours, aers(seed).run(pubs, precision=precision).result())
    close(ours, estimator(backend, seed).run(pubs, precision=precision).result(), exact=True)


@pytest.mark.parametrize("method", ["automatic", "statevector", "density_matrix", "matrix_product_state"])
@pytest.mark.parametrize("kind", ["depolarizing", "damping"])
@given(pubs=st.lists(estimator_pubs(flow=True), min_size=1, max_size=2), size=SIZES)
@settings(max_examples=5)
def test_noise_and_what_is_random_in_a_circuit(backend, method, kind, pubs, size):
    options = {"noise_model": noise(kind), "method": method, "shots": 50}
    ours = estimator(backend, 7, size, options).run(pubs).result()
    close(ours, aers(7, options).run(pubs).result())
    close(ours, estimator(backend, 7, None, options).run(pubs).result(), exact=True)


def test_stabilizer_and_channels(backend):
    clifford = QuantumCircuit(30)
    clifford.h(0)
    for qubit in range(29):
        clifford.cx(qubit, qubit + 1)
    pubs = [(clifford, [["Z" * 30], ["X" * 30], ["I" * 28 + "ZZ"]])]
    channels = kraus_and_unitary().remove_final_measurements(inplace=False)
    pubs += [(channels, ["ZZ", {"XX": 0.5, "IZ": 2.0}])] * 2
    ours = estimator(backend, 7, 1).run(pubs).result()
    close(ours, aers(7).run(pubs).result())


def test_any_number_of_workers(provider, any_workers):
    backend = provider.get_backend("aer-local", workers=any_workers)
    circuit = efficient_su2(4, reps=2)
    rows = np.random.default_rng(1).uniform(-3, 3, (37, circuit.num_parameters))
    pubs = [(circuit, [["ZZZZ"], ["XXII"]], rows, 0.01)]
    options = {"noise_model": noise("depolarizing"), "method": "statevector", "shots": 20}
    close(estimator(backend, 3, 5, options).run(pubs).result(), aers(3, options).run(pubs).result())


def test_shot_slices(backend):
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.ry(0.3, 0)
    circuit.cx(0, 1)
    ours = EstimatorV2(backend, options={"run_options": {"seed_simulator": 4, "max_shot_size": 30, "shots": 100}})
    theirs = primitives.EstimatorV2(options={"run_options": {"seed_simulator": 4, "shots": 100}})
    pubs = [(circuit, ["ZI", "XX"])]
    job = ours.run(pubs)
    close(job.result(), theirs.run(pubs).result())
    assert len(job.slices()) == 4


LETTERS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Z": np.diag([1, -1]),
    "0": np.diag([1, 0]),
    "1": np.diag([0, 1]),
    "+": np.full((2, 2), 0.5),
    "-": np.array([[0.5, -0.5], [-0.5, 0.5]]),
    "r": np.array([[0.5, -0.5j], [0.5j, 0.5]]),
    "l": np.array([[0.5, 0.5j], [-0.5j, 0.5]]),
}


def test_projectors_which_aer_refuses(backend):
    circuit = efficient_su2(2, reps=1)
    angles = np.linspace(-1, 2, circuit.num_parameters)
    observables = [{"00": 1.0}, {"11": 1.0}, {"0X": 1.0}, {"+-": 1.0}, {"rl": 1.0}, {"0Z": 2.0, "Z1": 1.0}]
    state = Statevector(circuit.assign_parameters(angles)).data
    expected = [
        sum(
            c * (state.conj() @ np.kron(LETTERS[label[0]], LETTERS[label[1]]) @ state).real
            for label, c in one.items()
        )
        for one in observables
    ]
    for options in ({}, {"estimation": "shots", "default_precision": 0.005}):
        found = estimator(backend, 1, **options).run([(circuit, observables, angles)]).result()
        assert np.allclose(found[0].data.evs, expected, rtol=0, atol=0.03 if options else 1e-12)
    wide = QuantumCircuit(20, name="wide")
    with pytest.raises(InvalidPubError, match=r"PUB 1 \(circuit 'wide'\).*20 projectors"):
        EstimatorV2(backend).run([(circuit, "ZZ", angles), (wide, "0" * 20)])


def shots_pubs(circuit, rows):
    pairs = SparsePauliOp.from_list([("ZZI", 1.0), ("IXX", 0.5), ("YIY", -0.3), ("IIZ", 0.1), ("III", 2.0)])
    return [
        (circuit, pairs, rows, 0.1),
        (circuit, [[pairs], ["XXX"], ["ZII"]], rows[0]),
        (circuit, [pairs, "III", "YYY", "ZZZ", pairs][: len(rows[0])], rows[0], 0.1),
        (circuit, ["XYZ"], rows[1, 1]),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("grouping", [True, False])
@pytest.mark.parametrize("size", [1, 3, None])
def test_shots_with_noise_are_those_of_the_backend_estimator(backend, grouping, size):
    circuit = efficient_su2(3, reps=1)
    rows = np.random.default_rng(1).uniform(-3, 3, (2, 5, circuit.num_parameters))
    options = {"noise_model": noise("depolarizing"), "method": "statevector"}
    ours = estimator(backend, 5, size, options, estimation="shots", default_precision=0.05, abelian_grouping=grouping)
    theirs = BackendEstimatorV2(
        backend=AerSimulator(max_parallel_threads=1, **options),
        options={"seed_simulator": 5, "default_precision": 0.05, "abelian_grouping": grouping},
    )
    pubs = shots_pubs(circuit, rows)
    close(ours.run(pubs).result(), theirs.run(pubs).result(), exact=True)


def test_shots_of_a_device_use_its_gates(backend):
    from qiskit import transpile
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    device = FakeManilaV2()
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    isa = transpile(circuit, device, seed_transpiler=1)
    observables = [SparsePauliOp(label).apply_layout(isa.layout) for label in ("ZZ", "XX", "YY")]
    ours = EstimatorV2.from_backend(
        device, mode=backend, options={"estimation": "shots", "simulator": {"seed_simulator": 5}}
    )
    theirs = BackendEstimatorV2(backend=AerSimulator.from_backend(device), options={"seed_simulator": 5})
    close(ours.run([(isa, observables)]).result(), theirs.run([(isa, observables)]).result(), exact=True)


@given(
    pubs=st.lists(estimator_pubs(), min_size=1, max_size=3), size=SIZES, method=st.sampled_from([None, "statevector"])
)
@settings(max_examples=20)
def test_a_shared_state_gives_the_same_samples_for_any_slicing(backend, pubs, size, method):
    pubs = [(circuit, observables, rows, 0.1) for circuit, observables, rows, _ in pubs]
    options = {"estimation": "shots", "backend_options": {"method": method or "automatic"}}
    ours = estimator(backend, 2, size, **options).run(pubs).result()
    close(ours, estimator(backend, 2, 1, **options).run(pubs).result(), exact=True)
    exact = estimator(backend, 2).run([pub[:3] for pub in pubs]).result()
    for sampled, true in zip(ours, exact, strict=True):
        # 7 standard errors, and the room of a mean that happens to be at its end
        assert (np.abs(sampled.data.evs - true.data.evs) <= 7 * sampled.data.stds + 2).all()


def test_a_shared_state_is_simulated_once_for_all_readouts(backend):
    circuit = efficient_su2(3, reps=1)
    rows = np.random.default_rng(1).uniform(-3, 3, circuit.num_parameters)
    # Every readout measures all qubits, so that Aer drops no gates and even the samples agree.
    observables = ["XXX", "YYY", "ZZZ", "XYZ"]
    ours = estimator(backend, 5, estimation="shots").run([(circuit, observables, rows)])
    theirs = BackendEstimatorV2(backend=AerSimulator(max_parallel_threads=1), options={"seed_simulator": 5})
    close(ours.result(), theirs.run([(circuit, observables, rows)]).result(), exact=True)
