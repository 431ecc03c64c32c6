"""Slices come back in any order, twice or never; the window moves; retries end."""

import random
import threading
from concurrent.futures import Executor, Future

import pytest

from qiskit_cluster_provider.errors import SlicesLostError
from qiskit_cluster_provider.outcomes import Reason
from qiskit_cluster_provider.progress import JobStarted, SliceDone, SliceFailed, SliceRetried
from qiskit_cluster_provider.worker import run_slice
from qiskit_cluster_provider.worker.reply import packed

from ..slow import quick

CRASHED = "crashed", packed(Reason("by SIGKILL"))
RAISED = "error", packed(Reason("WireError: no", detail="Traceback"))
CANCELLED = "cancelled", packed(Reason("its job was cancelled"))


class Scripted(Executor):
    """Runs what it is given in the order of its choice, and fails by a table of slice -> outcomes."""

    _max_workers = 2

    def __init__(self, script=None, hold=1):
        self.script = script or {}
        self.hold = hold
        self.waiting = []
        self.calls = []
        self.most = 0
        self.random = random.Random(3)
        self.lock = threading.Lock()

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        with self.lock:
            self.waiting.append((future, fn, args))
            self.most = max(self.most, len(self.waiting))
            ready = self.waiting if len(self.waiting) >= self.hold else []
            self.waiting = [] if ready else self.waiting
        self.random.shuffle(ready)
        for one in ready:
            threading.Thread(target=self.run, args=one).start()
        return future

    def run(self, future, fn, args):
        assert fn is run_slice
        index = args[0][1]
        self.calls.append(index)
        outcomes = self.script.get(index, [])
        outcome = outcomes.pop(0) if outcomes else None
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        elif outcome is not None:
            future.set_result(outcome)
        else:
            future.set_result(fn(*args))


@pytest.fixture
def batch():
    return [quick(f"q{i}") for i in range(8)]


OPTIONS = {"seed_simulator": 2, "memory": True, "max_job_size": 1}


@pytest.fixture
def theirs(aer, batch):
    return aer.run(batch, seed_simulator=2, memory=True).result()


def test_any_order_of_completion(backend, batch, theirs, same):
    executor = Scripted(hold=8)
    done = []
    job = backend.run(
        batch, executor=executor, callback=lambda e: isinstance(e, SliceDone) and done.append(e.index), **OPTIONS
    )
    same(job.result(timeout=60), theirs)
    assert sorted(done) == list(range(8))
    assert executor.calls != sorted(executor.calls), "the order must have been another"


def test_what_died_is_sent_again_and_the_answer_stays(backend, batch, theirs, same):
    executor = Scripted({2: [CRASHED], 4: [CRASHED], 5: [CANCELLED] * 3})
    retried = []
    job = backend.run(
        batch, executor=executor, callback=lambda e: isinstance(e, SliceRetried) and retried.append(e), **OPTIONS
    )
    same(job.result(timeout=60), theirs)
    assert [e.index for e in retried].count(2) == 1
    assert [e.attempt for e in retried if e.index == 5] == [1, 2, 3]
    assert all(e.reason for e in retried), "a reason is never empty"


def test_retries_end(backend, batch):
    executor = Scripted({5: [CANCELLED] * 10})
    events = []
    job = backend.run(batch, executor=executor, retries=2, callback=events.append, **OPTIONS)
    with pytest.raises(SlicesLostError, match=r"it was ended on its worker \(tried 3 times\)") as lost:
        job.result(timeout=60)
    assert "'q5'" in str(lost.value)
    assert executor.calls.count(5) == 3
    assert [e.index for e in events if isinstance(e, SliceFailed)] == [5]
    assert [r.success for r in job.partial_result().results] == [True] * 5 + [False] + [True] * 2


@pytest.mark.parametrize(
    "outcome", [("error", packed(Reason("WireError: no", detail="Traceback"))), ("done", b"garbage"), RuntimeError()]
)
def test_what_no_retry_can_mend_is_not_retried(backend, batch, outcome):
    executor = Scripted({3: [outcome]})
    job = backend.run(batch, executor=executor, **OPTIONS)
    with pytest.raises(SlicesLostError):
        job.result(timeout=60)
    assert executor.calls.count(3) == 1
    assert len(job.errors()) == 1
    assert job.errors()[0].message


def test_the_client_does_not_hold_every_future(backend):
    executor = Scripted(hold=8)
    job = backend.run([quick()] * 64, executor=executor, max_job_size=1)
    assert job.result(timeout=60).success
    assert executor.most == 8, "four for each of two workers"


def test_the_plan_is_complete_before_the_first_task(backend, batch):
    order = []

    class Watching(Scripted):
        def submit(self, fn, /, *args, **kwargs):
            order.append("submit")
            return super().submit(fn, *args, **kwargs)

    def listener(event):
        if isinstance(event, JobStarted):
            order.append(("started", event.slices, event.experiments))

    backend.run(batch, executor=Watching(), callback=listener, **OPTIONS).result(timeout=60)
    assert order[0] == ("started", 8, 8)
    assert order.count("submit") == 8
