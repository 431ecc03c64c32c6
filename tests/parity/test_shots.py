"""Ranges of shots: the same answer, or refused before anything runs."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import Pauli
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_cluster_provider.errors import ShotSlicingError
from qiskit_cluster_provider.testing import differences

from .circuits import circuits
from .oracle import wrong
from .test_parity import NOISE

PAULI = NOISE["pauli"]


def dynamic(name="dynamic"):
    circuit = QuantumCircuit(3, 3, name=name)
    circuit.h([0, 1, 2])
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1, 2], [0, 1, 2])
    return circuit


def terminal():
    circuit = QuantumCircuit(2, 2, name="terminal")
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


@st.composite
def partly_measured(draw):
    """Circuits of which Aer drops parts before it looks: what no measured qubit depends on."""
    circuit = draw(circuits(measured=False))
    qubits = draw(st.sets(st.integers(0, circuit.num_qubits - 1), min_size=1))
    circuit.measure(sorted(qubits), sorted(qubits))
    return circuit


@settings(max_examples=60)
@given(
    batch=st.lists(st.one_of(circuits(), partly_measured()), min_size=1, max_size=3),
    noise=st.sampled_from(["none", "pauli", "kraus"]),
    method=st.sampled_from(["automatic", "statevector", "density_matrix", "matrix_product_state"]),
    shots=st.integers(2, 70),
    size=st.integers(1, 40),
)
def test_the_same_answer_or_refused(backend, batch, noise, method, shots, size):
    options = {
        "shots": shots,
        "seed_simulator": 8,
        "memory": True,
        "method": method,
        "noise_model": NOISE[noise],
    }
    try:
        job = backend.run(batch, max_shot_size=size, **options)
    except ShotSlicingError:
        assert size < shots
        return
    found = wrong(job.result(), batch, options, loses_gates=noise == "kraus")
    assert [f for f in found if "metadata" not in f] == []


def test_what_aer_cannot_load_fails_alone(backend):
    """Aer 0.18.2 drops an idle qubit, and then looks for the one that only a branch acts on in its old place."""
    lost = QuantumCircuit(4, 2, name="lost")
    lost.h(0)
    lost.measure(0, 0)
    with lost.if_test((0, 1)):
        lost.x(3)
    lost.h(0)
    lost.measure([0, 2], [0, 1])
    options = {"shots": 20, "seed_simulator": 8, "memory": True, "method": "statevector", "noise_model": None}
    result = backend.run([dynamic(), lost, dynamic()], max_shot_size=7, **options).result()
    assert [one.success for one in result.results] == [True, False, True]
    assert "circuit 'lost' (index 1): Failed to load circuits" in result.results[1].status
    assert wrong(result, [dynamic(), lost, dynamic()], options) == []


def test_the_method_is_not_left_to_the_number_of_shots(backend):
    """One measured qubit: 20 shots are a density matrix for Aer, and 2 shots are trajectories."""
    circuit = QuantumCircuit(6, 1)
    circuit.h(range(6))
    circuit.measure(0, 0)
    with pytest.raises(ShotSlicingError, match="chooses by the number of shots"):
        backend.run(circuit, noise_model=PAULI, shots=20, max_shot_size=2)


@pytest.mark.parametrize("after", [True, False])
def test_what_no_measurement_depends_on_does_not_make_it_divisible(backend, after):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.h(0 if after else 1)
    for options in ({}, {"method": "statevector", "noise_model": NOISE["readout"]}):
        with pytest.raises(ShotSlicingError, match="sampled"):
            backend.run(circuit, shots=20, max_shot_size=2, **options)


def branch(save, **how):
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        getattr(circuit, save)(label="s", **how)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


@pytest.mark.parametrize("size", [1, 3, 16])
@pytest.mark.parametrize(
    "how", [{"pershot": True}, {"pershot": True, "conditional": True}, {}, {"conditional": True}]
)
def test_saves_in_a_branch_that_is_not_always_taken(backend, aer, how, size):
    options = {"shots": 20, "seed_simulator": 11, "memory": True, "method": "statevector"}
    for save in ("save_statevector", "save_probabilities"):
        circuit = branch(save, **how)
        if save == "save_probabilities" and "pershot" not in how:
            with pytest.raises(ShotSlicingError, match="inside control flow"):
                backend.run(circuit, max_shot_size=size, **options)
            continue
        ours = backend.run(circuit, max_shot_size=size, **options).result()
        theirs = aer.run(circuit, **options).result()
        assert [f for f in differences(ours, theirs) if ".metadata" not in f] == []


def test_a_store_after_a_conditional_average_is_refused(backend):
    from qiskit.circuit.classical import expr

    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    circuit.save_expectation_value(Pauli("X"), [1], label="e", conditional=True)
    circuit.store(circuit.clbits[1], expr.logic_not(circuit.clbits[0]))
    with pytest.raises(ShotSlicingError, match="'e'"):
        backend.run(circuit, shots=20, max_shot_size=2)


@pytest.mark.parametrize("size", [1, 7, 50, 99])
def test_what_is_simulated_shot_by_shot_is_divisible(backend, aer, size):
    batch = [dynamic(), terminal()]
    options = {
        "shots": 100,
        "seed_simulator": 4,
        "memory": True,
        "noise_model": PAULI,
        "method": "statevector",
    }
    job = backend.run(batch, max_shot_size=size, **options)
    ours, theirs = job.result(), aer.run(batch, **options).result()
    assert len(job.slices()) == 2 * math.ceil(100 / size)
    for index in range(2):
        assert ours.get_memory(index) == theirs.get_memory(index)
        assert ours.results[index].data.counts == theirs.results[index].data.counts
        assert ours.results[index].shots == 100
        assert ours.results[index].seed_simulator == theirs.results[index].seed_simulator


def test_parameter_sets_in_ranges_of_shots(backend, aer):
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, 1)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    options = {"shots": 60, "seed_simulator": 4, "memory": True}
    binds = [{angle: [0.5, 1.0, 1.5]}]
    ours = backend.run(circuit, binds, max_shot_size=25, **options).result()
    theirs = aer.run(circuit, binds, **options).result()
    assert [r.data.memory for r in ours.results] == [r.data.memory for r in theirs.results]


@pytest.mark.parametrize(
    ("circuit", "options", "says"),
    [
        (terminal(), {}, "sampled from one final state"),
        (terminal(), {"noise_model": PAULI, "method": "density_matrix"}, "sampled from one final state"),
        (terminal(), {"noise_model": NOISE["readout"]}, "sampled from one final state"),
        (terminal(), {"noise_model": PAULI}, "chooses by the number of shots"),
        (dynamic(), {"shot_branching_enable": True}, "shot_branching_enable"),
    ],
)
def test_what_is_sampled_is_refused_before_anything_runs(backend, circuit, options, says):
    with pytest.raises(ShotSlicingError, match=says) as refusal:
        backend.run([dynamic("first"), circuit], shots=100, max_shot_size=10, **options)
    assert repr(circuit.name) in str(refusal.value) or "first" in str(refusal.value)


def test_noise_on_other_gates_does_not_make_a_circuit_divisible(backend):
    noise_model = NoiseModel()
    noise_model.add_quantum_error(depolarizing_error(0.1, 1), ["h"], [1])
    with pytest.raises(ShotSlicingError, match="sampled"):
        backend.run(terminal(), shots=100, max_shot_size=10, noise_model=noise_model, method="statevector")


def saving(subtype, after=True):
    circuit = QuantumCircuit(2, 2, name=subtype)
    circuit.h([0, 1])
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.rx(0.7, 1)
    pershot, conditional = "list" in subtype, subtype.startswith("c_")
    if after:
        circuit.measure([0, 1], [0, 1])
    how = {"pershot": pershot, "conditional": conditional}
    if "single" in subtype:
        circuit.save_statevector(label="s", **how)
    elif "accum" in subtype:
        circuit.save_expectation_value(Pauli("ZX"), [0, 1], label="e", unnormalized=True, conditional=conditional)
        circuit.save_probabilities([0, 1], label="p", unnormalized=True, conditional=conditional)
    else:
        circuit.save_expectation_value(Pauli("ZX"), [0, 1], label="e", **how)
        circuit.save_expectation_value_variance(Pauli("XZ"), [0, 1], label="v", **how)
        circuit.save_probabilities([0, 1], label="p", **how)
        circuit.save_probabilities_dict([0, 1], label="d", **how)
        circuit.save_density_matrix([0, 1], label="m", **how)
    if not after:
        circuit.measure([0, 1], [0, 1])
    return circuit


SUBTYPES = ["single", "c_single", "list", "c_list", "average", "c_average", "accum", "c_accum"]


@pytest.mark.parametrize("size", [1, 7, 30])
@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("after", [True, False])
def test_every_save_subtype_merges_or_is_refused(backend, aer, subtype, after, size):
    circuit = saving(subtype, after)
    options = {"shots": 100, "seed_simulator": 2, "memory": True, "method": "statevector"}
    if subtype == "c_average" and not after:
        with pytest.raises(ShotSlicingError, match="before the last measurement"):
            backend.run(circuit, max_shot_size=size, **options)
        return
    ours = backend.run(circuit, max_shot_size=size, **options).result()
    theirs = aer.run(circuit, **options).result()
    exact = subtype.split("_")[-1] in ("single", "list")
    found = differences(ours, theirs, rtol=0.0 if exact else 1e-12)
    assert [f for f in found if "metadata" not in f] == []


def test_independent_seeds_are_reproducible_and_never_overlap(backend):
    batch = [terminal()] * 4
    options = {"shots": 3000, "memory": True, "seed_simulator": 6, "seed_mode": "independent"}
    job = backend.run(batch, max_shot_size=1000, **options)
    first = job.result()
    seeds = [run.seed for piece in job._record.plan.slices for run in piece.runs]
    assert len(seeds) == 12
    ordered = sorted(seeds)
    assert all(after - before >= 1000 for before, after in pairwise(ordered))
    again = backend.run(batch, max_shot_size=1000, max_job_size=1, **options).result()
    for index in range(4):
        assert sum(first.get_counts(index).values()) == 3000
        assert first.get_memory(index) == again.get_memory(index)
        assert abs(first.get_counts(index)["00"] - 1500) < 6 * math.sqrt(750)


def test_independent_seeds_do_not_depend_on_experiment_slicing(backend):
    options = {"shots": 50, "memory": True, "seed_simulator": 6, "seed_mode": "independent"}
    batch = [terminal(), dynamic()] * 3
    one = backend.run(batch, max_job_size=1, **options).result()
    all_in_one = backend.run(batch, max_job_size=100, **options).result()
    assert [r.data.memory for r in one.results] == [r.data.memory for r in all_in_one.results]


def test_aers_neighbours_overlap_and_independent_ones_do_not(backend, aer):
    """Aer's own seeds give neighbours the same shots above 2113 of them; that is what the mode is for."""
    options = {"shots": 2500, "seed_simulator": 1, "memory": True}
    theirs = aer.run([dynamic()] * 2, **options).result()
    assert theirs.get_memory(0)[2113:] == theirs.get_memory(1)[: 2500 - 2113]
    ours = backend.run([dynamic()] * 2, seed_mode="independent", **options).result()
    assert ours.get_memory(0)[2113:] != ours.get_memory(1)[: 2500 - 2113]
    assert not np.array_equal(ours.get_memory(0), ours.get_memory(1))
