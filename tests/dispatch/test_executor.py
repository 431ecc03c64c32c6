"""``executor=``: what Aer's documentation still promises, really used."""

import os
import signal
import subprocess
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from distributed import Client, LocalCluster
from qiskit.circuit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_cluster_provider.errors import ClusterConnectionError, SlicesLostError
from qiskit_cluster_provider.progress import JobStarted
from tests.jobs.test_job import Events, eventually
from tests.slow import endless, quick


class Counting(ThreadPoolExecutor):
    def __init__(self, *args):
        super().__init__(*args)
        self.calls = 0

    def submit(self, *args, **kwargs):
        self.calls += 1
        return super().submit(*args, **kwargs)


def test_aers_documented_example(provider):
    backend = provider.get_backend("aer-local", workers=5)

    circ = QuantumCircuit(15, 15)
    circ.h(0)
    circ.cx(0, 1)
    circ.cx(1, 2)
    circ.p(2, 0)
    circ.measure([0, 1, 2], [0, 1, 2])
    circ2 = QuantumCircuit(2, 2)
    circ2.h(0)
    circ2.cx(0, 1)
    circ2.measure([0, 1], [0, 1])
    circ_list = [circ, circ2]

    with Counting(2) as exc:
        backend.set_options(executor=exc)
        backend.set_options(max_job_size=1)
        result = backend.run(circ_list).result()
        assert exc.calls == 2

    assert result.success
    assert not backend.connection.started, "an executor needs no cluster"


def test_aer_itself_ignores_the_executor():
    """The fact that this project exists for."""
    with Counting(2) as executor:
        aer = AerSimulator(executor=executor, max_job_size=1)
        assert aer.run([quick()] * 4).result().success
        assert executor.calls == 0


@pytest.mark.parametrize("size", [1, 3, None])
def test_threads(backend, aer, same, size):
    batch = [quick(f"q{i}") for i in range(7)]
    options = {"seed_simulator": 4, "memory": True}
    with Counting(3) as executor:
        ours = backend.run(batch, executor=executor, max_job_size=size, **options).result()
        assert executor.calls == {1: 7, 3: 3, None: 1}[size], "so little work is not shared out"
    same(ours, aer.run(batch, **options).result())


def test_processes(backend, aer, same):
    batch = [quick(f"q{i}") for i in range(6)]
    options = {"seed_simulator": 4, "memory": True}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        ours = backend.run(batch, executor=executor, max_job_size=2, **options).result()
    same(ours, aer.run(batch, **options).result())


def test_a_dask_client_and_its_executor(backend, aer, same):
    batch = [quick(f"q{i}") for i in range(6)]
    options = {"seed_simulator": 4, "memory": True}
    theirs = aer.run(batch, **options).result()
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        same(backend.run(batch, executor=client, max_job_size=2, **options).result(), theirs)
        with client.get_executor() as executor:
            same(backend.run(batch, executor=executor, max_job_size=2, **options).result(), theirs)
        assert client.status == "running"


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_cancel_ends_what_runs_on_an_executor(backend, kind):
    import psutil

    make = ThreadPoolExecutor if kind == "threads" else ProcessPoolExecutor
    with make(1) if kind == "threads" else make(1, mp_context=get_context("spawn")) as executor:
        events = Events()
        job = backend.run([endless(), endless()], executor=executor, max_job_size=1, callback=events)
        events.until(JobStarted)
        assert eventually(job.running)
        assert eventually(lambda: len(simulating(psutil)) > 0)
        assert job.cancel()
        assert job.cancelled()
        assert eventually(lambda: not simulating(psutil), 20), "the running slice must be ended"


def simulating(psutil):
    """Children of this process tree that are past their imports and burn CPU time."""
    found = []
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            child = "qiskit_cluster_provider.worker.child" in process.cmdline()
            if child and process.cpu_percent(0.2) > 50 and process.cpu_times().user > 1.5:
                found.append(process.pid)
        except psutil.NoSuchProcess:
            continue
    return found


class Closed(Executor):
    """Somebody's own, which does not tell that it is closed. Python's do, see tests/test_bad_input.py."""

    def submit(self, fn, /, *args, **kwargs):
        raise RuntimeError("closed since noon")


def test_an_executor_that_does_not_tell_that_it_is_closed(backend):
    job = backend.run(quick(), executor=Closed())
    with pytest.raises(ClusterConnectionError, match="cannot be submitted: closed since noon"):
        job.result(timeout=60)


class Failing(ThreadPoolExecutor):
    """Fails the slices of its choice, as a batch system may."""

    def submit(self, fn, call, *args):
        if call[1] == 1:
            future = Future()
            future.set_exception(RuntimeError("node on fire"))
            return future
        return super().submit(fn, call, *args)


def test_a_failing_executor_loses_its_slice_only(backend):
    with Failing(2) as executor:
        job = backend.run([quick()] * 4, executor=executor, max_job_size=1)
        with pytest.raises(SlicesLostError, match="node on fire"):
            job.result(timeout=60)
    assert [r.success for r in job.partial_result().results] == [True, False, True, True]


PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
from qiskit_cluster_provider import ClusterProvider
from tests.slow import endless, quick
from tests.jobs.test_job import eventually
executor = ThreadPoolExecutor(1)
backend = ClusterProvider().get_backend("aer-local", executor=executor, placement="cluster")
assert backend.run(quick()).result(60).success
if sys.argv[1] == "cancelled":
    job = backend.run(endless())
    assert eventually(job.running)
    job.cancel()
job = backend.run(endless())
print("ready", flush=True)
job.result()
"""


@pytest.mark.parametrize(("number", "left"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, 0)])
def test_a_program_that_is_ended_leaves_no_folder(tmp_path, number, left):
    assert folders(tmp_path, "running", number) == left


def test_what_a_killed_program_left_is_removed_by_a_later_one(tmp_path):
    """A folder is there only after a job was cancelled. SIGKILL gives nobody the time to remove it."""
    for name in ("qiskit-cluster-999999999-a", "qiskit-cluster-1-b", "qiskit-cluster-"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "qiskit-cluster-999999999-new").mkdir()
    assert folders(tmp_path, "cancelled", signal.SIGKILL) == 4, "its own, a recent one, a living one's, a stranger's"
    assert not (tmp_path / "qiskit-cluster-999999999-a").exists()


def folders(tmp, what, number):
    """How many folders there are when a program was ended by a signal."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp)},
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    process.communicate(timeout=60)
    return len(list(tmp.glob("qiskit-cluster-*")))
