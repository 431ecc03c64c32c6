"""Children are there before the first slice: by ``connect()``, by ``with backend:``, and while a run is planned."""

import os
import signal
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import psutil
import pytest

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.errors import ClusterClosedError, ClusterConfigError, ClusterConnectionError
from qiskit_cluster_provider.worker.sandbox.pool import POOL

from ..faults.processes import cluster
from ..slow import endless, quick

CHILD = "qiskit_cluster_provider.worker.child"
CLUSTER = {"placement": "cluster"}


@pytest.fixture
def own():
    with ClusterProvider() as provider:
        yield provider


@pytest.fixture(autouse=True)
def without_children():
    """Other tests leave some to the pool that this process has."""
    POOL.close_idle()
    assert eventually(lambda: not POOL.pids())
    yield
    POOL.close_idle()


def eventually(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        threading.Event().wait(0.02)
    return holds()


def simulators_below(pid):
    """Processes that simulate, or fork what does."""
    found = set()
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if CHILD in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def test_after_connecting_the_first_slices_find_their_children(own, aer, same):
    backend = own.get_backend("aer-local", workers=2)
    assert backend.connect() is backend
    there = set(POOL.pids())
    assert len(there) == 2
    batch = [quick(f"q{index}") for index in range(4)]
    job = backend.run(batch, max_job_size=1, seed_simulator=1, memory=True, **CLUSTER)
    same(job.result(timeout=60), aer.run(batch, seed_simulator=1, memory=True).result())
    assert set(POOL.pids()) == there


def test_a_worker_has_as_many_children_as_slices_fit_into_its_threads(own):
    own.get_backend("aer-local", workers=1, threads_per_worker=4, max_parallel_threads=2).connect()
    assert len(POOL.pids()) == 2
    assert {child.threads for child in POOL._idle} == {2}
    own.get_backend("aer-local", workers=1, threads_per_worker=4, max_parallel_threads=0).connect()
    assert sorted(child.threads for child in POOL._idle) == [2, 2, 4]


def test_entering_a_backend_starts_them_and_does_not_wait(own):
    with own.get_backend("aer-local", workers=2):
        assert eventually(lambda: len(POOL.pids()) == 2)
    assert POOL.pids() == {}


def test_a_run_starts_them_before_its_slices_need_them(own):
    """One slice, and two workers: the other's child is there for a later run."""
    backend = own.get_backend("aer-local", workers=2)
    assert backend.run(quick(), **CLUSTER).result(timeout=60).success
    assert eventually(lambda: len(POOL.pids()) == 2)


def test_a_warm_child_that_was_killed_costs_nothing(own):
    backend = own.get_backend("aer-local", workers=1).connect()
    (dead,) = POOL.pids()
    os.kill(dead, signal.SIGKILL)
    job = backend.run(quick(), **CLUSTER)
    assert job.result(timeout=60).success
    assert dead not in POOL.pids()
    backend.connect()
    assert len(POOL.pids()) == 1


def test_a_cancelled_job_leaves_no_child_beyond_its_cluster(own):
    before = simulators_below(os.getpid())
    backend = own.get_backend("aer-local", workers=2)
    job = backend.run(endless(), **CLUSTER)
    job.cancel()
    backend.close()
    assert eventually(lambda: simulators_below(os.getpid()) <= before)
    assert POOL.pids() == {}


def test_a_cluster_that_is_closed_while_its_children_start_leaves_none(own):
    before = simulators_below(os.getpid())
    backend = own.get_backend("aer-local", workers=2).connect(timeout=0)
    backend.close()
    assert eventually(lambda: simulators_below(os.getpid()) <= before)
    with pytest.raises(ClusterClosedError):
        backend.connect()


def test_a_cluster_that_cannot_be_started_leaves_none(own, monkeypatch):
    before = simulators_below(os.getpid())
    monkeypatch.setattr("distributed.LocalCluster.__init__", lambda *_, **__: 1 / 0)
    with pytest.raises(ClusterConnectionError):
        own.get_backend("aer-local", workers=1).connect()
    assert eventually(lambda: simulators_below(os.getpid()) <= before)


def test_explaining_starts_none(own):
    backend = own.get_backend("aer-local", workers=1)
    backend.connection.client()
    backend.explain(quick(), **CLUSTER)
    with ThreadPoolExecutor(1) as executor:
        backend.explain(quick(), executor=executor)
    assert POOL.pids() == {}
    assert not POOL._servers


def test_where_children_cannot_be_started_connecting_has_an_end(own, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        f"import signal, sys\nif {CHILD!r} in sys.orig_argv:\n    signal.pause()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    backend = own.get_backend("aer-local", workers=1)
    begin = time.monotonic()
    assert backend.connect(timeout=0.5) is backend
    assert time.monotonic() - begin < 20
    assert POOL.pids() == {}


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_timeout_that_is_none(own, timeout):
    with pytest.raises(ClusterConfigError, match="timeout"):
        own.get_backend("aer-local", workers=1).connect(timeout=timeout)


def test_workers_that_are_processes_of_their_own(own, aer, same):
    with cluster(workers=1, threads=2) as processes:
        backend = own.get_backend("aer-dask", address=processes.address).connect()
        (worker,) = backend.connection.client().run(os.getpid).values()
        there = simulators_below(worker)
        assert len(there) >= 2
        batch = [quick(f"q{index}") for index in range(4)]
        job = backend.run(batch, max_job_size=1, seed_simulator=1, memory=True, **CLUSTER)
        same(job.result(timeout=60), aer.run(batch, seed_simulator=1, memory=True).result())
        assert simulators_below(worker) == there
        late = processes.start_worker()
        backend.connection.client().wait_for_workers(2, timeout=60)
        job = backend.run(endless(), **CLUSTER)
        assert eventually(lambda: simulators_below(late.pid)), "a job warms workers that come later"
        job.cancel()


def test_threads_of_an_executor(own, aer):
    with ThreadPoolExecutor(1) as executor:
        backend = own.get_backend("aer-local", executor=executor).connect()
        there = set(POOL.pids())
        assert len(there) == 1
        assert not backend.connection.started
        counts = backend.run(quick(), seed_simulator=1).result(timeout=60).get_counts()
        assert set(POOL.pids()) == there
    assert counts == aer.run(quick(), seed_simulator=1).result().get_counts()


def test_processes_of_an_executor(own):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        backend = own.get_backend("aer-local", executor=executor)
        backend.connect()
        process = executor.submit(os.getpid).result(60)
        there = simulators_below(process)
        assert there
        assert backend.run(quick()).result(timeout=60).success
        assert simulators_below(process) == there
    assert eventually(lambda: not any(psutil.pid_exists(pid) for pid in there))


def test_an_executor_of_another_kind_is_not_asked(own):
    class Own(Executor):
        def submit(self, fn, /, *args, **kwargs):
            raise AssertionError("nothing is to be submitted")

    assert own.get_backend("aer-local", executor=Own()).connect()
    assert POOL.pids() == {}
