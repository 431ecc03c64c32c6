"""The task that runs on a Dask worker or an executor: hand the bytes to a child and wait.

Aer holds the GIL for the whole of a run. In the worker's own process it would stop the heartbeat, and an
abort of its C++ would take the worker with it.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ..outcomes import Outcome, Reason
from ..versions import PROCESS_BYTES, key, report
from .fair_semaphore import FairSemaphore, Threads
from .reply import Reply, packed, shared
from .sandbox.call import Call
from .sandbox.exit_status import shortage
from .sandbox.failures import SliceFailure
from .sandbox.memory import memory_limit
from .sandbox.pool import POOL
from .sandbox.threads import has_spare_threads, started

Answer = tuple[str, bytes | Reply]

_LOOK = 0.02  # seconds between looks whether children are ready

_THREADS: dict[str, Threads] = {}
_MEMORY: list[FairSemaphore] = []  # one for the process, however many Dask workers are in it


def run_slice(call: tuple[Any, ...], payload: bytes, *blobs: bytes) -> Answer:
    """Simulate one slice in a child process.

    It returns what went wrong rather than raising it: a failed slice is our client's business, and neither
    Dask's log nor pickled exceptions need to have a part in it.

    Args:
        call: the fields of :class:`~.sandbox.call.Call`, as a plain tuple.
        payload: the task's message.
        blobs: the messages that ``call`` names, in its order.

    Returns:
        The value of an :class:`~..outcomes.Outcome`, and what belongs to it: for ``done`` the result's message, as a
        :class:`.reply.Reply` if it is large and goes through Dask; for ``unfit`` the versions of this worker, and
        its name as ``worker``, as a JSON object; for all others the reason, by :func:`.reply.packed`. They are plain
        texts and bytes, so that another release can read them.
    """
    request = Call(*call)
    worker = _dask_worker()
    if worker is None:
        name, capacity = process_name(), max(os.cpu_count() or 1, request.threads)
    else:
        name, capacity = worker.address, worker.state.nthreads
    if request.versions and request.versions != key(report()):
        return Outcome.UNFIT.value, json.dumps({"worker": name, **report()}).encode()
    if worker is not None and request.topic:
        worker.log_event(request.topic, {"job": request.job_id, "index": request.slice, "worker": name})
    threads = _THREADS.setdefault(name, Threads(capacity))
    if worker is None:  # nobody has said how many a process of an executor has: as many as are asked for
        threads.grow(capacity)
    memory = _memory(worker)
    try:
        with threads.reserve(request.threads) as count, memory.reserve(request.memory) as reserved:
            # A slice that needs little may still grow to its share.
            share = memory.capacity * count // max(threads.capacity, os.cpu_count() or 1)
            held = dict(zip(request.blobs, blobs, strict=True))
            unwanted = _unwanted(request, worker)
            message = POOL.run(request, name, count, payload, held, max(share, reserved), unwanted)
    except SliceFailure as failure:
        return failure.outcome.value, packed(failure.reason)
    except (OSError, RuntimeError) as error:
        scarce = shortage(error)
        if not scarce and isinstance(error, RuntimeError):
            raise
        outcome = Outcome.UNREADY if scarce else Outcome.ERROR
        return outcome.value, packed(Reason(str(error), scarce))
    return Outcome.DONE.value, message if worker is None else shared(message)


def _memory(worker: Any) -> FairSemaphore:
    """MB that the children of this process may use together: the Dask worker's limit, else the cgroup's or machine's.

    Large slices wait here for each other. Dask's own resources would keep them off the worker altogether, but
    have to be declared where it is started.
    """
    if not _MEMORY:
        limit = getattr(getattr(worker, "memory_manager", None), "memory_limit", None) or memory_limit()
        # What the processes themselves need is no room for a state; Aer is told of the rest.
        _MEMORY.append(FairSemaphore(max(1, max(int(limit) - PROCESS_BYTES, int(limit) // 2) // 2**20)))
    return _MEMORY[0]


async def warm(threads: int, seconds: float = 0.0, dask_worker: Any = None) -> bool:
    """Have the children ready that slices of ``threads`` threads will ask a Dask worker for, as many as it can run.

    It runs on the worker's event loop, so that it takes no thread from a slice, and what takes time is done in a
    thread of its own. It raises nothing: where no child can be started, the first slice says why.

    Args:
        threads: of each slice; 0 for all threads of the worker.
        seconds: to wait for them.
        dask_worker: Dask gives it.

    Returns:
        Whether they are ready.
    """
    import asyncio  # which children do without

    warming = begin_to_warm(dask_worker.address, dask_worker.state.nthreads, threads)
    end = time.monotonic() + seconds
    while not warming.wait(0) and time.monotonic() < end:
        await asyncio.sleep(_LOOK)
    return warming.is_set()


def warm_process(threads: int, seconds: float) -> bool:
    """The same for a process of an executor, which runs one slice at a time. It waits as a slice does."""
    each = threads or os.cpu_count() or 1
    return begin_to_warm(process_name(), each, threads).wait(seconds)


def process_name() -> str:
    """What this process is called where it is no Dask worker."""
    return f"process {os.getpid()}"


def begin_to_warm(name: str, capacity: int, threads: int) -> threading.Event:
    """The same for ``name``, which has ``capacity`` threads for slices.

    Returns:
        Is set once the children are ready, and never if they cannot be started.
    """
    ready = threading.Event()
    if not has_spare_threads():
        return ready

    def work() -> None:
        each = threads or capacity
        try:
            POOL.warm(name, each, capacity // each)
        except SliceFailure as failure:
            logging.getLogger(__name__).debug("no child could be started ahead of time: %s", failure)
        else:
            ready.set()

    try:
        started(lambda: threading.Thread(target=work, name="warm-children", daemon=True))
    except RuntimeError:  # no thread is left on this machine
        logging.getLogger(__name__).debug("no child was started ahead of time", exc_info=True)
    return ready


def keep(blob: bytes) -> bytes:
    """A Dask task that only holds a blob, so that Dask spreads it and makes it again if it is lost."""
    return blob


def end_job(job_id: str) -> int:
    """End what this process runs of ``job_id``, and start no more of it. Returns how many were running."""
    return POOL.end_job(job_id)


def end_worker(dask_worker: Any) -> None:
    """End the busy children of a Dask worker that is about to close; it would wait for them."""
    POOL.end_worker(dask_worker.address)


def _unwanted(call: Call, worker: Any) -> Callable[[], bool] | None:
    """Tells whether nobody waits for the slice any more: a client that is killed can tell no worker itself."""
    if worker is not None:
        name, tasks = worker.get_current_task(), worker.state.tasks

        def released() -> bool:
            task = tasks.get(name)  # the scheduler forgets what only a lost client wanted
            return task is None or task.state == "cancelled"

        return released
    if not call.marker:
        return None
    parent = os.getppid()
    pooled = multiprocessing.parent_process() is not None  # else our own parent is nobody's business
    return lambda: os.path.exists(call.marker) or (pooled and os.getppid() != parent)


def _dask_worker() -> Any:
    distributed = sys.modules.get("distributed")  # a process without it is no Dask worker
    get_worker = getattr(distributed, "get_worker", None)  # nor is one that is just importing it
    if get_worker is None:
        return None
    try:
        return get_worker()
    except ValueError:
        return None
