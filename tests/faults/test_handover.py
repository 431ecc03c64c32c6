"""Arrays on their way when somebody is killed, lies or has no room: the answer stays, and nothing is left behind."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.errors import SlicesLostError
from qiskit_cluster_provider.progress import SliceDone
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.wire import Mailbox, decode_result
from qiskit_cluster_provider.worker import run_slice

from ..descriptors import descriptors, left_open
from .processes import ROOT, cluster

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files without a name are Linux's")


def saved(qubits=16):
    circuit = QuantumCircuit(qubits, name="saved")
    circuit.h(range(qubits))
    circuit.save_statevector()
    return circuit


def holders():
    """Descriptors of such files, in all processes that we may look at."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if "memfd:qiskit-cluster" in os.readlink(entry):
                found.append(str(entry))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def until(there, seconds=30):
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


@pytest.mark.slow
def test_workers_that_are_killed_after_they_handed_over(aer):
    """Their results are lost and their arrays are not: both are made again, and what came first is let go."""
    batch, options = [saved()] * 6, {"shots": 1, "seed_simulator": 7}
    with cluster(workers=2) as processes, ClusterProvider() as provider:
        backend = provider.get_backend("aer-dask", address=processes.address)
        client = backend.connection.client()
        held = []

        def listener(event):
            if isinstance(event, SliceDone) and not held:
                held.append(event)
                inflight = job._record._inflight.values()
                until(lambda: all(future.status == "finished" for future in inflight))
                for worker in processes.all[1:]:
                    worker.kill()
                until(lambda: not client.ncores())
                for _ in range(2):
                    processes.start_worker()
                client.wait_for_workers(2, timeout=60)

        gate = threading.Event()
        job = backend.run(batch, max_job_size=1, callback=lambda event: gate.wait(60) and listener(event), **options)
        gate.set()
        result = job.result(timeout=100)
        assert held
        assert "lost" in job.report().outcomes
        assert differences(result, aer.run(batch, **options).result()) == []


SCRIPT = """
import threading
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.progress import SliceDone
from tests.faults.test_handover import saved

backend = ClusterProvider().get_backend("aer-local", workers=1)
gate = threading.Event()

def listener(event):
    if isinstance(event, SliceDone):
        print("done", flush=True)
        gate.wait()

backend.run([saved(18)] * 4, shots=1, max_job_size=1, callback=listener, placement="cluster").result()
"""


@pytest.mark.slow
def test_a_client_that_is_killed_leaves_nothing(tmp_path):
    """It has one state, and others wait in its socket."""
    before = set(holders())
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": ROOT}
    with subprocess.Popen([sys.executable, file], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "done\n"
            assert set(holders()) - before, "else this test sees nothing"
        finally:
            process.send_signal(signal.SIGKILL)
    until(lambda: not set(holders()) - before)
    assert not [name for name in os.listdir("/dev/shm") if "qiskit" in name]


def test_after_a_job_nothing_is_open(backend, aer):
    backend.run([saved(3)] * 4, max_job_size=1).result()  # its children, and their pipes, are there
    before = descriptors()
    held = set(holders())
    result = backend.run([saved(18)] * 3, shots=1, seed_simulator=7, max_job_size=1).result()
    assert differences(result, aer.run([saved(18)] * 3, shots=1, seed_simulator=7).result()) == []
    del result
    until(lambda: not set(holders()) - held)
    assert not left_open(before)


def _no_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))


@pytest.mark.slow
def test_no_room_for_the_file(aer):
    """The kernel refuses to make it as long: the state comes with its message."""
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_no_files) as pool,
        ClusterProvider() as provider,
    ):
        backend = provider.get_backend("aer-local", executor=pool)
        result = backend.run(saved(), shots=1, seed_simulator=7).result()
        assert differences(result, aer.run(saved(), shots=1, seed_simulator=7).result()) == []


class Lying(Executor):
    """Says of the first ``times`` results that their arrays were handed over, and hands over nothing."""

    def __init__(self, times):
        self.left = times
        self.pool = ThreadPoolExecutor(1)

    def submit(self, fn, /, *args, **kwargs):
        assert fn is run_slice
        if not self.left:
            return self.pool.submit(fn, *args, **kwargs)
        self.left -= 1
        answer = Future()
        answer.set_result(("done", b"QCP\x02r=" + bytes(20)))
        return answer


def test_what_was_not_handed_over_comes_with_the_next_try(aer):
    with ClusterProvider() as provider:
        job = provider.get_backend("aer-local", executor=Lying(1)).run(saved(), shots=1, seed_simulator=7)
        assert differences(job.result(timeout=60), aer.run(saved(), shots=1, seed_simulator=7).result()) == []
        assert job.report().outcomes["lost"] == 1


def test_a_worker_that_always_lies_loses_its_slice():
    with ClusterProvider() as provider:
        job = provider.get_backend("aer-local", executor=Lying(1000)).run(saved(), shots=1)
        with pytest.raises(SlicesLostError, match="have not arrived"):
            job.result(timeout=60)


def stranger(address, descriptors):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(address[0])
        if descriptors is not None:
            socket.send_fds(connection, [address[1]], descriptors)


@pytest.mark.parametrize("what", ["a file", "a device", "a pipe", "not sealed", "half sealed", "nothing", "silence"])
def test_a_mailbox_takes_sealed_files_only(what, tmp_path):
    """A file that gets shorter would crash whoever reads it, and a device may do anything."""
    import fcntl

    before = descriptors()
    mailbox = Mailbox.open()
    address = mailbox.address(0)
    (tmp_path / "file").write_bytes(b"x" * 100)
    memory = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    if what == "half sealed":
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    ends = os.pipe()
    file, device = os.open(tmp_path / "file", os.O_RDONLY), os.open("/dev/zero", os.O_RDWR)
    sent = {"a file": [file], "a device": [device], "a pipe": ends[:1], "nothing": [], "silence": None}
    stranger(address, sent.get(what, [memory]))
    assert mailbox.take(0) is None
    mailbox.close()
    for descriptor in (memory, *ends, file, device):
        os.close(descriptor)
    assert not left_open(before)


def test_whoever_has_no_ticket_is_not_heard():
    """Names of sockets can be seen by every user of a machine, tickets cannot."""
    from qiskit_cluster_provider.wire.handover import hand_over

    before = descriptors()
    mailbox = Mailbox.open()
    address = mailbox.address(0)
    for ticket in (b"", b"x" * 16, address[1][:15]):
        hand_over((address[0], ticket), [memoryview(b"wrong")])
    held = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(100)]
    for connection in held:
        connection.connect(address[0])
    assert hand_over(address, [memoryview(b"right")])
    found = mailbox.take(0)
    assert os.pread(found, 9, 0) == b"right"
    os.close(found)
    mailbox.close()
    for connection in held:
        connection.close()
    assert not left_open(before)


def test_a_descriptor_is_closed_with_a_damaged_result():
    before = descriptors()
    memory = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    with pytest.raises(ValueError, match="damaged"):
        decode_result(b"QCP\x02r=" + b"\xff" * 20, memory)
    assert not left_open(before)
