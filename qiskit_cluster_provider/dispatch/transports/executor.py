"""Slices on any ``concurrent.futures`` executor: threads, processes, or one of the user's own."""

from __future__ import annotations

import atexit
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ..._compat.dask import EXECUTOR_CLIENT
from ..._compat.python import BROKEN, MAX_WORKERS, MP_CONTEXT, is_shut_down, threads_of
from ...clusters import check_client
from ...errors import ClusterClosedError, ClusterConfigError, ClusterConnectionError
from ...outcomes import Outcome, Reason
from ...plan.slice_time import OVERHEAD_LOCAL
from ...worker import begin_to_warm, process_name, run_slice, warm_process
from ...worker.sandbox.call import Call
from ...worker.sandbox.exit_status import shortage
from ...worker.sandbox.processes import unreadable_main
from .base import Capacity, Future, Health, Started, Transport
from .executor_health import ExecutorHealth

_PREFIX = "qiskit-cluster-"
_STALE = 86_400.0  # seconds; a container that shares the folder may have processes that cannot be seen from here
_CLOSED = re.compile(r"shut ?down|closed|broken|cannot schedule", re.IGNORECASE)


class ExecutorTransport(Transport):
    """Makes one call of ``executor.submit`` for each slice.

    An executor has no way to end a call that runs. A slice that runs on this machine ends when its marker appears: a
    file that the worker looks for several times a second.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._name = type(executor).__name__
        self._health = ExecutorHealth(executor)
        self._job_id = ""
        self._threads = 1
        self._closed = False

    @property
    def health(self) -> Health:
        """Tells whether the executor does anything with its slices."""
        return self._health

    def check(self) -> None:
        """Refuse an executor of Python or of Dask that is closed. Any other executor fails in the job."""
        executor = self._executor
        client = EXECUTOR_CLIENT.of(executor, None)
        if hasattr(client, "scheduler_info"):
            check_client(client)
        if is_shut_down(executor):
            raise ClusterClosedError(
                f"the {type(executor).__name__} was shut down",
                hint="make a new one, and keep it open until result().",
            )
        broken = BROKEN.of(executor, False)
        if isinstance(broken, str):
            raise ClusterClosedError(f"the {type(executor).__name__} is broken: {broken}.", hint="Make a new one.")
        threads = threads_of(executor)
        if threads and not any(thread.is_alive() for thread in threads):
            raise ClusterClosedError(
                f"the {type(executor).__name__} has no running thread, as after a fork",
                hint="make one in this process.",
            )

    def open(self, job_id: str, threads: int, started: Started) -> None:
        """Remember the job. There is nothing to connect to."""
        self._job_id, self._threads = job_id, threads

    def warm(self, seconds: float = 0.0) -> bool:
        """Start the children of an executor of threads. One of processes is only asked by a user who waits for it.

        Each process of such an executor runs what it is asked itself, so that a slice would have to wait meanwhile.
        Any other executor might be anywhere.
        """
        slots, threads = self.capacity().slots, self._threads
        if isinstance(self._executor, ThreadPoolExecutor):
            cpus = os.cpu_count() or 1
            each = threads or cpus
            return begin_to_warm(process_name(), max(each, min(cpus, slots * each)), threads).wait(seconds)
        if not isinstance(self._executor, ProcessPoolExecutor) or not seconds:
            return False
        end = time.monotonic() + seconds
        asked = [self._executor.submit(warm_process, threads, seconds) for _ in range(slots)]
        done, late = wait(asked, timeout=max(0.0, end - time.monotonic()))
        for future in late:
            future.cancel()
        return not late and all(future.exception() is None and future.result() for future in done)

    def capacity(self) -> Capacity:
        """One slot for each worker of the executor; for each CPU if the executor does not tell its workers."""
        workers = MAX_WORKERS.of(self._executor, None)
        slots = workers if isinstance(workers, int) and workers > 0 else os.cpu_count() or 1
        return Capacity(slots=slots, overhead=OVERHEAD_LOCAL)

    def submit(self, call: Call, payload: bytes, blobs: Mapping[str, bytes], avoid: str) -> Future:
        """Send one slice with its blobs, since an executor keeps nothing."""
        if self._closed:
            raise ClusterClosedError(f"slice {call.slice} cannot be submitted: job {call.job_id} has ended.")
        call = call._replace(marker=str(self._marker()))
        try:
            future = self._executor.submit(run_slice, tuple(call), payload, *(blobs[name] for name in call.blobs))
        except BaseException as error:
            said = f"slice {call.slice} cannot be submitted: {str(error) or type(error).__name__}"
            if isinstance(error, BrokenExecutor) or (isinstance(error, RuntimeError) and _CLOSED.search(str(error))):
                raise ClusterClosedError(
                    f"{said}.", hint=f"Make a new {self._name}, and keep it open until result()."
                ) from error
            raise ClusterConnectionError(said) from error  # for now: it is asked again
        lacks = [name for name in ("add_done_callback", "cancel", "done", "result") if not hasattr(future, name)]
        if lacks:
            raise ClusterConfigError(
                f"executor must be a concurrent.futures.Executor, but submit() of this {self._name} returned "
                f"{type(future).__name__}, which has no {lacks[0]}()."
            )
        self._health.given(future, call.timeout)
        return future

    def settled(self, future: Any) -> None:
        """Take note that the executor has one slice less."""
        self._health.ended(future)

    def outcome(self, error: BaseException) -> tuple[Outcome, Reason]:
        """Send a slice again if its future was cancelled or its thread interrupted. Any other error is final."""
        if isinstance(error, BrokenExecutor):
            said = f"the {self._name} is broken, as when one of its processes was killed ({error})"
            hint = "make a new one"
            how = MP_CONTEXT.of(self._executor, None)
            if how is not None and how.get_start_method() != "fork" and (main := unreadable_main()) is not None:
                said = (
                    f"the {self._name} is broken: its processes import the main module, and {main} is not a file "
                    "that they can read."
                )
                hint = "Save the program in a file"
            raise ClusterClosedError(said, hint=hint) from error
        if isinstance(error, CancelledError):
            return Outcome.DISCONNECTED, Reason.of(error)
        if scarce := shortage(error):
            return Outcome.UNREADY, replace(Reason.of(error), hint=scarce)
        return Outcome.ERROR if isinstance(error, Exception) else Outcome.LOST, Reason.of(error)

    def cancel(self) -> None:
        """Let the marker of the job appear."""
        _make(_folder(os.getpid()))
        self._marker().touch()

    def close(self) -> None:
        """Accept no more slices. The marker of a cancelled job stays, since a worker may still have to see it."""
        self._closed = True

    def _marker(self) -> Path:
        return _folder(os.getpid()) / self._job_id


@cache
def _folder(process: int) -> Path:
    """The name of the folder for the markers of this process, and not of its forks."""
    return Path(tempfile.gettempdir(), f"{_PREFIX}{process}-{secrets.token_hex(8)}")


def _make(folder: Path) -> None:
    """Make the folder for the first marker, and remove folders of processes that were killed."""
    if folder.exists():
        return
    folder.mkdir(mode=0o700)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # If another process has the number of a killed one now, a later process removes the folder.
    for other in folder.parent.glob(f"{_PREFIX}*"):
        try:
            stale = time.time() - other.stat().st_mtime > _STALE and not _is_alive(other.name.split("-")[2])
        except (OSError, IndexError):
            continue
        if stale:
            shutil.rmtree(other, ignore_errors=True)


def _is_alive(process: str) -> bool:
    if os.name != "posix" or not process.isdecimal():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's process, or not the number of a process
        pass
    return True
