"""Long-lived child processes, one for each slice that runs at the same time."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from .call import Call
from .child_process import POLL, Child, Unwanted
from .failures import NotStarted, SliceCancelled, SliceError
from .fork_server import AVAILABLE, ForkServer
from .threads import has_spare_threads

_PAUSES = (0.2, 1.0)  # seconds before a child is started again that could not be


class ChildPool:
    """The children of this process: idle ones are used again, dead ones are replaced.

    Args:
        forks: whether children are forked by a process that has imported what they need.
    """

    def __init__(self, *, forks: bool = AVAILABLE) -> None:
        self._begun = False
        self._forks = forks
        self._servers: dict[int, ForkServer] = {}  # by the threads of their children
        self._lock = threading.RLock()
        self._idle: list[Child] = []
        self._busy: dict[Child, tuple[str, str]] = {}  # of which job, for which worker
        self._coming: list[tuple[str, int]] = []  # starts for slices: the worker, and the threads
        self._ended: deque[str] = deque(maxlen=1000)  # jobs; slices of theirs may still be handed to us
        self._closing: set[str] = set()  # workers
        self._hopeless = False  # the last start failed for good: until one succeeds, each slice tries once
        self._make_semaphores()

    def run(
        self,
        call: Call,
        worker: str,
        threads: int,
        payload: bytes,
        blobs: Mapping[str, bytes],
        memory: int = 0,
        unwanted: Unwanted = None,
    ) -> bytes:
        """Run a slice for ``worker`` on an idle child, or on a new one, until ``unwanted()`` is true.

        Raises:
            NotStarted: there is none, and none can be started.
            SliceFailure: what became of the slice.
        """
        self._begin()
        child = self._take(call.job_id, worker, threads, unwanted)
        try:
            return child.run(call, payload, blobs, memory, unwanted)
        except BaseException as error:
            if not isinstance(error, SliceError):
                child.kill()  # the pipes may hold half a message
            raise
        finally:
            self._put_back(child)

    def _begin(self) -> None:
        """The first slice sees to it that no child outlives this process, and that a fork of it leaves them alone."""
        if not self._begun:
            self._begun = True
            atexit.register(self.close)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self.forget)

    def _put_back(self, child: Child) -> None:
        with self._lock:
            self._busy.pop(child, None)
            healthy = child.alive
            if healthy:
                self._idle.append(child)
        if not healthy:
            child.close()

    def end_job(self, job_id: str) -> int:
        """Kill the children that are busy with ``job_id``, and start no more for it; returns how many."""
        with self._lock:
            self._ended.append(job_id)
            found = [child for child, (job, _) in self._busy.items() if job == job_id]
            for child in found:
                child.cancelled = True
                child.kill()
        return len(found)

    def end_worker(self, worker: str) -> None:
        """Kill the children that are busy for ``worker``, which is about to close, and start no more for it."""
        with self._lock:
            self._closing.add(worker)
            for child in self._idle:
                child.reserved &= child.worker != worker
            for child, (_, owner) in self._busy.items():
                if owner == worker:
                    child.kill()

    def begin(self, threads: int) -> None:
        """Start what children with ``threads`` threads are forked by; returns at once.

        Raises:
            NotStarted: it cannot be started.
        """
        self._begin()
        self._server(threads)

    def warm(self, worker: str, threads: int, count: int) -> None:
        """Have ``count`` children of ``threads`` threads for ``worker``, idle or busy. Returns when they are there.

        Raises:
            NotStarted: they cannot be started.
            SliceCancelled: the worker is closing.
        """
        self.begin(threads)
        unwanted = partial(self._is_unwanted, "", worker, None)
        while True:
            server = self._ready_server(threads, unwanted)
            if self._count(worker, threads) >= count:
                return
            with self._turn(self._forking if server else self._starts, unwanted):
                child = Child(threads, server)
                child.worker, child.reserved = worker, True
                try:
                    child.wait_until_ready(unwanted)
                except BaseException:
                    child.close()
                    raise
                with self._lock:
                    needed = (
                        not unwanted() and self._count(worker, threads) < count
                    )  # a slice may have started its own
                    if needed:
                        self._idle.append(child)
            if not needed:
                child.close()
                return

    def close_idle(self) -> None:
        """End the idle children, and what forks them; a later slice starts new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
            servers, self._servers = self._servers, {}
        for child in idle:
            child.close()
        for server in servers.values():
            server.retire()

    def close(self) -> None:
        """End all children."""
        with self._lock:
            for child in self._busy:
                child.kill()
        self.close_idle()

    def pids(self) -> dict[int, bool]:
        """Process id of each child, and whether it is busy with a slice; one that starts is not yet."""
        with self._lock:
            return {c.pid: c.ready for c in self._busy} | {c.pid: False for c in self._idle}

    def forget(self) -> None:
        """Leave the children to the process that started them; for a fork of it."""
        for child in (*self._idle, *self._busy):
            child.let_go()
        for server in self._servers.values():
            server.let_go()
        self._lock, self._idle, self._busy, self._coming, self._servers = threading.RLock(), [], {}, [], {}
        self._make_semaphores()

    def _make_semaphores(self) -> None:
        # A fork takes some ms. One after the other, so that a slice takes what was warmed for it.
        self._forking = threading.Semaphore(1)
        # Without a server, a start is a second of imports: more at once than there are CPUs would only wait.
        self._starts = threading.Semaphore(max(2, os.cpu_count() or 1))

    def _take(self, job_id: str, worker: str, threads: int, unwanted: Unwanted) -> Child:
        """An idle child, else a new one. Where none can be started for now, a busy one will be idle some time."""
        failures = 0
        while True:
            child = self._idle_one(job_id, worker, threads)
            if child is not None:
                return child
            pauses = () if self._hopeless else _PAUSES
            if failures <= len(pauses):
                try:
                    return self._start(job_id, worker, threads, unwanted)
                except NotStarted as error:
                    failures, reason = failures + 1, error
                    if error.scarce:
                        self._forks = False  # what the servers and idle children hold may be what is missing
                        self.close_idle()
            if failures <= len(pauses) and not reason.final:
                self._pause(pauses[failures - 1], unwanted)
                continue
            failures = len(_PAUSES) + 1
            with self._lock:
                if not (reason.scarce and any(child.threads == threads for child in self._busy)):
                    self._hopeless = True
                    raise reason
            self._pause(POLL, unwanted)

    def _idle_one(self, job_id: str, worker: str, threads: int) -> Child | None:
        with self._lock:
            self._check_wanted(job_id, worker)
            dead = [child for child in self._idle if not child.alive]
            fitting = [
                child
                for child in self._idle
                if child.alive and child.threads == threads and (child.worker == worker or not child.reserved)
            ]
            fitting.sort(key=lambda child: child.worker == worker)  # it remembers what that worker had before
            self._idle = [child for child in self._idle if child.alive and child not in fitting[-1:]]
            if fitting:
                fitting[-1].worker, fitting[-1].reserved = worker, False
                self._busy[fitting[-1]] = job_id, worker
        for corpse in dead:
            corpse.close()
        return fitting[-1] if fitting else None

    def _server(self, threads: int) -> ForkServer | None:
        """What forks such children, maybe not ready yet; ``None`` if each has to import what it needs itself."""
        if not self._forks:
            return None
        with self._lock:
            server = self._servers.get(threads)
            if server is not None and not server.alive:
                self._servers.pop(threads).end()
                server = None
            if server is None:
                if not has_spare_threads():
                    return None
                server = self._servers[threads] = ForkServer(threads)
            return server

    def _ready_server(self, threads: int, unwanted: Unwanted) -> ForkServer | None:
        server = self._server(threads)
        if server is None:
            return None
        server.wait_until_ready(unwanted)
        if server.forks:
            return server
        with self._lock:  # something that is imported here starts threads
            self._forks = False
            self._servers.pop(threads, None)
        server.retire()
        return None

    def _start(self, job_id: str, worker: str, threads: int, unwanted: Unwanted) -> Child:
        with self._coming_to(worker, threads):
            server = self._ready_server(threads, partial(self._is_unwanted, job_id, worker, unwanted))
            with self._turn(self._forking if server else self._starts, unwanted):
                with self._lock:
                    child = self._idle_one(job_id, worker, threads)
                    if child is not None:  # it was warmed meanwhile
                        return child
                    child = Child(threads, server)
                    child.worker = worker
                    self._busy[child] = job_id, worker
                try:
                    child.wait_until_ready(unwanted)
                except BaseException:
                    child.kill()
                    self._put_back(child)
                    raise
            self._hopeless = False
            return child

    @contextmanager
    def _coming_to(self, worker: str, threads: int) -> Iterator[None]:
        """A slice starts a child of its own meanwhile, so that nobody need warm one for it."""
        self._coming.append((worker, threads))
        try:
            yield
        finally:
            self._coming.remove((worker, threads))

    @contextmanager
    def _turn(self, starts: threading.Semaphore, unwanted: Unwanted) -> Iterator[None]:
        while not starts.acquire(timeout=POLL):
            self._pause(0, unwanted)
        try:
            yield
        finally:
            starts.release()

    def _count(self, worker: str, threads: int) -> int:
        """Children of a worker: idle, busy, or about to be started for a slice."""
        with self._lock:
            there = [child for child in self._idle if child.alive] + [child for child in self._busy if child.ready]
            mine = [(child.worker, child.threads) for child in there]
            return [*mine, *self._coming].count((worker, threads))

    def _check_wanted(self, job_id: str, worker: str) -> None:
        if self._is_unwanted(job_id, worker, None):
            raise SliceCancelled

    def _is_unwanted(self, job_id: str, worker: str, unwanted: Unwanted) -> bool:
        return job_id in self._ended or worker in self._closing or (unwanted is not None and unwanted())

    @staticmethod
    def _pause(seconds: float, unwanted: Unwanted) -> None:
        if unwanted is not None and unwanted():
            raise SliceCancelled
        time.sleep(seconds)


POOL = ChildPool()
