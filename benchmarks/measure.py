"""The measuring loop: rounds in which everybody has a turn, and ratios within a round."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .contenders import OURS, SINGLE, Contender, Reading
from .workloads import Workload

PATIENCE = 10.0
"""Seconds; whoever took longer is not asked again in the later rounds."""


class Spread(NamedTuple):
    """What several rounds gave."""

    median: float
    least: float
    most: float


@dataclass
class Row:
    """A line of the table: a workload, or one of its two calls.

    Attributes:
        workload: its name.
        call: ``"first call"``, ``"later call"``, or empty where only one is measured.
        experiments: of one call.
        seconds: of each contender, by round; a round in which it was not asked is missing.
        part: the experiments that each contender ran, as a share of all.
        differences: between our result and that of Aer with one thread; ``None`` until they are compared.
    """

    workload: str
    call: str
    experiments: int
    seconds: dict[str, dict[int, float]] = field(default_factory=dict)
    part: dict[str, float] = field(default_factory=dict)
    differences: list[str] | None = None

    @property
    def name(self) -> str:
        """Workload and call."""
        return f"{self.workload}, {self.call}" if self.call else self.workload

    @property
    def identical(self) -> bool:
        """Whether our result is Aer's."""
        return self.differences == []

    def add(self, number: int, reading: Reading) -> None:
        """A reading of round ``number``."""
        self.seconds.setdefault(reading.name, {})[number] = reading.seconds
        self.part[reading.name] = reading.part

    def time(self, name: str) -> Spread:
        """Seconds of ``name``."""
        return spread_of(list(self.seconds[name].values()))

    def ratio(self, name: str) -> Spread:
        """Seconds of ``name``, in times of ours in the same round."""
        ours = self.seconds[OURS]
        return spread_of([seconds / ours[number] for number, seconds in self.seconds[name].items()])


def measure(
    workload: Workload, contenders: Mapping[str, Contender], rounds: int, patience: float = PATIENCE
) -> list[Row]:
    """One row, or a row for the first call and one for a later call. Ours has a turn in every round.

    Where a later call is measured, only ours is run again: nobody else keeps anything from call to call.
    """
    rows: list[Row] = []
    tired: set[str] = set()
    for number in range(1 if workload.once else rounds):
        call = workload.make(number)
        if not rows:
            names = ("first call", "later call") if workload.again else ("",)
            rows = [Row(workload.name, name, call.experiments) for name in names]
        results = {}
        for name in turns(list(contenders), number):
            if name in tired:
                continue
            gc.collect()  # so that nobody pays for what others have left
            for reading in contenders[name](call, workload.sampled):
                results[reading.name] = reading.result
                for row in rows:
                    row.add(number, reading)
            if name != OURS and rows[0].seconds[name][number] * rows[0].part[name] > patience:
                tired.add(name)
        if number == 0:
            rows[0].differences = call.differences(results[OURS], results[SINGLE])
        for later in rows[1:]:
            gc.collect()
            for _ in range(2):  # a circuit that has come twice is made to last
                list(contenders[OURS](call, workload.sampled))
            (reading,) = contenders[OURS](call, workload.sampled)
            later.add(number, reading)
            if number == 0:
                later.differences = call.differences(reading.result, results[SINGLE])
    return rows


def turns(names: list[str], number: int) -> list[str]:
    """Another one begins in each round."""
    first = number % len(names)
    return names[first:] + names[:first]


def spread_of(figures: Sequence[float]) -> Spread:
    """Their median, least and most."""
    return Spread(statistics.median(figures), min(figures), max(figures))
