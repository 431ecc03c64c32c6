"""A process that has imported what children need, and forks them: the worker's end of it.

To start Python and import Qiskit and Aer takes 0.4 s of CPU time and 60 MB. A fork takes 3 ms and has the memory of
these imports in common with all others. It is safe since the server has one thread, and runs no simulation.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ...outcomes import Reason
from . import processes
from .environment import child_environment
from .exit_status import exit_status, last_words
from .failures import NotStarted, SliceCancelled
from .forking import ANSWER, BEGUN, ENDED, FORK, REQUEST, STATUS
from .frames import waits
from .memory import memory_kills

AVAILABLE = sys.platform == "linux"
"""Whether there are servers on this system. On macOS, libraries that a process has imported do not survive a fork."""
CHILD = "qiskit_cluster_provider.worker.child"
"""The module that a server and a child run."""
FORKS = "forks"
"""The first argument of a server."""
START_TIMEOUT = 120.0
"""Seconds for the imports of a new process."""
_ANSWER_WITHIN = 10.0  # seconds for a fork; a server that takes longer is given up
_EXIT_WITHIN = 10.0  # seconds between the end of a server's connection and its own
_LOOK = 0.1  # seconds between looks whether somebody still waits
_POLL = 0.005  # seconds between questions for an exit code

Unwanted = Callable[[], bool] | None


class ForkServer:
    """One process that forks children which have ``threads`` threads each.

    Attributes:
        threads: of each child.
        forks: whether it does; known once it is ready.
        python: the program that it runs.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.forks = True
        self._ready = False
        self._over = False
        self._retired = False
        self._living: set[Forked] = set()
        self._lock = threading.RLock()
        self._kills = memory_kills()
        self._deadline = time.monotonic() + START_TIMEOUT
        try:
            self._begin()
        except (OSError, processes.NoPython) as error:
            raise NotStarted.because(error) from error

    def _begin(self) -> None:
        command = processes.command(CHILD, FORKS)
        self.python = command[0]
        with ExitStack() as temporary, ExitStack() as kept:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            kept.callback(ours.close)
            temporary.callback(theirs.close)
            self._said: BinaryIO = kept.enter_context(tempfile.TemporaryFile())
            lifeline, self._lifeline = os.pipe()
            kept.callback(os.close, self._lifeline)
            temporary.callback(os.close, lifeline)
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(lifeline)],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                pass_fds=[theirs.fileno(), lifeline],
                env=child_environment(self.threads),
                start_new_session=True,
            )
            kept.pop_all()  # until end()
        ours.settimeout(_ANSWER_WITHIN)
        self._control = ours

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it knows how its children end."""
        return not self._over and self._process.poll() is None

    def wait_until_ready(self, unwanted: Unwanted = None) -> None:
        """Wait for the end of its imports. Several threads may wait.

        Raises:
            NotStarted: it ended, or was not ready in time.
            SliceCancelled: nobody wants the slice any more.
        """
        while not self._ready:
            if waits(self._control.fileno(), _LOOK):
                self._read_ready()
            elif unwanted is not None and unwanted():
                raise SliceCancelled
            elif time.monotonic() > self._deadline:
                raise self._failed(f"it was not ready after {START_TIMEOUT:.0f} s")

    def _read_ready(self) -> None:
        with self._lock:
            if self._ready:
                return
            if self._over:
                raise NotStarted(Reason("the process that starts them was ended"))
            if not waits(self._control.fileno(), 0):
                return
            try:
                packet = self._control.recv(ANSWER.size)
            except OSError:
                packet = b""
            if packet:
                _, threads = ANSWER.unpack(packet)
                self.forks = threads == 1
                self._ready = True
                return
        try:
            how = exit_status(self._process.wait(_EXIT_WITHIN), memory_kills() > self._kills)
        except subprocess.TimeoutExpired:
            how = "closed its connection"
        raise self._failed(f"it {how}", silent=", without a word")

    def _failed(self, message: str, silent: str = "") -> NotStarted:
        with self._lock:
            if self._over:
                return NotStarted(Reason("the process that starts them was ended"))
            last, whole = last_words(self._said)
        self.end()
        reason = Reason(f"{message}; its last words: {last}" if last else f"{message}{silent}", detail=whole)
        return NotStarted(replace(reason, hint=f"try there: {self.python} -c 'import qiskit_aer'"))

    def fork(self, channel: int, lifeline: int, said: int) -> Forked:
        """A new child, with its ends of a socket and of a pipe, and a file for what it says.

        Raises:
            OSError: there can be none now.
        """
        with self._lock:
            if self._retired:
                raise ConnectionError("the process that starts others is about to end")
            letter, number = self._ask(FORK, 0, [channel, lifeline, said])
            if letter != BEGUN:
                raise OSError(number, os.strerror(number))
            child = Forked(self, number)
            self._living.add(child)
        return child

    def exit_code(self, pid: int) -> int | None:
        """Of a child that has ended, which may be asked for once; ``None`` while it runs.

        Raises:
            OSError: the server has gone, so that nobody knows.
        """
        letter, number = self._ask(STATUS, pid, [])
        return number if letter == ENDED else None

    def _ask(self, letter: bytes, number: int, descriptors: list[int]) -> tuple[bytes, int]:
        with self._lock:
            if self._over:
                raise ConnectionError("the process that starts others was ended")
            try:
                socket.send_fds(self._control, [REQUEST.pack(letter, number)], descriptors)
                packet = self._control.recv(ANSWER.size)
            except OSError:
                self._over = True  # half a conversation is none
                self._process.kill()
                raise
            if not packet:
                self._over = True
                raise ConnectionError("the process that starts others has gone")
        return ANSWER.unpack(packet)

    def forget(self, child: Forked) -> None:
        """The child has ended."""
        with self._lock:
            self._living.discard(child)
            if self._retired and not self._living:
                self.end()

    def retire(self) -> None:
        """Start no more children, and end once the last of them has."""
        with self._lock:
            self._retired = True
            if not self._living:
                self.end()

    def end(self) -> None:
        """End it. Its children go on, but nobody will know how they end."""
        with self._lock:
            self._over = True
            if self._said.closed:
                return
            self._process.kill()
            self._process.wait()
            self._control.close()
            self._said.close()
            os.close(self._lifeline)

    def let_go(self) -> None:
        """Close this process's copy of its descriptors, so that a fork does not keep it alive."""
        self._control.close()
        os.close(self._lifeline)


class Forked:
    """A child of a server, with the methods of ``subprocess.Popen`` that a :class:`.child_process.Child` needs."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self._server = server
        self._code: int | None = None
        self._lost = False
        self._lock = threading.Lock()  # its number belongs to nobody else until its exit code was asked for

    def poll(self) -> int | None:
        """Its exit code; ``None`` while it runs, and if its server has gone."""
        with self._lock:
            if self._code is None and not self._lost:
                try:
                    self._code = self._server.exit_code(self.pid)
                except OSError:
                    self._lost = True
            return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code.

        Raises:
            subprocess.TimeoutExpired: it has none yet, or nobody knows it.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if self._lost or (deadline is not None and time.monotonic() > deadline):
                raise subprocess.TimeoutExpired(CHILD, timeout or 0)
            time.sleep(_POLL)
        return code

    def kill(self) -> None:
        """End it at once."""
        with self._lock:
            if self._code is None and (self._server.alive or self._is_there()):
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)

    def forget(self) -> None:
        """It has ended."""
        self._server.forget(self)

    def _is_there(self) -> bool:
        """Whether its number has not gone to a stranger by now: without its server, the system gives it away."""
        try:
            return CHILD.encode() in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False
