"""Time of ours against what a user would use instead: Markdown tables, a plot, and all figures as JSON.

All take turns, round after round. The clusters are up and their processes warm before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from distributed import Client, LocalCluster

from qiskit_cluster_provider import ClusterProvider

from . import picture, report, tasks, wire
from .contenders import contenders
from .measure import measure
from .workloads import FULL, QUICK, Workload

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("qiskit-cluster-provider", "qiskit", "qiskit-aer", "distributed")
PARTS = ("wire", "overhead", "efficiency")
_WARM, _WIRE = 1000, 1001  # numbers of rounds that are not measured


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns 1 if a result of ours was not Aer's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small batches, under a minute")
    parser.add_argument("--aer-pubs", type=int, metavar="N", help="PUBs that Aer's primitives run of each workload")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender (default: 3)")
    parser.add_argument("--workers", type=int, default=2, help="Dask workers (default: 2)")
    parser.add_argument(
        "--only", action="append", metavar="TEXT", help=f"workloads with TEXT in their name, or {', '.join(PARTS)}"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures (default: benchmarks/results/)")
    parser.add_argument("--plot", type=Path, help="where to write the plot, .svg or .png (default: the same)")
    given = parser.parse_args(arguments)
    chosen = [one for one in (QUICK if given.quick else FULL) if _wanted(one.name, given.only)]
    if given.aer_pubs is not None:
        if given.aer_pubs < 1:
            parser.error(f"--aer-pubs {given.aer_pubs}: Aer has to run one PUB at least")
        chosen = [one.with_aer_pubs(given.aer_pubs) for one in chosen]
    parts = [part for part in PARTS if _wanted(part, given.only)]
    if not chosen and not parts:
        parser.error(f"no workload has {' or '.join(given.only)} in its name")
    about = {
        "versions": {**{name: version(name) for name in PACKAGES}, "Python": platform.python_version()},
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "workers": given.workers,
        "rounds": given.rounds,
    }
    found = run(chosen, parts, report.Report(about), quick=given.quick)
    name = "quick" if given.quick else "full"
    file = given.json or RESULTS / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found.data(), indent=1, ensure_ascii=False))
    print(f"figures: {file}")
    if found.rows:
        plot = given.plot or RESULTS / f"{name}.svg"
        picture.draw(found.rows, report.head(about), plot)
        print(f"plot: {plot}")
    for row in found.rows:
        for difference in row.differences or ():
            print(f"{row.name}: {difference}", file=sys.stderr)
    return 0 if found.identical else 1


def run(chosen: Sequence[Workload], parts: Sequence[str], found: report.Report, *, quick: bool) -> report.Report:
    """Measure, and print each table as it grows."""
    workers, rounds = found.about["workers"], found.about["rounds"]
    print(report.head(found.about), end="\n\n", flush=True)
    with ExitStack() as stack:
        naive = stack.enter_context(
            LocalCluster(workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0")
        )
        client = stack.enter_context(Client(naive, set_as_default=False))
        backend = stack.enter_context(ClusterProvider()).get_backend("aer-local", workers=workers)
        everybody = contenders(backend, client, workers)
        tasks.warm(backend, workers)
        for contender in everybody.values():
            list(contender(QUICK[0].make(_WARM), None))
        if chosen:
            print(report.LEGEND, end="\n\n")
            print(report.workload_head(), flush=True)
        for workload in chosen:
            for row in measure(workload, everybody, rounds):
                found.rows.append(row)
                print(report.workload_line(row), flush=True)
        if chosen:
            print(flush=True)
        if "wire" in parts:
            with wire.metered(naive) as (remote, meter):
                tasks.warm(remote, workers)
                for workload in chosen or (QUICK if quick else FULL):
                    found.wire += wire.count(workload, remote, meter, _WIRE)
            print(report.wire_table(found.wire), end="\n\n", flush=True)
        if "overhead" in parts:
            found.overhead = tasks.overhead(backend, 200 if quick else 500, rounds)
            print(report.overhead_table(found.overhead), end="\n\n", flush=True)
        if "efficiency" in parts:
            slices = (1 if quick else 2) * workers
            found.efficiency += tasks.efficiency(backend, workers, slices, 1.0, 1 if quick else rounds)
            print(report.efficiency_table(found.efficiency), end="\n\n", flush=True)
    return found


def _wanted(name: str, only: Sequence[str] | None) -> bool:
    return only is None or any(text.lower() in name.lower() for text in only)


if __name__ == "__main__":
    sys.exit(main())
