"""The main loop of a child: read a slice, simulate it, write the result, until the worker goes."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import select
import signal
import sys
import traceback
from contextlib import suppress
from typing import BinaryIO

from . import frames


def tie_to_parent(lifeline: int) -> None:
    """End this process when its parent goes, even in the middle of a C++ run that holds the GIL.

    The parent holds the other end of the pipe ``lifeline``. When it closes, the kernel sends SIGIO, whose
    default action ends the process; no Python has to run for that.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it went while this process started: there will be no signal
        sys.exit(0)


def _offer_to_the_kernel() -> None:
    """If memory runs out, this process is to go, and not the Dask worker with its heartbeat and its blobs."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def main() -> None:
    """Serve slices on stdin and stdout."""
    tie_to_parent(int(sys.argv[1]))
    _offer_to_the_kernel()
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not mix with the frames
    logging.getLogger("qiskit_aer").setLevel(logging.ERROR)  # failures are in the result

    from .simulate import Simulation

    simulation = Simulation()
    gc.freeze()  # what was imported stays; to look through it again and again took a twentieth of the time

    def fetch(names: list[str]) -> list[bytes]:
        frames.write(replies, frames.NEED, *(name.encode() for name in names))
        return frames.read(requests)[1]

    frames.write(replies, frames.READY)
    while True:
        try:
            _, (payload, memory) = frames.read(requests)
        except EOFError:
            return
        _serve(replies, lambda: simulation.run(payload, fetch, int(memory)))  # noqa: B023  (called at once)


def _serve(replies: BinaryIO, work: object) -> None:
    try:
        result = work()  # type: ignore[operator]
    except EOFError:
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}"
        frames.write(replies, frames.ERROR, text.encode())
    else:
        frames.write(replies, frames.DONE, result)


if __name__ == "__main__":
    main()
