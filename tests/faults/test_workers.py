"""Dask workers that die, come late, or are all killed once: real processes, real signals, the same answer."""

import os
import signal
import threading

import pytest
from distributed import Client, LocalCluster

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.progress import SliceDone, SliceStarted
from qiskit_cluster_provider.testing import differences

from ..slow import quick
from .processes import busy
from .processes import cluster as running


@pytest.fixture
def cluster():
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture
def on_cluster(client):
    with ClusterProvider() as provider:
        yield provider.get_backend("aer-dask", client=client)


class KillOnce:
    """A listener that kills the worker of the first slices that begin: each process once."""

    def __init__(self, client, most):
        self.pids = {address: pid for address, pid in client.run(os.getpid).items()}
        self.left = most
        self.killed = []
        self.lock = threading.Lock()

    def __call__(self, event):
        if isinstance(event, SliceStarted):
            with self.lock:
                pid = self.pids.pop(event.worker, None)
                if pid is not None and self.left:
                    self.left -= 1
                    self.killed.append(pid)
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("deaths", [1, 2])
def test_killed_workers_cost_nothing(on_cluster, client, aer, deaths):
    circuit, shots = busy(0.5)
    options = {"shots": shots, "memory": True, "seed_simulator": 3}
    killer = KillOnce(client, deaths)
    job = on_cluster.run([circuit] * 8, max_job_size=1, callback=killer, **options)
    ours = job.result(timeout=150)
    assert len(killer.killed) == deaths
    assert differences(ours, aer.run([circuit] * 8, **options).result()) == []
    assert max(info.attempts for info in job.slices()) > 1


def test_without_a_seed_the_rerun_uses_the_same_one(on_cluster, client, aer):
    circuit, shots = busy(0.3)
    killer = KillOnce(client, 1)
    ours = on_cluster.run([circuit] * 4, max_job_size=1, callback=killer, shots=shots, memory=True).result(150)
    seed = ours.metadata["base_seed"]
    theirs = aer.run([circuit] * 4, shots=shots, memory=True, seed_simulator=seed).result()
    assert killer.killed
    assert differences(ours, theirs) == []


@pytest.mark.slow
def test_templates_and_noise_survive_the_worker_that_held_them(on_cluster, client, aer):
    """Blobs are tasks, so that the scheduler makes them again."""
    from qiskit.circuit import Parameter
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    circuit, shots = busy(0.2)
    angle = Parameter("angle")
    for layer in range(300):  # too large to travel inside each task
        circuit.rx(angle + layer, layer % 10)
    circuit.measure(range(10), range(10))
    noise_model = NoiseModel()
    for qubit in range(10):
        noise_model.add_quantum_error(depolarizing_error(0.01 * (qubit + 1), 1), ["h", "rx"], [qubit])
    options = {"shots": shots // 10, "memory": True, "seed_simulator": 3, "noise_model": noise_model}
    binds = [{angle: [0.1 * i for i in range(8)]}]
    killer = KillOnce(client, 2)
    job = on_cluster.run(circuit, binds, max_job_size=1, callback=killer, **options)
    ours = job.result(timeout=150)
    assert killer.killed
    assert differences(ours, aer.run(circuit, binds, **options).result()) == []


def test_a_worker_that_joins_late_gets_work():
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1") as cluster,
        Client(cluster, set_as_default=False) as client,
        ClusterProvider() as provider,
    ):
        backend = provider.get_backend("aer-dask", client=client)
        circuit, shots = busy(0.3)
        once = threading.Event()

        def grow(event):
            if isinstance(event, SliceDone) and not once.is_set():
                once.set()
                cluster.scale(2)

        job = backend.run([circuit] * 40, max_job_size=1, shots=shots, callback=grow, seed_simulator=1)
        assert job.result(timeout=150).success
        assert len({info.worker for info in job.slices()}) == 2


def test_a_child_that_is_killed_costs_a_retry_and_not_the_worker(backend, aer, same):
    from qiskit_cluster_provider.progress import SliceRetried
    from qiskit_cluster_provider.worker.sandbox.pool import POOL

    circuit, shots = busy(0.5)
    retried, killed = [], []

    def listener(event):
        if isinstance(event, SliceRetried):
            retried.append(event)

    def reaper():
        while not killed:
            killed.extend(pid for pid, is_busy in POOL.pids().items() if is_busy)
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=reaper)
    options = {"shots": shots, "memory": True, "seed_simulator": 3}
    thread.start()
    job = backend.run([circuit] * 4, max_job_size=1, callback=listener, **options)
    ours = job.result(timeout=100)
    thread.join()
    same(ours, aer.run([circuit] * 4, **options).result())
    assert len(retried) == 1
    assert "SIGKILL" in retried[0].reason


def is_inside_aer(process):
    """Past the imports of what forked it."""
    import psutil

    try:
        return "qiskit_cluster_provider.worker.child" in process.cmdline() and process.cpu_times().user > 1.5
    except psutil.NoSuchProcess:
        return False


def test_children_end_with_their_worker(on_cluster, client):
    """Even in the middle of an endless C++ run that holds the GIL."""
    import psutil

    from ..slow import endless

    started = threading.Event()
    on_cluster.run(endless(), callback=lambda e: isinstance(e, SliceStarted) and started.set())
    assert started.wait(60)
    child = worker = None
    while child is None:
        for pid in client.run(os.getpid).values():
            worker = psutil.Process(pid)
            inside = [c for c in worker.children(recursive=True) if is_inside_aer(c)]
            if inside:
                child = inside[0]
                break
    worker.kill()
    assert psutil.wait_procs([child], timeout=20)[0] == [child]


@pytest.mark.slow
def test_soak(aer):
    """1,000 small circuits, and after every six slices the oldest worker is killed."""
    batch = []
    for index in range(1000):
        circuit = quick(f"q{index}")
        circuit.h(0)
        circuit.measure(0, 0)
        batch.append(circuit)
    options = {"shots": 250, "memory": True, "seed_simulator": 3}
    done, killed = [], []
    with running(workers=2) as processes, ClusterProvider() as provider:
        workers = processes.all[1:]

        def listener(event):
            if isinstance(event, SliceDone):
                done.append(event)
                if len(done) % 6 == 0:  # a nanny would give up on a worker that dies while it starts
                    workers[0].kill()
                    killed.append(workers.pop(0))
                    workers.append(processes.start_worker())

        backend = provider.get_backend("aer-dask", address=processes.address)
        ours = backend.run(batch, max_job_size=50, callback=listener, **options).result(timeout=160)
    assert len(killed) >= 3
    assert differences(ours, aer.run(batch, **options).result()) == []
