"""Circuits that no child survives cost themselves, and nothing else."""

import contextlib
import os
import signal
import time

import numpy as np
import psutil
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qiskit_cluster_provider import EstimatorV2, SamplerV2
from qiskit_cluster_provider.errors import PubsFailedError
from qiskit_cluster_provider.progress import SliceRetried, SliceSplit, SliceStarted
from qiskit_cluster_provider.worker.sandbox.pool import POOL

from ..slow import deadly, endless, quick

OPTIONS = {"seed_simulator": 5, "memory": True, "shots": 100}


def healthy(number):
    found = []
    for index in range(number):
        circuit = QuantumCircuit(3, 3, name=f"good {index}")
        circuit.h(range(3))
        circuit.rx(0.1 * index, 0)
        circuit.measure(range(3), range(3))
        found.append(circuit)
    return found


@pytest.mark.parametrize(("number", "size"), [(signal.SIGSEGV, 1), (signal.SIGKILL, 7), (signal.SIGABRT, 50)])
def test_a_circuit_that_kills_its_child(backend, aer, number, size):
    batch = healthy(50)
    expected = aer.run(batch, **OPTIONS).result()
    batch[23] = deadly("culprit", number)
    events = []
    job = backend.run(batch, max_job_size=size, callback=events.append, **OPTIONS)
    ours = job.result(timeout=100)
    assert not ours.success
    assert ours.status == "PARTIAL COMPLETED"
    for index, (one, other) in enumerate(zip(ours.results, expected.results, strict=True)):
        assert one.success is (index != 23)
        assert index == 23 or one.data.memory == other.data.memory
    (failure,) = job.errors()
    assert (failure.index, failure.name) == (23, "culprit")
    assert number.name in failure.message
    assert "[Experiment 23] circuit 'culprit' (index 23)" in ours.results[23].status
    assert number.name in ours.results[23].status
    assert any(isinstance(e, SliceSplit) for e in events) is (size > 1)
    assert job.status().name == "DONE", "as for a circuit that Aer itself refuses"


def test_several_culprits_among_many(backend, aer):
    batch = healthy(40)
    expected = aer.run(batch, **OPTIONS).result()
    culprits = {0: deadly("a"), 20: deadly("b"), 39: deadly("c")}
    for index, circuit in culprits.items():
        batch[index] = circuit
    job = backend.run(batch, max_job_size=20, **OPTIONS)
    ours = job.result(timeout=100)
    assert [f.index for f in job.errors()] == list(culprits)
    for index in set(range(40)) - set(culprits):
        assert ours.results[index].data.memory == expected.results[index].data.memory


@pytest.mark.slow
def test_a_circuit_that_never_ends(backend, aer):
    batch = healthy(9)
    expected = aer.run(batch, **OPTIONS).result()
    batch[4] = endless("for ever")
    job = backend.run(batch, max_job_size=9, slice_timeout=2, **OPTIONS)
    ours = job.result(timeout=100)
    (failure,) = job.errors()
    assert failure.name == "for ever"
    assert "longer than 2 s" in failure.message
    assert "slice_timeout" in failure.hint
    for index in set(range(9)) - {4}:
        assert ours.results[index].data.memory == expected.results[index].data.memory
    assert not any(busy for busy in POOL.pids().values()), "the child was ended"


def test_every_slice_has_a_limit(backend):
    """Not infinite: it is seen at the call that a worker gets."""
    calls = []

    class Watching:
        def submit(self, fn, call, *args):
            from concurrent.futures import Future

            calls.append(call)
            future = Future()
            future.set_result(fn(call, *args))
            return future

    backend.run(quick(), executor=Watching()).result(60)
    backend.run(quick(), executor=Watching(), slice_timeout=77).result(60)
    backend.run(quick(), executor=Watching(), method="matrix_product_state").result(60)
    default, given, unpredictable = (call[6] for call in calls)
    assert 600 <= default < 700
    assert given == 77
    assert unpredictable == 86_400


@pytest.mark.slow
def test_a_stopped_child_is_replaced(backend, aer, same):
    """SIGSTOP: it neither answers nor dies."""
    batch, retried = healthy(4), []
    expected = aer.run(batch, **OPTIONS).result()

    def listener(event):
        if isinstance(event, SliceStarted) and not stopped:
            until = time.monotonic() + 1
            while not stopped and time.monotonic() < until:
                stopped.extend(psutil.Process(pid) for pid, is_busy in POOL.pids().items() if is_busy)
            for child in stopped:
                child.suspend()
        elif isinstance(event, SliceRetried | SliceSplit) and event.outcome == "timed out":
            retried.append(event)

    same(backend.run(batch, max_job_size=4, **OPTIONS).result(timeout=100), expected)  # a child that starts has 120 s
    for _ in range(10):  # its slice may be done before it is stopped
        stopped: list[psutil.Process] = []
        job = backend.run(batch, max_job_size=4, slice_timeout=4, callback=listener, **OPTIONS)
        same(job.result(timeout=100), expected)
        for child in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()  # one that was idle would keep the next slice waiting
        if retried:
            break
    assert retried


def test_the_worker_lives_on(backend):
    before = set(backend.connection.client().scheduler_info()["workers"])
    assert not backend.run(deadly()).result(60).success
    assert set(backend.connection.client().scheduler_info()["workers"]) == before
    assert backend.run(quick()).result(60).success


@pytest.mark.slow
def test_a_part_of_the_shots_that_dies(backend):
    job = backend.run([endless(), quick()], max_shot_size=50, shots=100, slice_timeout=2, seed_mode="independent")
    result = job.result(timeout=100)
    assert [one.success for one in result.results] == [False, True]
    assert sum(result.get_counts(1).values()) == 100


def test_no_word_of_a_death_is_lost(backend):
    """The last words of the child, here of Python's own, come with the error."""
    job = backend.run(deadly(number=signal.SIGTERM), retries=0)
    assert "SIGTERM" in job.result(60).results[0].status


@pytest.mark.parametrize("size", [1, None])
def test_a_pub_that_kills_its_child_names_itself(backend, size):
    angle = Parameter("angle")
    good = QuantumCircuit(2, name="good")
    good.rx(angle, 0)
    bad = QuantumCircuit(2, name="bad")
    bad.compose(deadly().remove_final_measurements(inplace=False), [0, 1], inplace=True)
    observable = SparsePauliOp(["ZZ", "XI"])
    estimator = EstimatorV2(backend, options={"run_options": {"max_job_size": size, "seed_simulator": 1}})
    expected = estimator.run([(good, observable, [0.1, 0.2, 0.3])]).result()[0].data.evs
    job = estimator.run([(good, observable, [0.1, 0.2, 0.3]), (bad, observable)])
    with pytest.raises(PubsFailedError, match=r"1 of 2 PUBs failed: PUB 1 \(circuit 'bad'\).*SIGSEGV"):
        job.result(timeout=100)
    partial = job.partial_result()
    assert np.array_equal(partial[0].data.evs, expected)
    assert np.isnan(partial[1].data.evs)
    assert partial[1].metadata["missing"].all()

    good.measure_all()
    bad.measure_all()
    sampler = SamplerV2(backend, seed=2, options={"run_options": {"max_job_size": size}})
    expected = sampler.run([(good, [0.1, 0.2, 0.3])]).result()[0].data.meas.array
    job = sampler.run([(good, [0.1, 0.2, 0.3]), bad])
    with pytest.raises(PubsFailedError, match=r"PUB 1 \(circuit 'bad'\)"):
        job.result(timeout=100)
    assert np.array_equal(job.partial_result()[0].data.meas.array, expected)


def test_the_children_go_first_when_memory_runs_out(backend):
    """The kernel ends the process with the highest score: the Dask worker is to keep its heartbeat."""
    backend.run(quick()).result(60)
    for pid in POOL.pids():
        with open(f"/proc/{pid}/oom_score_adj") as file:
            assert int(file.read()) == 1000
    with open(f"/proc/{os.getpid()}/oom_score_adj") as file:
        assert int(file.read()) < 1000
