"""What is simulated in this process: the answer of the cluster and of Aer, and never what could harm the process."""

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Gate, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_cluster_provider import ClusterProvider, EstimatorV2, SamplerV2
from qiskit_cluster_provider.engines.aer.placement import place
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.resources import AerEstimate
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.errors import ClusterClosedError, ClusterConfigError, ClusterJobCancelledError
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.progress import JobFinished, JobStarted, SliceDone, SliceFailed, SliceStarted
from qiskit_cluster_provider.testing import differences, pub_differences
from tests.parity.circuits import circuits, kraus_and_unitary, templates
from tests.slow import deadly, endless, quick, unsupported

NOISE = NoiseModel()
NOISE.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["h", "x", "rx", "rz"])
NOISE.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
NOISE.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])


@pytest.fixture(scope="module")
def auto():
    """The backend of a user who sets nothing, on a cluster that nothing starts."""
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=2, placement="auto")
        yield backend
        assert not backend.connection.started


def stays(job):
    """Whether ``job`` was simulated in this process."""
    return {info.worker for info in job.slices()} == {"here"}


@settings(max_examples=40)
@given(
    batch=st.lists(circuits(), min_size=1, max_size=4),
    noise=st.sampled_from([None, NOISE]),
    size=st.sampled_from([None, 1, 2]),
    options=st.sampled_from(
        [{}, {"precision": "single"}, {"method": "density_matrix"}, {"enable_truncation": False}]
    ),
    seed=st.integers(-(2**63), 2**63 - 1),
)
def test_here_on_the_cluster_and_aer_give_the_same(backend, batch, noise, size, options, seed):
    options = {"seed_simulator": seed, "shots": 30, "memory": True, "noise_model": noise, **options}
    theirs = AerSimulator(max_parallel_threads=1).run(batch, **options).result()
    for placement in ("here", "cluster"):
        job = backend.run(batch, placement=placement, max_job_size=size, **options)
        assert differences(job.result(), theirs) == []
        assert stays(job) is (placement == "here")


@settings(max_examples=25)
@given(rows=st.lists(st.integers(1, 4), min_size=1, max_size=3), noisy=st.booleans(), data=st.data())
def test_parameter_sets(backend, rows, noisy, data):
    batch, binds = [], []
    for count in rows:
        circuit, parameters = templates(2, 2)
        numbers = st.lists(st.floats(-7, 7), min_size=count, max_size=count)
        batch.append(circuit)
        binds.append({parameter: data.draw(numbers) for parameter in parameters})
    options = {"seed_simulator": 5, "shots": 30, "memory": True, "noise_model": NOISE if noisy else None}
    theirs = AerSimulator(max_parallel_threads=1).run(batch, binds, **options).result()
    assert differences(backend.run(batch, binds, placement="here", **options).result(), theirs) == []


def test_saves_and_channels(backend, aer, same):
    saved = QuantumCircuit(2)
    saved.h(0)
    saved.save_statevector(label="state")
    saved.save_density_matrix(label="matrix")
    saved.save_expectation_value(SparsePauliOp("ZZ"), [0, 1])
    saved.save_probabilities_dict(label="probabilities")
    stabilizer = QuantumCircuit(2)
    stabilizer.h(0)
    stabilizer.save_stabilizer()
    batch = [saved, stabilizer, quick(), kraus_and_unitary()]
    for extra in ({}, {"noise_model": NOISE}):
        options = {"seed_simulator": 3, "shots": 20, "memory": True, **extra}
        theirs = aer.run(batch, **options).result()
        same(backend.run(batch, placement="here", **options).result(), theirs)


def test_a_device(provider, same):
    ours = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2(), placement="here")
    theirs = AerSimulator.from_backend(FakeManilaV2(), max_parallel_threads=1)
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    options = {"seed_simulator": 1, "shots": 100, "memory": True}
    same(ours.run([circuit] * 3, **options).result(), theirs.run([circuit] * 3, **options).result())


def test_primitives(backend):
    circuit, _ = templates(2, 2)
    values = np.random.default_rng(1).random((4, 2))
    sampled = [SamplerV2(backend.with_options({"placement": p}), seed=4) for p in ("here", "cluster")]
    pubs = [(circuit, values), (quick(),)]
    here, there = (sampler.run(pubs, shots=50) for sampler in sampled)
    assert pub_differences(here.result(), there.result()) == []
    assert stays(here)
    state = circuit.remove_final_measurements(inplace=False)
    observables = [[SparsePauliOp("ZZ")], [SparsePauliOp(["XX", "YZ"], [0.5, 2.0])]]
    for options in ({}, {"estimation": "shots", "default_shots": 40}):
        options = {**options, "run_options": {"seed_simulator": 4}}
        here, there = (
            EstimatorV2(backend.with_options({"placement": p}), options=options).run([(state, observables, values)])
            for p in ("here", "cluster")
        )
        assert pub_differences(here.result(), there.result()) == []
        assert stays(here)


def test_tiny_work_stays_and_no_cluster_is_started(auto, aer, same):
    batch = [quick(f"q{index}") for index in range(5)]
    events = []
    job = auto.run(batch, seed_simulator=2, callback=events.append)
    same(job.result(timeout=60), aer.run(batch, seed_simulator=2).result())
    assert stays(job)
    assert not auto.connection.started
    assert [type(event) for event in events] == [JobStarted, SliceStarted, SliceDone, JobFinished]
    assert events[1].worker == "here"
    assert job.progress().experiments_done == 5
    report = job.report()
    assert "simulated    in this process" in str(report)
    assert [use.name for use in report.workers] == ["here"]
    assert job.explain().here


def named(name, qubits=1):
    circuit = quick(f"with {name}")
    circuit.append(Gate(name, qubits, []), range(qubits))
    return circuit


def wide(qubits, save):
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    getattr(circuit, f"save_{save}")()
    return circuit


def flow(kind):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        if kind == "loop":
            with circuit.while_loop((circuit.clbits[0], 1)):
                circuit.measure(0, 0)
        else:
            circuit.x(0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "options", "why"),
    [
        (endless(), {}, "might not end, or crash"),
        (flow("loop"), {}, "might not end, or crash"),
        (deadly(), {}, "might not end, or crash"),
        (named("x"), {}, "might not end, or crash"),
        (kraus_and_unitary(), {}, "might not end, or crash"),
        (quick(), {"method": "matrix_product_state"}, "nobody knows how long"),
        (quick(), {"method": "extended_stabilizer"}, "nobody knows how long"),
        (quick(), {"shots": 10**7, "memory": True}, "more than 100 ms"),
        (wide(12, "density_matrix"), {}, "needs memory"),
        (wide(20, "statevector"), {}, "needs memory"),
        (wide(25, "probabilities"), {}, "needs memory"),
        (quick(), {"max_parallel_threads": 2}, "max_parallel_threads=2"),
        (quick(), {"max_parallel_shots": 2}, "max_parallel_shots=2"),
        (quick(), {"device": "GPU"}, "device='GPU'"),
        (quick(), {"shot_branching_enable": True}, "shot_branching_enable"),
        (quick(), {"slice_timeout": 5}, "nothing could end it here"),
        (quick(), {"placement": "cluster"}, "placement='cluster'"),
    ],
)
def test_what_must_not_run_here(auto, circuit, options, why):
    explained = auto.explain([circuit], **options)
    assert not explained.here
    assert why in explained.why_there


@pytest.mark.parametrize("circuit", [quick(), flow("branch"), wide(3, "statevector"), wide(2, "unitary")])
def test_what_may(auto, circuit):
    assert auto.explain([circuit], shots=10).here


def test_a_device_stays_away_by_its_noise(auto):
    """To convert it takes longer than to send it; a small one does not matter."""
    circuit = QuantumCircuit(5)
    circuit.sx(range(5))
    circuit.measure_all()
    device = NoiseModel.from_backend(FakeManilaV2())
    assert not auto.explain([circuit], noise_model=device, shots=10).here
    assert auto.explain([quick()], noise_model=NOISE, shots=10).here


def test_many_small_ones_are_much():
    def placed(count):
        work = prepare([quick()] * count, None, RunSettings({"shots": 100}, SliceOptions()))
        return place(AerEstimate(work), safe_in_process=True)

    assert placed(1).here
    assert placed(50).here
    assert placed(5000) == (False, "it would be more than 100 ms of work here")


def test_an_executor_is_used(auto):
    with ThreadPoolExecutor(2) as executor:
        job = auto.run(quick(), executor=executor)
        assert job.result(timeout=60).success
        assert job.explain().why_there == "executor=ThreadPoolExecutor"
        assert not stays(job)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"placement": "there"}, "placement='there' does not exist"),
        ({"placement": "here", "slice_timeout": 3}, "nothing can end a simulation in this process"),
        ({"placement": "here", "executor": ThreadPoolExecutor()}, "exclude each other"),
    ],
)
def test_options_that_cannot_be(options, says):
    with pytest.raises(ClusterConfigError, match=says):
        SliceOptions(**options)


def test_the_environment_and_a_profile_say_where(tmp_path, monkeypatch):
    monkeypatch.delenv("QISKIT_CLUSTER_PLACEMENT")
    (tmp_path / "cluster.toml").write_text('[profiles.mine]\nkind = "aer-local"\nplacement = "here"\n')
    with ClusterProvider(profiles=tmp_path / "cluster.toml") as provider:
        assert provider.get_backend("aer-local").options.placement == "auto"
        assert provider.get_backend("mine").options.placement == "here"
        monkeypatch.setenv("QISKIT_CLUSTER_PLACEMENT", "cluster")
        assert provider.get_backend("mine").options.placement == "cluster"


def test_a_forced_run_is_cut_and_can_be_cancelled(backend):
    began = threading.Event()
    done = []

    def listen(event):
        if isinstance(event, SliceDone):
            done.append(event.index)
            began.set()

    heavy = QuantumCircuit(15)
    for _ in range(40):
        heavy.rx(0.1, range(15))
    heavy.measure_all()
    job = backend.run([heavy] * 500, placement="here", shots=1, max_job_size=1, callback=listen)
    assert began.wait(60)
    assert job.cancel()
    with pytest.raises(ClusterJobCancelledError):
        job.result(timeout=60)
    assert 1 <= len(done) < 500


def test_a_callback_may_cancel(backend):
    job_of = []
    ready = threading.Event()

    def listen(event):
        if isinstance(event, SliceDone):
            ready.wait(30)
            job_of[0].cancel()

    job_of.append(backend.run([quick()] * 4, placement="here", max_job_size=1, callback=listen))
    ready.set()
    with pytest.raises(ClusterJobCancelledError):
        job_of[0].result(timeout=60)
    assert [info.state for info in job_of[0].slices()] == ["done", "cancelled", "cancelled", "cancelled"]


def test_what_aer_cannot_run_fails_alone_and_without_aers_own_words(backend, aer, caplog):
    batch = [quick("good"), unsupported("bad"), quick("also good")]
    good = aer.run([batch[0]], seed_simulator=1).result()
    with caplog.at_level(logging.WARNING):
        job = backend.run(batch, placement="here", seed_simulator=1)
        result = job.result(timeout=60)
    assert [one.success for one in result.results] == [True, False, True]
    assert result.get_counts(0) == good.get_counts()
    assert "'bad' (index 1)" in result.results[1].status
    assert [record.name for record in caplog.records] == ["qiskit_cluster_provider"]


def test_an_error_of_ours_is_told(backend, monkeypatch):
    from qiskit_cluster_provider.engines.aer.simulation import here

    def broken(*_):
        raise OSError("no more")

    monkeypatch.setattr(here, "simulate", broken)
    events = []
    job = backend.run(quick("q"), placement="here", callback=events.append)
    with pytest.raises(Exception, match="OSError: no more"):
        job.result(timeout=60)
    assert [event.outcome for event in events if isinstance(event, SliceFailed)] == ["error"]
    assert "broken" in str(job.report()), "the traceback"


def test_a_circuit_may_be_changed_after_the_call(backend, aer, same):
    circuit = quick()
    release = threading.Event()
    job = backend.run(
        circuit, placement="here", seed_simulator=1, callback=lambda e: isinstance(e, JobStarted) and release.wait(30)
    )
    circuit.x(0)
    release.set()
    same(job.result(timeout=60), aer.run(quick(), seed_simulator=1).result())


def test_many_jobs_at_once(backend, aer):
    batch = [quick(f"q{i}") for i in range(5)]
    theirs = aer.run(batch, seed_simulator=1, memory=True).result()
    jobs = [backend.run(batch, placement="here", seed_simulator=1, memory=True) for _ in range(20)]
    assert all(differences(job.result(timeout=60), theirs) == [] for job in jobs)


def test_a_backend_that_is_closed_runs_nothing_here_either():
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=1, placement="here")
    with pytest.raises(ClusterClosedError):
        backend.run(quick())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork():
    code = """
import os, sys
from qiskit import QuantumCircuit
from qiskit_cluster_provider import ClusterProvider
circuit = QuantumCircuit(1, 1); circuit.x(0); circuit.measure(0, 0)
def run():
    backend = ClusterProvider().get_backend("aer-local", workers=1, placement="here")
    return backend.run(circuit, shots=7).result().get_counts()
assert run() == {"1": 7}
child = os.fork()
if child == 0:
    os._exit(0 if run() == {"1": 7} else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_nothing_that_simulates_is_loaded_before_it_is_needed():
    code = (
        "import sys, qiskit_cluster_provider as q; backend = q.ClusterProvider().get_backend('aer-local'); "
        "from qiskit import QuantumCircuit; c = QuantumCircuit(1); c.measure_all(); backend.explain(c); "
        "print([m for m in sys.modules if m.startswith('qiskit_cluster_provider.')])"
    )
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert "engines.aer.simulation" not in out.stdout
    assert "worker.sandbox.pool" in out.stdout


def test_dask_is_not_imported_for_what_stays_here():
    code = (
        "import sys, qiskit_cluster_provider as q; "
        "backend = q.ClusterProvider().get_backend('aer-local', placement='auto'); "
        "from qiskit import QuantumCircuit; c = QuantumCircuit(1); c.measure_all(); "
        "print(backend.run(c, shots=7).result().get_counts(), 'dask' in sys.modules, 'distributed' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split("} ")[1].split() == ["False", "False"]
