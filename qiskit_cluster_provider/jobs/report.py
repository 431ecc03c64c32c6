"""What happened to a job, for people: as text, in a notebook, and as a picture."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

from ..dispatch import Attempt
from ..outcomes import Outcome, Reason
from ..plan import Planned, SliceResult
from ..progress.renamed import renamed
from .record import JobRecord
from .timeline import COLOURS, Bar, Trouble, bars, draw, svg

_LISTED = 20  # lines of one kind
_TALES = 5  # failures whose whole text is printed
_WIDTH = 200  # letters of a reason in a list
_ORDINARY = (Outcome.QUEUED, Outcome.RUNNING, Outcome.DONE, Outcome.CANCELLED)


@dataclass(frozen=True)
class WorkerUse:
    """What one worker did for a job.

    Attributes:
        name: The worker's address, or the process id on an executor that reports it.
        attempts: The number of tries of slices that the worker has started.
        lanes: The greatest number of slices that it ran at the same time.
        busy: The seconds that these tries took together.
        utilisation: ``busy`` as a share of the time that its lanes had, from the first slice of the job to the last.
    """

    name: str
    attempts: int
    lanes: int
    busy: float
    utilisation: float


@dataclass(frozen=True)
class Report:
    """What happened to a job until the report was made. ``print`` it; a notebook shows it with a picture.

    Attributes:
        job_id: The id of the job.
        where: The name of the backend.
        status: The name of the ``JobStatus``.
        seconds: The seconds from the begin of the job to its end, or to now if it has not ended.
        experiments: The number of experiments.
        experiments_done: The number of experiments with a result.
        experiments_failed: The number of experiments that failed. Experiments that are neither done nor failed have
            not been run yet, or were given up.
        slices: The number of slices.
        slices_done: The number of slices with a result.
        slices_failed: The number of slices that failed.
        attempts: Every try of a slice, in the order in which the tries ended, and then the tries that have not ended.
        troubles: ``(begin, end, reason)`` of each period in which no slice could run, in seconds since the job began.
        poison: Those of ``job.errors()`` whose circuits ended their process, or took too long, in every try.
        failures: The same as ``job.errors()``.
        error: The error that ended the job before its slices could run, or an empty text.
        here: Why the job was simulated in this process. It is empty if it was not.
        remembered: For each kind of thing that the simulating processes needed, two numbers: how often a process had
            it already, from an earlier slice or job, and how often it had to be made. ``assembled`` counts circuits
            in the form of Aer's C++.
    """

    job_id: str
    where: str
    status: str
    seconds: float
    experiments: int
    experiments_done: int
    experiments_failed: int
    slices: int
    slices_done: int
    slices_failed: int
    attempts: tuple[Attempt, ...]
    troubles: tuple[Trouble, ...]
    poison: tuple[Any, ...]
    failures: tuple[Any, ...]
    error: str = ""
    here: str = ""
    remembered: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    culprits = renamed("culprits", "poison")

    @property
    def workers(self) -> tuple[WorkerUse, ...]:
        """What each worker did, by name."""
        found = bars(self.attempts)
        span = max((bar.end for bar in found), default=0.0) - min((bar.begin for bar in found), default=0.0)
        by_name: dict[str, list[Bar]] = {}
        for bar in found:
            by_name.setdefault(bar.worker, []).append(bar)
        uses = []
        for name, mine in sorted(by_name.items()):
            busy = sum(bar.end - bar.begin for bar in mine)
            lanes = 1 + max(bar.lane for bar in mine)
            uses.append(WorkerUse(name, len(mine), lanes, busy, min(1.0, busy / (lanes * span)) if span else 0.0))
        return tuple(uses)

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """Outcome -> number of tries, as in :class:`~qiskit_cluster_provider.outcomes.Outcome`."""
        counts = Counter(one.outcome for one in self.attempts)
        return {name: counts[name] for name in (*COLOURS, Outcome.QUEUED) if counts[name]}

    def plot(self, ax: Any = None) -> Any:
        """Draw the timeline: a row for each slice that a worker ran at the same time, a bar for each try.

        Needs matplotlib: ``pip install 'qiskit-cluster-provider[plot]'``.

        Args:
            ax: matplotlib ``Axes`` to draw into; ``None`` makes a figure with pyplot.

        Returns:
            The ``Axes``; ``ax.figure.savefig("timeline.png")`` writes it.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        return draw(bars(self.attempts), self.troubles, self.seconds, self._title, ax)

    @property
    def _title(self) -> str:
        return f"job {self.job_id} on {self.where}: {self.status} after {self.seconds:.2f} s"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        found = bars(self.attempts)
        legend = " ".join(
            f"<span style='color:{COLOURS[name]}'>&#9632;</span> {name} ({number})"
            for name, number in self.outcomes.items()
            if name in COLOURS
        )
        picture = svg(found, self.troubles, self.seconds)
        return f"<div>{picture}<div>{legend}</div><pre>{html.escape(str(self))}</pre></div>"

    def _lines(self) -> Iterator[str]:
        yield self._title
        if self.here:
            yield f"simulated    in this process: {self.here}"
        left = self.experiments - self.experiments_done - self.experiments_failed
        yield f"experiments  {_counted(self.experiments, self.experiments_done, self.experiments_failed, left)}"
        left = self.slices - self.slices_done - self.slices_failed
        yield f"slices       {_counted(self.slices, self.slices_done, self.slices_failed, left)}"
        outcomes = ", ".join(f"{number} {name}" for name, number in self.outcomes.items())
        yield f"tries        {len(self.attempts)}{': ' if outcomes else ''}{outcomes}"
        yield from _section("workers", [_use(one) for one in self.workers])
        shares = [f"{kind}: {hits} of {hits + made}" for kind, (hits, made) in self.remembered.items()]
        yield from _section("remembered from before", shares)
        told = [f"{begin:.2f} to {end:.2f} s: {reason}" for begin, end, reason in self.troubles]
        yield from _section("no slice could run", told)
        yield from _section("slices that did not come back at once", self._retried())
        yield from _section("circuits at fault", [_short(one.line) for one in self.poison])
        if self.error:
            yield from _section("the job could not go on", self.error.splitlines(), most=10**6)
        yield from self._tales()

    def _retried(self) -> list[str]:
        troubled = {one.slice for one in self.attempts if one.outcome not in _ORDINARY}
        tries = sorted((one for one in self.attempts if one.slice in troubled), key=lambda one: one.slice)
        return [_try(one) for one in tries]

    def _tales(self) -> Iterator[str]:
        """Each failure with its whole text; what failed in the same words is told once."""
        tales: dict[str, list[str]] = {}
        told = [one for one in self.poison if not one.detail and len(one.line) <= _WIDTH]
        for one in self.failures:
            if one in told:
                continue
            tales.setdefault(str(one.reason), []).append(one.where)
        if tales:
            yield "failures"
        for message, who in list(tales.items())[:_TALES]:
            yield f"  {'; '.join(who[:_TALES])}{_more(len(who) - _TALES, '; ')}"
            yield indent(message.strip(), "    ")
        if len(tales) > _TALES:
            yield f"  and {len(tales) - _TALES} more; job.errors() has all"


def report(
    record: JobRecord,
    job_id: str,
    where: str,
    status: str,
    failures: Callable[[Planned, Mapping[int, SliceResult], Mapping[int, Reason]], Sequence[Any]],
) -> Report:
    """The report on ``record`` at this moment.

    Args:
        record: runs the job, or has run it.
        job_id: its id.
        where: name of the backend.
        status: name of the ``JobStatus``.
        failures: ``failures(plan, results, missing)`` names what failed.
    """
    attempts = tuple(record.attempts())
    plan, results, missing = record.snapshot()
    lost = dict(record.lost)
    slices = plan.slices if plan is not None else ()
    failed, waiting = set[int](), set[int]()
    for piece in slices:
        if piece.index in missing:
            failed.update(range(*piece.experiments))
        elif piece.index in results:
            failed.update(piece.experiments[0] + offset for offset in results[piece.index].refused)
        else:
            waiting.update(range(*piece.experiments))
    poison = {index: why for index, why in missing.items() if index not in lost}
    total = record.manifest.experiments
    error = record.error
    return Report(
        job_id=job_id,
        where=where,
        status=status,
        seconds=record.seconds,
        experiments=total,
        experiments_done=total - len(failed | waiting) if slices else 0,
        experiments_failed=len(failed),
        slices=len(slices),
        slices_done=len(results),
        slices_failed=len(missing),
        attempts=attempts,
        troubles=tuple(record.troubles),
        poison=() if plan is None or not poison else tuple(failures(plan, {}, poison)),
        failures=() if plan is None else tuple(failures(plan, results, missing)),
        error="" if error is None else str(Reason.of(error)),
        here=record.placement.why if record.placement.here else "",
        remembered=_remembered(results.values()),
    )


def _remembered(results: Iterable[SliceResult]) -> dict[str, tuple[int, int]]:
    hits, made = Counter[str](), Counter[str]()
    for result in results:
        for kind, (had, others) in result.caches.items():
            hits[kind] += had
            made[kind] += others
    return {kind: (hits[kind], made[kind]) for kind in sorted({*hits, *made})}


def _counted(total: int, done: int, failed: int, left: int) -> str:
    parts = [f"{done} of {total} done"]
    parts += [f"{number} {word}" for number, word in ((failed, "failed"), (left, "not done")) if number > 0]
    return ", ".join(parts)


def _use(one: WorkerUse) -> str:
    lanes = f" of {one.lanes} at once" if one.lanes > 1 else ""
    return f"{one.name}: {one.attempts} tries, {one.busy:.2f} s busy, {one.utilisation:.0%} used{lanes}"


def _try(one: Attempt) -> str:
    where = f" on {one.worker}" if one.worker else ""
    what = f"slice {one.slice}, experiments {one.experiments[0]} to {one.experiments[1] - 1}"
    said = f" ({_short(one.reason)})" if one.reason else ""
    action = f"; {one.action}" if one.action else ""
    return f"{what}: {one.outcome}{where} at {one.ended:.2f} s{said}{action}"


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _section(title: str, lines: Sequence[str], most: int = _LISTED) -> Iterator[str]:
    if lines:
        yield title
        yield from (f"  {line}" for line in lines[:most])
        if len(lines) > most:
            yield f" {_more(len(lines) - most)}"


def _more(number: int, before: str = " ") -> str:
    return f"{before}and {number} more" if number > 0 else ""
