"""The loop of a process that has imported what children need, and forks one whenever its worker asks.

The other end is :mod:`.fork_server`. A message is one packet: a letter and a number.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys

REQUEST = struct.Struct("<ci")
"""To the server: FORK, with the descriptors of :data:`DESCRIPTORS`, or STATUS, with the number of a process."""
ANSWER = struct.Struct("<ci")
"""From the server: one of the letters below, and its number."""
FORK, STATUS = b"F", b"S"
READY, BEGUN, RUNS, ENDED, REFUSED = b"R", b"B", b"A", b"E", b"N"
"""READY: the threads of the server. BEGUN: a process. RUNS: nothing. ENDED: an exit code. REFUSED: an errno."""
DESCRIPTORS = 3
"""The socket of a child, its lifeline, and the file for what it says."""


def serve_forks(control: socket.socket, lifeline: int) -> tuple[int, int] | None:
    """Fork children until the worker closes its end of ``control``.

    Args:
        control: a socket of packets, to the worker.
        lifeline: of this process, which a child closes.

    Returns:
        In each child its own socket and its own lifeline; in this process ``None``, at the end.
    """
    sys.stdout.flush()  # what an import has printed is none of a child's last words
    control.sendall(ANSWER.pack(READY, threads_of_this_process()))
    while True:
        packet, descriptors, _, _ = socket.recv_fds(control, REQUEST.size, DESCRIPTORS)
        if not packet:
            return None
        letter, pid = REQUEST.unpack(packet)
        if letter == STATUS:
            control.sendall(_status(pid))
            continue
        try:
            if len(descriptors) < DESCRIPTORS:  # the kernel leaves out what would be one too many for this process
                raise OSError(errno.EMFILE, "")
            pid = os.fork()
        except OSError as error:
            answer = ANSWER.pack(REFUSED, error.errno or 0)
        else:
            if not pid:
                control.close()
                os.close(lifeline)
                return _settled(*descriptors)
            answer = ANSWER.pack(BEGUN, pid)
        for descriptor in descriptors:
            os.close(descriptor)
        control.sendall(answer)


def threads_of_this_process() -> int:
    """How many there are. A process with more than one must not fork: what the others hold would be held for ever."""
    return len(os.listdir("/proc/self/task"))


def _status(pid: int) -> bytes:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return ANSWER.pack(ENDED, os.waitstatus_to_exitcode(status)) if ended else ANSWER.pack(RUNS, 0)


def _settled(channel: int, lifeline: int, said: int) -> tuple[int, int]:
    """What a child does at first: it leaves what it had from its parent."""
    os.setsid()  # a Ctrl-C in the terminal is the client's, not the child's
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.close(said)
    _forget_random_numbers()
    return channel, lifeline


def _forget_random_numbers() -> None:
    """No two children may draw the same numbers where a library draws without a seed. Python's own sees to it."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
