"""Starts of children: what they import, what disturbs them, and what becomes of those that fail."""

import importlib
import io
import multiprocessing.spawn
import os
import resource
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.errors import ClusterConnectionError
from qiskit_cluster_provider.wire import decode_result
from qiskit_cluster_provider.worker import run_slice
from qiskit_cluster_provider.worker.reply import unpacked
from qiskit_cluster_provider.worker.sandbox import fork_server, frames, processes
from qiskit_cluster_provider.worker.sandbox import pool as children
from qiskit_cluster_provider.worker.sandbox.fork_server import AVAILABLE
from qiskit_cluster_provider.worker.sandbox.pool import ChildPool
from tests.descriptors import descriptors, left_open
from tests.worker.test_pool import call, task


@pytest.fixture
def pool(monkeypatch):
    pool = ChildPool()
    monkeypatch.setattr(children, "POOL", pool)
    monkeypatch.setattr("qiskit_cluster_provider.worker.entry.POOL", pool)
    monkeypatch.setattr(children, "_PAUSES", (0.01, 0.01))
    yield pool
    pool.close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Whose modules every Python imports that has the environment of this process."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@contextmanager
def files(more):
    """Let this process open so many files more than it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = os.dup(0)
    os.close(highest)
    held = [os.dup(0) for _ in range(64)]  # so that there is no gap below the highest
    try:
        for descriptor in held[-more:]:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held[:-more]:
            os.close(descriptor)


def test_over_a_thousand_open_files(pool):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    held = [os.dup(0) for _ in range(1100)]
    try:
        result = pool.run(call(), "w", 1, task(), {}, unwanted=lambda: False)
        assert decode_result(result).failed == 0
        assert os.readlink(f"/proc/{next(iter(pool.pids()))}/fd/0") == "/dev/null"
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_child_costs_three_files_and_so_does_what_forks_it(pool):
    before = descriptors()
    pool.warm("w", 1, 0)
    assert len(left_open(before, 3)) == (3 if AVAILABLE else 0)
    between = descriptors()
    pool.run(call(), "w", 1, task(), {})
    assert len(left_open(between, 3)) == 3
    pool.close()
    assert not left_open(before)


@pytest.mark.parametrize("more", [1, 2, 4])
def test_no_file_left_is_no_fault_of_the_circuit(pool, more):
    before = descriptors()
    with files(more):
        outcome, text = run_slice(tuple(call()), task())
    assert outcome == "unready"
    assert b"ulimit -n" in text
    assert not left_open(before), "what was opened in vain is closed"
    assert run_slice(tuple(call()), task())[0] == "done"


def test_where_no_child_can_be_started_a_slice_waits_for_one(pool):
    outcomes = []
    pool.run(call(), "w", 1, task(), {})
    (child,) = pool._idle
    pool._idle.clear()
    pool._busy[child] = "other", "w"
    with files(3):
        thread = threading.Thread(target=lambda: outcomes.append(run_slice(tuple(call()), task())))
        thread.start()
        thread.join(1)
        assert not outcomes, "the child that is busy will be idle some time"
        pool._put_back(child)
        thread.join(20)
    assert outcomes[0][0] == "done"


def test_a_start_that_fails_once_is_tried_again(pool, folder):
    """By what looks like the kernel's OOM killer, in the middle of the imports."""
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'qiskit_cluster_provider.worker.child' in sys.orig_argv:\n"
        f"    place = {str(folder / 'tried')!r}\n"
        "    if not os.path.exists(place):\n"
        "        open(place, 'w').close()\n"
        "        os.kill(os.getpid(), 9)\n"
    )
    assert run_slice(tuple(call()), task())[0] == "done"
    assert (folder / "tried").exists()


def test_an_aer_that_cannot_be_imported(pool, folder):
    (folder / "qiskit_aer.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    outcome, text = run_slice(tuple(call()), task())
    assert outcome == "unready"
    reason = unpacked(text)
    assert reason.message.startswith(
        "a simulating process cannot be started: it exited with code 1; its last words: "
    )
    assert "libgomp.so.1" in reason.message
    assert reason.hint.startswith("try there: ")


def test_too_little_memory_for_the_imports(pool, folder):
    (folder / "sitecustomize.py").write_text(
        "import resource, sys\n"
        "if 'qiskit_cluster_provider.worker.child' in sys.orig_argv:\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (60 * 2**20, 60 * 2**20))\n"
    )
    outcome, text = run_slice(tuple(call()), task())
    assert outcome == "unready"
    assert b"MemoryError" in text or b"memory" in text or b"failed to map" in text


def test_imports_that_take_too_long(pool, folder, monkeypatch):
    monkeypatch.setattr(fork_server, "START_TIMEOUT", 0.3)
    (folder / "sitecustomize.py").write_text(
        "import signal, sys\nif 'qiskit_cluster_provider.worker.child' in sys.orig_argv:\n    signal.pause()\n"
    )
    outcome, text = run_slice(tuple(call()), task())
    assert outcome == "unready"
    assert b"not ready after 0 s" in text


def test_a_python_that_is_not_there(pool, monkeypatch, tmp_path):
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", str(tmp_path / "python3"))
    outcome, text = run_slice(tuple(call()), task())
    assert outcome == "unready"
    assert b"No such file" in text


@pytest.mark.slow
def test_a_machine_that_cannot_start_any_ends_the_job_with_one_error(pool, folder):
    """None of the circuits is blamed, and nobody waits for a thousand slices to fail one after the other."""
    (folder / "qiskit_aer.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.measure_all()
    with ClusterProvider() as provider, ThreadPoolExecutor(2) as executor:
        backend = provider.get_backend("aer-local")
        job = backend.run(
            [circuit] * 1000, executor=executor, max_job_size=1, retries=1, placement="cluster", seed_simulator=1
        )
        with pytest.raises(ClusterConnectionError, match=r"cannot be started.*libgomp.*mend that machine"):
            job.result(timeout=100)
        assert not job.report().poison
        assert job.report().outcomes["unready"] <= 20


MODULES = "zstandard", "calendar", "struct", "gc", "qiskit", "numpy"


@pytest.mark.parametrize("path", [None, "", f"{os.pathsep}", ".", f"{os.pathsep}."])
def test_nothing_is_imported_from_the_current_directory(pool, tmp_path, monkeypatch, path):
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write('{name} ')\n1 / 0")
    monkeypatch.chdir(tmp_path)
    if path is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", path)
    result = decode_result(pool.run(call(), "w", 1, task(), {}))
    assert result.failed == 0
    assert not (tmp_path / "imported").exists()


def test_whatever_is_printed_while_a_child_starts_is_no_reply(pool, folder):
    (folder / "sitecustomize.py").write_text("import os; print('S' * 100, flush=True); os.write(1, b'S' + bytes(8))")
    assert decode_result(pool.run(call(), "w", 1, task(), {})).failed == 0


def test_what_the_user_can_import_a_circuit_can(pool, tmp_path, monkeypatch):
    """A gate of a module that lies beside a script or a notebook, whose folder is on sys.path."""
    (tmp_path / "my_own_gates.py").write_text(
        "from qiskit.circuit import Gate\nclass Flip(Gate):\n    def __init__(self): super().__init__('x', 1, [])\n"
    )
    pool.run(call(), "w", 1, task(), {})  # the child is there before sys.path changes
    (tmp_path / "zstandard.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    gates = importlib.import_module("my_own_gates")
    circuit = QuantumCircuit(1, 1)
    circuit.append(gates.Flip(), [0])
    circuit.measure(0, 0)
    payload = task(circuit)
    with monkeypatch.context() as without:
        without.setattr(processes, "search_path", list)
        refused = decode_result(pool.run(call(), "w", 1, payload, {})).refused
        assert "my_own_gates" in refused[0], "the circuit fails alone"
    assert decode_result(pool.run(call(), "w", 1, payload, {})).failed == 0


@pytest.mark.parametrize(
    "said",
    [
        b"Traceback (most recent call last):",
        b"qiskit:" + struct.pack("<cQ", b"X", 4) + bytes(8),
        b"qiskit:" + struct.pack("<cQ", b"D", 2**63) + bytes(8),
        b"qiskit:" + struct.pack("<cQ", b"D", 8) + struct.pack("<Q", 2**40),
        b"qiskit:" + struct.pack("<cQ", b"D", 4) + bytes(4),
    ],
)
def test_what_is_no_frame_is_not_believed(said):
    with pytest.raises(frames.FrameError):
        frames.read(io.BytesIO(said))


def test_a_frame_comes_back():
    stream = io.BytesIO()
    frames.write(stream, frames.DONE, b"", b"ab")
    frames.write(stream, frames.READY)
    stream.seek(0)
    assert frames.read(stream) == (frames.DONE, [b"", b"ab"])
    assert frames.read(stream) == (frames.READY, [])
    with pytest.raises(EOFError):
        frames.read(stream)
