"""Long-lived child processes that simulate, one for each slice that runs at the same time.

Plain ``subprocess`` and a socket: a Dask worker may be daemonic, and daemonic processes may not have children by
``multiprocessing``. A child costs this process three descriptors: the socket, the lifeline, and what it says.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import BinaryIO

from ...outcomes import Reason
from . import frames, processes
from .call import Call
from .environment import child_environment
from .exit_status import exit_status, last_words, written
from .failures import NotStarted, SliceCancelled, SliceCrashed, SliceError, SliceTimedOut
from .memory import memory_kills
from .threads import started

_POLL = 0.1  # seconds between looks whether a slice is still wanted
_START_TIMEOUT = 120.0  # seconds for the imports of a new child
_EXIT_WITHIN = 10.0  # seconds between the end of a child's connection and its own
_PAUSES = (0.2, 1.0)  # seconds before a child is started again that could not be

_CHILD = "qiskit_cluster_provider.worker.child"

Unwanted = Callable[[], bool] | None


class Child:
    """One process that runs slices, one after the other."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.worker = ""  # that it was last busy for
        self.cancelled = False
        self.timed_out = False
        self.killed = False
        self.ready = False
        self._kills = memory_kills()
        self._written = 0  # bytes that it wrote before its present slice
        try:
            self._begin(threads)
        except (OSError, processes.NoPython) as error:
            raise NotStarted.because(error) from error

    def _begin(self, threads: int) -> None:
        command = processes.command(_CHILD)
        self._python = command[0]
        with ExitStack() as temporary, ExitStack() as kept:
            ours, theirs = socket.socketpair()
            kept.callback(ours.close)
            temporary.callback(theirs.close)
            self._stderr: BinaryIO = kept.enter_context(tempfile.TemporaryFile())
            lifeline, self._lifeline = os.pipe()
            kept.callback(os.close, self._lifeline)
            temporary.callback(os.close, lifeline)
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(lifeline)],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,  # what libraries print is no frame
                stderr=self._stderr,
                pass_fds=[theirs.fileno(), lifeline],
                env=child_environment(threads),
                start_new_session=True,  # a Ctrl-C in the terminal is the client's, not the child's
            )
            kept.pop_all()  # until close()
        channel = ours.detach()
        self._replies: BinaryIO = open(channel, "rb")  # noqa: SIM115
        self._requests: BinaryIO = open(channel, "wb", closefd=False)  # noqa: SIM115

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take another slice."""
        return not self.killed and self._process.poll() is None

    def run(
        self,
        call: Call,
        payload: bytes,
        blobs: Mapping[str, bytes],
        memory: int = 0,
        unwanted: Unwanted = None,
    ) -> bytes:
        """Run a slice; see :func:`..entry.run_slice`.

        Args:
            call: what is known of it.
            payload: its message.
            blobs: messages that it may ask for.
            memory: MB that Aer may use; 0 leaves it to Aer.
            unwanted: it ends early once this is true.
        """
        self._written = written(self._stderr)
        try:
            with self._limit(call.timeout):
                letter, parts = self._converse(payload, blobs, memory, unwanted)
        except (EOFError, ConnectionError, frames.FrameError) as error:
            if self.cancelled:
                raise SliceCancelled from None
            if self.timed_out:
                raise SliceTimedOut(self._told(f"it took longer than {call.timeout:g} s")) from None
            raise SliceCrashed(
                self._told(f"the simulating process {self._end(error)}", silent=", without a word")
            ) from error
        if letter == frames.ERROR:
            raise SliceError(Reason(*(part.decode() for part in parts)))
        return parts[0]

    def wait_until_ready(self, unwanted: Unwanted = None) -> None:
        """Wait for the end of its imports, which have nothing to do with the circuit that it is to run.

        Raises:
            NotStarted: it ended, or was not ready in time.
            SliceCancelled: nobody wants it any more.
        """
        deadline = time.monotonic() + _START_TIMEOUT
        while not frames.waits(self._replies, _POLL):
            if unwanted is not None and unwanted():
                self.cancelled = True
                self.kill()
            elif time.monotonic() > deadline:
                raise NotStarted(self._told(f"it was not ready after {_START_TIMEOUT:.0f} s"))
        try:
            frames.read(self._replies)
        except (EOFError, ConnectionError, frames.FrameError) as error:
            if self.cancelled:
                raise SliceCancelled from None
            reason = self._told(f"it {self._end(error)}", silent=", without a word")
            hint = f"try there: {self._python} -c 'import qiskit_aer'"
            raise NotStarted(replace(reason, hint=hint)) from error
        self.ready = True

    def _end(self, error: Exception) -> str:
        """How it ended, for a message; the pool ends it if it has not."""
        if isinstance(error, frames.FrameError):
            return f"broke its connection: {error}"
        try:
            return exit_status(self._process.wait(_EXIT_WITHIN), memory_kills() > self._kills)
        except subprocess.TimeoutExpired:
            return "closed its connection"

    def _converse(
        self, payload: bytes, blobs: Mapping[str, bytes], memory: int, unwanted: Unwanted
    ) -> tuple[bytes, list[bytes]]:
        path = "\0".join(processes.search_path()).encode(errors="surrogateescape")
        frames.write(self._requests, frames.RUN, payload, str(memory).encode(), path)
        while True:
            self._wait(unwanted)
            letter, parts = frames.read(self._replies)
            if letter != frames.NEED:
                return letter, parts
            frames.write(self._requests, frames.BLOBS, *(blobs[part.decode()] for part in parts))

    @contextmanager
    def _limit(self, seconds: float) -> Iterator[None]:
        """End the child after ``seconds``. A timer, since a stopped child may block a read and a write alike."""
        if not seconds:
            yield
            return

        def end() -> None:
            self.timed_out = True
            self.kill()

        def alarm() -> threading.Timer:
            timer = threading.Timer(seconds, end)
            timer.daemon = True
            return timer

        timer = started(alarm)
        try:
            yield
        finally:
            timer.cancel()

    def kill(self) -> None:
        """End it at once."""
        self.killed = True
        self._process.kill()

    def let_go(self) -> None:
        """Close this process's copy of the lifeline, so that a fork does not keep the child alive."""
        os.close(self._lifeline)

    def close(self) -> None:
        """End it and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        with suppress(ConnectionError):  # bytes that it never read
            self._requests.close()
        self._replies.close()
        self._stderr.close()
        os.close(self._lifeline)

    def _wait(self, unwanted: Unwanted) -> None:
        if unwanted is None:
            return
        while not frames.waits(self._replies, _POLL):
            if unwanted():
                self.cancelled = True
                self.kill()

    def _told(self, message: str, silent: str = "") -> Reason:
        """``message`` with what the child wrote last, or with ``silent`` if it wrote nothing."""
        last, whole = last_words(self._stderr, self._written)
        return Reason(f"{message}; its last words: {last}" if last else f"{message}{silent}", detail=whole)


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
            self._pause(_POLL, unwanted)

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
        while not starts.acquire(timeout=_POLL):
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
