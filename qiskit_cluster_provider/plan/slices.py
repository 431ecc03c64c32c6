"""Work to slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise

from .engine import ResourceEstimate
from .model import Batch, Item, Plan, Run, Slice, Work
from .seeds import IndependentSeeds
from .slice_time import LITTLE_MEMORY, LONGEST, OVERHEAD_LOCAL, SliceTime, minimum_slice_time, target_slice_time

PARTS = 16
"""Into how many parts a slice is cut that holds something that no child survives."""


def cut(
    work: Work,
    slots: int,
    estimate: ResourceEstimate | None = None,
    shortest: float = minimum_slice_time(OVERHEAD_LOCAL),
    longest: float = LONGEST,
) -> Plan:
    """Cut ``work`` into slices of about the same time.

    Slices may depend on ``slots``, the number of worker threads, and on how fast they have been, since they never
    change an answer. Only ``max_shot_size`` may cut where an answer depends on how its shots are cut, and what it
    cuts depends on the work alone.

    Args:
        work: of a run.
        slots: slices that can run at the same time.
        estimate: of the same work; default: the engine's, of an unknown place.
        shortest: seconds that a slice should take at least, if there is work enough.
        longest: seconds that no slice should exceed.
    """
    estimate = estimate or work.engine.estimate(work)
    runs = _runs_of(work)
    found: SliceTime | None = None
    if work.max_job_size is None and not all(map(work.divided, work.batches)):
        # Every call of Aer converts the noise model again, which is as good as overhead.
        total, known = estimate.total()
        found = target_slice_time(total, slots, shortest + minimum_slice_time(estimate.per_call), longest, known)
    slices = []
    for index, (start, stop, shots) in enumerate(_ranges(work, estimate, found, shortest)):
        piece = Slice(
            index=index,
            item=work.manifest.item_of(start),
            experiments=(start, stop),
            shots=shots,
            runs=tuple(runs(start, stop, shots)),
        )
        slices.append(estimate.with_cost(piece))
    if found is not None and len(slices) == work.experiments < round(estimate.total()[0] / found.seconds):
        found = found._replace(why="there are no more experiments")
    return Plan(work, tuple(slices), _why(work, slices, found))


def longest_first(slices: Sequence[Slice]) -> list[Slice]:
    """``slices`` in the order in which to begin them: those that take much longer than most come first.

    What differs by less than a factor of about 1.4 counts as equal, and stays in its order.
    """
    costs = sorted(piece.cost for piece in slices)
    usual = max(costs[len(costs) // 2], 1e-9) if costs else 1.0
    return sorted(slices, key=lambda piece: -round(math.log2(max(piece.cost, 1e-9) / usual)))


def parts(work: Work, piece: Slice, index: int, ends: Sequence[int] = ()) -> list[Slice]:
    """``piece`` in smaller slices with the seeds and so the answers of the whole.

    Args:
        work: of the plan.
        piece: of more than one experiment.
        index: of the second part and, counted on, of the others; the first keeps that of ``piece``.
        ends: global numbers of experiments where parts begin, the first left out; default: up to
            :data:`PARTS` parts of one size.
    """
    runs = _runs_of(work)
    start, stop = piece.experiments
    count = min(PARTS, stop - start)
    bounds = [start, *(ends or [start + (stop - start) * i // count for i in range(1, count)]), stop]
    return [
        Slice(
            index=piece.index if i == 0 else index + i - 1,
            item=work.manifest.item_of(first),
            experiments=(first, last),
            shots=None,
            runs=tuple(runs(first, last, None)),
            cost=piece.cost * (last - first) / piece.size,
            kind=piece.kind,
        )
        for i, (first, last) in enumerate(pairwise(bounds))
    ]


Shots = tuple[int, int] | None
Range = tuple[int, int, Shots]
"""First experiment, last + 1, and the range of shots, if it is a part of one experiment."""


def _ranges(work: Work, estimate: ResourceEstimate, found: SliceTime | None, least: float) -> Iterator[Range]:
    """What each slice is, in order; ``least`` as of :func:`_by_seconds`."""
    for divided, group in groupby(work.batches, work.divided):
        batches = list(group)
        if divided:
            assert work.max_shot_size is not None
            for batch in batches:
                count = -(-batch.shots // work.max_shot_size)
                bounds = [min(batch.shots, part * work.max_shot_size) for part in range(count + 1)]
                yield from _of_shots(batch.first, batch.stop, bounds)
        elif found is None:
            for start, stop in pairwise([batches[0].first, *_by_count(work, batches), batches[-1].stop]):
                yield start, stop, None
        else:
            yield from _by_seconds(estimate, batches, found.seconds, least)


def _of_shots(start: int, stop: int, bounds: Sequence[int]) -> Iterator[Range]:
    """Ranges of shots between ``bounds``, of each experiment."""
    for experiment in range(start, stop):
        for shots in pairwise(bounds):
            yield experiment, experiment + 1, shots


def _by_count(work: Work, batches: Sequence[Batch]) -> Iterator[int]:
    """Where slices of ``max_job_size`` experiments end, the last one left out."""
    assert work.max_job_size is not None
    yield from range(batches[0].first + work.max_job_size, batches[-1].stop, work.max_job_size)


def _by_seconds(
    estimate: ResourceEstimate, batches: Sequence[Batch], seconds: float, least: float
) -> Iterator[Range]:
    """The same for slices of about ``seconds``, and of so few bytes that they need no place of their own.

    Each experiment takes a share of a slice, and belongs to the slice in which the middle of its share lies. One that
    takes as long as several slices is several ranges of its shots, if that cannot change a bit; if its time is a
    guess, each range is to take ``least`` seconds.
    """
    begun, filled, current = batches[0].first, 0.0, 0
    seconds = max(seconds, 1e-9)
    for batch in batches:
        for item in batch.items:
            cost = estimate.cost(item, batch.shots)
            each = cost.each
            count = min(batch.shots, round(each / (seconds if cost.known else max(seconds, least))))
            if count > 1 and _may_divide(estimate.work, batch, item):
                if item.first > begun:
                    yield begun, item.first, None
                begun, filled, current = item.first + item.experiments, 0.0, 0
                yield from _of_shots(item.first, begun, [batch.shots * part // count for part in range(count + 1)])
                continue
            share = max(each / seconds, estimate.kept(item) / LITTLE_MEMORY)
            done = 0
            while done < item.experiments:
                number = int(filled + (done + 0.5) * share)
                if number != current and item.first + done > begun:
                    yield begun, item.first + done, None
                    begun = item.first + done
                current = number
                done = min(item.experiments, max(done + 1, math.ceil((number + 1 - filled) / share - 0.5)))
            filled += item.experiments * share
    if batches[-1].stop > begun:
        yield begun, batches[-1].stop, None


def _may_divide(work: Work, batch: Batch, item: Item) -> bool:
    """Whether nobody has said how shots are cut, and no way to cut them changes a bit of the answer."""
    return work.max_shot_size is None and work.engine.divisible(work, batch, item)


def _why(work: Work, slices: Sequence[Slice], found: SliceTime | None) -> str:
    """Why slices have the size that they have."""
    said = [] if found is None else [found.why]
    parts_of_one = sum(piece.shots is not None for piece in slices)
    if parts_of_one and work.max_shot_size is None:
        which = "they" if parts_of_one == len(slices) else f"{parts_of_one:,} of them"
        said.append(f"{which} are ranges of the shots of one experiment, which changes no bit of its answer")
    if work.max_job_size is not None:
        said.append(f"max_job_size={work.max_job_size}")
    if any(map(work.divided, work.batches)):
        said.append(f"max_shot_size={work.max_shot_size}")
    return "; ".join(said)


def _runs_of(work: Work) -> Callable[[int, int, Shots], Iterator[Run]]:
    """The rule that gives a range of experiments its runs."""
    independent = IndependentSeeds(work.batches[0].base_seed) if work.seed_mode == "independent" else None

    def runs(start: int, stop: int, shots: Shots) -> Iterator[Run]:
        while start < stop:
            index = work.manifest.batch_of(start)
            batch = work.batches[index]
            first, last = shots or (0, batch.shots)
            end = min(stop, batch.stop)
            if independent is None:
                yield Run(
                    start, end, work.engine.seed(batch.base_seed, start - batch.first, first), last - first, index
                )
            else:
                for i in range(start, end):
                    yield Run(i, i + 1, independent.seed(i, first, last - first), last - first, index)
            start = end

    return runs
