"""``qiskit-cluster demo``: real workloads on a cluster and on one AerSimulator, compared bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import quantum_volume
from qiskit.result import Result
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from rich.table import Table

from .backend import ClusterBackend
from .testing import differences

_NOISE = {"cx": 0.02, "h": 0.002}
_SHARES = {
    "Clifford": 0.2,
    "quantum volume": 0.3,
    "GHZ": 0.1,
    "noisy": 0.1,
    "mid-circuit measurement": 0.1,
    "parameter matrix": 0.2,
}


@dataclass(frozen=True)
class Workload:
    """One call of ``run``.

    Attributes:
        name: for the table.
        circuits: of between 5 and 12 qubits.
        parameter_binds: as ``run`` takes them, or ``None``.
        options: further options of ``run``.
        experiments: how many results it has: more than circuits where there are parameter sets.
    """

    name: str
    circuits: Sequence[QuantumCircuit]
    experiments: int
    parameter_binds: list[Mapping[Any, Any]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def run(self, backend: Any, shots: int, seed: int, **options: Any) -> Result:
        """Run it and wait. ``backend`` is an ``AerSimulator`` or stands in for one."""
        return backend.run(
            list(self.circuits),
            parameter_binds=self.parameter_binds,
            shots=shots,
            seed_simulator=seed,
            memory=True,  # the order of the shots is compared too
            **self.options,
            **options,
        ).result()


@dataclass(frozen=True)
class Comparison:
    """One row of the table.

    Attributes:
        workload: what ran.
        differences: between the two results; empty if they are identical.
        cluster: seconds on the cluster, from ``run`` to the merged result.
        local: seconds on the AerSimulator.
    """

    workload: Workload
    differences: Sequence[str]
    cluster: float
    local: float


def workloads(experiments: int, seed: int) -> list[Workload]:
    """Circuits to compare with, the same for the same arguments.

    Args:
        experiments: of all workloads together, at least 1. With only a few, some workloads are left out.
        seed: of the circuits.
    """
    rng = np.random.default_rng(seed)
    makers = dict(zip(_SHARES, (_clifford, _volume, _ghz, _noisy, _feedback, _parametrised), strict=True))
    found = []
    ends = [round(experiments * share) for share in np.cumsum(list(_SHARES.values()))]
    for (name, make), start, stop in zip(makers.items(), [0, *ends], ends, strict=False):
        if stop > start:
            found.append(make(name, stop - start, rng))
    return found


def warm_up(backend: ClusterBackend, local: AerSimulator) -> tuple[int, float]:
    """Start the cluster and its simulating children, and run ``local`` once too.

    Returns:
        How many children simulate at the same time, and the seconds that the cluster took to start.
    """
    start = time.perf_counter()
    client: Any = backend.cluster.client()
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
    batch: Sequence[Workload],
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
        yield Comparison(workload, differences(found, expected), middle - start, stop - middle)


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
        "Identical: every count, the order of the shots, seeds, headers and metadata.\n"
        f"Cluster: {threads} processes, each simulating with one thread; from run() to the merged result.\n"
        "Local: AerSimulator(max_parallel_threads=1), one thread too. With default options it may use more "
        "threads, which is not measured here."
    )


def _add_times(drawn: Table, name: str, rows: Sequence[Comparison], identical: str) -> None:
    cluster, local = sum(row.cluster for row in rows), sum(row.local for row in rows)
    count = sum(row.workload.experiments for row in rows)
    drawn.add_row(name, str(count), identical, f"{cluster:.2f}", f"{local:.2f}", f"{local / cluster:.2f}")


def _width(rng: np.random.Generator, most: int = 12) -> int:
    return int(rng.integers(5, most + 1))


def _clifford(name: str, count: int, rng: np.random.Generator) -> Workload:
    return Workload(name, [_clifford_circuit(f"clifford-{i}", rng) for i in range(count)], count)


def _clifford_circuit(name: str, rng: np.random.Generator, most: int = 12) -> QuantumCircuit:
    """Layers of random one-qubit Cliffords and of CX between random pairs."""
    qubits = _width(rng, most)
    circuit = QuantumCircuit(qubits, name=name)
    for _ in range(2 * qubits):
        for qubit in range(qubits):
            getattr(circuit, str(rng.choice(["h", "s", "sdg", "x", "z"])))(qubit)
        order = [int(qubit) for qubit in rng.permutation(qubits)]
        for control, target in zip(order[::2], order[1::2], strict=False):
            circuit.cx(control, target)
    circuit.measure_all()
    return circuit


def _volume(name: str, count: int, rng: np.random.Generator) -> Workload:
    circuits = []
    for index in range(count):
        qubits = _width(rng)
        circuit = QuantumCircuit(qubits, name=f"volume-{index}")
        circuit.compose(quantum_volume(qubits, seed=int(rng.integers(2**31))), inplace=True)
        circuit.measure_all()
        circuits.append(circuit)
    return Workload(name, circuits, count)


def _ghz(name: str, count: int, rng: np.random.Generator) -> Workload:
    circuits = []
    for index in range(count):
        qubits = _width(rng)
        circuit = QuantumCircuit(qubits, name=f"ghz-{index}", metadata={"qubits": qubits})
        circuit.h(0)
        for qubit in range(1, qubits):
            circuit.cx(qubit - 1, qubit)
        circuit.measure_all()
        circuits.append(circuit)
    return Workload(name, circuits, count)


def _noisy(name: str, count: int, rng: np.random.Generator) -> Workload:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(_NOISE["h"], 1), ["h"])
    noise.add_all_qubit_quantum_error(depolarizing_error(_NOISE["cx"], 2), ["cx"])
    noise.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.03, 0.97]]))
    circuits = [_clifford_circuit(f"noisy-{i}", rng, most=9) for i in range(count)]
    return Workload(name, circuits, count, options={"noise_model": noise})


def _feedback(name: str, count: int, rng: np.random.Generator) -> Workload:
    """Measure in the middle, act on what was measured, and go on."""
    circuits = []
    for index in range(count):
        qubits = _width(rng, 6)
        circuit = QuantumCircuit(qubits, qubits, name=f"feedback-{index}")
        for qubit in range(qubits):
            circuit.ry(float(rng.uniform(0, np.pi)), qubit)
        for qubit in range(qubits - 1):
            circuit.measure(qubit, qubit)
            with circuit.if_test((circuit.clbits[qubit], 1)):
                circuit.x(qubit)
                circuit.rx(0.3, qubit + 1)
            circuit.h(qubit)
        circuit.measure(range(qubits), range(qubits))
        circuits.append(circuit)
    return Workload(name, circuits, count)


def _parametrised(name: str, count: int, rng: np.random.Generator) -> Workload:
    """One ansatz and ``count`` rows of values."""
    qubits, layers = 12, 8
    theta = ParameterVector("theta", qubits * layers)
    circuit = QuantumCircuit(qubits, name="ansatz")
    for layer in range(layers):
        for qubit in range(qubits):
            circuit.ry(theta[layer * qubits + qubit], qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    values = rng.uniform(-np.pi, np.pi, size=(count, len(theta)))
    binds: list[Mapping[Any, Any]] = [{theta[i]: values[:, i].tolist() for i in range(len(theta))}]
    return Workload(name, [circuit], count, parameter_binds=binds)
