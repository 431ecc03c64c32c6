"""How the start of a cluster is abandoned, and how clusters close: without noise, at the end, after a SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from .._compat import python
from ..errors import ClusterClosedError

STOPPING: ContextVar[threading.Event] = ContextVar("STOPPING")
"""An event for the connection that is made in this context. It is set when the connection is closed."""
_UNREACHED = "Failed to sync cluster info"
_sigterm_process = 0  # the process whose SIGTERM is handled here


def stopping() -> threading.Event:
    """The event that :meth:`ClusterKind.connect`, and whatever it calls, waits on in place of sleeping."""
    return STOPPING.get(threading.Event())


def check_wanted() -> None:
    """Abandon a start whose backend was closed meanwhile.

    Raises:
        ClusterClosedError: The backend was closed.
    """
    if stopping().is_set():
        raise ClusterClosedError("the cluster was closed while it started.")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Dask and its event loop, whose errors while a cluster closes tell a user nothing."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    loggers = [logging.getLogger(name) for name in (*names, "tornado.application")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def without_traces() -> Iterator[None]:
    """Silence the traceback of thirty lines that Dask's cluster object logs when it cannot reach its scheduler.

    The job that waits for the scheduler says the same in one line.
    """
    said = logging.getLogger("distributed.deploy.cluster")

    def wanted(record: logging.LogRecord) -> bool:
        return not (record.exc_info and record.getMessage().startswith(_UNREACHED))

    said.addFilter(wanted)
    try:
        yield
    finally:
        said.removeFilter(wanted)


def at_exit(function: Callable[[], None], *, first: bool = False) -> None:
    """Call ``function`` when Python ends, while threads can still be used.

    It is called once, however often it was registered.

    Args:
        function: What to call.
        first: Whether to call it before the functions that close clusters.
    """
    if not _ENDS:
        python.at_exit(_end)
    if function not in _ENDS:
        _ENDS.insert(0 if first else len(_ENDS), function)


_ENDS: list[Callable[[], None]] = []
"""The functions to call when Python ends, in this order."""


def _end() -> None:
    with ExitStack() as stack:  # which calls all, whatever goes wrong in one, the last one first
        for function in reversed(_ENDS):
            stack.callback(function)


def end_on_sigterm() -> None:
    """Let a SIGTERM, by which batch systems and Kubernetes end a process, close the clusters first.

    Without a handler, Python ends at once, and what the process has started elsewhere goes on. A handler that the
    program has set stays. Only a call in the main thread has an effect, since no other thread may set a handler.
    """
    mine = threading.current_thread() is threading.main_thread()
    if mine and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        global _sigterm_process
        _sigterm_process = os.getpid()
        signal.signal(signal.SIGTERM, _exit_after_signal)


def _exit_after_signal(number: int, frame: object) -> None:
    if os.getpid() != _sigterm_process:  # a fork, of multiprocessing for example, has nothing to close
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    raise SystemExit(128 + number)  # what a shell reports of a process that the signal ended
