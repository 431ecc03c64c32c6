"""Long-lived child processes that simulate, one for each slice that runs at the same time.

Plain ``subprocess`` and pipes: a Dask worker may be daemonic, and daemonic processes may not have children by
``multiprocessing``.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, cast

from . import frames
from .call import Call
from .deaths import how, last_words, said
from .environment import child_environment
from .memory import memory_kills

_POLL = 0.1  # seconds between looks whether a slice is still wanted
_START_TIMEOUT = 120.0  # seconds for the imports of a new child

Unwanted = Callable[[], bool] | None


class SliceOverran(RuntimeError):
    """The slice took longer than it may; its child was ended."""


class ChildDied(RuntimeError):
    """The child process ended while it ran a slice."""


class SliceCancelled(RuntimeError):
    """The slice was ended because its job was cancelled."""


class SliceError(RuntimeError):
    """The slice raised in the child."""


class Child:
    """One process that runs slices, one after the other."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.worker = ""  # that it was last busy for
        self.cancelled = False
        self.overran = False
        self._ready = False
        self._kills = memory_kills()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the child)
        self._said = 0  # bytes that it wrote there before its present slice
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "qiskit_cluster_provider.worker.child", str(lifeline)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                pass_fds=[lifeline],
                env=child_environment(threads),
                start_new_session=True,  # a Ctrl-C in the terminal is the client's, not the child's
            )
        finally:
            os.close(lifeline)
        self._stdin = cast(BinaryIO, self._process.stdin)
        self._stdout = cast(BinaryIO, self._process.stdout)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take another slice."""
        return self._process.poll() is None

    def run(
        self,
        call: Call,
        payload: bytes,
        blobs: Mapping[str, bytes],
        memory: int = 0,
        unwanted: Unwanted = None,
    ) -> bytes:
        """Run a slice; see :func:`.entry.run_slice`.

        Args:
            call: what is known of it.
            payload: its message.
            blobs: messages that it may ask for.
            memory: MB that Aer may use; 0 leaves it to Aer.
            unwanted: it ends early once this is true.
        """
        try:
            if not self._ready:
                with self._limit(_START_TIMEOUT):
                    frames.read(self._stdout)
                self._ready = True
            self._said = said(self._stderr)
            with self._limit(call.timeout):
                letter, parts = self._converse(payload, blobs, memory, unwanted)
        except (EOFError, BrokenPipeError) as error:
            if self.cancelled:
                raise SliceCancelled(f"slice {call.slice} was cancelled") from None
            if self.overran:
                if not self._ready:
                    raise ChildDied(
                        f"the simulating process was not ready after {_START_TIMEOUT:.0f} s{self._last_words()}"
                    ) from None
                raise SliceOverran(f"it took longer than {call.timeout:g} s{self._last_words(silent='')}") from None
            end = how(self._process.wait(), memory_kills() > self._kills)
            raise ChildDied(f"the simulating process {end}{self._last_words()}") from error
        if letter == frames.ERROR:
            raise SliceError(parts[0].decode())
        return parts[0]

    def _converse(
        self, payload: bytes, blobs: Mapping[str, bytes], memory: int, unwanted: Unwanted
    ) -> tuple[bytes, list[bytes]]:
        frames.write(self._stdin, frames.RUN, payload, str(memory).encode())
        while True:
            self._wait(unwanted)
            letter, parts = frames.read(self._stdout)
            if letter != frames.NEED:
                return letter, parts
            frames.write(self._stdin, frames.BLOBS, *(blobs[part.decode()] for part in parts))

    @contextmanager
    def _limit(self, seconds: float) -> Iterator[None]:
        """End the child after ``seconds``. A timer, since a stopped child may block a read and a write alike."""
        if not seconds:
            yield
            return

        def end() -> None:
            self.overran = True
            self._process.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def let_go(self) -> None:
        """Close this process's copy of the lifeline, so that a fork does not keep the child alive."""
        os.close(self._lifeline)

    def close(self) -> None:
        """End it and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        for stream in (self._stdin, self._stdout, self._stderr):
            try:
                stream.close()
            except BrokenPipeError:  # bytes that it never read
                continue
        os.close(self._lifeline)

    def _wait(self, unwanted: Unwanted) -> None:
        if unwanted is None:
            return
        while not select.select([self._stdout], [], [], _POLL)[0]:
            if unwanted():
                self.cancelled = True
                self._process.kill()

    def _last_words(self, silent: str = ", without a word") -> str:
        return last_words(self._stderr, self._said) or silent


class ChildPool:
    """The children of this process: idle ones are used again, dead ones are replaced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: dict[Child, tuple[str, str]] = {}  # of which job, for which worker
        self._ended: deque[str] = deque(maxlen=1000)  # jobs; slices of theirs may still be handed to us
        self._closing: set[str] = set()  # workers

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
        """Run a slice for ``worker`` on an idle child, or on a new one, until ``unwanted()`` is true."""
        child = self._take(call.job_id, worker, threads)
        try:
            return child.run(call, payload, blobs, memory, unwanted)
        except BaseException as error:
            if not isinstance(error, SliceError):
                child.kill()  # the pipes may hold half a message
            raise
        finally:
            with self._lock:
                self._busy.pop(child, None)
                healthy = child.alive and not (child.cancelled or child.overran)
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
        """Process id of each child, and whether it is busy."""
        with self._lock:
            return {c.pid: True for c in self._busy} | {c.pid: False for c in self._idle}

    def forget(self) -> None:
        """Leave the children to the process that started them; for a fork of it."""
        for child in (*self._idle, *self._busy):
            child.let_go()
        self._lock, self._idle, self._busy = threading.Lock(), [], {}

    def _take(self, job_id: str, worker: str, threads: int) -> Child:
        with self._lock:
            if job_id in self._ended or worker in self._closing:
                raise SliceCancelled("its job was cancelled, or its worker is closing")
            dead = [child for child in self._idle if not child.alive]
            fitting = [child for child in self._idle if child.alive and child.threads == threads]
            fitting.sort(key=lambda child: child.worker == worker)  # it remembers what that worker had before
            self._idle = [child for child in self._idle if child.alive and child not in fitting[-1:]]
            child = fitting[-1] if fitting else Child(threads)
            child.worker = worker
            self._busy[child] = job_id, worker
        for corpse in dead:
            corpse.close()
        return child


POOL = ChildPool()
atexit.register(POOL.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
