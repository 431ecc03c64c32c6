"""Ways to leave a program: whatever ends it, it ends soon, and no process that we started outlives it."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster

from qiskit_cluster_provider import ClusterProvider
from tests.worker.test_pool import SCHEDULER

from ..slow import quick
from .processes import Processes

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MARKER = "OF_TEST_EXIT"  # an environment variable, which every descendant of a script inherits
CHILD = "qiskit_cluster_provider.worker.child"
LOOPBACK = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
IN_AER = 1.5  # seconds of CPU time after which a child is past its imports

RUNNING = """
import os, sys, threading
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.progress import SliceStarted
from tests.slow import endless

def main():
    begun = threading.Event()
    backend = ClusterProvider().get_backend("aer-local", workers=1, processes=sys.argv[1] == "True")
    job = backend.run(endless(), callback=lambda event: isinstance(event, SliceStarted) and begun.set())
    begun.wait()
    print("begun", flush=True)
    how = sys.stdin.readline().strip()
    if how == "exit":
        sys.exit(3)
    if how == "raise":
        raise RuntimeError("uncaught")
    if how == "_exit":
        os._exit(4)
    if how == "result":
        print("waiting", flush=True)
        job.result()

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def script(tmp_path):
    """Starts a script in a session of its own, as a terminal does, and leaves nothing of it behind."""
    started = []

    def start(text, *arguments):
        file = tmp_path / "script.py"
        file.write_text(text)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), MARKER: uuid.uuid4().hex}
        process = psutil.Popen(
            [sys.executable, file, *map(str, arguments)],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append((process, environment[MARKER]))
        process.marker = environment[MARKER]
        return process

    yield start
    for process, marker in started:
        for one in (process, *marked(marker)):
            if one.is_running():
                one.kill()
        process.communicate()


def marked(marker):
    """All processes of this machine that were started, however indirectly, by the script with ``marker``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == marker:
                found.append(process)
        except psutil.Error:  # gone meanwhile, or another user's
            continue
    return found


def simulates(one):
    """Whether a process is a child, and not what forks children, which stays with its worker."""
    try:
        return CHILD in one.cmdline() and ("forks" not in one.cmdline() or CHILD in one.parent().cmdline())
    except psutil.NoSuchProcess:
        return False


def simulating(process):
    """The descendants of a script, once one of them is inside Aer."""
    while True:
        family = process.children(recursive=True)
        for one in family:
            try:
                if CHILD in one.cmdline() and one.cpu_times().user > IN_AER:
                    return family
            except psutil.NoSuchProcess:
                continue
        assert process.is_running()
        threading.Event().wait(0.02)


LEAVE = {
    "return": (0, ""),
    "exit": (3, ""),
    "raise": (1, "RuntimeError: uncaught"),
    "_exit": (4, ""),
    "SIGTERM": (-signal.SIGTERM, ""),
    "SIGKILL": (-signal.SIGKILL, ""),
    "Ctrl-C": (-signal.SIGINT, "KeyboardInterrupt"),
}


@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
@pytest.mark.parametrize("how", LEAVE)
def test_no_process_outlives_the_program(script, how, processes):
    """In the middle of an endless run, which holds the GIL of the process that simulates it."""
    process = script(RUNNING, processes)
    assert process.stdout.readline() == "begun\n"
    family = simulating(process)
    assert set(marked(process.marker)) == {process, *family}, "the marker finds what the tree of processes has"
    if how == "Ctrl-C":
        print("result", file=process.stdin, flush=True)
        assert process.stdout.readline() == "waiting\n"
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all processes of the foreground
    elif how.startswith("SIG"):
        process.send_signal(signal.Signals[how])
    else:
        print(how, file=process.stdin, flush=True)
    code, said = LEAVE[how]
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code, stderr
    assert said in stderr
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    assert marked(process.marker) == []


INTERRUPTED = """
import os, sys, threading
from qiskit_aer import AerSimulator
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.progress import SliceDone
from qiskit_cluster_provider.testing import differences
from tests.faults.processes import busy

def main():
    waiting, interrupted = threading.Event(), threading.Event()

    def hold(event):  # so that the job cannot end before the signal has come
        if isinstance(event, SliceDone) and not interrupted.is_set():
            waiting.wait()
            print("begun", flush=True)
            interrupted.wait()

    circuit, shots = busy(0.5)
    options = {"shots": shots, "memory": True, "seed_simulator": 3}
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=2, processes=sys.argv[1] == "True")
        job = backend.run([circuit] * 8, max_job_size=1, callback=hold, **options)
        try:
            waiting.set()
            job.result()
        except KeyboardInterrupt:
            print("interrupted", job.status().name)
        interrupted.set()
        ours = job.result()
        theirs = AerSimulator(max_parallel_threads=1).run([circuit] * 8, **options).result()
        print("differences", differences(ours, theirs))
        print("attempts", {info.attempts for info in job.slices()})
        print("another", differences(backend.run([circuit] * 8, **options).result(), theirs))

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
def test_ctrl_c_in_result_leaves_the_job_alive(script, processes):
    """Nothing of it is lost or run twice, although a terminal sends the signal to the Dask workers too."""
    process = script(INTERRUPTED, processes)
    assert process.stdout.readline() == "begun\n"
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=90)
    assert stdout.splitlines() == ["interrupted RUNNING", "differences []", "attempts {1}", "another []"], stderr
    assert process.returncode == 0
    assert stderr == ""


ELSEWHERE = """
import os, sys, threading
from concurrent.futures import ProcessPoolExecutor
from qiskit_cluster_provider import ClusterProvider
from tests.slow import endless

def main():
    if sys.argv[1] == "pool":
        backend = ClusterProvider().get_backend(executor=ProcessPoolExecutor(1))
    else:
        backend = ClusterProvider().get_backend("aer-dask", address=sys.argv[1])
    job = backend.run(endless())
    print("begun", flush=True)
    job.result()

if __name__ == "__main__":
    main()
"""


def test_what_a_cluster_of_others_runs_ends_with_the_program(script):
    """Nobody can call the worker back: it sees that its task is not wanted any more, and is free for others."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, **LOOPBACK) as cluster,
        Client(cluster, set_as_default=False) as client,
        ClusterProvider() as provider,
    ):
        (worker,) = (psutil.Process(pid) for pid in client.run(os.getpid).values())
        process = script(ELSEWHERE, cluster.scheduler_address)
        assert process.stdout.readline() == "begun\n"
        family = simulating(worker)
        children = [*filter(simulates, family)]
        process.kill()
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []
        assert provider.get_backend("aer-dask", client=client).run(quick()).result(timeout=60).success


def test_what_an_executor_runs_ends_with_the_program(script):
    """The pool's own processes are the user's, and Python leaves them behind; what simulates in them is ours."""
    process = script(ELSEWHERE, "pool")
    assert process.stdout.readline() == "begun\n"
    family = simulating(process)
    children = [*filter(simulates, family)]
    process.kill()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


NEVER_CLOSED = """
import sys, threading
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.progress import SliceStarted
from tests.slow import endless, quick

def main():
    settings = {"address": sys.argv[2]} if sys.argv[2:] else {"workers": 1, "processes": True}
    backend = ClusterProvider().get_backend("aer-dask" if sys.argv[2:] else "aer-local", **settings)
    if sys.argv[1] == "idle":
        backend.run(quick()).result()
    elif sys.argv[1] == "starting":
        backend.run(quick())
    else:
        begun = threading.Event()
        backend.run(endless(), callback=lambda event: isinstance(event, SliceStarted) and begun.set())
        begun.wait()
    print("begun", flush=True)
    sys.stdin.readline()

if __name__ == "__main__":
    main()
"""
UNFINISHED = "Python ended with 1 unfinished job(s), now cancelled; wait for result() to keep them.\n"


@pytest.mark.parametrize(("state", "says"), [("idle", ""), ("starting", UNFINISHED)])
def test_a_provider_that_is_never_closed_does_not_hang_the_exit(script, state, says):
    """Beside what tests/test_provider.py has: Dask workers that are processes, idle and about to start."""
    process = script(NEVER_CLOSED, state)
    assert process.stdout.readline() == "begun\n"
    _, stderr = process.communicate("\n", timeout=30)
    assert (stderr, process.returncode) == (says, 0)
    psutil.wait_procs(marked(process.marker), timeout=20)
    assert marked(process.marker) == []


def test_a_scheduler_that_does_not_answer_does_not_hang_the_exit(script):
    """It is stopped while it has a job: its connection is open, and it says nothing any more."""
    scheduler = psutil.Popen([sys.executable, "-c", SCHEDULER], stdout=subprocess.PIPE, text=True)
    worker = None
    try:
        address = scheduler.stdout.readline().strip()
        worker = Processes(int(address.rpartition(":")[2])).start_worker()
        with Client(address, set_as_default=False, timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
        process = script(NEVER_CLOSED, "running", address)
        assert process.stdout.readline() == "begun\n"
        scheduler.suspend()
        _, stderr = process.communicate("\n", timeout=40)
        assert (stderr, process.returncode) == (UNFINISHED, 0)
    finally:
        for one in filter(None, (worker, scheduler)):
            one.kill()
            one.wait()
        scheduler.stdout.close()
