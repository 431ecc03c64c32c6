"""The registry of contenders: ours, and what a user would use instead."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from distributed import Client
from qiskit_aer import AerSimulator

from .calls import Call

OURS = "ours"
DEFAULT = "Aer, its defaults"
SINGLE = "Aer, one thread"
NAIVE = "naive Dask"
IDEAL = "ideal"
NAMES = (OURS, DEFAULT, SINGLE, NAIVE, IDEAL)


@dataclass(frozen=True)
class Reading:
    """One time that was taken.

    Attributes:
        name: whose, one of :data:`NAMES`.
        seconds: of wall time; of all experiments, even if only some were run.
        part: the experiments that were run, as a share of all.
        result: what came back, or ``None``.
    """

    name: str
    seconds: float
    part: float = 1.0
    result: Any = None


Contender = Callable[[Call, int | None], Iterator[Reading]]
"""``contender(call, sampled)`` runs a call; if it has to sample, ``sampled`` experiments of it."""


def contenders(backend: Any, naive: Client, workers: int) -> dict[str, Contender]:
    """All of them, by name.

    Args:
        backend: ours, with its cluster up.
        naive: connected to another Dask cluster of as many workers.
        workers: how many.
    """
    single = ClockedSimulator(max_parallel_threads=1)

    def ours(call: Call, sampled: int | None) -> Iterator[Reading]:
        yield _timed(OURS, lambda: call.run(backend))

    def default(call: Call, sampled: int | None) -> Iterator[Reading]:
        some, part = call.for_aer()
        found = _timed(DEFAULT, lambda: some.run(AerSimulator()))
        yield Reading(DEFAULT, found.seconds / part, part, found.result)

    def one_thread(call: Call, sampled: int | None) -> Iterator[Reading]:
        single.cpp_seconds = 0.0
        some, part = call.for_aer()
        found = _timed(SINGLE, lambda: some.run(single))
        yield Reading(SINGLE, found.seconds / part, part, found.result)
        yield Reading(IDEAL, single.cpp_seconds / workers / part, part)

    def naive_dask(call: Call, sampled: int | None) -> Iterator[Reading]:
        indices = spread(call.experiments, sampled)
        part = len(indices) / call.experiments
        tasks = (pickled(call, index) for index in indices)
        found = _timed(NAIVE, lambda: naive.gather(naive.map(simulate, list(tasks), pure=False)))
        yield Reading(NAIVE, found.seconds / part, part)

    return {OURS: ours, DEFAULT: default, SINGLE: one_thread, NAIVE: naive_dask}


class ClockedSimulator(AerSimulator):
    """Adds up the seconds that Aer's C++ code says that its experiments took."""

    cpp_seconds = 0.0

    def run(self, *arguments: Any, **options: Any) -> Any:
        """As Aer's, but returns when the job is done."""
        job = super().run(*arguments, **options)
        self.cpp_seconds += sum(one.time_taken for one in job.result().results)
        return job


def pickled(call: Call, index: int) -> bytes:
    """What people send at first: one circuit, with all that it needs."""
    return pickle.dumps(call.task(index))


def simulate(message: bytes) -> Any:
    """And what they run then: one simulator a task."""
    circuit, options = pickle.loads(message)
    return AerSimulator(max_parallel_threads=1).run(circuit, **options).result()


def spread(total: int, sampled: int | None) -> list[int]:
    """Indices of ``sampled`` of ``total`` experiments, evenly from the first on; all of them for ``None``."""
    count = total if sampled is None else min(sampled, total)
    return [index * total // count for index in range(count)]


def _timed(name: str, run: Callable[[], Any]) -> Reading:
    start = time.perf_counter()
    result = run()
    return Reading(name, time.perf_counter() - start, result=result)
