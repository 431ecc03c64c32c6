"""Work to slices."""

from __future__ import annotations

from collections.abc import Iterator

from .cost import automatic_job_size
from .model import Plan, Run, Slice, Work
from .seeds import IndependentSeeds, aer_seed


def cut(work: Work, slots: int) -> Plan:
    """Cut ``work`` into slices.

    Experiment slices may depend on ``slots``, the number of worker threads: they never change an
    answer. Shot slices depend on the work alone.
    """
    ranges = list(_ranges(work, slots))
    if work.seed_mode == "independent":
        seeds = IndependentSeeds(work.base_seed)
        runs = [
            tuple(Run(i, i + 1, seeds.seed(i, first, last - first), last - first) for i in range(start, stop))
            for start, stop, first, last in ranges
        ]
    else:
        runs = [
            (Run(start, stop, aer_seed(work.base_seed, start, first), last - first),)
            for start, stop, first, last in ranges
        ]
    slices = []
    for index, ((start, stop, first, last), slice_runs) in enumerate(zip(ranges, runs, strict=True)):
        whole = last - first == work.shots
        slices.append(
            Slice(
                index=index,
                item=work.item_of(start),
                experiments=(start, stop),
                shots=None if whole else (first, last),
                runs=slice_runs,
                cost=(stop - start) * (last - first) / work.shots,
            )
        )
    return Plan(work, tuple(slices))


def _ranges(work: Work, slots: int) -> Iterator[tuple[int, int, int, int]]:
    """``(first experiment, last + 1, first shot, last + 1)`` of each slice, in order."""
    if work.max_shot_size is not None and work.max_shot_size < work.shots:
        for experiment in range(work.experiments):
            for first in range(0, work.shots, work.max_shot_size):
                yield experiment, experiment + 1, first, min(work.shots, first + work.max_shot_size)
        return
    size = work.max_job_size or automatic_job_size(work.experiments, slots)
    for start in range(0, work.experiments, size):
        yield start, min(work.experiments, start + size), 0, work.shots
