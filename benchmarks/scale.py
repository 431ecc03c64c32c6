"""Seconds and memory of a client by number of experiments: `python -m benchmarks.scale`.

Each line of the table is a process of its own, with a warm `aer-local`. Its circuits are tiny, so that what is
measured is what the number of experiments costs: `run` is the call, `result` the time until everything is there,
`counts` reads all of it. CPU seconds and memory are the client's, Dask's scheduler and workers included, which are
threads of it; the processes that simulate are not. Memory is the peak above what the process had before `run`, the
user's circuits included there.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
from qiskit.circuit import Parameter, QuantumCircuit

from qiskit_cluster_provider import ClusterProvider

SHOTS = 100
QUBITS = 3
Batch = tuple[list[QuantumCircuit], list[dict[Parameter, list[float]]] | None]


def rows(count: int) -> Batch:
    """One circuit with ``count`` parameter sets."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(QUBITS, name="sweep")
    circuit.rx(angle, range(QUBITS))
    circuit.cx(0, 1)
    circuit.measure_all()
    return [circuit], [{angle: np.random.default_rng(1).random(count).tolist()}]


def alike(count: int) -> Batch:
    """Circuits that differ in their angles."""
    circuits = []
    for index, angle in enumerate(np.random.default_rng(1).random(count).tolist()):
        circuit = QuantumCircuit(QUBITS, name=f"alike{index}")
        circuit.rx(angle, range(QUBITS))
        circuit.cx(0, 1)
        circuit.measure_all()
        circuits.append(circuit)
    return circuits, None


def different(count: int) -> Batch:
    """Circuits that differ in their gates."""
    rng = np.random.default_rng(1)
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(QUBITS, name=f"different{index}")
        for gate in rng.choice(["h", "x", "s", "sx", "t", "z"], 6):
            getattr(circuit, gate)(int(rng.integers(QUBITS)))
        circuit.measure_all()
        circuits.append(circuit)
    return circuits, None


KINDS: dict[str, Callable[[int], Batch]] = {"rows": rows, "alike": alike, "different": different}


def point(kind: str, count: int, workers: int) -> dict[str, Any]:
    """Run ``count`` experiments in this process."""
    process = psutil.Process()
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=workers)
        backend.run(*alike(200)).result()  # the processes that simulate have started
        circuits, binds = KINDS[kind](count)
        before, cpu = process.memory_info().rss, time.process_time()
        start = time.perf_counter()
        job = backend.run(circuits, binds, shots=SHOTS, seed_simulator=1)
        ran = time.perf_counter()
        result = job.result()
        there = time.perf_counter()
        spent = time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        shots = sum(sum(result.get_counts(index).values()) for index in range(count))
        read = time.perf_counter()
    assert shots == SHOTS * count
    return {
        "kind": kind,
        "experiments": count,
        "run": ran - start,
        "result": there - ran,
        "counts": read - there,
        "cpu": spent,
        "memory": max(0, peak - before) / 2**20,
    }


def measured(kind: str, count: int, workers: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", "--workers", str(workers), "--point", kind, str(count)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def row(found: dict[str, Any]) -> str:
    seconds = " | ".join(f"{found[name]:.2f}" for name in ("run", "result", "counts", "cpu"))
    each = (found["run"] + found["result"]) / found["experiments"]
    return (
        f"| {found['kind']} | {found['experiments']:,} | {seconds} | {1e6 * each:.0f} | {found['memory']:.0f} | "
        f"{2**10 * found['memory'] / found['experiments']:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--point", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.point:
        kind, count = arguments.point
        print(json.dumps(point(kind, int(count), arguments.workers)))
        return
    print("| kind | experiments | run, s | result, s | counts, s | CPU, s | us each | memory, MB | KB each |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in arguments.kinds:
        for count in arguments.counts:
            print(row(measured(kind, count, arguments.workers)), flush=True)


if __name__ == "__main__":
    main()
