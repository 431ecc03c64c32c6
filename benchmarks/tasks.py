"""What a task costs, and what a second worker brings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from .calls import Circuits
from .contenders import ClockedSimulator
from .workloads import tiny, volume


@dataclass(frozen=True)
class Overhead:
    """Milliseconds a task, of many tasks at once, by round.

    Attributes:
        slices: our slices of one tiny circuit each.
        noops: Dask's tasks that do nothing, on the same cluster.
    """

    slices: list[float]
    noops: list[float]


@dataclass(frozen=True)
class Efficiency:
    """How much of the workers' time is simulation, by round.

    Attributes:
        workers: how many.
        slices: how many.
        seconds: that Aer's C++ code takes for one of them.
        wall: seconds that all of them took.
        efficiency: the seconds of all slices, divided by the wall time of all workers.
        simulating: the same with the seconds that the C++ code took on the workers, where it shares caches and memory
            with as many others.
    """

    workers: int
    slices: int
    seconds: list[float]
    wall: list[float]
    efficiency: list[float]
    simulating: list[float]


def overhead(backend: Any, tasks: int, rounds: int) -> Overhead:
    """Of ``tasks`` slices, so many that they are no case for a simulation without the cluster."""
    client = backend.connection.client()
    found = Overhead([], [])
    for number in range(rounds):
        batch = _in_slices(tiny(tasks, number), 1)
        found.slices.append(1000 * _seconds(batch.run, backend) / tasks)
        found.noops.append(1000 * _seconds(_noops, client, tasks) / tasks)
    return found


def efficiency(backend: Any, most: int, slices: int, seconds: float, rounds: int) -> Iterator[Efficiency]:
    """With 1 worker, 2, 4, ... and ``most``, for slices that take about ``seconds``. Scales the cluster."""
    single = ClockedSimulator(max_parallel_threads=1)
    each = max(1, round(seconds / _cpp_seconds(single, volume(16, 4, 0)) * 4))
    batch = _in_slices(volume(16, each * slices, 0), each)
    for workers in sorted({*_up_to(most), most}):
        backend.scale(workers)
        warm(backend, workers)
        found = Efficiency(workers, slices, [], [], [], [])
        for _ in range(rounds):
            simulated = _cpp_seconds(single, batch)
            start = time.perf_counter()
            result = batch.run(backend)
            wall = time.perf_counter() - start
            found.seconds.append(simulated / slices)
            found.wall.append(wall)
            found.efficiency.append(simulated / (wall * workers))
            found.simulating.append(sum(one.time_taken for one in result.results) / (wall * workers))
        yield found


def warm(backend: Any, workers: int) -> None:
    """Have each worker start its child: a few slices for each, long enough that nobody takes them all."""
    _in_slices(volume(16, 4 * workers, 0), 1).run(backend)


def _in_slices(batch: Circuits, size: int) -> Circuits:
    return replace(batch, ours={"max_job_size": size})


def _up_to(most: int) -> list[int]:
    return [2**power for power in range(most.bit_length())]


def _cpp_seconds(single: ClockedSimulator, batch: Circuits) -> float:
    single.cpp_seconds = 0.0
    batch.run(single)
    return single.cpp_seconds


def _noops(client: Any, tasks: int) -> None:
    client.gather(client.map(_noop, range(tasks), pure=False))


def _noop(index: int) -> int:
    return index


def _seconds(run: Callable[..., Any], *arguments: Any) -> float:
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start
