"""One job's dispatch: a thread that keeps the workers busy until every slice has an end."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from qiskit.providers import JobStatus

from .. import versions
from ..clusters.quiet import at_exit
from ..errors import (
    ClusterClosedError,
    ClusterConnectionError,
    ClusterError,
    ClusterVersionError,
    amended,
    headline,
)
from ..logs import JobLog, logger
from ..options import SliceOptions
from ..plan import Needs, Plan, Slice, SliceResult, Work, cut, too_big
from ..progress import (
    ClusterTrouble,
    Event,
    JobFinished,
    JobStarted,
    Listener,
    SliceDone,
    SliceFailed,
    SliceRetried,
    SliceSplit,
    SliceStarted,
)
from ..wire import Encoder, decode_result
from ..worker.children import Call
from .ledger import Attempt, Fate, Ledger, SliceInfo
from .snapshots import Snapshots
from .transport import Future, Transport, reason_of
from .watch import Watch

_UNFINISHED: set[Dispatch] = set()
_AHEAD = 4  # slices in flight for each slot: enough to hide the way there, few enough to stay in bounds
_LOOK_AGAIN = 1.0  # seconds after which a cluster is asked whether it is there and has grown
_GRACE = 60.0  # seconds over its timeout after which a slice's worker is not believed in any more
_CLEAN = 10.0  # seconds for a cluster to be told that a job has ended


class Dispatch:
    """Runs ``work`` and keeps what comes back.

    Attributes:
        work: what to run.
        error: what ended the job before its slices could run.
        finished: set at the end.
        started_at, ended_at: on the monotonic clock, in seconds.
        heard_at: of the newest event, on the same clock.
    """

    def __init__(self, job_id: str, work: Work, transport: Transport, options: SliceOptions) -> None:
        self.job_id = job_id
        self.work = work
        self.error: BaseException | None = None
        self.finished = threading.Event()
        self.started_at = self.heard_at = time.monotonic()
        self.ended_at: float | None = None
        self._watch = Watch(options.no_workers_timeout)
        self._transport = transport
        self._options = options
        self._log = JobLog(job_id, options.no_workers_timeout)
        self._listeners: list[Listener] = [self._log]
        self._lock = threading.RLock()
        self._ledger: Ledger | None = None
        self._needs = Needs(work)
        self._snapshots = Snapshots(work)
        self._inflight: dict[int, Future] = {}
        self._waiting: deque[int] = deque()
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

    @property
    def plan(self) -> Plan | None:
        """Once it is made; its slices change when one is split."""
        return None if self._ledger is None else self._ledger.plan

    @property
    def results(self) -> dict[int, SliceResult]:
        """Slice index -> result, of those that came back."""
        return {} if self._ledger is None else self._ledger.results

    @property
    def lost(self) -> dict[int, str]:
        """Slice index -> why it was given up for a reason that is not its circuits'."""
        return {} if self._ledger is None else self._ledger.lost

    @property
    def missing(self) -> dict[int, str]:
        """Slice index -> why it will never have a result: lost, or its one experiment is at fault."""
        with self._lock:
            return {} if self._ledger is None else self._ledger.missing

    def snapshot(self) -> tuple[Plan | None, dict[int, SliceResult], dict[int, str]]:
        """Plan, results and missing slices of one moment."""
        with self._lock:
            return self.plan, dict(self.results), self.missing

    def attempts(self) -> list[Attempt]:
        """The tries of slices that have ended, in that order; after them those that have not."""
        with self._lock:
            if self._ledger is None:
                return []
            running = {i for i, future in self._inflight.items() if self._transport.running(future)}
            left = self._ledger.open(self._now())
            return [
                *self._ledger.attempts,
                *(replace(one, outcome="running") if one.slice in running else one for one in left),
            ]

    @property
    def seconds(self) -> float:
        """Since the beginning, until the end or now."""
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def troubles(self) -> list[tuple[float, float, str]]:
        """While no slice could run: ``(begin, end, reason)`` in seconds since the start."""
        return self._watch.troubles(self.started_at)

    def status(self) -> JobStatus:
        """Computed from what is known, never stored."""
        with self._lock:
            if self._cancelled:
                return JobStatus.CANCELLED
            if self.ended_at is not None:
                return JobStatus.ERROR if self.error or self.lost else JobStatus.DONE
            infos = self.infos()
            if not infos or all(info.state == "waiting" and not info.attempts for info in infos):
                return JobStatus.VALIDATING
            begun = any(info.state in ("running", "done", "failed") or info.attempts for info in infos)
            return JobStatus.RUNNING if begun else JobStatus.QUEUED

    def infos(self) -> list[SliceInfo]:
        """The state of each slice, in order; empty until there is a plan."""
        with self._lock:
            if self._ledger is None:
                return []
            running = {i for i, future in self._inflight.items() if self._transport.running(future)}
            infos = self._ledger.infos
            return [replace(info, state="running") if info.index in running else info for info in infos]

    # The job's thread

    def _main(self) -> None:
        try:
            self._run()
        except BaseException as error:  # whatever it is belongs to whoever asks for the result
            self.error = error
            self._log.info("error", "it cannot go on: %s", headline(reason_of(error)))
        finally:
            self._end()

    def _run(self) -> None:
        if not self.work.experiments:
            self._ledger = Ledger(Plan(self.work, ()), 0)  # and no cluster has to be there for that
            self._emit(JobStarted(self.job_id, 0, 0))
            return
        threads = int(self.work.options.get("max_parallel_threads", 1))
        self._transport.open(self.job_id, threads, self._on_started)
        plan = cut(self.work, self._transport.slots())
        encoder = Encoder(plan)
        with self._lock:
            self._ledger = ledger = Ledger(plan, self._options.retries)
        self._log.info("plan", "%s", plan)
        self._emit(JobStarted(self.job_id, len(plan.slices), plan.work.experiments))
        with self._lock:
            refused = ledger.refuse(too_big(self.work, limit) if (limit := self._transport.memory()) else {})
            self._waiting.extend(info.index for info in ledger.infos if info.index not in ledger.culprits)
        for index in refused:
            reason, culprit = headline(ledger.culprits[index]), _named(ledger.plan, index)
            self._emit(SliceFailed(self.job_id, index, reason, "refused", culprit))
        while (self._waiting or self._inflight) and not self._cancelled:
            if self._watch.due():
                self._look(ledger)
            window = _AHEAD * self._transport.slots()
            while self._waiting and len(self._inflight) < window and not self._cancelled:
                if not self._submit(self._waiting.popleft(), ledger, encoder, threads):
                    break
            try:
                news = self._news.get(timeout=_LOOK_AGAIN)
            except queue.Empty:
                continue
            if news is not None:
                self._take(*news, ledger)
        if not self._cancelled:
            self._note(None)  # all slices have an end, so that no trouble is left

    def _look(self, ledger: Ledger) -> None:
        """Is the cluster there, and does no slice wait for a worker that will never answer?"""
        self._note(self._transport.trouble())
        now = self._now()
        for index, future in list(self._inflight.items()):
            late = ledger.running_for(index, now) - self._timeout(ledger.plan.slices[index]) - _GRACE
            if late > 0:
                reason = f"its worker {ledger.infos[index].worker} has not answered in time"
            elif self._transport.stranded(future):
                reason = "the workers that it could run on have left"
            else:
                continue
            with self._lock:
                self._inflight.pop(index, None)
            future.cancel()
            self._failed(index, "lost" if late > 0 else "disconnected", reason, ledger)

    def _note(self, trouble: str | None) -> None:
        for reason in self._watch.note(trouble):
            self._emit(ClusterTrouble(self.job_id, reason))

    def _timeout(self, piece: Slice) -> float:
        return self._options.slice_timeout or self._needs.timeout(piece)

    def _submit(self, index: int, ledger: Ledger, encoder: Encoder, threads: int) -> bool:
        """Send a slice, or give it up; False if nothing can be sent now."""
        piece = ledger.plan.slices[index]
        try:
            names, payload = encoder.encode(piece)
        except ClusterError as error:
            self._failed(index, "error", str(error.message), ledger)
            return True
        call = Call(
            self.job_id,
            index,
            threads,
            names,
            timeout=self._timeout(piece),
            memory=self._needs.memory(piece),
            versions=versions.key(versions.report()),
        )
        with self._lock:  # before it is sent: the news that it has begun may be faster than submit() returns
            ledger.submitted(index, self._now())
        try:
            future = self._transport.submit(call, payload, encoder.blobs, avoid=ledger.infos[index].worker)
        except ClusterClosedError as error:
            raise type(error)(f"{error.message} job.partial_result() has what was finished.") from error
        except ClusterConnectionError:  # the next look tells what is the matter
            with self._lock:
                ledger.not_submitted(index)
            self._waiting.appendleft(index)
            return False
        except Exception as error:  # an executor that was shut down
            raise ClusterClosedError(
                f"slice {index} cannot be submitted: {error}. job.partial_result() has what was finished."
            ) from error
        with self._lock:
            self._inflight[index] = future
        self._log.debug("submitted", "is on its way", slice=index)
        future.add_done_callback(lambda done: self._news.put((index, done)))
        return True

    def _take(self, index: int, future: Future, ledger: Ledger) -> None:
        with self._lock:
            if self._inflight.get(index) is not future:
                return  # of a try that was given up
            del self._inflight[index]
        try:
            outcome, message = future.result()
        except Exception as error:
            self._failed(index, *self._transport.outcome(error), ledger)
            return
        if outcome == "done":
            self._keep(index, message, ledger)
        elif outcome == "unfit":
            where = f"worker {ledger.infos[index].worker}"
            said = versions.complaint(where, json.loads(message)) or f"{where} has other versions."
            raise ClusterVersionError(f"{said}. job.partial_result() has what was finished.")
        elif outcome == "cancelled":
            self._failed(index, "lost", "it was ended on its worker", ledger)
        elif outcome == "small":  # sent when there was no worker whose size was known
            self._watch.hurry()
            self._failed(index, "disconnected", message.decode(), ledger)
        else:
            text = message.decode() or "its child ended without a word"
            if outcome == "overran":
                text = amended(text, "; allow more with slice_timeout=, or make the circuit shorter")
            self._failed(index, outcome, text, ledger)

    def _keep(self, index: int, message: bytes, ledger: Ledger) -> None:
        try:
            result = decode_result(message)
        except ClusterError as error:
            self._failed(index, "error", reason_of(error), ledger)
            return
        with self._lock:
            ledger.done(result, self._now())
        piece = ledger.plan.slices[index]
        self._snapshots.done(piece)
        self._emit(SliceDone(self.job_id, index, piece.size, result.failed, result.seconds))

    def _failed(self, index: int, outcome: str, reason: str, ledger: Ledger) -> None:
        if self._cancelled:
            return
        with self._lock:
            found = ledger.failed(index, outcome, reason, self._now())
            again = ledger.split(index) if found is Fate.SPLIT else [index] if found is Fate.AGAIN else []
        said = headline(reason)
        self._waiting.extendleft(reversed(again))
        if found is Fate.AGAIN:
            self._emit(SliceRetried(self.job_id, index, ledger.tries(index), said, outcome))
        elif found is Fate.SPLIT:
            self._emit(SliceSplit(self.job_id, index, len(again), said, outcome))
        else:
            culprit = _named(ledger.plan, index) if found is Fate.CULPRIT else ""
            self._emit(SliceFailed(self.job_id, index, headline(ledger.missing[index]), outcome, culprit))

    def _on_started(self, index: int, worker: str) -> None:
        with self._lock:
            lost = "" if self._ledger is None else self._ledger.started(index, worker, self._now())
        if lost:
            self._log.info(
                "resubmitted", "was lost with its Dask worker %s; Dask sent it to %s", lost, worker, slice=index
            )
        self._emit(SliceStarted(self.job_id, index, worker))

    def _now(self) -> float:
        return time.monotonic() - self.started_at

    def _end(self) -> None:
        with self._lock:
            left, self._inflight = self._inflight, {}
        cleaning = threading.Thread(target=self._clean, args=(list(left.values()),), daemon=True)
        cleaning.start()
        cleaning.join(_CLEAN)  # a scheduler that does not answer must not keep the job from its end
        with self._lock:
            if self._ledger is not None and (self._cancelled or self.error is not None):
                why = "the job was cancelled" if self._cancelled else "the job could not go on"
                self._ledger.cancelled(self._now(), why)
            self.ended_at = time.monotonic()
        self._snapshots.close()
        self._emit(JobFinished(self.job_id, self.status().name))
        _UNFINISHED.discard(self)
        self.finished.set()  # last, so that a progress bar is complete before the result is printed

    def _clean(self, left: Sequence[Future]) -> None:
        try:
            for future in left:
                future.cancel()
            if left:
                self._transport.end()
            self._transport.close()
        except Exception:  # the cluster may be gone; the job ends all the same
            self._log.info("cleanup", "could not clean up", exc_info=True)

    def _emit(self, event: Event) -> None:
        with self._lock:
            self.heard_at = time.monotonic()
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # a broken progress bar must not cost the job
                self._log.warning("listener", "a listener failed on %s", event, exc_info=True)


def unfinished() -> list[Dispatch]:
    """The jobs of this process that have begun and not ended."""
    return list(_UNFINISHED)


def _named(plan: Plan, index: int) -> str:
    """The one experiment of a slice, by circuit name and index."""
    experiment = plan.slices[index].experiments[0]
    item = plan.work.item_of(experiment)
    return f"experiment {experiment}, circuit {plan.work.items[item].name!r} (index {item})"


def _cancel_all() -> None:
    """When Python ends: a job that nobody waited for is lost, which its user should be told."""
    jobs = unfinished()
    for job in jobs:
        job.cancel()
    if jobs:
        logger.warning(
            "Python ended with %d unfinished job(s), now cancelled; wait for result() to keep them.", len(jobs)
        )


at_exit(_cancel_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_UNFINISHED.clear)  # they are the parent's
