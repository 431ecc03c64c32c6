"""A child, which reads a slice, simulates it and writes the result, until the worker goes; or what forks children."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, BinaryIO

from ..outcomes import Reason
from .sandbox import frames
from .sandbox.fork_server import FORKS
from .sandbox.forking import serve_forks

if TYPE_CHECKING:
    from ..engines.aer.simulation.simulate import Simulation


def tie_to_parent(lifeline: int) -> None:
    """End this process when its parent goes, even in the middle of a C++ run that holds the GIL.

    The parent holds the other end of the pipe ``lifeline``. When it closes, the kernel sends SIGIO, whose
    default action ends the process; no Python has to run for that.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if frames.waits(lifeline, 0):  # it went while this process started: there will be no signal
        sys.exit(0)


def _offer_to_the_kernel() -> None:
    """If memory runs out, this process is to go, and not the Dask worker with its heartbeat and its blobs."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def main() -> None:
    """Serve slices, or fork children that do.

    The arguments are the descriptors of a socket and of a lifeline; before them stands ``forks`` for a process that
    forks. Neither is a standard stream: what a library prints, even before this line runs, does not mix with the
    frames.
    """
    *role, channel, lifeline = sys.argv[1:]
    given = int(channel), int(lifeline)
    _tie(*given)
    logging.getLogger("qiskit_aer").setLevel(logging.ERROR)  # failures are in the result

    from ..engines.aer.simulation.simulate import Simulation

    gc.freeze()  # what was imported stays; to look through it again and again took a twentieth of the time
    if role == [FORKS]:
        of_child = serve_forks(socket.socket(fileno=given[0]), given[1])
        if of_child is None:
            return
        given = of_child
        _tie(*given)
    _serve_slices(given[0], Simulation())


def _tie(channel: int, lifeline: int) -> None:
    for descriptor in (channel, lifeline):
        os.set_inheritable(descriptor, False)
    tie_to_parent(lifeline)
    _offer_to_the_kernel()


def _serve_slices(channel: int, simulation: Simulation) -> None:
    requests: BinaryIO = open(channel, "rb")  # noqa: SIM115  (until the process ends)
    replies: BinaryIO = open(channel, "wb", closefd=False)  # noqa: SIM115

    def fetch(names: list[str]) -> list[bytes]:
        frames.write(replies, frames.NEED, *(name.encode() for name in names))
        return frames.read(requests)[1]

    frames.write(replies, frames.READY)
    while True:
        try:
            _, (payload, memory, path) = frames.read(requests)
        except (EOFError, ConnectionError):
            return
        _import_from(path.decode(errors="surrogateescape").split("\0"))
        _serve(replies, lambda: simulation.run(payload, fetch, int(memory)))  # noqa: B023  (called at once)


def _import_from(folders: list[str]) -> None:
    """Let what a circuit brings along be found where the worker finds it: after all that is imported already, and
    behind all that is installed, so that no file of the user's takes the place of a module of ours.
    """
    sys.path.extend(folder for folder in folders if folder and folder not in sys.path)


def _serve(replies: BinaryIO, work: object) -> None:
    try:
        result = work()  # type: ignore[operator]
    except (EOFError, ConnectionError):
        raise
    except Exception as error:
        reason = replace(Reason.of(error), detail=traceback.format_exc().strip())
        frames.write(replies, frames.ERROR, *(part.encode() for part in astuple(reason)))
    else:
        frames.write(replies, frames.DONE, result)
