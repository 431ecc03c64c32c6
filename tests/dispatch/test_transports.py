"""Every transport keeps the promises of its abstract class, and the checks of these promises can fail."""

import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import pytest

from qiskit_cluster_provider.dispatch import Capacity, Transport
from qiskit_cluster_provider.dispatch.cluster import ClusterDispatch
from qiskit_cluster_provider.dispatch.transports.dask.transport import DaskTransport
from qiskit_cluster_provider.dispatch.transports.executor import ExecutorTransport
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.resources import AerEstimate
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.errors import ClusterClosedError
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import Placement
from qiskit_cluster_provider.testing import TRANSPORT_CHECKS, check_transport, transports
from qiskit_cluster_provider.worker import end_job, run_slice

from ..slow import quick


class Tiny(Transport):
    """A transport with the five methods that one must have, and nothing else: each slice is a thread."""

    def __init__(self):
        self.closed = False
        self.job = ""
        self.slots = threading.Semaphore(2)

    def open(self, job_id, threads, started):
        self.job = job_id

    def capacity(self):
        return Capacity(slots=2)

    def submit(self, call, payload, blobs, avoid):
        if self.closed:
            raise ClusterClosedError("it is closed")
        future = Future()
        task = (tuple(call), payload, *(blobs[name] for name in call.blobs))
        threading.Thread(target=self.run, args=(future, task)).start()
        return future

    def run(self, future, task):
        with self.slots:
            if future.set_running_or_notify_cancel():
                future.set_result(run_slice(*task))

    def cancel(self):
        end_job(self.job)

    def close(self):
        self.closed = True


@contextmanager
def tiny():
    yield Tiny()


@contextmanager
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield ExecutorTransport(executor)


@contextmanager
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield ExecutorTransport(executor)


@pytest.fixture
def dask(backend):
    @contextmanager
    def make():
        yield DaskTransport(backend.connection.client, backend.connection.check)

    return make


@pytest.mark.parametrize("check", TRANSPORT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["tiny", "threads", pytest.param("processes", marks=pytest.mark.slow), "dask"])
def test_it_keeps_its_promises(kind, check, request):
    makers = {"tiny": tiny, "threads": threads, "processes": processes}
    check(makers[kind] if kind in makers else request.getfixturevalue(kind))


def test_a_job_runs_on_the_abstract_class_alone(backend, aer):
    """The loop that keeps workers busy needs nothing that only one transport has."""
    batch = [quick(f"q{index}") for index in range(5)]
    options = {"shots": 30, "memory": True, "seed_simulator": 3}
    work = prepare(batch, None, RunSettings(options, SliceOptions(max_job_size=1)))
    slice_options = SliceOptions(max_job_size=1)
    dispatch = ClusterDispatch("tiny", AerEstimate(work), slice_options, Placement(False, "a test"), Tiny())
    dispatch.start()
    assert dispatch.finished.wait(timeout=60)
    assert dispatch.error is None
    results = dispatch.results
    theirs = aer.run(batch, **options).result()
    for index, other in enumerate(theirs.results):
        assert results[index].experiments.data(0)["memory"].unpacked() == other.data.memory
    assert dispatch.capacity.slots == 2


# The checks can fail.


class NoSlots(Tiny):
    def capacity(self):
        return Capacity(slots=0)


class OneAnswerForAll(Tiny):
    """Has the answer of the first slice for every slice."""

    def __init__(self):
        super().__init__()
        self.first = None

    def submit(self, call, payload, blobs, avoid):
        self.first = self.first or (payload, blobs)
        return super().submit(call, *self.first, avoid)


class Raises(Tiny):
    """Raises what it should return."""

    def run(self, future, task):
        outcome, answer = run_slice(*task)
        if outcome == "done":
            future.set_result((outcome, answer))
        else:
            future.set_exception(RuntimeError(answer))


class Waits(Tiny):
    """Its futures know no timeout."""

    def submit(self, call, payload, blobs, avoid):
        future = super().submit(call, payload, blobs, avoid)
        plain = future.result
        future.result = lambda timeout=None: plain()
        return future


class DoesNotCancel(Tiny):
    def cancel(self):
        """Let them run."""

    def close(self):
        super().cancel()
        super().close()


class StaysOpen(Tiny):
    def close(self):
        """Go on."""


class ClosesOnce(Tiny):
    def close(self):
        if self.closed:
            raise RuntimeError("it is closed already")
        super().close()


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (NoSlots, transports.capacity_is_told, "at least one slice"),
        (OneAnswerForAll, transports.slices_come_back_with_the_right_bits, "is not its result"),
        (Raises, transports.an_error_comes_back_as_an_outcome, "must return what goes wrong"),
        (Waits, transports.a_wait_has_an_end, "an endless slice has a result"),
        pytest.param(
            DoesNotCancel,
            transports.cancel_stops_what_runs_and_what_waits,
            "a future that was cancelled has no end",
            marks=pytest.mark.slow,
        ),
        (StaysOpen, transports.a_closed_transport_refuses_slices, "must raise a ClusterClosedError"),
        (ClosesOnce, transports.close_can_be_repeated_and_leaves_no_process, "it is closed already"),
    ],
)
def test_a_broken_promise_is_found(broken, check, says, monkeypatch):
    monkeypatch.setattr(transports, "_WITHIN", 15.0 if broken is not DoesNotCancel else 6.0)

    @contextmanager
    def make():
        yield broken()

    with pytest.raises(AssertionError if broken is not ClosesOnce else RuntimeError, match=says):
        check(make)


def test_all_checks_are_run_by_one_call(monkeypatch):
    asked = []
    checks = tuple(lambda make, number=number: asked.append((number, make)) for number in range(3))
    monkeypatch.setattr(transports, "TRANSPORT_CHECKS", checks)
    check_transport(tiny)
    assert asked == [(0, tiny), (1, tiny), (2, tiny)]
