"""A plan in words, before and after."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qiskit_cluster_provider import ClusterProvider, EstimatorV2, SamplerV2
from qiskit_cluster_provider.errors import InvalidCircuitError, UnknownOptionError
from tests.slow import quick

ANGLE = Parameter("angle")


def template(qubits=10):
    circuit = QuantumCircuit(qubits, name="template")
    numbers = np.random.default_rng(1)
    for _ in range(20):
        for qubit in range(qubits):
            circuit.rx(ANGLE, qubit)
            circuit.rz(numbers.random(), qubit)
            circuit.cx(qubit, (qubit + 1) % qubits)
    circuit.measure_all()
    return circuit


SWEEP = [{ANGLE: np.linspace(0, 1, 400).tolist()}]


def test_nothing_is_started_and_the_settings_are_read():
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=3, threads_per_worker=2)
        explained = backend.explain(template(), SWEEP)
        assert not backend.connection.started
        assert explained.capacity[:2] == (3, 6)
        assert backend.explain(template(), SWEEP, max_parallel_threads=2).capacity.slots == 3
        other = provider.get_backend("aer-dask", address="tcp://127.0.0.1:1")
        assert "nobody knows" in str(other.explain(template(), SWEEP))
        assert not other.connection.started


def test_it_says_what_matters(backend):
    explained = backend.explain(template(), SWEEP, seed_simulator=1)
    assert (explained.experiments, explained.rows, explained.templates, explained.circuits) == (400, 400, 1, 1)
    assert explained.methods == {"statevector": 400}
    assert explained.slices > 1
    assert explained.bytes == explained.tasks_bytes + 2 * sum(explained.blobs.values())
    assert explained.blobs, "the circuit travels once"
    assert explained.bytes < 40_000, "400 numbers and one circuit"
    assert 0 < explained.wall < explained.seconds + explained.overhead
    text = str(explained)
    for part in ("400 experiments", "1024 shots", "slices", "400 experiments as rows", "each of 2 workers"):
        assert part in text
    assert explained.why_size in text
    assert "<table>" in explained._repr_html_()


def test_a_job_says_the_same_as_the_plan_before(backend):
    options = {"seed_simulator": 1, "max_job_size": 150}
    before = backend.explain(template(), SWEEP, **options)
    job = backend.run(template(), SWEEP, **options)
    job.result(timeout=100)
    after = job.explain()
    assert (after.slices, after.slice_sizes) == (before.slices, before.slice_sizes) == (3, (100, 150))
    assert after.blobs == before.blobs
    assert abs(after.bytes - before.bytes) <= 60, "random names of mailboxes, compressed"
    assert after.why_size == "max_job_size=150"
    assert after.methods == before.methods
    learned = backend.explain(template(), SWEEP, **options)
    assert learned.learned_from > 0
    assert "that ran" in str(learned)


@pytest.mark.slow
def test_a_job_without_a_plan_is_asked_again_later():
    from qiskit_cluster_provider.errors import ClusterJobError

    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-dask", address="tcp://127.0.0.1:1", timeout=5)
        job = backend.run(quick())
        with pytest.raises(ClusterJobError, match="no plan yet"):
            job.explain()
        job.cancel()


def test_it_refuses_what_run_refuses(backend):
    with pytest.raises(InvalidCircuitError, match="unbound"):
        backend.explain(template())
    with pytest.raises(UnknownOptionError, match="explain"):
        backend.explain(quick(), shotz=3)


def test_what_a_slice_needs_together(backend):
    wide = QuantumCircuit(26)
    wide.rx(0.1, range(26))
    wide.measure_all()
    explained = backend.explain([wide] * 3)
    assert explained.memory >= 1024
    assert f"{explained.memory:,} MB" in str(explained)


def test_primitives(backend):
    state = template(4).remove_final_measurements(inplace=False)
    rows = np.linspace(0, 1, 30)
    sampled = SamplerV2(backend).explain([(template(4), rows), (template(4), rows, 7)], shots=20)
    assert (sampled.experiments, sampled.circuits, sampled.shots) == (60, 2, (7, 20))
    estimated = EstimatorV2(backend).explain([(state, SparsePauliOp("ZZZZ"), rows)])
    assert (estimated.experiments, estimated.rows) == (30, 30)
    job = SamplerV2(backend).run([(template(4), rows)])
    job.result(timeout=100)
    assert job.explain().experiments == 30
