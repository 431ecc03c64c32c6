"""Slices on any ``concurrent.futures`` executor: threads, processes, or somebody's own."""

from __future__ import annotations

import atexit
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor
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
from ...worker import run_slice
from ...worker.sandbox.call import Call
from ...worker.sandbox.exit_status import shortage
from ...worker.sandbox.processes import unreadable_main
from .activity import Activity, activity_of
from .base import Capacity, Future, Health, Started, Transport

_PREFIX = "qiskit-cluster-"
_STALE = 86_400.0  # seconds; the processes of a container that shares our folder are not to be seen
_CLOSED = re.compile(r"shut ?down|closed|broken|cannot schedule", re.IGNORECASE)


class ExecutorTransport(Transport):
    """Each slice is one call of ``executor.submit``.

    An executor has no way to end what runs: a file that appears does (on this machine).
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._name = type(executor).__name__
        self._health = _ExecutorHealth(self._name, activity_of(executor))
        self._job_id = ""
        self._closed = False

    @property
    def health(self) -> Health:
        """Whether the executor does anything."""
        return self._health

    def check(self) -> None:
        """What the executors of Python and of Dask tell; any other is left to fail in the job."""
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
        """Nothing to connect to."""
        self._job_id = job_id

    def capacity(self) -> Capacity:
        """The executor's workers, if it tells; else the machine's CPUs, since most executors are on this machine."""
        workers = MAX_WORKERS.of(self._executor, None)
        slots = workers if isinstance(workers, int) and workers > 0 else os.cpu_count() or 1
        return Capacity(slots=slots, overhead=OVERHEAD_LOCAL)

    def submit(self, call: Call, payload: bytes, blobs: Mapping[str, bytes], avoid: str) -> Future:
        """Send one slice; an executor keeps nothing, so its blobs go with it."""
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
        """The executor has one slice less."""
        self._health.ended(future)

    def outcome(self, error: BaseException) -> tuple[Outcome, Reason]:
        """A future that somebody cancelled is sent again, and so is one whose thread was interrupted; what else goes
        wrong in an executor is final.
        """
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
        """Let the marker appear."""
        _make(_folder(os.getpid()))
        self._marker().touch()

    def close(self) -> None:
        """The marker of a cancelled job stays until this process ends: what was ended may still have to see it."""
        self._closed = True

    def _marker(self) -> Path:
        return _folder(os.getpid()) / self._job_id


class _ExecutorHealth(Health):
    """Whether an executor does anything with the slices that it has.

    Args:
        name: of the executor.
        activity: what all jobs of this process know of it.
    """

    def __init__(self, name: str, activity: Activity) -> None:
        self._name = name
        self._activity = activity
        self._patience = 0.0

    def given(self, future: Any, timeout: float) -> None:
        """The executor has one more slice, which may take ``timeout`` seconds."""
        self._patience = max(self._patience, timeout)
        self._activity.given(future)

    def ended(self, future: Any) -> None:
        """The executor has one slice less."""
        self._activity.ended(future)

    def trouble(self, inflight: Collection[Any], running: bool) -> str | None:
        """Whether the executor leaves what it was given. The results that it returns tell the rest."""
        if not inflight or not self._activity.is_stalled(self._patience):
            return None
        return f"the {self._name} runs none of the {len(inflight)} slices that it has (is it busy with other work?)"


@cache
def _folder(process: int) -> Path:
    """One folder of this process, and not of its forks. It is made for the first marker, which few processes need."""
    return Path(tempfile.gettempdir(), f"{_PREFIX}{process}-{secrets.token_hex(8)}")


def _make(folder: Path) -> None:
    if folder.exists():
        return
    folder.mkdir(mode=0o700)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # What was killed could not remove its own. A number may be that of another process now; then a later one does it.
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
    except (PermissionError, OverflowError):  # of somebody else, or no number of a process
        pass
    return True
