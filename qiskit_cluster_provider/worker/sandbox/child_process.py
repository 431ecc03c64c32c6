"""One child process that runs slices, one after the other.

Plain ``subprocess`` and a socket: a Dask worker may be daemonic, and daemonic processes may not have children by
``multiprocessing``. A child costs this process three descriptors: the socket, the lifeline, and what it says.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
import time
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
from .fork_server import CHILD, START_TIMEOUT, Forked, ForkServer
from .memory import memory_kills
from .threads import started

POLL = 0.1
"""Seconds between looks whether a slice is still wanted."""
_EXIT_WITHIN = 10.0  # seconds between the end of a child's connection and its own

Unwanted = Callable[[], bool] | None
"""Says whether a slice is unwanted by now."""


class Child:
    """One process that runs slices, one after the other."""

    def __init__(self, threads: int, server: ForkServer | None = None) -> None:
        self.threads = threads
        self.worker = ""  # that it was last busy for
        self.reserved = False  # for that worker: it was started ahead of its first slice
        self.cancelled = False
        self.timed_out = False
        self.killed = False
        self.ready = False
        self._kills = memory_kills()
        self._written = 0  # bytes that it wrote before its present slice
        try:
            self._begin(threads, server)
        except (OSError, processes.NoPython) as error:
            raise NotStarted.because(error) from error

    def _begin(self, threads: int, server: ForkServer | None) -> None:
        self._python = processes.python() if server is None else server.python
        with ExitStack() as temporary, ExitStack() as kept:
            ours, theirs = socket.socketpair()
            kept.callback(ours.close)
            temporary.callback(theirs.close)
            self._stderr: BinaryIO = kept.enter_context(tempfile.TemporaryFile())
            lifeline, self._lifeline = os.pipe()
            kept.callback(os.close, self._lifeline)
            temporary.callback(os.close, lifeline)
            channel = theirs.fileno()
            self._process: Forked | subprocess.Popen[bytes] = (
                self._spawned(threads, channel, lifeline)
                if server is None
                else server.fork(channel, lifeline, self._stderr.fileno())
            )
            kept.pop_all()  # until close()
        channel = ours.detach()
        self._replies: BinaryIO = open(channel, "rb")  # noqa: SIM115
        self._requests: BinaryIO = open(channel, "wb", closefd=False)  # noqa: SIM115

    def _spawned(self, threads: int, channel: int, lifeline: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*processes.command(CHILD), str(channel), str(lifeline)],
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,  # what libraries print is no frame
            stderr=self._stderr,
            pass_fds=[channel, lifeline],
            env=child_environment(threads),
            start_new_session=True,  # a Ctrl-C in the terminal is the client's, not the child's
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take another slice."""
        return not self.killed and not frames.hung_up(self._replies)

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
        deadline = time.monotonic() + START_TIMEOUT
        while not frames.waits(self._replies, POLL):
            if unwanted is not None and unwanted():
                self.cancelled = True
                self.kill()
            elif time.monotonic() > deadline:
                raise NotStarted(self._told(f"it was not ready after {START_TIMEOUT:.0f} s"))
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
        with suppress(subprocess.TimeoutExpired):  # its server has gone, and nobody can tell
            self._process.wait()
        if isinstance(self._process, Forked):
            self._process.forget()
        with suppress(ConnectionError):  # bytes that it never read
            self._requests.close()
        self._replies.close()
        self._stderr.close()
        os.close(self._lifeline)

    def _wait(self, unwanted: Unwanted) -> None:
        if unwanted is None:
            return
        while not frames.waits(self._replies, POLL):
            if unwanted():
                self.cancelled = True
                self.kill()

    def _told(self, message: str, silent: str = "") -> Reason:
        """``message`` with what the child wrote last, or with ``silent`` if it wrote nothing."""
        last, whole = last_words(self._stderr, self._written)
        return Reason(f"{message}; its last words: {last}" if last else f"{message}{silent}", detail=whole)
