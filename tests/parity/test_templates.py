"""Circuits that are run as rows of one template give what each of them gives by itself."""

import numpy as np
import pytest
import qiskit_aer.primitives
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

from qiskit_cluster_provider import EstimatorV2, SamplerV2
from qiskit_cluster_provider.testing import differences, pub_differences

from .test_parity import JOB_SIZES, NOISE, SEEDS

ONE = ["rx", "ry", "rz", "p"]
TWO = ["cp", "rzz", "rxx"]  # that all methods have


@st.composite
def structures(draw):
    """Gates to put numbers into: names and qubits, with measurements in between."""
    steps = draw(
        st.lists(
            st.one_of(
                st.tuples(st.sampled_from([*ONE, "h", "measure", "reset", "u"]), st.integers(0, 2)),
                st.tuples(st.sampled_from([*TWO, "cx"]), st.sampled_from([(0, 1), (2, 1), (0, 2)])),
            ),
            min_size=1,
            max_size=8,
        )
    )
    return steps, draw(st.booleans())


ANGLES = st.sampled_from([0.0, 0.3, np.pi / 2, np.pi, -1.1, 2.0])


@st.composite
def filled(draw, structure):
    steps, phase = structure
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"),
        ClassicalRegister(3, "c"),
        name=draw(st.text("abc", min_size=1, max_size=4)),
        metadata={"drawn": draw(st.integers(0, 9))},
        global_phase=draw(st.sampled_from([0.1, 0.2, 0.7])) if phase else 0.0,
    )
    for name, where in steps:
        if name == "measure":
            circuit.measure(where, where)
        elif name in ("h", "reset"):
            getattr(circuit, name)(where)
        elif name == "cx":
            circuit.cx(*where)
        elif name == "u":
            circuit.u(draw(ANGLES), draw(ANGLES), draw(ANGLES), where)
        else:
            getattr(circuit, name)(draw(ANGLES), *np.atleast_1d(where).tolist())
    circuit.measure(range(3), range(3))
    return circuit


@st.composite
def batches(draw):
    kinds = draw(st.lists(structures(), min_size=1, max_size=2))
    return [draw(filled(draw(st.sampled_from(kinds)))) for _ in range(draw(st.integers(2, 9)))]


@settings(max_examples=40)
@given(
    batch=batches(),
    noise=st.sampled_from(sorted(NOISE)),
    method=st.sampled_from(["automatic", "statevector", "density_matrix", "matrix_product_state"]),
    size=JOB_SIZES,
    seed=SEEDS,
)
def test_bound_circuits(backend, batch, noise, method, size, seed):
    if method == "automatic" and noise == "kraus":
        method = "statevector"  # Aer lets circuits influence each other; test_any_batch has that case
    options = {
        "shots": 50,
        "seed_simulator": seed,
        "memory": True,
        "method": method,
        "noise_model": NOISE[noise],
    }
    before = [circuit.copy() for circuit in batch]
    ours = backend.run(batch, max_job_size=size, **options).result()
    assert differences(ours, AerSimulator(max_parallel_threads=1).run(batch, **options).result()) == []
    assert batch == before


@settings(max_examples=10)
@given(batch=batches(), seed=SEEDS)
def test_the_same_answer_when_the_template_is_known_already(backend, batch, seed):
    options = {"shots": 50, "seed_simulator": seed, "memory": True}
    first, *others = [backend.run(batch, **options).result() for _ in range(3)]
    for other in others:
        assert differences(other, first) == []


@pytest.mark.parametrize("size", [1, 2, None])
def test_bound_gates_that_aer_does_not_bind(backend, aer, same, size):
    batch = []
    for angle in (0.3, 1.2, 2.2):
        circuit = QuantumCircuit(3, global_phase=angle)
        circuit.h([0, 1, 2])
        circuit.crx(angle, 0, 1)
        circuit.cu(angle, 0.1, 0.2, angle / 3, 1, 2)
        circuit.crz(angle, 2, 0)
        circuit.h([0, 1, 2])
        circuit.measure_all()
        batch.append(circuit)
    options = {"shots": 200, "seed_simulator": 3, "memory": True}
    same(backend.run(batch, max_job_size=size, **options).result(), aer.run(batch, **options).result())


def test_an_error_of_a_row_has_the_name_of_its_circuit(backend):
    batch = []
    for index in range(3):
        circuit = QuantumCircuit(2, name=f"mine {index}")
        circuit.crx(0.1 * index, 0, 1)
        circuit.measure_all()
        batch.append(circuit)
    job = backend.run(batch, method="density_matrix")
    assert not job.result().success
    for index, failure in enumerate(job.errors()):
        assert failure.name == f"mine {index}"
        assert f"Circuit mine {index} contains invalid" in failure.message
        assert "template" not in failure.message


def test_many_rows_of_a_circuit_without_numbers(backend, aer, same):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    batch = [circuit.copy(name=f"bell {i}") for i in range(7)] + [circuit] * 3
    options = {"shots": 50, "seed_simulator": 3, "memory": True}
    same(backend.run(batch, max_job_size=4, **options).result(), aer.run(batch, **options).result())


@pytest.mark.parametrize("size", [1, 3, None])
def test_bound_pubs(backend, size):
    ansatz = efficient_su2(3, reps=1)
    rng = np.random.default_rng(1)
    circuits = [ansatz.assign_parameters(rng.uniform(-3, 3, ansatz.num_parameters)) for _ in range(7)]
    measured = [circuit.measure_all(inplace=False) for circuit in circuits]
    run_options = {"max_job_size": size}
    ours = SamplerV2(backend, seed=5, options={"run_options": run_options}).run(measured, shots=40).result()
    theirs = qiskit_aer.primitives.SamplerV2(seed=5).run(measured, shots=40).result()
    assert pub_differences(ours, theirs) == []

    pubs = [(circuit, [SparsePauliOp(["ZZI", "XIX"], [0.5, 1.0]), "YYY"]) for circuit in circuits]
    options = {"run_options": {"seed_simulator": 5}}
    ours = EstimatorV2(backend, options={"run_options": {"seed_simulator": 5, **run_options}}).run(pubs).result()
    theirs = qiskit_aer.primitives.EstimatorV2(options=options).run(pubs).result()
    assert pub_differences(ours, theirs) == []


def test_pubs_that_share_a_circuit(backend):
    ansatz = efficient_su2(3, reps=1)
    ansatz.measure_all()
    rng = np.random.default_rng(2)
    shapes = [(), (4,), (2, 3), (1,), (0,), (5,)]
    pubs = [(ansatz.copy(), rng.uniform(-3, 3, (*shape, ansatz.num_parameters))) for shape in shapes]
    for size in (1, 4, None):
        sampler = SamplerV2(backend, seed=5, options={"run_options": {"max_job_size": size}})
        ours = sampler.run(pubs, shots=40).result()
        theirs = qiskit_aer.primitives.SamplerV2(seed=5).run([p for p in pubs if p[1].size], shots=40).result()
        full = [one for one, shape in zip(ours, shapes, strict=True) if 0 not in shape]
        for one, other in zip(full, theirs, strict=True):
            assert np.array_equal(one.data.meas.array, other.data.meas.array)
        assert [one.data.shape for one in ours] == shapes


def test_by_shots(backend):
    """Readouts of several bound PUBs lie in one piece; a slice may begin and end within the readouts of a row."""
    ansatz = efficient_su2(2, reps=1)
    rng = np.random.default_rng(3)
    circuits = [ansatz.assign_parameters(rng.uniform(-3, 3, ansatz.num_parameters)) for _ in range(5)]
    observable = SparsePauliOp(["ZZ", "XI", "YY"], [0.5, 1.0, -0.25])
    found = []
    for size in (None, 1, 2, 7):
        options = {"estimation": "shots", "run_options": {"seed_simulator": 5, "max_job_size": size}}
        pubs = [(circuit, observable) for circuit in circuits]
        result = EstimatorV2(backend, options=options).run(pubs, precision=0.1).result()
        found.append([(float(one.data.evs), float(one.data.stds)) for one in result])
    assert found[1:] == [found[0]] * 3
