"""Long-lived child processes, one for each slice that runs at the same time."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Mapping

from .call import Call
from .child_process import POLL, Child, Unwanted
from .failures import NotStarted, SliceCancelled, SliceError

_PAUSES = (0.2, 1.0)  # seconds before a child is started again that could not be


class ChildPool:
    """The children of this process: idle ones are used again, dead ones are replaced."""

    def __init__(self) -> None:
        self._begun = False
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: dict[Child, tuple[str, str]] = {}  # of which job, for which worker
        self._ended: deque[str] = deque(maxlen=1000)  # jobs; slices of theirs may still be handed to us
        self._closing: set[str] = set()  # workers
        self._hopeless = False  # the last start failed for good: until one succeeds, each slice tries once
        # A start is a second of imports: more of them at once than there are CPUs would only wait for each other.
        self._starts = threading.Semaphore(max(2, os.cpu_count() or 1))

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
            for child, (_, owner) in self._busy.items():
                if owner == worker:
                    child.kill()

    def close_idle(self) -> None:
        """End the idle children; a later slice starts new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.close()

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
        self._lock, self._idle, self._busy = threading.Lock(), [], {}
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
                        self.close_idle()  # of another number of threads; what they hold may be what is missing
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
            fitting = [child for child in self._idle if child.alive and child.threads == threads]
            fitting.sort(key=lambda child: child.worker == worker)  # it remembers what that worker had before
            self._idle = [child for child in self._idle if child.alive and child not in fitting[-1:]]
            if fitting:
                fitting[-1].worker = worker
                self._busy[fitting[-1]] = job_id, worker
        for corpse in dead:
            corpse.close()
        return fitting[-1] if fitting else None

    def _start(self, job_id: str, worker: str, threads: int, unwanted: Unwanted) -> Child:
        starts = self._starts
        while not starts.acquire(timeout=POLL):
            self._pause(0, unwanted)
        try:
            with self._lock:
                self._check_wanted(job_id, worker)
                child = Child(threads)
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
        finally:
            starts.release()

    def _check_wanted(self, job_id: str, worker: str) -> None:
        if job_id in self._ended or worker in self._closing:
            raise SliceCancelled

    @staticmethod
    def _pause(seconds: float, unwanted: Unwanted) -> None:
        if unwanted is not None and unwanted():
            raise SliceCancelled
        time.sleep(seconds)


POOL = ChildPool()
