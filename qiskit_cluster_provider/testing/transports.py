"""What a transport has to do, as checks that anybody can run on a transport of their own.

::

    import pytest
    from qiskit_cluster_provider.testing import TRANSPORT_CHECKS

    @contextmanager
    def mine():
        with MyPool() as pool:
            yield MyTransport(pool)

    @pytest.mark.parametrize("check", TRANSPORT_CHECKS, ids=lambda check: check.__name__)
    def test_my_transport(check):
        check(mine)

``check_transport(mine)`` runs them all. Each check asks for a transport of its own, which is not open yet. A check
that fails raises an ``AssertionError`` that says which promise was broken.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psutil
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit_aer import AerSimulator

from .. import versions
from ..dispatch.replies import opened
from ..dispatch.transports.base import Future, Transport
from ..engines.aer.preparation import prepare
from ..engines.aer.settings import RunSettings
from ..errors import ClusterClosedError, WireError
from ..merge import merge
from ..options import SliceOptions
from ..outcomes import Outcome
from ..plan import Plan, cut
from ..wire import Encoder, check_result, decode_result
from ..worker.sandbox.call import Call
from .compare import differences

Make = Callable[[], AbstractContextManager[Transport]]
"""Gives a new transport, and removes what it runs on when its context is left."""

_WITHIN = 60.0  # seconds for anything to happen; a loaded machine takes ten to start a process that simulates
_CHILD = "qiskit_cluster_provider.worker.child"  # in the command of each process that simulates
_HEAD = {"backend_name": "", "backend_version": "", "job_id": "", "date": "", "time_taken": 0.0}


def check_transport(make: Make) -> None:
    """Run :data:`TRANSPORT_CHECKS` one after the other.

    Args:
        make: gives a transport that is not open, in a context that removes what the transport runs on.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    for check in TRANSPORT_CHECKS:
        check(make)


def capacity_is_told(make: Make) -> None:
    """An open transport says how much can be done at the same time, in numbers that a plan can be made for."""
    with _job(make) as job:
        capacity = job.transport.capacity()
        assert isinstance(capacity.slots, int), f"slots must be a number, not {capacity.slots!r}"
        assert capacity.slots >= 1, f"at least one slice can run at a time, not {capacity.slots}"
        assert capacity.workers >= 0, f"there cannot be {capacity.workers} workers"
        assert capacity.overhead >= 0, f"a slice cannot cost {capacity.overhead} seconds of overhead"
        assert capacity.memory >= 0, f"a worker cannot have {capacity.memory} MB"


def slices_come_back_with_the_right_bits(make: Make) -> None:
    """Several slices that are under way at once, with blobs that they share, are together the answer of one Aer."""
    circuit, binds = _long_circuit()
    plan = _plan(circuit, binds)
    assert len(plan.slices) > 2, "this check needs several slices"
    with _job(make) as job:
        encoder = Encoder(plan)
        futures = {piece.index: job.submit(plan, encoder, piece.index) for piece in plan.slices}
        assert encoder.blobs, "this check needs a blob"
        results = {}
        for index, future in futures.items():
            outcome, answer = opened(_value(future))
            assert isinstance(answer, bytes | memoryview), f"slice {index} came back as {outcome}: {answer}"
            try:
                results[index] = decode_result(answer)
                check_result(results[index], plan, plan.slices[index])
            except WireError as error:
                raise AssertionError(f"what came back for slice {index} is not its result: {error}") from error
        ours = merge(plan, results, {}, head=_HEAD)
    simulator = AerSimulator(max_parallel_threads=1)
    theirs = simulator.run(circuit, parameter_binds=[binds], shots=50, memory=True, seed_simulator=7).result()
    found = differences(ours, theirs)
    assert not found, f"the result is not AerSimulator's: {found[:5]}"


def an_error_comes_back_as_an_outcome(make: Make) -> None:
    """What goes wrong with a slice on its worker is an answer. The future does not raise it."""
    with _job(make) as job:
        outcome, reason = opened(_value(job.send(0, b"no message of a task")))
        assert outcome is Outcome.ERROR, f"a message that cannot be read came back as {outcome}"
        assert "WireError" in str(reason), f"the answer does not say what went wrong: {reason!s}"


def a_wait_has_an_end(make: Make) -> None:
    """``result(timeout=)`` comes back in time, and a slice that takes longer than it may is ended and told."""
    with _job(make) as job:
        future = job.endless(0, timeout=3.0)
        began = time.monotonic()
        try:
            future.result(timeout=0.2)
        except TimeoutError:
            pass
        else:
            raise AssertionError("an endless slice has a result")
        assert time.monotonic() - began < _WITHIN, "result() does not keep to its timeout"
        told = threading.Event()
        future.add_done_callback(lambda _: told.set())
        outcome, _ = opened(_value(future))
        assert outcome is Outcome.TIMED_OUT, f"a slice that took longer than it may came back as {outcome}"
        assert future.done(), "a future with a result is not done"
        assert told.wait(_WITHIN), "nobody was called back when the slice was done"


def cancel_stops_what_runs_and_what_waits(make: Make) -> None:
    """After ``cancel`` of the futures and of the transport every future has an end, and nothing is simulated."""
    with _job(make) as job:
        count = min(job.transport.capacity().slots, 2) + 1
        futures = [job.endless(index) for index in range(count)]
        job.until_one_runs(futures)
        for future in futures:
            future.cancel()
        job.transport.cancel()
        _until(lambda: all(future.done() for future in futures), "a future that was cancelled has no end")
        _until(_is_quiet, "a process still simulates what was cancelled")


def a_closed_transport_refuses_slices(make: Make) -> None:
    """``submit`` after ``close`` raises a ClusterClosedError and sends nothing."""
    with _job(make) as job:
        job.transport.close()
        try:
            job.endless(0)
        except ClusterClosedError:
            return
        raise AssertionError("submit() after close() must raise a ClusterClosedError")


def close_can_be_repeated_and_leaves_no_process(make: Make) -> None:
    """A second ``close`` does nothing, one without ``open`` neither, and no process stays that simulates."""
    before = _orphans()
    with make() as unopened:
        unopened.close()
    with _job(make) as job:
        assert opened(_value(job.send(0, b"no message of a task")))[0] is Outcome.ERROR
        futures = [job.endless(1)]
        job.until_one_runs(futures)
        futures[0].cancel()
        job.transport.cancel()
        job.transport.close()
        job.transport.close()
    _until(_is_quiet, "a process still simulates for a job that was closed")
    _until(lambda: _orphans() <= before, "a process that simulates has outlived what it belonged to")


TRANSPORT_CHECKS: tuple[Callable[[Make], None], ...] = (
    capacity_is_told,
    slices_come_back_with_the_right_bits,
    an_error_comes_back_as_an_outcome,
    a_wait_has_an_end,
    cancel_stops_what_runs_and_what_waits,
    a_closed_transport_refuses_slices,
    close_can_be_repeated_and_leaves_no_process,
)
"""All checks of a transport. Each takes a :data:`Make`."""


class _Job:
    """A job on a transport, as the package runs one."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.id = f"conformance-{uuid.uuid4()}"
        self.begun: set[int] = set()
        transport.check()
        transport.open(self.id, 1, lambda index, _: self.begun.add(index))

    def submit(self, plan: Plan, encoder: Encoder, index: int, timeout: float = 0.0) -> Future:
        """Send a slice of ``plan``."""
        names, payload = encoder.encode(plan.slices[index])
        return self._sent(index, names, payload, encoder, timeout)

    def send(self, index: int, payload: bytes) -> Future:
        """Send bytes in the place of a slice."""
        return self._sent(index, (), payload, None, 0.0)

    def endless(self, index: int, timeout: float = 0.0) -> Future:
        """Send a slice that never ends by itself."""
        plan = _plan(_endless_circuit())
        names, payload = Encoder(plan).encode(plan.slices[0])
        assert not names
        return self._sent(index, names, payload, None, timeout)

    def _sent(
        self, index: int, names: tuple[str, ...], payload: bytes, encoder: Encoder | None, timeout: float
    ) -> Future:
        key = versions.key(versions.report())
        call = Call(self.id, index, 1, names, timeout=timeout, versions=key)
        future = self.transport.submit(call, payload, {} if encoder is None else encoder.blobs, avoid="")
        for name in ("add_done_callback", "cancel", "done", "result"):
            assert hasattr(future, name), f"submit() must return a future, but {type(future)} has no {name}()"
        return future

    def until_one_runs(self, futures: list[Future]) -> None:
        """Wait until a slice has begun, and until it is simulated, if that happens on this machine."""
        health = self.transport.health
        _until(
            lambda: bool(self.begun) or any(map(health.is_running, futures)),
            "nothing tells that a slice has begun: neither started() nor health.is_running()",
        )
        deadline = time.monotonic() + _WITHIN / 3
        while _is_quiet() and time.monotonic() < deadline:
            continue


@contextmanager
def _job(make: Make) -> Iterator[_Job]:
    with make() as transport:
        try:
            yield _Job(transport)
        finally:
            transport.cancel()
            transport.close()


def _plan(circuit: QuantumCircuit, binds: dict[Parameter, list[float]] | None = None) -> Plan:
    options = {"shots": 50, "memory": True, "seed_simulator": 7}
    work = prepare([circuit], [binds] if binds else None, RunSettings(options, SliceOptions(max_job_size=2)))
    return cut(work, 1)


def _long_circuit() -> tuple[QuantumCircuit, dict[Parameter, list[float]]]:
    """So long that it travels as a blob, with several parameter sets."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(4, name="long", metadata={"kept": True})
    for index in range(400):
        circuit.rx(0.1 + index**1.5 % 3, index % 4)
        circuit.cx(index % 4, (index + 1) % 4)
    circuit.ry(angle, 0)
    circuit.measure_all()
    return circuit, {angle: [0.1 * index for index in range(7)]}


def _endless_circuit() -> QuantumCircuit:
    """Aer runs it until its process is ended, since the condition of the loop never fails."""
    circuit = QuantumCircuit(1, 1, name="endless")
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.measure(0, 0)
    return circuit


def _value(future: Future) -> object:
    """What came back for a slice, which must come in time."""
    try:
        return future.result(timeout=_WITHIN)
    except TimeoutError as error:
        raise AssertionError(f"a slice has not come back within {_WITHIN:g} seconds") from error
    except Exception as error:
        raise AssertionError(f"a future must return what goes wrong with its slice, but raised {error!r}") from error


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _WITHIN
    while not holds():
        assert time.monotonic() < deadline, f"{otherwise}, after {_WITHIN:g} seconds"
        threading.Event().wait(0.05)


def _simulating() -> dict[int, tuple[int, float]]:
    """The processes below this one that simulate: id -> id of the parent, seconds of CPU time."""
    found = {}
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            if any(
                part.startswith("qiskit_cluster_provider.") and part.endswith("child") for part in process.cmdline()
            ):
                found[process.pid] = process.ppid(), sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return found


def _is_quiet() -> bool:
    """Whether none of them does anything for a moment."""
    before = _simulating()
    threading.Event().wait(0.3)
    return all(seconds == before.get(pid, (0, -1.0))[1] for pid, (_, seconds) in _simulating().items())


def _orphans() -> set[int]:
    """Those that neither this very process has started, which keeps its own for later jobs, nor one of its own."""
    found = _simulating()
    ours = {pid for pid, (parent, _) in found.items() if parent == os.getpid()}
    return {pid for pid, (parent, _) in found.items() if pid not in ours and parent not in ours}
