"""Batches that users run, generated here and from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import quantum_volume
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error, thermal_relaxation_error


@dataclass(frozen=True)
class Workload:
    """A batch, with its parameter sets and options."""

    name: str
    circuits: list[QuantumCircuit]
    binds: list[dict[Any, Any]] | None
    options: dict[str, Any]

    @property
    def experiments(self) -> int:
        """How many experiments it is."""
        if self.binds is None:
            return len(self.circuits)
        return sum(len(next(iter(binds.values()))) for binds in self.binds)

    def bound(self) -> list[QuantumCircuit]:
        """Its experiments as circuits without parameters, for those who send one circuit a task."""
        if self.binds is None:
            return self.circuits
        return [
            circuit.assign_parameters(dict(zip(binds, row, strict=True)))
            for circuit, binds in zip(self.circuits, self.binds, strict=True)
            for row in zip(*binds.values(), strict=True)
        ]


def tiny(count: int) -> Workload:
    """Five qubits, terminal measurement: the cost is all overhead."""
    rng = np.random.default_rng(1)
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(5, name=f"tiny{index}")
        for qubit in range(5):
            circuit.h(qubit)
            circuit.rz(rng.random(), qubit)
            circuit.cx(qubit, (qubit + 1) % 5)
        circuit.measure_all()
        circuits.append(circuit)
    return Workload(f"{count} tiny circuits", circuits, None, {"shots": 100})


def volume(qubits: int, count: int) -> Workload:
    """Quantum volume: the cost is all simulation."""
    circuits = [quantum_volume(qubits, qubits, seed=index) for index in range(count)]
    for circuit in circuits:
        circuit.measure_all()
    circuits = transpile(circuits, AerSimulator(), optimization_level=0)
    return Workload(f"quantum volume {qubits}, {count} circuits", circuits, None, {"shots": 1000})


def cutting(count: int) -> Workload:
    """Four qubits with a measurement in the middle: simulated shot by shot."""
    rng = np.random.default_rng(2)
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(4, 5, name=f"cut{index}")
        for layer in range(3):
            for qubit in range(4):
                circuit.ry(rng.random(), qubit)
            circuit.cx(layer, layer + 1)
        circuit.measure(1, 4)
        circuit.reset(1)
        circuit.h(1)
        circuit.cx(1, 2)
        circuit.measure(range(4), range(4))
        circuits.append(circuit)
    return Workload(f"circuit cutting, {count} subexperiments", circuits, None, {"shots": 1000})


def sweep(points: int, qubits: int = 12) -> Workload:
    """A QAOA sweep: one template and a matrix of parameters."""
    angles = ParameterVector("t", 4)
    circuit = QuantumCircuit(qubits, name="qaoa")
    circuit.h(range(qubits))
    for layer in range(2):
        for qubit in range(qubits):
            circuit.rzz(angles[2 * layer], qubit, (qubit + 1) % qubits)
        circuit.rx(angles[2 * layer + 1], range(qubits))
    circuit.measure_all()
    values = np.random.default_rng(3).random((points, 4))
    binds = {parameter: values[:, index].tolist() for index, parameter in enumerate(angles)}
    return Workload(f"QAOA sweep, {qubits} qubits, {points} points", [circuit], [binds], {"shots": 1000})


def noisy(count: int) -> Workload:
    """Small circuits under a device-like noise model of 27 qubits."""
    model = NoiseModel()
    for qubit in range(27):
        model.add_quantum_error(thermal_relaxation_error(80e3, 90e3, 35 + qubit), ["sx", "x"], [qubit])
        pair = thermal_relaxation_error(80e3, 90e3, 300 + qubit)
        error = pair.expand(pair).compose(depolarizing_error(0.005, 2))
        model.add_quantum_error(error, ["cx"], [qubit, (qubit + 1) % 27])
    rng = np.random.default_rng(4)
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(2, name=f"rb{index}")
        for _ in range(20 + int(rng.integers(80))):
            circuit.sx(int(rng.integers(2)))
            circuit.rz(rng.random(), int(rng.integers(2)))
            circuit.cx(0, 1)
        circuit.measure_all()
        circuits.append(circuit)
    return Workload(f"noisy benchmarking, {count} circuits", circuits, None, {"shots": 1000, "noise_model": model})


FULL: list[Callable[[], Workload]] = [
    lambda: tiny(1000),
    lambda: volume(10, 100),
    lambda: volume(16, 10),
    lambda: cutting(200),
    lambda: sweep(200),
    lambda: noisy(100),
]
QUICK: list[Callable[[], Workload]] = [
    lambda: tiny(200),
    lambda: volume(10, 20),
    lambda: cutting(40),
    lambda: sweep(50),
]
