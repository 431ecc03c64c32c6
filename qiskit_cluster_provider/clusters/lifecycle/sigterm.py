"""SIGTERM, by which batch systems and Kubernetes end a process: with what it started in a cluster."""

from __future__ import annotations

import os
import signal
import threading

_process = 0


def end_on_sigterm() -> None:
    """Let a SIGTERM end this process as Ctrl-C does: clusters are closed on the way out.

    Python would end at once, and what was started elsewhere would go on. A handler of the program's own is left
    as it is; and only the main thread can set one.
    """
    mine = threading.current_thread() is threading.main_thread()
    if mine and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        global _process
        _process = os.getpid()
        signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, frame: object) -> None:
    if os.getpid() != _process:  # a fork, of multiprocessing for example, has nothing to close
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    raise SystemExit(128 + number)  # what a shell reports of a process that the signal ended
