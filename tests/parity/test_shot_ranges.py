"""A long experiment is cut into ranges of its shots by itself, and only where that changes no bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_aer.primitives import SamplerV2

from qiskit_cluster_provider.engines.aer.engine import AER
from qiskit_cluster_provider.engines.aer.estimates import exact_work
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.pubs import sampler_work
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.engines.aer.simulation.simulate import Simulation
from qiskit_cluster_provider.merge import merge
from qiskit_cluster_provider.merge.numbers import collect
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import cut
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.wire import Encoder, decode_result

from .circuits import circuits
from .oracle import wrong
from .test_parity import NOISE
from .test_shots import SUBTYPES, dynamic, partly_measured, saving, terminal

PAULI = NOISE["pauli"]
HEAD = {"backend_name": "b", "backend_version": "1", "job_id": "j", "date": "d", "time_taken": 0.5}
EXACT = ("single", "c_single", "list", "c_list")


def work_of(batch, options, **ours):
    return prepare(batch, None, RunSettings({"method": "automatic", **options}, SliceOptions(**ours)))


def finely(work, slots):
    """A plan for a place where sending a slice costs next to nothing."""
    estimate = AER.estimate(work)
    estimate.per_call = 0.0
    return cut(work, slots, estimate, shortest=1e-9)


def run(plan):
    encoder, simulation = Encoder(plan), Simulation()
    found = {}
    for piece in plan.slices:
        _, message = encoder.encode(piece)
        reply = simulation.run(message, lambda names: [encoder.blobs[name] for name in names])
        found[piece.index] = decode_result(reply)
    return found


def merged(plan):
    return merge(plan, run(plan), {}, head=HEAD)


def cuts(plan):
    return [piece.shots for piece in plan.slices if piece.shots is not None]


@st.composite
def wide(draw):
    """Circuits of so many qubits that ``automatic`` does not take a density matrix, whatever the noise is."""
    circuit = draw(circuits(flow=False, measured=False))
    wider = QuantumCircuit(7, 7)
    wider.compose(circuit, range(circuit.num_qubits), range(circuit.num_clbits), inplace=True)
    wider.h(range(7))
    wider.cx(range(6), range(1, 7))
    qubits = draw(st.sets(st.integers(0, 6), min_size=1))
    wider.measure(sorted(qubits), sorted(qubits))
    return wider


@settings(max_examples=150)
@given(
    batch=st.lists(st.one_of(circuits(), partly_measured(), wide()), min_size=1, max_size=3),
    noise=st.sampled_from(sorted(NOISE)),
    method=st.sampled_from(["automatic", "statevector", "density_matrix", "matrix_product_state"]),
    shots=st.integers(2, 150),
    slots=st.integers(1, 9),
)
def test_the_same_bits_for_any_number_of_slots(batch, noise, method, shots, slots):
    options = {"shots": shots, "seed_simulator": 8, "memory": True, "method": method, "noise_model": NOISE[noise]}
    plan = finely(work_of(batch, options, max_shot_size=None), slots)
    for experiment in range(len(batch)):
        ranges = [piece.shots for piece in plan.slices if piece.experiments[0] <= experiment < piece.experiments[1]]
        covered = [shot for first, last in (one or (0, shots) for one in ranges) for shot in range(first, last)]
        assert covered == list(range(shots))
    assert wrong(merged(plan), batch, options, loses_gates=noise == "kraus") == []


@pytest.mark.parametrize(
    ("circuit", "options", "divided"),
    [
        (dynamic(), {}, True),
        (dynamic(), {"noise_model": PAULI}, True),
        (dynamic(), {"noise_model": PAULI, "method": "density_matrix"}, True),
        (dynamic(), {"noise_model": PAULI, "method": "matrix_product_state"}, True),
        (terminal(), {"noise_model": PAULI, "method": "statevector"}, True),
        (terminal(), {"noise_model": PAULI, "method": "stabilizer"}, True),
        (terminal(), {"noise_model": PAULI, "shots": 3}, False),  # one qubit of two has a gate on it
        (terminal(), {"noise_model": PAULI}, False),
        (terminal(), {"noise_model": PAULI, "method": "density_matrix"}, False),
        (terminal(), {"noise_model": NOISE["readout"], "method": "statevector"}, False),
        (terminal(), {}, False),
        (dynamic(), {"shot_branching_enable": True}, False),
        (dynamic(), {"runtime_parameter_bind_enable": True}, False),
        (dynamic(), {"batched_shots_gpu": True}, False),
        (dynamic(), {"device": "GPU"}, False),
        (dynamic(), {"seed_mode": "independent"}, False),
        (dynamic(), {"max_job_size": 1}, False),
        (dynamic(), {"max_shot_size": 100}, False),
    ],
)
def test_what_is_cut_by_itself(circuit, options, divided):
    options = {"shots": 100, "seed_simulator": 4, "memory": True, **options}
    ours = {key: options.pop(key) for key in ("seed_mode", "max_job_size", "max_shot_size") if key in options}
    assert bool(cuts(finely(work_of([circuit], options, **ours), 4))) == divided


def test_the_number_of_qubits_decides_for_the_method_automatic():
    """Aer takes density matrices for more shots than amplitudes: 2 ** 5 here."""
    circuit = QuantumCircuit(6, 6)
    circuit.h(range(5))
    circuit.t(range(5))
    circuit.measure(range(6), range(6))
    for shots, divided in ((32, True), (33, False)):
        options = {"shots": shots, "seed_simulator": 4, "memory": True, "noise_model": PAULI}
        plan = finely(work_of([circuit], options), 4)
        assert bool(cuts(plan)) == divided
        result = merged(plan)
        assert differences(result, AerSimulator(max_parallel_threads=1).run(circuit, **options).result()) == []
        assert result.results[0].metadata["method"] == "statevector"  # more than 64 would be density matrices


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_saved_averages_are_left_whole(subtype):
    circuit = saving(subtype)
    options = {"shots": 60, "seed_simulator": 2, "memory": True, "method": "statevector"}
    plan = finely(work_of([circuit], options), 4)
    assert bool(cuts(plan)) == (subtype in EXACT)
    assert differences(merged(plan), AerSimulator(max_parallel_threads=1).run(circuit, **options).result()) == []


def test_short_experiments_share_slices_beside_ranges_of_shots():
    long = QuantumCircuit(3, 3, name="long")
    for _ in range(60):
        long.h(range(3))
        long.measure(range(3), range(3))
    batch = [terminal()] * 3 + [long] + [terminal()] * 3
    options = {"shots": 90, "seed_simulator": 5, "memory": True}
    plan = finely(work_of(batch, options), 2)
    whole = [piece.experiments for piece in plan.slices if piece.shots is None]
    assert whole == [(0, 3), (4, 7)]
    assert len(cuts(plan)) == len(plan.slices) - 2 > 4
    assert cuts(plan)[0][0] == 0
    assert cuts(plan)[-1][1] == 90
    assert wrong(merged(plan), batch, {**options, "method": "automatic"}) == []
    assert f"{len(cuts(plan))} of them are ranges of the shots of one experiment" in plan.why


def test_each_row_of_parameters_is_cut_alike():
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, 1)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    options = {"shots": 60, "seed_simulator": 4, "memory": True}
    binds = [{angle: [0.5, 1.0, 1.5]}]
    work = prepare([circuit], binds, RunSettings(options))
    plan = finely(work, 3)
    assert len(cuts(plan)) == len(plan.slices) == 12
    theirs = AerSimulator(max_parallel_threads=1).run(circuit, binds, **options).result()
    assert [one.data.memory for one in merged(plan).results] == [one.data.memory for one in theirs.results]


def test_bits_of_a_sampler():
    pubs = [SamplerPub.coerce((dynamic(),), shots=70), SamplerPub.coerce((terminal(),), shots=70)]
    settings = RunSettings({"shots": 1, "seed_simulator": 3, "method": "automatic"})
    plan = finely(sampler_work(pubs, settings), 4)
    assert cuts(plan)
    found = collect(plan, run(plan))
    theirs = SamplerV2(seed=3).run(pubs).result()
    for index, pub in enumerate(theirs):
        (bits,) = pub.data.values()
        assert np.array_equal(found.items[index].values[0], bits.array)


def test_exact_means_are_left_whole():
    pub = EstimatorPub.coerce((dynamic(), ["ZII"]), precision=0.0)
    work, _ = exact_work([pub], RunSettings({"shots": 90, "seed_simulator": 3, "method": "statevector"}))
    assert not AER.divisible(work, work.batches[0], work.items[0])
    assert not cuts(finely(work, 4))


def test_a_long_run_is_cut_and_says_so(backend, aer):
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
    circuit = QuantumCircuit(6, 6, name="code")
    for _ in range(12):
        circuit.h(0)
        circuit.cx(range(5), range(1, 6))
        circuit.measure(5, 5)
        circuit.reset(5)
    circuit.measure(range(6), range(6))
    options = {"shots": 9000, "noise_model": noise, "seed_simulator": 4, "memory": True}
    said = str(backend.explain(circuit, **options))
    assert "ranges of the shots of one experiment, which changes no bit of its answer" in said
    job = backend.run(circuit, **options)
    ours, theirs = job.result(), aer.run(circuit, **options).result()
    slices = job.slices()
    assert len(slices) > 1
    assert (slices[0].shots[0], slices[-1].shots[1]) == (0, 9000)
    assert differences(ours, theirs) == []
    assert ours.results[0].metadata["time_taken"] == ours.results[0].time_taken

    whole = backend.run(circuit, max_shot_size=9000, **options)
    assert whole.result().get_memory() == theirs.get_memory()
    assert [info.shots for info in whole.slices()] == [None]
    assert "ranges of" not in str(backend.explain(circuit, max_shot_size=9000, **options))
