"""Children: used again, replaced when dead, single-threaded, and quiet."""

import os
import signal
import socket
import subprocess
import sys
import threading

import dask
import distributed  # noqa: F401  (brings its settings)
import psutil
import pytest
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import cut
from qiskit_cluster_provider.wire import Encoder, decode_result
from qiskit_cluster_provider.worker import end_job, run_slice
from qiskit_cluster_provider.worker.fair_semaphore import Threads
from qiskit_cluster_provider.worker.sandbox import processes
from qiskit_cluster_provider.worker.sandbox.call import Call
from qiskit_cluster_provider.worker.sandbox.environment import child_environment
from qiskit_cluster_provider.worker.sandbox.failures import NotEnoughThreads
from qiskit_cluster_provider.worker.sandbox.pool import ChildPool
from tests.slow import endless, quick


def task(circuit=None, **options):
    aer = {"shots": 10, "seed_simulator": 1, **options}
    plan = cut(prepare([circuit or quick()], None, RunSettings(aer, SliceOptions())), 1)
    names, payload = Encoder(plan).encode(plan.slices[0])
    assert names == ()
    return payload


def call(job_id="job", threads=1):
    return Call(job_id, 0, threads, (), "", "")


@pytest.fixture
def pool():
    pool = ChildPool()
    yield pool
    pool.close()


def test_a_child_is_used_again(pool):
    for _ in range(3):
        assert decode_result(pool.run(call(), "w", 1, task(), {})).failed == 0
    assert len(pool.pids()) == 1
    pool.run(call(), "w", 2, task(), {})
    assert len(pool.pids()) == 2, "a child with another number of threads is another child"


def test_a_dead_idle_child_is_replaced(pool):
    pool.run(call(), "w", 1, task(), {})
    (dead,) = pool.pids()
    os.kill(dead, signal.SIGKILL)
    while psutil.Process(dead).status() != psutil.STATUS_ZOMBIE:
        threading.Event().wait(0.01)
    assert decode_result(pool.run(call(), "w", 1, task(), {})).failed == 0
    assert dead not in pool.pids()


def test_what_a_child_says_when_it_dies():
    kind, text = run_slice(tuple(call("other")), b"no message")
    assert kind == "error"
    assert b"WireError" in text


def test_children_have_one_thread_and_a_fixed_kernel(pool):
    pool.run(call(), "w", 1, task(), {})
    (pid,) = pool.pids()
    with open(f"/proc/{pid}/environ", "rb") as file:
        environment = dict(entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry)
    assert environment[b"OMP_NUM_THREADS"] == b"1"
    assert environment[b"OPENBLAS_NUM_THREADS"] == b"1"
    assert environment[b"OPENBLAS_CORETYPE"]


def test_children_keep_memory_for_the_next_circuit_unless_somebody_says_otherwise(monkeypatch):
    """What Dask's nannies set is for workers; another number is the user's."""
    theirs = dask.config.get("distributed.nanny.pre-spawn-environ")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", str(theirs["MALLOC_TRIM_THRESHOLD_"]))
    assert "MALLOC_TRIM_THRESHOLD_" not in child_environment(1)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert child_environment(1)["MALLOC_TRIM_THRESHOLD_"] == "1000000"


def test_what_a_library_prints_does_not_mix_with_the_results(pool):
    """mps_log_data and fusion_verbose make Aer talkative; so may any import."""
    circuit = quick()
    result = decode_result(
        pool.run(call(), "w", 1, task(circuit, method="matrix_product_state", mps_log_data=True), {})
    )
    assert result.failed == 0


def test_end_job_ends_what_runs_and_what_comes_later():
    import qiskit_cluster_provider.worker.sandbox.pool as children

    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run_slice(tuple(call("ended")), task(endless()))))
    thread.start()
    while not any(children.POOL.pids().values()):
        threading.Event().wait(0.01)
    assert end_job("ended") == 1
    thread.join(20)
    outcomes.append(run_slice(tuple(call("ended")), task()))
    assert [outcome for outcome, _ in outcomes] == ["cancelled", "cancelled"]


def test_a_killed_child_is_a_death_with_its_signal(pool):
    from qiskit_cluster_provider.worker.sandbox.failures import SliceCrashed

    seen = []
    pool.run(call(), "w", 1, task(), {})  # one that has started: a death before that is another matter

    def run():
        with pytest.raises(SliceCrashed, match="SIGKILL") as died:
            pool.run(call(), "w", 1, task(endless()), {})
        seen.append(died)

    thread = threading.Thread(target=run)
    thread.start()
    while not any(pool.pids().values()):
        threading.Event().wait(0.01)
    os.kill(next(iter(pool.pids())), signal.SIGKILL)
    thread.join(20)
    assert seen
    assert pool.pids() == {}


def test_threads_are_reserved_in_turn():
    threads = Threads(3)
    order, inside = [], threading.Event()
    with threads.reserve(2) as count:
        assert count == 2

        def big():
            with threads.reserve(0) as all_of_them:
                order.append(all_of_them)
                inside.set()

        thread = threading.Thread(target=big)
        thread.start()
        while not threads._queue:
            threading.Event().wait(0.001)

        def small():
            with threads.reserve(1):
                order.append(1)

        later = threading.Thread(target=small)
        later.start()
        assert not inside.is_set()
    thread.join(10)
    later.join(10)
    assert order == [3, 1], "who waits for many must not starve"
    with pytest.raises(NotEnoughThreads, match="threads_per_worker=4"), threads.reserve(4):
        pass


def test_a_fork_does_not_share_children(pool):
    pool.run(call(), "w", 1, task(), {})
    (pid,) = pool.pids()
    reader, writer = os.pipe()
    if os.fork() == 0:
        pool.forget()
        os.write(writer, str(pool.pids()).encode())
        os._exit(0)
    os.wait()
    assert os.read(reader, 100) == b"{}"
    os.close(reader)
    os.close(writer)
    assert decode_result(pool.run(call(), "w", 1, task(), {})).failed == 0
    assert list(pool.pids()) == [pid]


SCHEDULER = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("qiskit", "qiskit_aer", "numpy", "pydantic", "msgpack_", "zstandard"):
            raise ImportError(f"{name} is not installed on this scheduler")
sys.meta_path.insert(0, Block())
import asyncio
from distributed import Scheduler
async def main():
    where = {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}
    async with Scheduler(**where, dashboard=False) as scheduler:
        print(scheduler.address, flush=True)
        await scheduler.finished()
asyncio.run(main())
"""


def test_a_scheduler_needs_neither_qiskit_nor_aer(aer, same):
    """Nor numpy, nor our own dependencies: tasks carry bytes, and their function imports nothing."""
    from qiskit_cluster_provider import ClusterProvider
    from tests.faults.processes import Processes

    scheduler = subprocess.Popen([sys.executable, "-c", SCHEDULER], stdout=subprocess.PIPE, text=True)
    worker = None
    try:
        address = scheduler.stdout.readline().strip()
        worker = Processes(int(address.rpartition(":")[2])).start_worker()
        circuit = QuantumCircuit(2, 2)
        for layer in range(1000):  # large enough for a blob
            circuit.rz(layer * 0.37, 0)
        circuit.h(0)
        circuit.measure([0, 1], [0, 1])
        with ClusterProvider() as provider:
            backend = provider.get_backend("aer-dask", address=address)
            options = {"seed_simulator": 1, "memory": True}
            ours = backend.run([circuit] * 6, max_job_size=2, **options).result(timeout=100)
        same(ours, aer.run([circuit] * 6, **options).result())
    finally:
        for process in filter(None, (worker, scheduler)):
            process.kill()
            process.wait()
        scheduler.stdout.close()


def test_a_child_whose_worker_went_while_it_started_ends():
    """Its first slice is in the pipe already, and no signal will come: the lifeline was cut before it looked."""
    from qiskit_cluster_provider.worker.sandbox import frames

    lifeline, other_end = os.pipe()
    os.close(other_end)
    ours, theirs = socket.socketpair()
    command = [*processes.command("qiskit_cluster_provider.worker.child"), str(theirs.fileno()), str(lifeline)]
    with ours, subprocess.Popen(command, pass_fds=[theirs.fileno(), lifeline]) as child:
        os.close(lifeline)
        theirs.close()
        with ours.makefile("wb") as requests:
            frames.write(requests, frames.RUN, task(endless()))
        try:
            assert child.wait(timeout=20) == 0
        finally:
            child.kill()
