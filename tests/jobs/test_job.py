"""The handle: every status, waiting, cancelling, what is there so far, and failures that stay alone."""

import signal
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from qiskit.circuit import Gate, QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers import JobStatus, JobV1
from qiskit.providers.exceptions import JobTimeoutError

from qiskit_cluster_provider.backend import ClusterBackend
from qiskit_cluster_provider.clusters import ClusterConfig, ClusterKind, Connection
from qiskit_cluster_provider.errors import (
    ClusterConnectionError,
    ClusterJobError,
    ClusterJobTimeoutError,
    InvalidCircuitError,
)
from qiskit_cluster_provider.progress import JobFinished, JobStarted, SliceDone, SliceStarted
from qiskit_cluster_provider.worker.sandbox.pool import POOL
from tests.slow import endless, quick, unsupported


@pytest.fixture
def events():
    return Events()


class Events(list):
    """Collects events; ``until`` waits for one of a type."""

    def __init__(self):
        super().__init__()
        self.condition = threading.Condition()

    def __call__(self, event):
        with self.condition:
            self.append(event)
            self.condition.notify_all()

    def until(self, kind, timeout=60):
        with self.condition:
            assert self.condition.wait_for(lambda: any(isinstance(e, kind) for e in self), timeout)


def test_done(backend):
    job = backend.run(quick(), shots=10)
    assert isinstance(job, JobV1)
    assert job.result().success
    assert job.status() is JobStatus.DONE
    assert job.done()
    assert job.in_final_state()
    assert not job.running()
    assert not job.cancelled()
    assert job.backend() is backend
    assert job.result().job_id == job.job_id()
    assert job.result() is job.result()
    assert not job.cancel()
    assert str(job.progress()) == "1 of 1 experiments in 1 of 1 slices"
    with pytest.raises(ClusterJobError, match="submitted already"):
        job.submit()


def test_running_then_cancelled(backend, events):
    job = backend.run([endless() for _ in range(8)], max_job_size=1, callback=events)
    events.until(SliceStarted)
    assert job.status() is JobStatus.RUNNING
    assert job.running()
    with pytest.raises(ClusterJobTimeoutError, match="goes on") as late:
        job.result(timeout=0.01)
    assert isinstance(late.value, (JobTimeoutError, TimeoutError))
    with pytest.raises(JobTimeoutError):
        job.wait_for_final_state(timeout=0.01)
    assert job.cancel()
    assert job.status() is JobStatus.CANCELLED
    assert job.cancelled()
    assert job.in_final_state()
    with pytest.raises(CancelledError):
        job.result()
    assert {info.state for info in job.slices()} == {"cancelled"}
    assert events[-1] == JobFinished(job.job_id(), "CANCELLED")
    assert len([e for e in events if isinstance(e, SliceStarted)]) < 8
    assert eventually(lambda: not any(POOL.pids().values()), 10), "what ran must be ended"
    assert backend.run(quick(), shots=3).result().success


def test_queued_until_a_worker_begins():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
        from_client(client) as backend,
    ):
        started = Events()
        job = backend.run([quick()] * 3, max_job_size=1, callback=started)
        started.until(JobStarted)
        assert eventually(lambda: job.status() is JobStatus.QUEUED)
        cluster.scale(1)
        assert job.result(timeout=60).success
        assert job.status() is JobStatus.DONE


def test_validating_while_the_cluster_starts_and_initializing_before(backend):
    gate = threading.Event()

    class Slow(ClusterKind):
        description = "waits"

        @contextmanager
        def connect(self, config):
            gate.wait(60)
            yield backend.connection.client()

    slow = ClusterBackend(Connection("slow", Slow(), ClusterConfig()), placement="cluster")
    job = slow.run(quick())
    assert job.status() is JobStatus.VALIDATING
    assert job.slices() == []
    with pytest.raises(ClusterJobError, match="no plan yet"):
        job.partial_result()
    gate.set()
    assert job.result(timeout=60).success

    unsubmitted = type(job)(slow, "id", job._record, progress=False)
    assert unsubmitted.status() is JobStatus.INITIALIZING
    assert not unsubmitted.cancel()
    with pytest.raises(ClusterJobError, match=r"submit\(\) first"):
        unsubmitted.result()


def test_error_if_the_cluster_cannot_be_reached(provider):
    backend = provider.get_backend("aer-dask", address="tcp://127.0.0.1:1", timeout=0.5)
    job = backend.run(quick())
    with pytest.raises(ClusterConnectionError, match="aer-dask"):
        job.result(timeout=60)
    assert job.status() is JobStatus.ERROR
    assert job.in_final_state()


def test_a_cluster_that_is_closed_in_mid_job_ends_it(provider):
    backend = provider.get_backend("aer-local", workers=1, threads_per_worker=2)
    started = Events()
    job = backend.run([endless(), endless()], max_job_size=1, callback=started)
    started.until(SliceStarted)
    backend.close()
    with pytest.raises(ClusterConnectionError, match="closed"):
        job.result(timeout=60)
    assert job.status() is JobStatus.ERROR
    with pytest.raises(ClusterConnectionError, match="closed"):
        backend.run(quick()).result(timeout=60)


def broken(name="broken"):
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.t(0)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_circuit_that_fails_fails_alone(backend, aer, size):
    """What Aer cannot assemble costs all of its batch; here it costs itself."""
    good = [quick(f"good {i}") for i in range(6)]
    batch = [good[0], broken(), good[1], good[2], unsupported("one"), good[3], good[4], unsupported("two"), good[5]]
    job = backend.run(batch, max_job_size=size, seed_simulator=1, memory=True, method="stabilizer")
    result = job.result()
    assert not result.success
    assert result.status == "PARTIAL COMPLETED"
    assert job.status() is JobStatus.DONE
    for index, circuit in enumerate(batch):
        if circuit in good:
            alone = aer.run(circuit, seed_simulator=1 + 2113 * index, memory=True, method="stabilizer").result()
            assert result.get_memory(index) == alone.get_memory()
        else:
            assert not result.results[index].success
            assert f"[Experiment {index}] circuit {circuit.name!r}" in result.results[index].status
            with pytest.raises(QiskitError, match=circuit.name):
                result.get_counts(index)
    assert [(e.index, e.circuit, e.name) for e in job.errors()] == [
        (1, 1, "broken"),
        (4, 4, "one"),
        (7, 7, "two"),
    ]
    assert "unknown op" in job.errors()[1].message
    assert job.progress().experiments_failed == 3


def test_all_failed_is_an_error_with_aers_words(backend, aer):
    batch = [broken("one"), broken("two")]
    options = {"method": "stabilizer", "seed_simulator": 1}
    ours = backend.run(batch, max_job_size=1, **options).result()
    theirs = aer.run(batch, **options).result()
    assert theirs.status.startswith("ERROR:  [Experiment 0]")
    assert ours.status.startswith("ERROR:  [Experiment 0]")
    assert "[Experiment 1]" in ours.status
    assert not ours.success
    assert [r.success for r in ours.results] == [False, False]


def test_progress_slices_and_partial_result(backend, events):
    batch = [quick(f"q{i}") for i in range(4)] + [endless()]
    job = backend.run(batch, shots=10, max_job_size=1, callback=events, seed_simulator=1)

    def ready():
        begun = [e.index for e in list(events) if isinstance(e, SliceStarted)]
        return len([e for e in list(events) if isinstance(e, SliceDone)]) == 4 and 4 in begun

    while not ready():
        seen = len(events)
        with events.condition:
            assert events.condition.wait_for(lambda seen=seen: len(events) > seen, 60)
    progress = job.progress()
    assert (progress.slices_done, progress.slices_total) == (4, 5)
    assert (progress.experiments_done, progress.experiments_total) == (4, 5)
    assert progress.seconds_left > 0
    assert "4 of 5 experiments" in str(progress)
    partial = job.partial_result()
    assert partial.partial
    assert not partial.success
    assert partial.status == "PARTIAL: 4 of 5 experiments"
    assert sum(partial.get_counts(2).values()) == 10
    with pytest.raises(QiskitError, match="NOT DONE"):
        partial.get_counts(4)
    states = [info.state for info in job.slices()]
    assert states == ["done"] * 4 + ["running"]
    assert all(info.attempts == 1 and info.worker and info.seconds >= 0 for info in job.slices()[:4])
    job.cancel()
    assert job.partial_result().get_counts(0) == partial.get_counts(0)
    assert [e for e in events if isinstance(e, JobStarted)] == [JobStarted(job.job_id(), 5, 5)]


def test_a_complete_partial_result_is_not_marked(backend):
    job = backend.run(quick())
    job.result()
    assert job.partial_result().status == "COMPLETED"
    assert not hasattr(job.partial_result(), "partial")


def test_what_cannot_be_sent_is_refused_before_anything_is(backend, events):
    stuck = QuantumCircuit(1, 1, name="stuck")
    gate = Gate("x", 1, [])
    gate.lock = threading.Lock()
    stuck.append(gate, [0])
    with pytest.raises(InvalidCircuitError, match="has the operation 'x', which cannot be sent") as refusal:
        backend.run([quick(), stuck, quick()], max_job_size=1, callback=events)
    assert (refusal.value.circuit, refusal.value.index) == ("stuck", 1)
    assert not list(events)


def test_a_broken_callback_costs_nothing(backend):
    def listener(event):
        raise ValueError("my own fault")

    assert backend.run(quick(), callback=listener).result(timeout=60).success


def test_wait_for_final_state_calls_back(backend, events):
    job = backend.run(endless(), callback=events)
    events.until(SliceStarted)
    seen = []

    def callback(job_id, status, job):
        seen.append((job_id, status))
        job.cancel()

    job.wait_for_final_state(timeout=60, wait=0.01, callback=callback)
    assert seen[0] == (job.job_id(), JobStatus.RUNNING)
    assert job.cancelled()


def test_many_jobs_at_once(backend):
    jobs = [backend.run([quick()] * 5, shots=20, seed_simulator=i, memory=True) for i in range(20)]
    assert all(job.result(timeout=100).success for job in jobs)
    assert len({tuple(job.result().get_memory(0)) for job in jobs}) > 1


def test_reprs(backend):
    job = backend.run(quick("<b>"))
    job.result()
    assert job.job_id() in repr(job)
    assert "<progress" in job._repr_html_()


@contextmanager
def from_client(client):
    from qiskit_cluster_provider import ClusterProvider

    with ClusterProvider() as provider:
        yield provider.get_backend("aer-dask", client=client)
    assert client.status == "running"


def eventually(condition, timeout=60):
    """Ask until it is true: for states that no event announces."""
    import time

    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.01)
    return True


class Closed(ThreadPoolExecutor):
    """Begins when it is told."""

    def __init__(self, event):
        super().__init__(1)
        self.event = event

    def submit(self, fn, /, *args, **kwargs):
        return super().submit(lambda: self.event.wait(60) and fn(*args, **kwargs))


def test_our_copies_of_circuits_are_emptied_when_their_results_are_there(backend):
    """100,000 experiments must not hold every circuit twice; the user's own stay as they are."""
    batch = [quick(f"q{i}") for i in range(6)] + [quick("shared")] * 3
    for index, circuit in enumerate(batch[:7]):
        circuit.delay(index, 0)  # else all were rows of one template, which stays
    held = []

    def listener(event):
        if isinstance(event, SliceDone):
            held.append(sum(bool(len(item.circuit)) for item in job._record.work.items))

    gate = threading.Event()
    with Closed(gate) as executor:
        job = backend.run(batch, max_job_size=2, executor=executor, callback=listener)
        gate.set()
        result = job.result(timeout=60)
    assert held[-1] == 0
    assert held == sorted(held, reverse=True)
    assert result.success
    assert all(len(circuit.data) == 5 for circuit in batch)
    assert [one.header["name"] for one in job.partial_result().results][-1] == "shared"


@pytest.mark.slow
def test_the_watchdog_bites_a_silent_job_and_no_other(backend):
    from concurrent.futures import Executor, Future

    from qiskit_cluster_provider.errors import ClusterJobCancelledError
    from qiskit_cluster_provider.testing import Watchdog

    class Silent(Executor):
        def submit(self, fn, /, *args, **kwargs):
            return Future()

    with Watchdog(limit=8, every=0.1) as watchdog:
        busy = backend.run([quick()] * 20, max_job_size=1)
        silent = backend.run(quick(), executor=Silent())
        with pytest.raises(ClusterJobCancelledError):
            silent.result(timeout=60)
        assert busy.result(timeout=60).success
    assert watchdog.bitten == [silent.job_id()]


@pytest.mark.parametrize("wait", ["result", "wait_for_final_state"])
def test_ctrl_c_is_seen_though_it_does_not_interrupt_the_wait(backend, wait):
    """As one that comes just before the main thread waits for a lock, or that the kernel gives to another thread."""
    job = backend.run(endless(), placement="cluster")

    def interrupt():
        assert eventually(job.running)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    other = threading.Thread(target=interrupt)
    other.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        getattr(job, wait)(timeout=90)
    assert time.monotonic() - begun < 60, "it was seen when the wait was over"
    other.join()
    assert job.running()
    job.cancel()
