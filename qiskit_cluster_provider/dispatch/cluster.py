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
from ..outcomes import Reason
from ..plan import Placement, Plan, ResourceEstimate, Slice, cut
from ..plan.slice_time import minimum_slice_time
from ..progress.events import ClusterTrouble, SliceRetried, SliceSplit
from ..wire import Encoder, check_result, decode_result, is_handed_over
from ..worker.sandbox.call import Call
from ..worker.sandbox.threads import started
from .arrays import HandedOver
from .base import Dispatch
from .replies import opened
from .retry import LOSSES, Fate
from .tracker import Ledger
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
        self.capacity = self._transport.capacity()
        plan = cut(self.work, self.capacity.slots, self.estimate, minimum_slice_time(self.capacity.overhead))
        encoder = Encoder(plan)
        ledger, order = self._planned(plan)
        with self._lock:
            refused = ledger.refuse(self.work.engine.too_big(self.work, self.capacity.memory))
            order += range(len(order), len(ledger.infos))  # parts of those that hold what was refused
            self._waiting.extend(index for index in order if index not in ledger.culprits)
        for index in refused:
            self._given_up(index, "refused", Fate.CULPRIT, ledger)
        try:
            self._keep_busy(ledger, encoder, threads)
        except ClusterConnectionError:
            self._take_what_is_there(ledger)
            raise
        if not self._cancelled:
            self._note(None)  # all slices have an end, so that no trouble is left

    def _keep_busy(self, ledger: Ledger, encoder: Encoder, threads: int) -> None:
        while (self._waiting or self._inflight) and not self._cancelled:
            if self._watch.due():
                self._look(ledger)
            window = _AHEAD * self._transport.capacity().slots
            while len(self._inflight) < window and not self._cancelled:
                index = self._next(ledger)
                if index is None or not self._submit(index, ledger, encoder, threads):
                    break
            try:
                news = self._news.get(timeout=_LOOK_AGAIN)
            except queue.Empty:
                continue
            if news is not None:
                self._take(*news, ledger)

    def _next(self, ledger: Ledger) -> int | None:
        """The next slice to send. Of those that workers may die of, there is never more than one on its way."""
        alone = any(map(ledger.is_dangerous, self._inflight))
        for place, index in enumerate(self._waiting):
            if not (alone and ledger.is_dangerous(index)):
                del self._waiting[place]
                return index
        return None

    def _take_what_is_there(self, ledger: Ledger) -> None:
        """The job cannot go on: what has come back already is not lost with it."""
        with suppress(queue.Empty, ClusterConnectionError):
            while not self._cancelled:
                news = self._news.get_nowait()
                if news is not None:
                    self._take(*news, ledger)

    def _look(self, ledger: Ledger) -> None:
        """Is the cluster there, and does no slice wait for a worker that will never answer?"""
        with self._lock:
            running = any(info.state == "running" for info in self.infos())
        trouble = self._transport.health.trouble(list(self._inflight.values()), running)
        self._note(trouble or (None if self._inflight else self._refused))
        if ledger.losses >= LOSSES:
            raise ClusterConnectionError(
                f"{ledger.losses} tries in a row were lost with their workers, the last of them: {self._last_loss}.",
                hint=f"Look into the logs of the workers. {_PARTIAL}",
            )
        now = self._now()
        for index, future in list(self._inflight.items()):
            self._look_whether_done(index, future)
            given_up = self._given_up_because(index, future, ledger, now)
            if given_up is None:
                continue
            with self._lock:
                self._inflight.pop(index, None)
            self._drop(future)
            self._failed(index, *given_up, ledger)

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

    def _given_up_because(self, index: int, future: Future, ledger: Ledger, now: float) -> tuple[str, Reason] | None:
        """Outcome and reason, if a slice that is on its way is not to be waited for any more."""
        ran, worker = ledger.running_for(index, now), ledger.infos[index].worker
        if not ran and self._transport.health.is_running(future):  # nobody tells when it has begun
            ran = now - self._begun_at.setdefault(index, now)
        if lost := ledger.too_many_losses(index):
            return "lost", Reason(f"{lost} Dask workers died while they had it")
        # The estimate need not be made again for what has just begun.
        if ran > _GRACE and ran - _GRACE > self._timeout(ledger.plan.slices[index]):
            whose = f"its worker {worker}" if worker else "its worker"
            return "lost", Reason(f"{whose} has not answered in time")
        if not self._transport.health.is_stranded(future):
            return None
        if ran:
            return "lost", Reason(f"its Dask worker {worker} was lost")
        return "disconnected", Reason("the workers that it could run on have left")

    def _drop(self, future: Future) -> None:
        """Nobody waits for it any more."""
        self._transport.settled(future)
        try:
            future.cancel()
        except Exception:  # of a stranger's executor, or of a client that is gone
            self._log.debug("cleanup", "could not cancel", exc_info=True)

    def _note(self, trouble: str | None) -> None:
        for reason in self._watch.note(trouble):
            self._emit(ClusterTrouble(self.job_id, reason))

    def _timeout(self, piece: Slice) -> float:
        return self._options.slice_timeout or self.estimate.timeout(piece)

    def _submit(self, index: int, ledger: Ledger, encoder: Encoder, threads: int) -> bool:
        """Send a slice, or give it up; False if nothing can be sent now."""
        piece = ledger.plan.slices[index]
        try:
            names, payload = encoder.encode(piece, self._arrays.address(piece))
        except ClusterError as error:
            self._failed(index, "error", error.reason, ledger)
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
            ledger.submitted(index, self._now())
        try:
            future = self._transport.submit(call, payload, encoder.blobs, avoid=ledger.infos[index].worker)
        except ClusterClosedError as error:
            raise type(error).because(_with_partial(error.reason)) from error
        except ClusterConnectionError as error:  # the next look tells what is the matter
            self._refused = error.reason.clause
            with self._lock:
                ledger.not_submitted(index)
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

    def _take(self, index: int, future: Future, ledger: Ledger) -> None:
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
                self._broke(index, error, ledger)
            return
        try:
            outcome, answer = opened(value)
        except WireError as error:
            self._failed(index, "lost", error.reason, ledger)
            return
        if outcome == "done":
            self._keep(index, answer, ledger)
        elif outcome == "unfit":
            where = f"worker {answer['worker']}"
            reason = versions.complaint(where, answer) or Reason(f"{where} has other versions")
            raise ClusterVersionError.because(_with_partial(reason))
        elif outcome == "cancelled":
            self._failed(index, "lost", Reason("it was ended on its worker"), ledger)
        elif outcome == "small":  # sent when there was no worker whose size was known
            self._watch.hurry()
            self._failed(index, "disconnected", Reason(answer), ledger)
        else:
            first, _, rest = (answer or "its child ended without a word").partition("\n")
            hint = "allow more with slice_timeout=, or make the circuit shorter" if outcome == "overran" else ""
            self._failed(index, outcome, Reason(first, hint, rest.strip()), ledger)

    def _broke(self, index: int, error: BaseException, ledger: Ledger) -> None:
        """Its future raised ``error``."""
        try:
            outcome, reason = self._transport.outcome(error)
        except ClusterClosedError as closed:
            with self._lock:
                ledger.failed(index, "lost", Reason.of(error), self._now())
            raise ClusterClosedError.because(_with_partial(closed.reason)) from error
        self._failed(index, outcome, reason, ledger)

    def _keep(self, index: int, message: bytes, ledger: Ledger) -> None:
        arrays = None
        if is_handed_over(message):
            arrays = self._arrays.take(index)
            if arrays is None:
                self._failed(
                    index, "lost", Reason("its arrays, which its child handed over, have not arrived"), ledger
                )
                return
        try:
            result = decode_result(message, arrays)
            check_result(result, ledger.plan, ledger.plan.slices[index])
        except ClusterError as error:
            self._failed(index, "error", Reason.of(error), ledger)
            return
        self._done(result, ledger, result.seconds)

    def _failed(self, index: int, outcome: str, reason: Reason, ledger: Ledger) -> None:
        if self._cancelled:
            return
        if outcome == "lost":
            self._last_loss = reason.line
        with self._lock:
            found = ledger.failed(index, outcome, reason, self._now())
            again = ledger.split(index) if found is Fate.SPLIT else [index] if found is Fate.AGAIN else []
        said = reason.line
        self._waiting.extendleft(reversed(again))
        if found is Fate.AGAIN:
            self._emit(SliceRetried(self.job_id, index, ledger.tries(index), said, outcome))
        elif found is Fate.SPLIT:
            self._emit(SliceSplit(self.job_id, index, len(again), said, outcome))
        else:
            self._given_up(index, outcome, found, ledger)
            if outcome == "unready" and not ledger.results:  # no other slice would fare better
                reason = ledger.lost[index]
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
