"""What Python's standard library keeps to itself."""

from __future__ import annotations

import atexit
import multiprocessing
from collections.abc import Callable
from functools import partial
from typing import Any

from .private import Attribute, Symbol

TRIED = ("3.11", "3.12", "3.13")

AT_EXIT = Symbol(
    "python",
    "threading:_register_atexit",
    reason="to close clusters while thread pools, Dask's among them, still work",
    tried=TRIED,
    without="atexit closes them, which may leave a cluster to close itself.",
)
INHERITING = Attribute(
    "python",
    "multiprocessing.Process._inheriting",
    reason="to tell a process of multiprocessing that imports the main module",
    tried=TRIED,
    without="multiprocessing's own error ends the process, which names the guard too.",
)

_LATE = "It is refused by its submit(), in the job and not when the job is made."
_of_executor = partial(Attribute, "python", tried=TRIED)
_STATE = "to refuse an executor that can run nothing before anything is sent"
SHUT_DOWN = _of_executor("ThreadPoolExecutor._shutdown", reason=_STATE, without=_LATE)
SHUT_DOWN_PROCESSES = _of_executor("ProcessPoolExecutor._shutdown_thread", reason=_STATE, without=_LATE)
BROKEN = _of_executor("ProcessPoolExecutor._broken", reason=_STATE, without=_LATE)
THREADS = _of_executor("ThreadPoolExecutor._threads", reason=_STATE, without=_LATE)
MANAGER_THREAD = _of_executor("ProcessPoolExecutor._executor_manager_thread", reason=_STATE, without=_LATE)
MAX_WORKERS = _of_executor(
    "ThreadPoolExecutor._max_workers",
    reason="to cut a job for as many workers as an executor has",
    without="It is cut for as many as this machine has CPUs.",
)
MP_CONTEXT = _of_executor(
    "ProcessPoolExecutor._mp_context",
    reason="to say why processes of an executor ended at once",
    without="The error says only that the executor is broken.",
)


def at_exit(function: Callable[[], None]) -> None:
    """Call ``function`` when Python ends, while threads can still be used.

    ``atexit`` comes too late: thread pools, Dask's among them, have been shut down by then. The hook that comes
    before them is the one that ``concurrent.futures`` itself uses.
    """
    try:
        AT_EXIT.get(atexit.register)(function)
    except RuntimeError:  # Python is ending already
        atexit.register(function)


def imports_main() -> bool:
    """Whether this process was started by :mod:`multiprocessing`, and is importing the main module."""
    return bool(INHERITING.of(multiprocessing.current_process(), False))


def is_shut_down(executor: Any) -> bool:
    """Whether an executor of Python's says that it was shut down."""
    return any(one.of(executor, False) is True for one in (SHUT_DOWN, SHUT_DOWN_PROCESSES))


def threads_of(executor: Any) -> set[Any]:
    """The threads of an executor of Python's; empty if it has none yet, or does not tell."""
    return {*THREADS.of(executor, ()), MANAGER_THREAD.of(executor, None)} - {None}
