"""What users run on a cluster, to compare with one machine: circuits and PUBs, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import qiskit_aer.primitives as aer
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import quantum_volume
from qiskit.primitives import PrimitiveResult
from qiskit.quantum_info import SparsePauliOp
from qiskit.result import Result
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from ..backend.cluster_backend import ClusterBackend
from ..primitives import EstimatorV2, SamplerV2
from ..testing import differences, pub_differences

_NOISE = {"cx": 0.02, "h": 0.002}
_SHARES = {
    "Clifford": 0.15,
    "quantum volume": 0.25,
    "GHZ": 0.1,
    "noisy": 0.1,
    "mid-circuit measurement": 0.1,
    "parameter matrix": 0.1,
    "SamplerV2": 0.1,
    "EstimatorV2": 0.1,
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

    def differences(self, found: Result, expected: Result) -> list[str]:
        """Between two results of it; empty if they are identical."""
        return differences(found, expected)


@dataclass(frozen=True)
class Pubs:
    """One call of a primitive.

    Attributes:
        name: of the primitive, for the table.
        pubs: as ``run`` takes them.
        experiments: parameter sets of all PUBs.
    """

    name: str
    pubs: Sequence[Any]
    experiments: int

    def run(self, backend: Any, shots: int, seed: int, **options: Any) -> PrimitiveResult[Any]:
        """Run it and wait. ``backend`` is a ClusterBackend, or an ``AerSimulator`` for Aer's own primitives."""
        here = not isinstance(backend, ClusterBackend)
        if self.name == "SamplerV2":
            settings: dict[str, Any] = {"seed": seed, "default_shots": shots, "options": {"run_options": options}}
            sampler = aer.SamplerV2.from_backend(backend, **settings) if here else SamplerV2(backend, **settings)
            return sampler.run(self.pubs).result()
        settings = {"options": {"run_options": {"seed_simulator": seed, **options}}}
        estimator = aer.EstimatorV2.from_backend(backend, **settings) if here else EstimatorV2(backend, **settings)
        return estimator.run(self.pubs).result()

    def differences(self, found: PrimitiveResult[Any], expected: PrimitiveResult[Any]) -> list[str]:
        """Between two results of it; empty if they are identical, expectation values to rounding."""
        return pub_differences(found, expected)


def workloads(experiments: int, seed: int) -> list[Workload | Pubs]:
    """Circuits to compare with, the same for the same arguments.

    Args:
        experiments: of all workloads together, at least 1. With only a few, some workloads are left out.
        seed: of the circuits.
    """
    rng = np.random.default_rng(seed)
    makers: dict[str, Callable[[str, int, np.random.Generator], Workload | Pubs]] = dict(
        zip(
            _SHARES,
            (_clifford, _volume, _ghz, _noisy, _feedback, _parametrised, _sampled, _estimated),
            strict=True,
        )
    )
    found: list[Workload | Pubs] = []
    ends = [round(experiments * share) for share in np.cumsum(list(_SHARES.values()))]
    for (name, make), start, stop in zip(makers.items(), [0, *ends], ends, strict=False):
        if stop > start:
            found.append(make(name, stop - start, rng))
    return found


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
    circuit = _rotations("ansatz", 12, 8)
    circuit.measure_all()
    theta = circuit.parameters
    values = rng.uniform(-np.pi, np.pi, size=(count, len(theta)))
    binds: list[Mapping[Any, Any]] = [{theta[i]: values[:, i].tolist() for i in range(len(theta))}]
    return Workload(name, [circuit], count, parameter_binds=binds)


def _rotations(name: str, qubits: int, layers: int) -> QuantumCircuit:
    theta = ParameterVector("theta", qubits * layers)
    circuit = QuantumCircuit(qubits, name=name)
    for layer in range(layers):
        for qubit in range(qubits):
            circuit.ry(theta[layer * qubits + qubit], qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    return circuit


def _sampled(name: str, count: int, rng: np.random.Generator) -> Pubs:
    """A sweep: one circuit, and PUBs of up to ten parameter sets."""
    circuit = _rotations("sweep", 10, 4)
    circuit.measure_all()
    values = rng.uniform(-np.pi, np.pi, size=(count, circuit.num_parameters))
    return Pubs(name, [(circuit, values[i : i + 10]) for i in range(0, count, 10)], count)


def _estimated(name: str, count: int, rng: np.random.Generator) -> Pubs:
    """The energies of a variational algorithm: one observable of 200 terms, and a parameter set for each point."""
    circuit = _rotations("ansatz", 10, 4)
    labels = ["".join(rng.choice(list("IXYZ"), 10)) for _ in range(200)]
    energy = SparsePauliOp(labels, rng.normal(size=200)).simplify()
    return Pubs(name, [(circuit, energy, rng.uniform(-np.pi, np.pi, size=(count, circuit.num_parameters)))], count)
