"""Wall time of ours against what a user would use instead; interleaved, repeated, medians as ratios.

Columns are seconds divided by those of Aer with one thread (the first column), in the same round: below 1 is faster.
The cluster is up and its processes are warm before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster
from qiskit_aer import AerSimulator

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.testing import differences, pub_differences

from . import primitives
from .workloads import FULL, QUICK, Workload

BASE = "AerSimulator, 1 thread"
SEED = 7


def naive_task(pickled: bytes) -> Any:
    """What people write first: one pickled circuit a task, one simulator a task."""
    circuit, options = pickle.loads(pickled)
    return AerSimulator(max_parallel_threads=1).run(circuit, **options).result()


def contenders(backend: Any, naive: Client) -> dict[str, Callable[[Workload], Any]]:
    def ours(workload: Workload) -> Any:
        return backend.run(workload.circuits, workload.binds, seed_simulator=SEED, **workload.options).result()

    def aer(simulator: AerSimulator) -> Callable[[Workload], Any]:
        return lambda w: simulator.run(w.circuits, w.binds, seed_simulator=SEED, **w.options).result()

    def naive_dask(workload: Workload) -> Any:
        tasks = [pickle.dumps((circuit, workload.options)) for circuit in workload.bound()]
        return naive.gather(naive.map(naive_task, tasks, pure=False))

    return {
        BASE: aer(AerSimulator(max_parallel_threads=1)),
        "qiskit-cluster-provider": ours,
        "AerSimulator, its defaults": aer(AerSimulator()),
        "naive Dask": naive_dask,
    }


def measure(
    workload: Any, runs: dict[str, Callable[[Any], Any]], rounds: int, differ: Callable[[Any, Any], list[str]]
) -> dict[str, Any]:
    base, *_ = runs
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    results = {}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            results[name] = run(workload)
            seconds[name].append(time.perf_counter() - start)
    return {
        "workload": workload.name,
        "experiments": workload.experiments,
        "base": base,
        "seconds": seconds,
        "ratios": {
            name: [mine / first for mine, first in zip(times, seconds[base], strict=True)]
            for name, times in seconds.items()
        },
        "identical": differ(results["qiskit-cluster-provider"], results[base]) == [],
    }


def row(found: dict[str, Any]) -> str:
    cells = []
    for name, ratios in found["ratios"].items():
        if name == found["base"]:
            cells.append(f"{statistics.median(found['seconds'][name]):.2f} s")
        else:
            cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})")
    same = "yes" if found["identical"] else "NO"
    return f"| {found['workload']} | {' | '.join(cells)} | {same} |"


def table(
    makers: list[Callable[[], Any]],
    runs: dict[str, Callable[[Any], Any]],
    rounds: int,
    differ: Callable[[Any, Any], list[str]],
    warm: Any,
) -> list[dict[str, Any]]:
    """Warm up, measure, and print a Markdown table as it grows."""
    for run in runs.values():
        run(warm)
    base, *_ = runs
    print(f"| workload | {' | '.join(runs)} | identical to {base} |")
    print(f"|---|{'---|' * (len(runs) + 1)}")
    found = []
    for make in makers:
        found.append(measure(make(), runs, rounds, differ))
        print(row(found[-1]), flush=True)
    print()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small batches, under a minute")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions; the table has their medians")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write all figures here")
    arguments = parser.parse_args()

    packages = ("qiskit-cluster-provider", "qiskit", "qiskit-aer", "distributed")
    print(", ".join(f"{name} {version(name)}" for name in packages), f"· Python {platform.python_version()}")
    print(f"{os.cpu_count()} CPUs, {arguments.workers} workers, median of {arguments.rounds} rounds (least–most)\n")
    with (
        LocalCluster(
            n_workers=arguments.workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster, set_as_default=False) as naive,
        ClusterProvider() as provider,
    ):
        backend = provider.get_backend("aer-local", workers=arguments.workers)
        quick, rounds = arguments.quick, arguments.rounds
        found = table(QUICK if quick else FULL, contenders(backend, naive), rounds, differences, QUICK[0]())
        found += table(
            primitives.QUICK if quick else primitives.FULL,
            primitives.contenders(backend),
            rounds,
            pub_differences,
            primitives.QUICK[1](),
        )
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1))
    return 0 if all(one["identical"] for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
