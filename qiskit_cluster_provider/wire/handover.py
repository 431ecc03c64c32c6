"""Large arrays from a child to its client on one machine: they are written once, and read where they lie.

The child writes them to a file in memory that has no name (``memfd_create``), seals it, so that nobody can change it
or make it shorter, and sends its descriptor to a socket that the job listens at. That socket has a name that is in
no directory. So nothing is left behind, whoever is killed and when: the kernel counts who holds the file.

A child on another machine, or in another network namespace, finds no such socket, and one of another user is not
believed: its arrays then travel with the message.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import weakref
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import ClassVar, Self

from .beside import starts

with suppress(ImportError):  # where it is missing, memfd_create is too
    import fcntl

_NAME = b"\0qiskit-cluster-"  # with a zero first, it is a name of the kernel's and no file
_TICKET = 16  # bytes
_RANDOM = 16  # bytes that make a name its own, in hexadecimal digits
_INT = struct.Struct("i")
_BACKLOG = 128  # that the kernel keeps for us
_SILENT = 64  # connections that have said nothing yet; more than that nobody of ours opens
_PATIENCE = 5.0  # seconds for a socket on this machine
_AT_ONCE = 2**30  # bytes of one write

Address = tuple[bytes, bytes]
"""The name of a mailbox, and the ticket of what it waits for."""


def example_address() -> Address | None:
    """Like that of any mailbox, for who counts bytes; ``None`` where there are none."""
    return (_some_name(), secrets.token_bytes(_TICKET)) if hasattr(os, "memfd_create") else None


def _some_name() -> bytes:
    return _NAME + secrets.token_hex(_RANDOM).encode()


class Mailbox:
    """Takes what children hand over to one job. It has no thread: what was sent waits in the socket."""

    _all: ClassVar[weakref.WeakSet[Mailbox]] = weakref.WeakSet()

    def __init__(self) -> None:
        _close_in_forks()
        self._name = _some_name()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._silent: list[socket.socket] = []
        self._tickets: dict[bytes, int] = {}
        self._found: dict[int, int] = {}
        try:
            self._socket.bind(self._name)
            self._socket.listen(_BACKLOG)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise
        self._all.add(self)

    @classmethod
    def open(cls) -> Self | None:
        """One, if this machine knows such sockets and files, and has a descriptor left."""
        if not hasattr(os, "memfd_create"):
            return None
        try:
            return cls()
        except OSError:
            return None

    def address(self, index: int) -> Address:
        """Where the arrays of slice ``index`` are to be handed over; what was meant before is not taken any more."""
        self._drop(index)
        ticket = secrets.token_bytes(_TICKET)
        self._tickets[ticket] = index
        return self._name, ticket

    def take(self, index: int) -> int | None:
        """The descriptor of what was handed over for slice ``index``; it belongs to the caller."""
        self._collect()
        found = self._found.pop(index, None)
        self._drop(index)
        return found

    def close(self) -> None:
        """Let go of all that nobody has taken; what is sent later is refused by the kernel."""
        self._socket.close()
        for connection in self._silent:
            connection.close()
        self._silent.clear()
        for index in list(self._found):
            self._drop(index)

    def _drop(self, index: int) -> None:
        self._tickets = {ticket: other for ticket, other in self._tickets.items() if other != index}
        if index in self._found:
            os.close(self._found.pop(index))

    def _collect(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self._silent.append(self._socket.accept()[0])
        waiting, self._silent = self._silent, []
        for connection in waiting:
            try:
                self._receive(connection)
            except BlockingIOError:
                self._silent.append(connection)
            except OSError:
                connection.close()
            else:
                connection.close()
        while len(self._silent) > _SILENT:
            self._silent.pop(0).close()

    def _receive(self, connection: socket.socket) -> None:
        # Not socket.recv_fds, which forgets its flags: a stranger who says nothing must not be waited for.
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        ticket, control, _, _ = connection.recvmsg(_TICKET, socket.CMSG_LEN(_INT.size), flags)
        kinds = socket.SOL_SOCKET, socket.SCM_RIGHTS
        for descriptor in [_INT.unpack(data)[0] for *kind, data in control if tuple(kind) == kinds]:
            index = self._tickets.get(ticket)
            if index is None or index in self._found or not _is_sealed(descriptor):
                os.close(descriptor)
            else:
                self._found[index] = descriptor


def hand_over(address: Address, parts: Sequence[memoryview]) -> bool:
    """Give ``parts`` to a mailbox; false if there is none, or no room for them.

    Args:
        address: of the mailbox.
        parts: the bytes of arrays.
    """
    name, ticket = address
    if not hasattr(os, "memfd_create") or not name.startswith(_NAME):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(name)
            if _owner(connection) != os.getuid():  # the job is gone, and somebody else has taken its name
                return False
            descriptor = _written(parts)
            try:
                socket.send_fds(connection, [ticket], [descriptor])
            finally:
                os.close(descriptor)
    except OSError:
        return False
    return True


def _written(parts: Sequence[memoryview]) -> int:
    descriptor = os.memfd_create("qiskit-cluster", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for start, part in zip(starts([part.nbytes for part in parts]), parts, strict=False):
            done = 0
            while done < part.nbytes:
                done += os.pwrite(descriptor, part[done : done + _AT_ONCE], start + done)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _seals())
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_sealed(descriptor: int) -> bool:
    """Whether it is a file in memory that cannot change any more: one that gets shorter would crash its reader."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _seals() == _seals()
    except OSError:  # any other file
        return False


def _seals() -> int:
    return fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def _owner(connection: socket.socket) -> int:
    """The user whose process listens at the other end."""
    size = struct.calcsize("iII")
    _, user, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(user)


def _forked() -> None:
    """A fork takes nothing for its parent, and must not keep its sockets open."""
    for mailbox in list(Mailbox._all):
        mailbox.close()


@cache
def _close_in_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked)
