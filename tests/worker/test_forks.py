"""What forks children: it imports once, its children end as others do, and no end of its own costs an answer."""

import os
import signal
import threading
import time

import psutil
import pytest

from qiskit_cluster_provider.wire import decode_result
from qiskit_cluster_provider.worker.sandbox import fork_server
from qiskit_cluster_provider.worker.sandbox import pool as children
from qiskit_cluster_provider.worker.sandbox.failures import SliceCancelled, SliceCrashed, SliceTimedOut
from qiskit_cluster_provider.worker.sandbox.pool import ChildPool
from tests.descriptors import descriptors, left_open
from tests.slow import endless
from tests.worker.test_pool import call, task

pytestmark = pytest.mark.skipif(not fork_server.AVAILABLE, reason="children are not forked on this system")


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(children, "_PAUSES", (0.01, 0.01))
    pool = ChildPool()
    yield pool
    pool.close()
    assert eventually(lambda: not below()), "a process was left behind"


def below():
    """The processes of this one that simulate or fork what does, but for those of the pool that all tests share."""
    own = {*children.POOL.pids(), *(server.pid for server in children.POOL._servers.values())}
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.pid not in own and process.status() != psutil.STATUS_ZOMBIE:
                found += [process.pid] if fork_server.CHILD in process.cmdline() else []
        except psutil.NoSuchProcess:
            continue
    return found


def eventually(holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return holds()


def gone(pid):
    """It runs no more. Whether its number is still taken, when its parent has gone, is up to the system."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def parent_of(pid):
    return psutil.Process(pid).ppid()


def run(pool, **options):
    return decode_result(pool.run(call(), "w", 1, task(), {}, **options)).failed == 0


class Running:
    """An endless slice, in a thread."""

    def __init__(self, pool, request=None):
        self.error = None
        self.pool = pool
        self.request = request or call()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert eventually(lambda: any(pool.pids().values()))
        (self.pid,) = [pid for pid, busy in pool.pids().items() if busy]

    def _run(self):
        try:
            self.pool.run(self.request, "w", 1, task(endless()), {})
        except Exception as error:
            self.error = error

    def end(self):
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.error


def test_children_are_forks_of_one_process(pool):
    pool.warm("w", 1, 3)
    assert len(pool.pids()) == 3
    (server,) = {parent_of(pid) for pid in pool.pids()}
    assert parent_of(server) == os.getpid()
    assert all(os.getsid(pid) == pid for pid in pool.pids()), "a Ctrl-C of the terminal is not theirs"


def test_a_child_has_no_descriptor_of_another(pool):
    pool.warm("w", 1, 3)
    first, *_, last = pool.pids()
    assert len(os.listdir(f"/proc/{first}/fd")) == len(os.listdir(f"/proc/{last}/fd"))


def test_children_with_other_threads_have_another_parent(pool):
    pool.warm("w", 1, 1)
    pool.warm("w", 2, 1)
    first, second = pool.pids()
    assert parent_of(first) != parent_of(second)
    with open(f"/proc/{second}/environ", "rb") as file:
        assert b"OMP_NUM_THREADS=2" in file.read().split(b"\0")


def test_warm_children_are_those_that_run(pool):
    pool.warm("w", 1, 2)
    before = set(pool.pids())
    assert not any(pool.pids().values()), "they are idle"
    assert run(pool)
    pool.warm("w", 1, 2)
    assert set(pool.pids()) == before


def test_a_warm_child_that_is_killed_is_replaced(pool):
    pool.warm("w", 1, 1)
    (dead,) = pool.pids()
    os.kill(dead, signal.SIGKILL)
    assert eventually(lambda: gone(dead))
    assert run(pool)
    assert dead not in pool.pids()


def test_slices_that_come_while_children_are_warmed_start_no_more_than_there_are_threads(pool):
    warming = threading.Thread(target=pool.warm, args=("w", 1, 2))
    slices = [threading.Thread(target=run, args=(pool,)) for _ in range(2)]
    for thread in (warming, *slices):
        thread.start()
    for thread in (warming, *slices):
        thread.join(60)
    assert 1 <= len(pool.pids()) <= 2


def test_no_child_is_warmed_for_a_worker_that_closes(pool):
    pool.end_worker("w")
    with pytest.raises(SliceCancelled):
        pool.warm("w", 1, 2)
    assert pool.pids() == {}


def test_what_waits_for_the_imports_is_cancelled_at_once(pool, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        "import signal, sys\nif 'qiskit_cluster_provider.worker.child' in sys.orig_argv:\n    signal.pause()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    raised = []

    def wait():
        with pytest.raises(SliceCancelled) as error:
            pool.run(call("waits"), "w", 1, task(), {})
        raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert eventually(lambda: pool._coming)
    pool.end_job("waits")
    thread.join(20)
    assert raised


def test_a_server_that_is_killed_costs_no_slice(pool):
    pool.warm("w", 1, 1)
    (pid,) = pool.pids()
    server = parent_of(pid)
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: gone(server))
    assert run(pool), "its child lives on"
    assert set(pool.pids()) == {pid}
    pool.warm("w", 1, 2)
    (new,) = set(pool.pids()) - {pid}
    assert parent_of(new) != server


def test_a_child_whose_server_was_killed_can_be_ended(pool):
    slow = Running(pool, call()._replace(timeout=3.0))
    os.kill(parent_of(slow.pid), signal.SIGKILL)
    error = slow.end()
    assert isinstance(error, SliceTimedOut)
    assert eventually(lambda: gone(slow.pid))
    assert run(pool)


def test_a_child_that_dies_after_its_server_is_a_crash_all_the_same(pool, monkeypatch):
    slow = Running(pool)
    os.kill(parent_of(slow.pid), signal.SIGKILL)
    os.kill(slow.pid, signal.SIGKILL)
    error = slow.end()
    assert isinstance(error, SliceCrashed)
    assert "closed its connection" in str(error)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_the_signal_that_ended_a_child_is_told(pool, number):
    slow = Running(pool)
    os.kill(slow.pid, number)
    error = slow.end()
    assert isinstance(error, SliceCrashed)
    assert number.name in str(error)


def test_a_server_that_does_not_answer_is_given_up(pool, monkeypatch):
    monkeypatch.setattr(fork_server, "_ANSWER_WITHIN", 0.3)
    pool.warm("w", 1, 0)
    (server,) = pool._servers.values()
    os.kill(server.pid, signal.SIGSTOP)
    assert run(pool)
    assert pool._servers[1] is not server
    assert eventually(lambda: not psutil.pid_exists(server.pid))


def test_where_an_import_starts_a_thread_nothing_is_forked(pool, tmp_path, monkeypatch):
    """Another thread's locks would be held for ever in a fork."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, threading\n"
        "if 'forks' in sys.orig_argv:\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run(pool)
    (pid,) = pool.pids()
    assert parent_of(pid) == os.getpid()
    assert below() == [pid], "what was to fork has gone"


def test_closing_the_idle_ends_what_forks_once_its_last_child_has_ended(pool):
    before = descriptors()
    slow = Running(pool)
    server = parent_of(slow.pid)
    pool.close_idle()
    assert psutil.pid_exists(server), "a child of it is busy"
    pool.end_job("job")
    assert isinstance(slow.end(), SliceCancelled)
    assert eventually(lambda: not psutil.pid_exists(server))
    assert not left_open(before)


def test_a_fork_of_the_worker_does_not_keep_the_server(pool):
    pool.warm("w", 1, 1)
    (server,) = pool._servers.values()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        pool.forget()
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    pool.close()
    assert not psutil.pid_exists(server.pid)
    os.close(writer)
    os.waitpid(child, 0)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_children_that_are_not_forked(number):
    """As on systems without it."""
    pool = ChildPool(forks=False)
    try:
        pool.warm("w", 1, 1)
        (pid,) = pool.pids()
        assert parent_of(pid) == os.getpid()
        assert run(pool)
        assert set(pool.pids()) == {pid}
        slow = Running(pool)
        os.kill(slow.pid, number)
        assert number.name in str(slow.end())
        assert run(pool)
    finally:
        pool.close()
    assert not below()
