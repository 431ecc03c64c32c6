"""One job's dispatch: a thread that keeps the workers busy until every slice has an end."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import Any

from qiskit.providers import JobStatus

from ..clusters.quiet import at_exit
from ..errors import ClusterConnectionError, ClusterError
from ..plan import Plan, SliceResult, Work, cut
from ..progress import (
    Event,
    JobFinished,
    JobStarted,
    Listener,
    SliceDone,
    SliceFailed,
    SliceRetried,
    SliceStarted,
)
from ..wire import Encoder, decode_result
from ..worker.children import Call
from .transport import Future, Transport

logger = logging.getLogger("qiskit_cluster_provider")

_UNFINISHED: set[Dispatch] = set()
_AHEAD = 4  # slices in flight for each slot: enough to hide the way there, few enough to stay in bounds
_LOOK_AGAIN = 1.0  # seconds after which a cluster is asked whether it has grown


@dataclass(frozen=True)
class SliceInfo:
    """The state of one slice, as ``job.slices()`` shows it.

    Attributes:
        index: of the slice.
        experiments: ``(start, stop)``, global numbers.
        shots: ``(start, stop)`` if it is a part of one experiment, else ``None``.
        state: ``waiting``, ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        attempts: how often it was begun.
        worker: who began it last.
        seconds: wall time on the worker, when done.
    """

    index: int
    experiments: tuple[int, int]
    shots: tuple[int, int] | None
    state: str = "waiting"
    attempts: int = 0
    worker: str = ""
    seconds: float | None = None


class Dispatch:
    """Runs ``work`` and keeps what comes back.

    Attributes:
        plan: once it is made.
        results: slice index -> result.
        lost: slice index -> why it was given up.
        error: what ended the job before its slices could run.
    """

    def __init__(self, job_id: str, work: Work, transport: Transport, retries: int) -> None:
        self.job_id = job_id
        self.plan: Plan | None = None
        self.results: dict[int, SliceResult] = {}
        self.lost: dict[int, str] = {}
        self.error: BaseException | None = None
        self.finished = threading.Event()
        self.started_at = time.monotonic()
        self.ended_at: float | None = None
        self.work = work
        self._transport = transport
        self._retries = retries
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()
        self._infos: list[SliceInfo] = []
        self._inflight: dict[int, Future] = {}
        self._tries: dict[int, int] = {}
        self._news: queue.SimpleQueue[tuple[int, Future] | None] = queue.SimpleQueue()
        self._cancelled = False
        self._thread = threading.Thread(target=self._main, name=f"dispatch-{job_id}", daemon=True)

    # What others ask

    def start(self) -> None:
        """Begin; returns at once."""
        _UNFINISHED.add(self)
        self._thread.start()

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every event from now on, in this job's thread."""
        with self._lock:
            self._listeners.append(listener)

    def cancel(self) -> bool:
        """Start no more slices and end those that run. False if the job had ended."""
        with self._lock:
            if self.ended_at is not None:
                return False
            self._cancelled = True
        self._news.put(None)
        if threading.current_thread() is not self._thread:
            self.finished.wait(timeout=10)
        return True

    def status(self) -> JobStatus:
        """Computed from what is known, never stored."""
        with self._lock:
            if self._cancelled:
                return JobStatus.CANCELLED
            if self.ended_at is not None:
                return JobStatus.ERROR if self.error or self.lost else JobStatus.DONE
            if self.plan is None or not (self._inflight or self.results or self.lost):
                return JobStatus.VALIDATING
            begun = self.results or self.lost or any(info.state == "running" for info in self._infos)
            if begun or any(self._transport.running(future) for future in self._inflight.values()):
                return JobStatus.RUNNING
            return JobStatus.QUEUED

    def infos(self) -> list[SliceInfo]:
        """The state of each slice, in order; empty until there is a plan."""
        with self._lock:
            running = {i for i, future in self._inflight.items() if self._transport.running(future)}
            return [replace(info, state="running") if info.index in running else info for info in self._infos]

    # The job's thread

    def _main(self) -> None:
        try:
            self._run()
        except BaseException as error:  # whatever it is belongs to whoever asks for the result
            self.error = error
            logger.info("job %s: the dispatch ended", self.job_id, exc_info=error)
        finally:
            self._end()

    def _run(self) -> None:
        if not self.work.experiments:
            self.plan = Plan(self.work, ())  # and no cluster has to be there for that
            self._emit(JobStarted(self.job_id, 0, 0))
            return
        threads = int(self.work.options.get("max_parallel_threads", 1))
        self._transport.open(self.job_id, threads, self._on_started)
        plan = cut(self.work, self._transport.slots())
        encoder = Encoder(plan)
        with self._lock:
            self._infos = [SliceInfo(s.index, s.experiments, s.shots) for s in plan.slices]
            self.plan = plan
        logger.info("job %s: %s", self.job_id, plan)
        self._emit(JobStarted(self.job_id, len(plan.slices), plan.work.experiments))
        waiting = deque(range(len(plan.slices)))
        while (waiting or self._inflight) and not self._cancelled:
            window = _AHEAD * self._transport.slots()
            while waiting and len(self._inflight) < window and not self._cancelled:
                self._submit(waiting.popleft(), plan, encoder, threads)
            if not self._inflight:
                continue
            try:
                news = self._news.get(timeout=_LOOK_AGAIN)
            except queue.Empty:
                continue
            if news is not None:
                self._take(*news, waiting)

    def _submit(self, index: int, plan: Plan, encoder: Encoder, threads: int) -> None:
        try:
            names, payload = encoder.encode(plan.slices[index])
        except ClusterError as error:
            self._give_up(index, str(error.message))
            return
        call = Call(self.job_id, index, threads, names, marker="", topic="")
        try:
            future = self._transport.submit(call, payload, encoder.blobs)
        except ClusterError:
            raise
        except Exception as error:  # a closed client, an executor that was shut down
            raise ClusterConnectionError(
                f"slice {index} cannot be submitted: {error}. job.partial_result() has what was finished."
            ) from error
        with self._lock:
            self._inflight[index] = future
            self._infos[index] = replace(self._infos[index], state="queued")
        future.add_done_callback(lambda done: self._news.put((index, done)))

    def _take(self, index: int, future: Future, waiting: deque[int]) -> None:
        with self._lock:
            if self._inflight.get(index) is not future:
                return  # of a try that was given up
            del self._inflight[index]
        try:
            outcome, message = future.result()
        except Exception as error:
            if isinstance(error, (CancelledError, *self._transport.mendable)):
                self._retry(index, _reason(error), waiting)
            else:
                self._give_up(index, _reason(error))
        else:
            if outcome == "done":
                self._keep(index, message)
            elif outcome == "error":
                self._give_up(index, message.decode())
            else:
                self._retry(index, message.decode() or "it was ended on its worker", waiting)

    def _keep(self, index: int, message: bytes) -> None:
        try:
            result = decode_result(message)
        except ClusterError as error:
            self._give_up(index, _reason(error))
            return
        with self._lock:
            self.results[index] = result
            info = self._infos[index]
            self._infos[index] = replace(info, state="done", seconds=result.seconds, attempts=max(1, info.attempts))
        assert self.plan is not None
        self._emit(SliceDone(self.job_id, index, self.plan.slices[index].size, result.failed, result.seconds))

    def _retry(self, index: int, reason: str, waiting: deque[int]) -> None:
        if self._cancelled:
            return
        tries = self._tries[index] = self._tries.get(index, 0) + 1
        if tries > self._retries:
            self._give_up(index, f"{reason} (tried {tries} times)")
            return
        logger.info("job %s: slice %d is sent again: %s", self.job_id, index, reason)
        with self._lock:
            self._infos[index] = replace(self._infos[index], state="waiting")
        waiting.appendleft(index)
        self._emit(SliceRetried(self.job_id, index, tries, reason))

    def _give_up(self, index: int, reason: str) -> None:
        with self._lock:
            self.lost[index] = reason
            self._infos[index] = replace(self._infos[index], state="failed")
        first_line = reason.partition("\n")[0]
        logger.info("job %s: slice %d failed: %s", self.job_id, index, first_line)
        self._emit(SliceFailed(self.job_id, index, first_line))

    def _on_started(self, index: int, worker: str) -> None:
        with self._lock:
            info = self._infos[index]
            late = info.state != "queued" and info.state != "running"
            state = info.state if late else "running"
            self._infos[index] = replace(info, state=state, attempts=info.attempts + 1, worker=worker)
        self._emit(SliceStarted(self.job_id, index, worker))

    def _end(self) -> None:
        with self._lock:
            left, self._inflight = self._inflight, {}
        try:
            for future in left.values():
                future.cancel()
            if left:
                self._transport.end()
            self._transport.close()
        except Exception:  # the cluster may be gone; the job ends all the same
            logger.info("job %s: could not clean up", self.job_id, exc_info=True)
        with self._lock:
            if self._cancelled:
                self._infos = [
                    info if info.state in ("done", "failed") else replace(info, state="cancelled")
                    for info in self._infos
                ]
            self.ended_at = time.monotonic()
        self._emit(JobFinished(self.job_id, self.status().name))
        _UNFINISHED.discard(self)
        self.finished.set()  # last, so that a progress bar is complete before the result is printed

    def _emit(self, event: Event) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            _tell(listener, event)


def _tell(listener: Callable[[Event], Any], event: Event) -> None:
    try:
        listener(event)
    except Exception:  # a broken progress bar must not cost the job
        logger.exception("a listener failed on %s", event)


def _reason(error: BaseException) -> str:
    text = str(getattr(error, "message", None) or error).strip()
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__}, without a word"


def _cancel_all() -> None:
    """When Python ends: a job that nobody waited for is lost, which its user should be told."""
    jobs = list(_UNFINISHED)
    for job in jobs:
        job.cancel()
    if jobs:
        logger.warning(
            "Python ended with %d unfinished job(s), now cancelled; wait for result() to keep them.", len(jobs)
        )


at_exit(_cancel_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_UNFINISHED.clear)  # they are the parent's
