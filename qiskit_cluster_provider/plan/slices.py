"""Work to slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise

from .cost import automatic_job_size
from .model import Plan, Run, Slice, Work
from .seeds import IndependentSeeds, aer_seed

PARTS = 16
"""Into how many parts a slice is cut that holds something that no child survives."""


def cut(work: Work, slots: int) -> Plan:
    """Cut ``work`` into slices.

    Experiment slices may depend on ``slots``, the number of worker threads: they never change an
    answer. Shot slices depend on the work alone.
    """
    runs = _runs_of(work)
    slices = []
    for index, (start, stop, shots) in enumerate(_ranges(work, slots)):
        total = work.batches[work.batch_of(start)].shots
        share = 1.0 if shots is None else (shots[1] - shots[0]) / total
        slices.append(
            Slice(
                index=index,
                item=work.item_of(start),
                experiments=(start, stop),
                shots=shots,
                runs=tuple(runs(start, stop, shots)),
                cost=(stop - start) * share,
            )
        )
    return Plan(work, tuple(slices))


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
            item=work.item_of(first),
            experiments=(first, last),
            shots=None,
            runs=tuple(runs(first, last, None)),
            cost=float(last - first),
        )
        for i, (first, last) in enumerate(pairwise(bounds))
    ]


Shots = tuple[int, int] | None


def _ranges(work: Work, slots: int) -> Iterator[tuple[int, int, Shots]]:
    """``(first experiment, last + 1, range of shots)`` of each slice, in order."""
    size = work.max_job_size or automatic_job_size(work.experiments, slots)
    for divided, group in groupby(work.batches, work.divided):
        batches = list(group)
        if not divided:
            stop = batches[-1].stop
            for start in range(batches[0].first, stop, size):
                yield start, min(stop, start + size), None
            continue
        assert work.max_shot_size is not None
        for batch in batches:
            for experiment in range(batch.first, batch.stop):
                for first in range(0, batch.shots, work.max_shot_size):
                    yield experiment, experiment + 1, (first, min(batch.shots, first + work.max_shot_size))


def _runs_of(work: Work) -> Callable[[int, int, Shots], Iterator[Run]]:
    """The rule that gives a range of experiments its runs."""
    independent = IndependentSeeds(work.batches[0].base_seed) if work.seed_mode == "independent" else None

    def runs(start: int, stop: int, shots: Shots) -> Iterator[Run]:
        while start < stop:
            index = work.batch_of(start)
            batch = work.batches[index]
            first, last = shots or (0, batch.shots)
            end = min(stop, batch.stop)
            if independent is None:
                yield Run(start, end, aer_seed(batch.base_seed, start - batch.first, first), last - first, index)
            else:
                for i in range(start, end):
                    yield Run(i, i + 1, independent.seed(i, first, last - first), last - first, index)
            start = end

    return runs
