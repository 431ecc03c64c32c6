"""What became of each slice, and what is to be done about it. Knows no thread and no cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..outcomes import Outcome, Reason, SliceState
from ..plan import Plan, SliceResult, parts
from ..progress.renamed import renamed
from .retry import Action, decide


@dataclass(frozen=True)
class SliceInfo:
    """The state of one slice, as ``job.slices()`` shows it.

    Attributes:
        index: The index of the slice.
        experiments: ``(start, stop)``, in the numbers of the whole run.
        shots: ``(start, stop)`` if the slice is a part of one experiment, otherwise ``None``.
        state: The state of the slice.
        attempts: How often the slice was started.
        worker: The worker that started it last.
        seconds: The wall time on the worker, if the slice is done.
    """

    index: int
    experiments: tuple[int, int]
    shots: tuple[int, int] | None
    state: SliceState = SliceState.WAITING
    attempts: int = 0
    worker: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One try of a slice.

    Attributes:
        slice: The index of the slice.
        experiments: ``(start, stop)`` of the slice at that time.
        worker: The worker that had the slice. It is empty if no worker started it, or if an executor does not report
            one.
        submitted: When the slice was sent, in seconds since the job began.
        started: When a worker started the slice, in the same seconds, or ``None`` if none did or if this is not
            reported.
        ended: When the try ended, in the same seconds, or now if it has not ended.
        outcome: How the try ended. A try that has not ended is ``queued`` or ``running``.
        reason: Why it ended in this way, in one line. It is empty for a try that is done.
        action: What followed, for example ``sent again``. It is empty if nothing had to follow.
        seconds: The wall time on the worker, if the try is done.
        detail: The last output or the traceback of the simulating process, if there is any.
    """

    slice: int
    experiments: tuple[int, int]
    worker: str
    submitted: float
    started: float | None
    ended: float
    outcome: Outcome
    reason: str = ""
    action: str = ""
    seconds: float | None = None
    detail: str = ""

    then = renamed("then", "action")


class SliceTracker:
    """The slices of one plan.

    Attributes:
        plan: with the slices as they are now; splitting changes it.
        infos: one for each slice.
        results: slice index -> result.
        poison: slice index -> why its one experiment cannot be simulated; a failure of its own circuit's.
        lost: slice index -> why it was given up for a reason that is not its circuits'.
        attempts: that ended, in that order. Dask's own tries with a slice whose worker it lost are among them.
        losses: tries that were lost since a slice came back.
    """

    def __init__(self, plan: Plan, retries: int) -> None:
        self.plan = plan
        self.infos = [SliceInfo(one.index, one.experiments, one.shots) for one in plan.slices]
        self.results: dict[int, SliceResult] = {}
        self.poison: dict[int, Reason] = {}
        self.lost: dict[int, Reason] = {}
        self.attempts: list[Attempt] = []
        self._retries = retries
        self.losses = 0
        self._outcomes: dict[int, list[Outcome]] = {}
        self._suspected: set[int] = set()
        self._dangerous: set[int] = set()
        self._by_dask: Counter[int] = Counter()  # losses that Dask has met by sending again
        self._submitted: dict[int, float] = {}
        self._started: dict[int, float] = {}

    @property
    def missing(self) -> dict[int, Reason]:
        """Slices that will never have a result, and why."""
        return self.lost | self.poison

    def submitted(self, index: int, now: float) -> None:
        """It is on its way."""
        self._submitted[index] = now
        self._started.pop(index, None)
        self._set(index, state=SliceState.QUEUED)

    def not_submitted(self, index: int) -> None:
        """It could not be sent after all."""
        self._submitted.pop(index, None)
        self._set(index, state=SliceState.WAITING)

    def started(self, index: int, worker: str, now: float) -> str:
        """A worker has begun it. Returns the worker that Dask has lost with it before, or ``""``."""
        info = self.infos[index]
        lost = ""
        if info.state in (SliceState.QUEUED, SliceState.RUNNING):
            if index in self._started:  # we have heard of no end: Dask itself sends again what a worker took away
                lost = info.worker
                submitted = self._submitted.get(index, now)
                reason = Reason(f"its Dask worker {lost} was lost")
                self.losses += 1
                if index in self._dangerous or self.plan.slices[index].size > 1:
                    self._by_dask[index] += 1  # else it may only have been beside another
                self._close(index, now, Outcome.LOST, reason, f"sent by Dask to {worker}")
                self._submitted[index] = submitted
            self._started[index] = now
            self._set(index, state=SliceState.RUNNING, attempts=info.attempts + 1, worker=worker)
        else:  # the news is older than the result
            self._set(index, attempts=info.attempts + 1, worker=worker)
            self._begun_after_all(index, worker)
        return lost

    def _begun_after_all(self, index: int, worker: str) -> None:
        for place in range(len(self.attempts) - 1, -1, -1):
            one = self.attempts[place]
            if one.slice == index:
                if one.started is None:
                    begun = max(one.submitted, one.ended - (one.seconds or 0.0))
                    self.attempts[place] = replace(one, worker=worker, started=begun)
                return

    def running_for(self, index: int, now: float) -> float:
        """Seconds since a worker began it; 0 if nobody has."""
        return now - self._started[index] if index in self._started else 0.0

    def too_many_losses(self, index: int) -> int:
        """How often Dask, which sends again by itself what a worker took away, has done so; 0 if it may go on."""
        lost = self._by_dask[index] + self._outcomes.get(index, []).count(Outcome.LOST)
        if not self._by_dask[index]:
            return 0
        found = decide([Outcome.LOST] * lost, self.plan.slices[index].size, self._retries, index in self._suspected)
        return 0 if found is Action.AGAIN else lost

    @property
    def has_dangerous(self) -> bool:
        """Whether any slice is dangerous; hardly ever is one."""
        return bool(self._dangerous)

    def is_dangerous(self, index: int) -> bool:
        """Whether it may be what workers die of. One such slice at a time, and the loss of another tells nothing."""
        return index in self._dangerous

    def done(self, result: SliceResult, now: float) -> None:
        """It came back."""
        index = result.index
        self.losses = 0
        self.results[index] = result
        self._close(index, now, Outcome.DONE, seconds=result.seconds)
        self._set(index, state=SliceState.DONE, seconds=result.seconds, attempts=max(1, self.infos[index].attempts))

    def failed(self, index: int, outcome: Outcome, reason: Reason, now: float) -> Action:
        """It did not come back; says what is to be done, and has noted it down."""
        outcomes = self._outcomes.setdefault(index, [])
        outcomes.append(outcome)
        piece = self.plan.slices[index]
        if outcome is Outcome.LOST:
            self.losses += 1
            self._dangerous.add(index)
        before = [Outcome.LOST] * self._by_dask[index]
        found = decide([*before, *outcomes], piece.size, self._retries, index in self._suspected)
        self._close(index, now, outcome, reason, found)
        if found is Action.AGAIN:
            self._set(index, state=SliceState.WAITING)
        elif found is Action.POISON:
            times = f", in each of {len(outcomes)} tries alone" if len(outcomes) > 1 else ""
            self.poison[index] = reason.but(times + self._where(index))
            self._set(index, state=SliceState.FAILED)
        elif found is Action.GIVE_UP:
            tried = f" (tried {len(outcomes)} times)" if len(outcomes) > 1 else ""
            self.lost[index] = reason.but(tried + self._where(index))
            self._set(index, state=SliceState.FAILED)
        return found

    def tries(self, index: int) -> int:
        """How often it did not come back."""
        return len(self._outcomes.get(index, ()))

    def refuse(self, items: Mapping[int, Reason]) -> list[int]:
        """Note down why the experiments of ``items`` (index -> reason) are not sent; returns their slices."""
        refused = []
        for piece in self.plan.slices if items else ():
            work = self.plan.work
            found = work.manifest.pieces(*piece.experiments)
            starts = [work.items[item].first + first for item, first, _ in found]
            fine = [item not in items for item, _, _ in found]
            cuts = [at for at, one, other in zip(starts[1:], fine, fine[1:], strict=False) if not (one and other)]
            indices = self.split(piece.index, cuts) if cuts else [piece.index]
            for index in indices:
                item = work.manifest.item_of(self.plan.slices[index].experiments[0])
                self._suspected.discard(index)
                if item in items:
                    self.poison[index] = items[item]
                    self._set(index, state=SliceState.FAILED)
                    refused.append(index)
        return refused

    def split(self, index: int, ends: Sequence[int] = ()) -> list[int]:
        """Put smaller slices in the place of ``index``; returns their indices."""
        old = self.plan.slices
        found = parts(self.plan.work, old[index], len(old), ends)
        lost = self._outcomes.get(index, [])[-1:] == [Outcome.LOST]
        slices = [*old[:index], found[0], *old[index + 1 :], *found[1:]]
        self.plan = Plan(self.plan.work, tuple(slices))
        self.infos[index] = replace(self.infos[index], experiments=found[0].experiments, state=SliceState.WAITING)
        self.infos += [SliceInfo(one.index, one.experiments, one.shots) for one in found[1:]]
        for one in found:
            self._outcomes.pop(one.index, None)
            self._by_dask.pop(one.index, None)
            self._suspected.add(one.index)
            (self._dangerous.add if lost else self._dangerous.discard)(one.index)
        return [one.index for one in found]

    def open(self, now: float) -> list[Attempt]:
        """The tries that have not ended."""
        return [
            self._attempt(index, now, Outcome.RUNNING if index in self._started else Outcome.QUEUED)
            for index in self._submitted
        ]

    def cancelled(self, now: float, reason: str = "the job was cancelled") -> None:
        """What has no end yet has one now."""
        for info in self.infos:
            if info.state not in (SliceState.DONE, SliceState.FAILED):
                if info.state is not SliceState.WAITING:
                    self._close(info.index, now, Outcome.CANCELLED, Reason(reason))
                self._set(info.index, state=SliceState.CANCELLED)

    def _close(
        self,
        index: int,
        now: float,
        outcome: Outcome,
        reason: Reason | None = None,
        action: str = "",
        seconds: float | None = None,
    ) -> None:
        one = self._attempt(index, now, outcome)
        self._started.pop(index, None)
        self._submitted.pop(index, None)
        if reason is not None:
            one = replace(one, reason=reason.line, detail=reason.detail)
        self.attempts.append(replace(one, action=action, seconds=seconds))

    def _attempt(self, index: int, now: float, outcome: Outcome) -> Attempt:
        started = self._started.get(index)
        return Attempt(
            slice=index,
            experiments=self.infos[index].experiments,
            worker=self.infos[index].worker if started is not None else "",
            submitted=self._submitted.get(index, now),
            started=started,
            ended=now,
            outcome=outcome,
        )

    def _where(self, index: int) -> str:
        """The workers that had it and did not bring it back, and how often."""
        mine = self.infos[index].experiments
        found = Counter(
            one.worker for one in self.attempts if one.slice == index and one.experiments == mine and one.worker
        )
        times = [f"{worker} ({count} times)" if count > 1 else worker for worker, count in found.items()]
        return f"; on {', '.join(times)}" if times else ""

    def _set(self, index: int, **changes: object) -> None:
        self.infos[index] = replace(self.infos[index], **changes)  # type: ignore[arg-type]
