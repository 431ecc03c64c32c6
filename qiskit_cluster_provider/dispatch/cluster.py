"""A dispatch to workers: keep them busy until every slice has an end."""

from __future__ import annotations

import queue
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Thread

from .. import versions
from ..errors import (
    ClusterClosedError,
    ClusterConnectionError,
    ClusterError,
    ClusterVersionError,
    WireError,
)
from ..options import SliceOptions
from ..outcomes import Outcome, Reason, SliceState
from ..plan import Placement, Plan, ResourceEstimate, Slice, cut
from ..plan.slice_time import minimum_slice_time
from ..progress.events import ClusterTrouble, SliceRetried, SliceSplit
from ..wire import Encoder, check_result, decode_result, is_handed_over
from ..worker.sandbox.call import Call
from ..worker.sandbox.threads import started
from .arrays import HandedOver
from .base import Dispatch
from .replies import Message, Versions, opened
from .retry import LOSSES, Action
from .tracker import SliceTracker
from .transports.base import Future, Transport

_AHEAD = 4  # slices in flight for each slot: enough to hide the way there, few enough to stay in bounds
_LOOK_AGAIN = 1.0  # seconds after which a cluster is asked whether it is there and has grown
_GRACE = 60.0  # seconds over its timeout after which a slice's worker is not believed in any more
_FETCH = 5.0  # seconds for a result's bytes to come at first, twice as many each time that they do not
_MOST_DOUBLED = 6  # times
_PARTIAL = "job.partial_result() has what was finished."
_CLEAN = 10.0  # seconds for a cluster to be told that a job has ended


class ClusterDispatch(Dispatch):
    """Keeps the workers of ``transport`` busy until every slice has an end."""

    def __init__(
        self,
        job_id: str,
        estimate: ResourceEstimate,
        options: SliceOptions,
        placement: Placement,
        transport: Transport,
    ) -> None:
        super().__init__(job_id, estimate, options, placement)
        self._transport = transport
        self._inflight: dict[int, Future] = {}
        self._waiting: deque[int] = deque()
        self._fetches: Counter[int] = Counter()
        self._arrays = HandedOver(estimate)
        self._ended: set[int] = set()  # slices that were done at the last look, and of which nobody has told
        self._refused: str | None = None  # why nothing more can be sent now
        self._last_loss = ""
        self._begun_at: dict[int, float] = {}  # since when a slice is seen to run, where nobody tells
        self._news: queue.SimpleQueue[tuple[int, Future] | None] = queue.SimpleQueue()

    def _run(self) -> None:
        if not self.work.experiments:
            self._planned(Plan(self.work, ()))  # and no cluster has to be there for that
            return
        threads = int(self.work.options.get("max_parallel_threads", 1))
        self._transport.open(self.job_id, threads, self._on_started)
        self._transport.warm()
        self.capacity = self._transport.capacity()
        plan = cut(self.work, self.capacity.slots, self.estimate, minimum_slice_time(self.capacity.overhead))
        encoder = Encoder(plan)
        tracker, order = self._planned(plan)
        with self._lock:
            refused = tracker.refuse(self.estimate.too_big(self.capacity.memory))
            order += range(len(order), len(tracker.infos))  # parts of those that hold what was refused
            self._waiting.extend(index for index in order if index not in tracker.poison)
        for index in refused:
            self._given_up(index, Outcome.REFUSED, Action.POISON, tracker)
        try:
            self._keep_busy(tracker, encoder, threads)
        except ClusterConnectionError:
            self._take_what_is_there(tracker)
            raise
        if not self._cancelled:
            self._note(None)  # all slices have an end, so that no trouble is left

    def _keep_busy(self, tracker: SliceTracker, encoder: Encoder, threads: int) -> None:
        while (self._waiting or self._inflight) and not self._cancelled:
            if self._outage.due():
                self._look(tracker)
            window = _AHEAD * self._transport.capacity().slots
            while len(self._inflight) < window and not self._cancelled:
                index = self._next(tracker)
                if index is None or not self._submit(index, tracker, encoder, threads):
                    break
            try:
                news = self._news.get(timeout=_LOOK_AGAIN)
            except queue.Empty:
                continue
            if news is not None:
                self._take(*news, tracker)

    def _next(self, tracker: SliceTracker) -> int | None:
        """The next slice to send. Of those that workers may die of, there is never more than one on its way."""
        alone = tracker.has_dangerous and any(map(tracker.is_dangerous, self._inflight))
        for place, index in enumerate(self._waiting):
            if not (alone and tracker.is_dangerous(index)):
                del self._waiting[place]
                return index
        return None

    def _take_what_is_there(self, tracker: SliceTracker) -> None:
        """The job cannot go on: what has come back already is not lost with it."""
        with suppress(queue.Empty, ClusterConnectionError):
            while not self._cancelled:
                news = self._news.get_nowait()
                if news is not None:
                    self._take(*news, tracker)

    def _look(self, tracker: SliceTracker) -> None:
        """Is the cluster there, and does no slice wait for a worker that will never answer?"""
        with self._lock:
            running = any(info.state is SliceState.RUNNING for info in self.infos())
        trouble = self._transport.health.trouble(list(self._inflight.values()), running)
        self._note(trouble or (None if self._inflight else self._refused))
        if tracker.losses >= LOSSES:
            raise ClusterConnectionError(
                f"{tracker.losses} tries in a row were lost with their workers, the last of them: {self._last_loss}.",
                hint=f"Look into the logs of the workers. {_PARTIAL}",
            )
        now, told = self._now(), not self._news.empty()
        for index, future in list(self._inflight.items()):
            if not told:  # else what is done is probably among the news, which are many if this thread is behind
                self._look_whether_done(index, future)
            given_up = self._given_up_because(index, future, tracker, now)
            if given_up is None:
                continue
            with self._lock:
                self._inflight.pop(index, None)
            self._drop(future)
            self._failed(index, *given_up, tracker)

    def _look_whether_done(self, index: int, future: Future) -> None:
        """Dask calls back from a thread that it may be unable to start, and strangers as they like."""
        if not future.done():
            self._ended.discard(index)
        elif self._fetches[index]:
            return  # its bytes are on a slow way, and are asked for again each time that they have not come
        elif index in self._ended:  # at the last look already
            self._news.put((index, future))
        else:
            self._ended.add(index)

    def _given_up_because(
        self, index: int, future: Future, tracker: SliceTracker, now: float
    ) -> tuple[Outcome, Reason] | None:
        """Outcome and reason, if a slice that is on its way is not to be waited for any more."""
        ran, worker = tracker.running_for(index, now), tracker.infos[index].worker
        if not ran and self._transport.health.is_running(future):  # nobody tells when it has begun
            ran = now - self._begun_at.setdefault(index, now)
        if lost := tracker.too_many_losses(index):
            return Outcome.LOST, Reason(f"{lost} Dask workers died while they had it")
        # The estimate need not be made again for what has just begun.
        if ran > _GRACE and ran - _GRACE > self._timeout(tracker.plan.slices[index]):
            whose = f"its worker {worker}" if worker else "its worker"
            return Outcome.LOST, Reason(f"{whose} has not answered in time")
        if not self._transport.health.is_stranded(future):
            return None
        if ran:
            return Outcome.LOST, Reason(f"its Dask worker {worker} was lost")
        return Outcome.DISCONNECTED, Reason("the workers that it could run on have left")

    def _drop(self, future: Future) -> None:
        """Nobody waits for it any more."""
        self._transport.settled(future)
        try:
            future.cancel()
        except Exception:  # of a stranger's executor, or of a client that is gone
            self._log.debug("cleanup", "could not cancel", exc_info=True)

    def _note(self, trouble: str | None) -> None:
        for reason in self._outage.update(trouble):
            self._emit(ClusterTrouble(self.job_id, reason))

    def _timeout(self, piece: Slice) -> float:
        return self._options.slice_timeout or self.estimate.timeout(piece)

    def _submit(self, index: int, tracker: SliceTracker, encoder: Encoder, threads: int) -> bool:
        """Send a slice, or give it up; False if nothing can be sent now."""
        piece = tracker.plan.slices[index]
        try:
            names, payload = encoder.encode(piece, self._arrays.address(piece))
        except ClusterError as error:
            self._failed(index, Outcome.ERROR, error.reason, tracker)
            return True
        call = Call(
            self.job_id,
            index,
            threads,
            names,
            timeout=self._timeout(piece),
            memory=self.estimate.memory(piece),
            versions=versions.key(versions.report()),
        )
        with self._lock:  # before it is sent: the news that it has begun may be faster than submit() returns
            tracker.submitted(index, self._now())
        try:
            future = self._transport.submit(call, payload, encoder.blobs, avoid=tracker.infos[index].worker)
        except ClusterClosedError as error:
            raise type(error).because(_with_partial(error.reason)) from error
        except ClusterConnectionError as error:  # the next look tells what is the matter
            self._refused = error.reason.clause
            with self._lock:
                tracker.not_submitted(index)
            self._waiting.appendleft(index)
            return False
        self._refused = None
        with self._lock:
            self._begun_at.pop(index, None)
            self._ended.discard(index)
            self._inflight[index] = future
            self.tasks_bytes += len(payload)
            self.blobs.update((name, len(encoder.blobs[name])) for name in names)
        self._log.debug("submitted", "is on its way", slice=index)
        self._tell_when_done(index, future)
        return True

    def _tell_when_done(self, index: int, future: Future) -> None:
        future.add_done_callback(lambda _: self._news.put((index, future)))  # a stranger's may hand over another

    def _take(self, index: int, future: Future, tracker: SliceTracker) -> None:
        with self._lock:
            if self._inflight.get(index) is not future:
                return  # of a try that was given up
            if not future.done():  # it was, but its result was lost with its worker
                self._tell_when_done(index, future)
                return
            del self._inflight[index]
        self._transport.settled(future)
        try:
            value = future.result(timeout=_FETCH * 2 ** min(self._fetches[index], _MOST_DOUBLED))
        except BaseException as error:  # what an executor's thread was ended with ends nobody else
            if isinstance(error, TimeoutError) and self._transport.health.is_slow(future):
                # Its bytes are on a slow way, or were lost with their worker, so that Dask has the slice run again.
                # This thread has to watch the cluster meanwhile.
                self._fetches[index] += 1
                with self._lock:
                    self._inflight[index] = future
                self._tell_when_done(index, future)
            else:
                self._broke(index, error, tracker)
            return
        try:
            outcome, answer = opened(value)
        except WireError as error:
            self._failed(index, Outcome.LOST, error.reason, tracker)
            return
        if isinstance(answer, bytes | memoryview):
            self._keep(index, answer, tracker)
        elif isinstance(answer, Versions):
            where = f"worker {answer.worker}"
            complaint = versions.complaint(where, answer.versions) or Reason(f"{where} has other versions")
            raise ClusterVersionError.because(_with_partial(complaint))
        elif outcome is Outcome.CANCELLED:
            self._failed(index, Outcome.LOST, Reason("it was ended on its worker"), tracker)
        elif outcome is Outcome.TOO_SMALL:  # sent when there was no worker whose size was known
            self._outage.hurry()
            self._failed(index, Outcome.DISCONNECTED, answer, tracker)
        else:
            if outcome is Outcome.TIMED_OUT:
                answer = replace(answer, hint="allow more with slice_timeout=, or make the circuit shorter")
            self._failed(index, outcome, answer, tracker)

    def _broke(self, index: int, error: BaseException, tracker: SliceTracker) -> None:
        """Its future raised ``error``."""
        try:
            outcome, reason = self._transport.outcome(error)
        except ClusterClosedError as closed:
            with self._lock:
                tracker.failed(index, Outcome.LOST, Reason.of(error), self._now())
            raise ClusterClosedError.because(_with_partial(closed.reason)) from error
        self._failed(index, outcome, reason, tracker)

    def _keep(self, index: int, message: Message, tracker: SliceTracker) -> None:
        arrays = None
        if is_handed_over(message):
            arrays = self._arrays.take(index)
            if arrays is None:
                self._failed(
                    index, Outcome.LOST, Reason("its arrays, which its child handed over, have not arrived"), tracker
                )
                return
        try:
            result = decode_result(message, arrays)
            check_result(result, tracker.plan, tracker.plan.slices[index])
        except ClusterError as error:
            self._failed(index, Outcome.ERROR, Reason.of(error), tracker)
            return
        self._done(result, tracker, result.seconds)

    def _failed(self, index: int, outcome: Outcome, reason: Reason, tracker: SliceTracker) -> None:
        if self._cancelled:
            return
        if outcome is Outcome.LOST:
            self._last_loss = reason.line
        with self._lock:
            found = tracker.failed(index, outcome, reason, self._now())
            again = tracker.split(index) if found is Action.SPLIT else [index] if found is Action.AGAIN else []
        said = reason.line
        self._waiting.extendleft(reversed(again))
        if found is Action.AGAIN:
            self._emit(SliceRetried(self.job_id, index, tracker.tries(index), said, outcome))
        elif found is Action.SPLIT:
            self._emit(SliceSplit(self.job_id, index, len(again), said, outcome))
        else:
            self._given_up(index, outcome, found, tracker)
            if outcome is Outcome.UNREADY and not tracker.results:  # no other slice would fare better
                reason = tracker.lost[index]
                raise ClusterConnectionError(
                    f"{reason.line}; nothing could be simulated:",
                    hint="mend that machine, or choose another",
                    detail=reason.detail,
                )

    def _begun(self) -> set[int]:
        return {index for index, future in self._inflight.items() if self._transport.health.is_running(future)}

    def _interrupt(self) -> None:
        self._news.put(None)

    def _let_go(self) -> None:
        self._arrays.close()
        with self._lock:
            left, self._inflight = self._inflight, {}
        clean = partial(self._clean, list(left.values()))
        try:
            cleaning = started(partial(Thread, target=clean, name=f"end-{self.job_id}", daemon=True))
        except RuntimeError:  # no thread is left on this machine
            clean()
        else:
            cleaning.join(_CLEAN)  # a scheduler that does not answer must not keep the job from its end

    def _clean(self, left: Sequence[Future]) -> None:
        try:
            for future in left:
                self._drop(future)
            if left:
                self._transport.cancel()
            self._transport.close()
        except Exception:  # the cluster may be gone; the job ends all the same
            self._log.info("cleanup", "could not clean up", exc_info=True)


def _with_partial(reason: Reason) -> Reason:
    """The same, with the next step that what was finished is kept."""
    hint = reason.hint.rstrip(".")
    return replace(reason, hint=f"{hint}. {_PARTIAL}" if hint else _PARTIAL)
