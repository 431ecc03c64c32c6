"""A Dask, a Python, a dask-kubernetes or a dask-jobqueue without one of its private names."""

import asyncio
import atexit
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import pytest
from distributed import Client, LocalCluster
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider._compat import dask, dask_jobqueue, dask_kubernetes, python
from qiskit_cluster_provider.dispatch.transports.executor import ExecutorTransport
from qiskit_cluster_provider.errors import ClusterClosedError, ClusterConnectionError, LibraryVersionError

HELM = "qiskit_cluster_provider.clusters.helm.cluster"
KUBERNETES = "qiskit_cluster_provider.clusters.kubernetes.cluster"


@pytest.fixture
def cluster():
    with LocalCluster(n_workers=0, processes=False, dashboard_address=None, protocol="inproc://") as cluster:
        yield cluster


def circuit():
    found = QuantumCircuit(2, 2, name="mine")
    found.h(0)
    found.cx(0, 1)
    found.measure([0, 1], [0, 1])
    return found


def refused(backend, executor, match):
    """It is, when the job is made or by the job itself."""
    with pytest.raises(ClusterConnectionError, match=match):
        backend.run(circuit(), executor=executor, no_workers_timeout=1).result(timeout=60)


# Kinds that cannot do without

NEEDED = [
    *((HELM, record) for record in (dask.CLUSTER_START, dask.CLUSTER_CLOSE, dask.CLUSTER_WATCH)),
    *((KUBERNETES, record) for record in (dask_kubernetes.CONNECT, dask_kubernetes.CLOSE)),
    (KUBERNETES, dask_kubernetes.DASK_CLUSTER),
]


@pytest.mark.parametrize(("module", "record"), NEEDED, ids=lambda one: getattr(one, "name", ""))
def test_a_kind_that_cannot_do_without(without, monkeypatch, module, record):
    without(record)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(importlib.import_module(module.rpartition(".")[0]), "cluster", raising=False)
    with pytest.raises(LibraryVersionError, match=rf"pip install '{record.library}==20\d\d\.\d\.\*'"):
        importlib.import_module(module)


# Dask's objects


def test_a_loop_that_cannot_be_ended(without, cluster):
    client = Client(cluster, set_as_default=False)
    without(dask.LOOP_RUNNER)
    client.close()
    dask.stop_loop(client)
    assert client.status == "closed"


@pytest.mark.parametrize("known", [True, False])
def test_an_adaptation_ends(without, cluster, known):
    adaptive = cluster.adapt(minimum=0, maximum=3, interval="1h")
    if not known:
        without(dask.ADAPTIVE)
    dask.stop_adapting(cluster, 0)
    assert adaptive.state == "stopped"
    assert cluster._adaptive.state == "stopped"


def test_another_cluster_object_is_left_alone(without):
    """Whose adapt() may do something else."""
    without(dask.ADAPTIVE)

    class Other:
        def adapt(self, **_):
            raise AssertionError

    dask.stop_adapting(Other(), 3)


def test_an_executor_of_a_closed_client(backend, without, cluster):
    executor = Client(cluster, set_as_default=False).get_executor()
    executor._client.close()
    refused(backend, executor, "closed")
    without(dask.EXECUTOR_CLIENT)
    refused(backend, executor, "closed|connection|connected")


def test_threads_of_a_fork(without):
    """A cluster that a forked process starts: with the name it works, without it the fork is told nothing."""
    script = (
        "import os, sys\n"
        "from distributed.utils import offload, _offload_executor\n"
        "_offload_executor.submit(int).result()\n"
        "from qiskit_cluster_provider._compat import dask\n"
        "import distributed.utils as utils\n"
        "before = utils._offload_executor\n"
        "dask.renew_offloading()\n"
        "assert utils._offload_executor is before, 'its thread lives'\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    dask.renew_offloading()\n"
        "    utils._offload_executor.submit(int).result(timeout=20)\n"
        "    os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "7\n", done.stderr
    without(dask.OFFLOAD_EXECUTOR)
    dask.renew_offloading()


@pytest.mark.parametrize("records", [(), (dask.WATCH_TASK,), (dask.WATCH_COMM,)], ids=["all", "task", "comm"])
def test_a_release_closes(without, records):
    """Its scheduler is that of another cluster here. It lists the workers of that, and does not wait for its end."""
    cls = importlib.import_module(HELM).HelmCluster
    release = SimpleNamespace(name="mine", pods_shown_by="", dashboard=None)
    with LocalCluster(
        n_workers=1, dashboard_address=None, host="127.0.0.1", processes=False, protocol="tcp"
    ) as other:
        without(*records)
        ours = cls(release, None, other.scheduler_address.removeprefix("tcp://"))
        assert len(ours.scheduler_info["workers"]) == 1
        started = time.monotonic()
        ours.close(timeout=30)
        assert ours.status.name == "closed"
        assert time.monotonic() - started < 20


# dask-jobqueue


@pytest.mark.parametrize("records", [(), dask_jobqueue.FILES], ids=["with", "without"])
def test_files_of_a_certificate(without, records, tmp_path):
    jobs = importlib.import_module("qiskit_cluster_provider.clusters.batch.jobs")
    without(*records)

    async def closed():
        options = {"cores": 1, "memory": "1GB", "interface": "lo", "scheduler_options": {"dashboard_address": None}}
        async with jobs.cluster_class("SLURMCluster")(asynchronous=True, **options) as cluster:
            cluster._job_key = (tmp_path / "key").open("w")
        return cluster

    cluster = asyncio.run(closed())
    assert cluster.status.name == "closed"
    assert cluster._job_key.closed is not bool(records)
    cluster._job_key.close()


@pytest.mark.parametrize("records", [(), (dask_jobqueue.CLUSTER,)], ids=["with", "without"])
def test_a_refused_job(without, records):
    """It is submitted again as soon as its cluster has forgotten it."""
    jobs = importlib.import_module("qiskit_cluster_provider.clusters.batch.jobs")
    job = jobs.BatchJob.__new__(jobs.BatchJob)
    job.name = "0"
    cluster = SimpleNamespace(workers={"0": job})
    job._cluster = lambda: cluster
    without(*records)
    job._forget()
    assert bool(cluster.workers) is bool(records)


def test_a_cluster_of_jobs_without_its_end(without, monkeypatch):
    """The class is made all the same: what is never called closes no files, which end with their object."""
    without(dask_jobqueue.CLOSE)
    module = "qiskit_cluster_provider.clusters.batch.jobs"
    monkeypatch.delitem(sys.modules, module, raising=False)
    assert importlib.import_module(module).BatchCluster


def test_ctrl_c_is_kept():
    """While dask-jobqueue is imported for the first time, in a thread too."""
    script = (
        "import signal, threading\n"
        "from importlib import import_module\n"
        "setter, before = signal.signal, signal.getsignal(signal.SIGINT)\n"
        "errors = []\n"
        "threading.excepthook = errors.append\n"
        "thread = threading.Thread(target=import_module, args=['qiskit_cluster_provider.clusters.batch.jobs'])\n"
        "thread.start()\n"
        "thread.join()\n"
        "assert not errors, errors\n"
        "import dask_jobqueue.runner\n"
        "assert signal.signal is setter\n"
        "assert signal.getsignal(signal.SIGINT) is before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_other_handlers_are_set_meanwhile():
    before = signal.getsignal(signal.SIGUSR2)
    try:
        with dask_jobqueue.ctrl_c_kept():
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGUSR2) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR2, before)


# Python


def test_the_end_of_python(without, monkeypatch):
    registered = []
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setattr(threading, "_register_atexit", lambda function: None)
    python.AT_EXIT.__dict__.pop("found", None)
    python.at_exit(print)
    assert registered == []
    without(python.AT_EXIT)
    python.at_exit(print)
    assert registered == [print]


def test_the_end_of_python_has_begun(monkeypatch):
    """Python refuses by then."""
    registered = []

    def refused(function):
        raise RuntimeError("can't register atexit after shutdown")

    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setattr(threading, "_register_atexit", refused)
    monkeypatch.delitem(vars(python.AT_EXIT), "found", raising=False)
    python.at_exit(print)
    monkeypatch.delitem(vars(python.AT_EXIT), "found")
    assert registered == [print]


def test_a_process_that_imports_the_main_module(without, monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    assert python.imports_main()
    without(python.INHERITING)
    assert not python.imports_main()


STATE = [python.SHUT_DOWN, python.SHUT_DOWN_PROCESSES, python.BROKEN, python.THREADS, python.MANAGER_THREAD]


@pytest.mark.parametrize("record", STATE, ids=lambda record: record.name)
@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_that_is_shut_down(backend, without, record, kind):
    executor = kind(1)
    executor.submit(int).result()
    executor.shutdown()
    without(record)
    refused(backend, executor, "shut|closed|no running thread")


@pytest.mark.parametrize("record", [*STATE, python.MAX_WORKERS], ids=lambda record: record.name)
def test_an_executor_that_runs(backend, aer, same, without, record):
    without(record)
    with ThreadPoolExecutor(2) as executor:
        assert ExecutorTransport(executor).capacity().slots == (os.cpu_count() if record is python.MAX_WORKERS else 2)
        ours = backend.run([circuit()] * 3, executor=executor, seed_simulator=3).result(timeout=60)
    same(ours, aer.run([circuit()] * 3, seed_simulator=3).result())


def test_why_an_executor_broke(without, monkeypatch):
    monkeypatch.setattr("qiskit_cluster_provider.dispatch.transports.executor.unreadable_main", lambda: "<stdin>")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        transport = ExecutorTransport(executor)
        with pytest.raises(ClusterClosedError, match="import the main module, and <stdin>"):
            transport.outcome(BrokenExecutor("ended"))
        without(python.MP_CONTEXT)
        with pytest.raises(ClusterClosedError, match=r"is broken.*\(ended\); make a new one"):
            transport.outcome(BrokenExecutor("ended"))
