"""``qiskit-cluster demo``: real workloads on a cluster and on one AerSimulator, compared bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from rich.table import Table

from ..backend.cluster_backend import ClusterBackend
from .workloads import Pubs, Workload


@dataclass(frozen=True)
class Comparison:
    """One row of the table.

    Attributes:
        workload: what ran.
        differences: between the two results; empty if they are identical.
        cluster: seconds on the cluster, from ``run`` to the merged result.
        local: seconds on the AerSimulator.
    """

    workload: Workload | Pubs
    differences: Sequence[str]
    cluster: float
    local: float


def warm_up(backend: ClusterBackend, local: AerSimulator) -> tuple[int, float]:
    """Start the cluster and its simulating children, and run ``local`` once too.

    Returns:
        How many children simulate at the same time, and the seconds that the cluster took to start.
    """
    start = time.perf_counter()
    client: Any = backend.connection.client()
    threads = sum(client.nthreads().values())
    circuit = QuantumCircuit(5, name="warm-up")
    circuit.h(range(5))
    circuit.measure_all()
    # Slices of one experiment, and more of them than children, so that every child gets to start.
    workload = Workload("warm-up", [circuit] * 4 * threads, 4 * threads)
    workload.run(backend, 1, 0, max_job_size=1)
    stop = time.perf_counter()
    workload.run(local, 1, 0)
    return threads, stop - start


def compare(
    backend: ClusterBackend,
    local: AerSimulator,
    batch: Sequence[Workload | Pubs],
    shots: int,
    seed: int,
    announce: Callable[[str], None],
) -> Iterator[Comparison]:
    """Run each workload on ``backend``, with its progress bar, and on ``local``.

    Args:
        backend: warmed up, if the time that its cluster takes to start is not to count.
        local: to compare with.
        batch: the workloads.
        shots: per experiment.
        seed: ``seed_simulator`` of both.
        announce: called with a workload's name before it starts.
    """
    for workload in batch:
        announce(workload.name)
        start = time.perf_counter()
        found = workload.run(backend, shots, seed, progress=True)
        middle = time.perf_counter()
        expected = workload.run(local, shots, seed)
        stop = time.perf_counter()
        yield Comparison(workload, workload.differences(found, expected), middle - start, stop - middle)


def table(rows: Sequence[Comparison]) -> Table:
    """The comparison, and all workloads together in the last row."""
    drawn = Table(title="The same circuits on the cluster and on one AerSimulator")
    drawn.add_column("Workload")
    for name in ("Experiments", "Identical", "Cluster, s", "Local, s", "Local / cluster"):
        drawn.add_column(name, justify="right")
    for row in rows:
        identical = "[red]no[/]" if row.differences else "[green]yes[/]"
        _add_times(drawn, row.workload.name, [row], identical)
    drawn.add_section()
    same = sum(not row.differences for row in rows)
    _add_times(drawn, "all", rows, f"{same} of {len(rows)}")
    return drawn


def footnote(threads: int) -> str:
    """What the table compares. ``threads``: of :func:`warm_up`."""
    return (
        "Identical: every count, the order of the shots, seeds, headers and metadata; expectation values of "
        "EstimatorV2 to 1e-12, since the order of Aer's own sums is not fixed.\n"
        f"Cluster: {threads} processes, each simulating with one thread; from run() to the merged result.\n"
        "Local: AerSimulator(max_parallel_threads=1), one thread too, and qiskit_aer.primitives on it. With default "
        "options it may use more threads, which is not measured here."
    )


def _add_times(drawn: Table, name: str, rows: Sequence[Comparison], identical: str) -> None:
    cluster, local = sum(row.cluster for row in rows), sum(row.local for row in rows)
    count = sum(row.workload.experiments for row in rows)
    drawn.add_row(name, str(count), identical, f"{cluster:.2f}", f"{local:.2f}", f"{local / cluster:.2f}")
