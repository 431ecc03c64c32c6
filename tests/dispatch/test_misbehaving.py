"""Executors that are none, that hang, lie or break: a job has an end, and what came back is kept."""

import os
import signal
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from qiskit_cluster_provider.dispatch import cluster
from qiskit_cluster_provider.errors import (
    ClusterClosedError,
    ClusterConfigError,
    ClusterConnectionError,
    ClusterJobTimeoutError,
    SlicesLostError,
)
from qiskit_cluster_provider.progress import ClusterTrouble, SliceDone, SliceRetried
from tests.jobs.test_job import eventually

from ..slow import endless, quick
from .test_dispatch import Scripted

OPTIONS = {"seed_simulator": 2, "memory": True, "max_job_size": 1}
GARBAGE = [
    0,
    42,
    "ab",
    (),
    ("done",),
    ("done", None),
    ("done", "text"),
    ("crashed", None),
    ("error", 3),
    ("what", b""),
    ([], b""),
    ("crashed", b""),
    ("crashed", b"[]"),
    ("crashed", b'{"message": 3}'),
    ("crashed", b'{"words": "by SIGKILL"}'),
    ("crashed", b'{"hint": "no message"}'),
    ("lost", b'{"message": "no worker says so"}'),
    ("unfit", b"zz"),
    ("unfit", b"[]"),
    ("unfit", b"{}"),
    ("unfit", b'{"worker": 3}'),
    ("unfit", b'{"python": "3.1"}'),
]


@pytest.fixture
def batch():
    return [quick(f"q{i}") for i in range(5)]


@pytest.fixture
def theirs(aer, batch):
    return aer.run(batch, seed_simulator=2, memory=True).result()


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_an_answer_that_is_none_is_asked_for_again(backend, batch, theirs, same, garbage):
    executor = Scripted({1: [garbage], 3: [garbage, garbage]})
    job = backend.run(batch, executor=executor, **OPTIONS)
    same(job.result(timeout=60), theirs)
    assert job.report().outcomes["lost"] == 3


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_one_that_never_gives_another_loses_its_slice(backend, batch, garbage):
    job = backend.run(batch, executor=Scripted({1: [garbage] * 9}), retries=1, **OPTIONS)
    with pytest.raises(SlicesLostError, match=r"what came back is no .*tried 2 times"):
        job.result(timeout=60)
    assert [one.success for one in job.partial_result().results] == [True, False, True, True, True]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()], ids=repr)
def test_what_ends_a_thread_of_an_executor_ends_nobody_else(backend, batch, theirs, same, error):
    job = backend.run(batch, executor=Scripted({2: [error]}), **OPTIONS)
    same(job.result(timeout=60), theirs)


@pytest.mark.parametrize("error", [TimeoutError("the batch system was too slow"), TimeoutError()], ids=repr)
def test_a_timeout_of_an_executor_is_no_slow_network(backend, batch, error):
    executor = Scripted({2: [error]})
    job = backend.run(batch, executor=executor, **OPTIONS)
    with pytest.raises(SlicesLostError, match="TimeoutError"):
        job.result(timeout=60)
    assert executor.calls.count(2) == 1
    assert len(job.errors()) == 1


class Hanging(Executor):
    """Never ends the slices of its choice; says that they run if ``runs``."""

    def __init__(self, indices, runs=False):
        self.indices = set(indices)
        self.runs = runs
        self.futures = []

    def submit(self, fn, call, *args):
        future = Future()
        if call[1] in self.indices:
            self.futures.append(future)
            if self.runs:
                future.set_running_or_notify_cancel()
        else:
            future.set_result(fn(call, *args))
        return future


@pytest.mark.slow
@pytest.mark.parametrize("hangs", [[0, 1, 2, 3, 4], [3]])
def test_a_future_that_never_ends(backend, batch, hangs):
    executor, troubles = Hanging(hangs), []
    job = backend.run(
        batch,
        executor=executor,
        slice_timeout=1,
        no_workers_timeout=2,
        callback=lambda e: troubles.append(e) if isinstance(e, ClusterTrouble) else None,
        **OPTIONS,
    )
    with pytest.raises(
        ClusterConnectionError, match=r"Hanging runs none of the . slices that it has.*no_workers_timeout"
    ):
        job.result(timeout=60)
    assert troubles
    assert all(future.cancelled() for future in executor.futures)
    assert sum(one.success for one in job.partial_result().results) == 5 - len(hangs)


@pytest.mark.slow
def test_a_future_that_runs_for_ever(backend, batch, monkeypatch):
    monkeypatch.setattr(cluster, "_GRACE", 0.5)
    executor = Hanging([3], runs=True)
    job = backend.run(batch, executor=executor, slice_timeout=1, retries=1, **OPTIONS)
    with pytest.raises(SlicesLostError, match="has not answered in time"):
        job.result(timeout=60)
    assert len(executor.futures) == 2
    assert sum(one.success for one in job.partial_result().results) == 4


@pytest.mark.slow
def test_a_job_that_waits_for_another_on_the_same_executor_is_in_no_trouble(backend):
    with ThreadPoolExecutor(1) as executor:
        first = backend.run(endless(), executor=executor, placement="cluster")
        try:
            assert eventually(first.running)
            events = []
            second = backend.run(quick(), executor=executor, no_workers_timeout=2, callback=events.append)
            with pytest.raises(ClusterJobTimeoutError):
                second.result(timeout=5)
            assert not [one for one in events if isinstance(one, ClusterTrouble)]
        finally:
            first.cancel()
        assert second.result(timeout=60).success


@pytest.mark.slow
def test_a_job_that_waits_for_work_of_others_says_so(backend):
    with ThreadPoolExecutor(1) as executor:
        over = threading.Event()
        executor.submit(over.wait)
        try:
            job = backend.run(quick(), executor=executor, no_workers_timeout=2)
            with pytest.raises(ClusterConnectionError, match="busy with other work"):
                job.result(timeout=60)
        finally:
            over.set()


class Refusing(ThreadPoolExecutor):
    """Refuses what it is given for some times, as where a thread cannot be started."""

    def __init__(self, times, error):
        super().__init__(2)
        self.times = times
        self.error = error

    def submit(self, fn, /, *args, **kwargs):
        if self.times:
            self.times -= 1
            raise self.error
        return super().submit(fn, *args, **kwargs)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("can't start new thread"), OSError(11, "try again"), ConnectionError("reset"), ValueError()],
)
def test_an_executor_that_refuses_once_is_asked_again(backend, batch, theirs, same, error):
    with Refusing(2, error) as executor:
        same(backend.run(batch, executor=executor, **OPTIONS).result(timeout=60), theirs)


@pytest.mark.slow
def test_an_executor_that_goes_on_refusing(backend):
    with Refusing(10**6, RuntimeError("can't start new thread")) as executor:
        job = backend.run(quick(), executor=executor, no_workers_timeout=2)
        with pytest.raises(
            ClusterConnectionError, match="slice 0 cannot be submitted: can't start new thread; waited 2"
        ):
            job.result(timeout=60)


@pytest.mark.parametrize("said", ["cannot schedule new futures after shutdown", "the pool is closed", "Shut down"])
def test_an_executor_that_is_closed_is_not_waited_for(backend, said):
    with Refusing(10**6, RuntimeError(said)) as executor, pytest.raises(ClusterClosedError, match=said):
        backend.run(quick(), executor=executor).result(timeout=60)


@pytest.mark.parametrize("answer", [None, 3, ("done", b"")])
def test_a_submit_that_gives_no_future(backend, answer):
    class Odd(Executor):
        def submit(self, fn, /, *args, **kwargs):
            return answer

    with pytest.raises(
        ClusterConfigError, match=f"Odd returned {type(answer).__name__}, which has no add_done_callback"
    ):
        backend.run(quick(), executor=Odd()).result(timeout=60)


class Sparse:
    """A future with nothing beyond what is needed."""

    def __init__(self, future):
        self.add_done_callback = future.add_done_callback
        self.cancel = future.cancel
        self.done = future.done
        self.result = future.result


def test_a_future_that_does_not_know_whether_it_runs(backend, batch, theirs, same):
    class Plain(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return Sparse(super().submit(fn, *args, **kwargs))

    with Plain(2) as executor:
        job = backend.run(batch, executor=executor, **OPTIONS)
        assert job.slices() is not None
        same(job.result(timeout=60), theirs)


@pytest.mark.slow
def test_a_killed_process_of_a_pool(backend, batch):
    """Python's pool is broken then for ever: that is said, and what came back before is kept."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:

        def callback(event):
            if isinstance(event, SliceDone):
                for pid in executor._processes or ():
                    os.kill(pid, signal.SIGKILL)

        job = backend.run(batch * 4, executor=executor, callback=callback, **OPTIONS)
        with pytest.raises(
            ClusterClosedError, match=r"ProcessPoolExecutor is broken.*make a new one.*partial_result"
        ):
            job.result(timeout=100)
    assert 1 <= sum(one.success for one in job.partial_result().results) < 20


@pytest.mark.parametrize("threads", [[0, 3, 1], [1, 3 * (os.cpu_count() or 1), 2]])
def test_an_executor_has_as_many_threads_as_it_is_asked_for(backend, aer, same, threads):
    """In whatever order: nobody has said how many it has."""
    theirs = aer.run(quick(), seed_simulator=1).result()
    with ThreadPoolExecutor(1) as executor:
        for count in threads:
            options = {"max_parallel_threads": count, "executor": executor, "placement": "cluster"}
            same(backend.run(quick(), seed_simulator=1, **options).result(timeout=60), theirs)


def test_retried_is_told(backend, batch):
    events = []
    job = backend.run(batch, executor=Scripted({1: [0]}), callback=events.append, **OPTIONS)
    assert job.result(timeout=60).success
    (retried,) = [one for one in events if isinstance(one, SliceRetried)]
    assert (retried.index, retried.outcome) == (1, "lost")
    assert retried.reason == "what came back is no answer of a worker: 0"
