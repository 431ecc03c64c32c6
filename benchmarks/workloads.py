"""The registry of workloads: batches and PUBs that users run, generated here and from a seed.

Each is made anew for each round, with other numbers of the same shape: what a first call costs is then measured in
every round, because no cache has met its content.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.circuit.library import efficient_su2, quantum_volume
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Clifford, random_clifford
from qiskit.transpiler import CouplingMap, PassManager
from qiskit.transpiler.passes import BasisTranslator, Optimize1qGatesDecomposition
from qiskit_aer.noise import NoiseModel, depolarizing_error

from . import molecule
from .calls import Call, Circuits, Pubs, States

DEVICE_GATES = ["cx", "rz", "sx", "x"]


@dataclass(frozen=True)
class Workload:
    """A line of the table, or two.

    Attributes:
        name: for tables, and for ``--only``.
        make: what is called in round 0, 1, 2, ...
        sampled: experiments that naive Dask runs, its time extrapolated to all; ``None`` runs all.
        again: a later call, of what the cluster has met, is measured too.
        once: it takes so long that one round must do.
    """

    name: str
    make: Callable[[int], Call]
    sampled: int | None = None
    again: bool = False
    once: bool = False

    def with_aer_pubs(self, count: int) -> Workload:
        """The same, with up to ``count`` PUBs for Aer's own primitives."""
        return replace(self, make=lambda number: self.make(number).with_aer_pubs(count))


def tiny(count: int, number: int) -> Circuits:
    """Five qubits, terminal measurement: the cost is all overhead."""
    rng = np.random.default_rng(number)
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(5, name=f"tiny{index}")
        for qubit in range(5):
            circuit.h(qubit)
            circuit.rz(rng.random(), qubit)
            circuit.cx(qubit, (qubit + 1) % 5)
        circuit.measure_all()
        circuits.append(circuit)
    return Circuits(circuits, options={"shots": 100})


def volume(qubits: int, count: int, number: int) -> Circuits:
    """Quantum volume: the cost is all simulation."""
    circuits = []
    for index in range(count):
        circuit = quantum_volume(qubits, qubits, seed=1000 * number + index)
        circuit.measure_all()
        circuits.append(circuit)
    return Circuits(circuits, options={"shots": 1000})


def benchmarking(qubits: int, count: int, longest: int, number: int) -> Circuits:
    """Randomized benchmarking of two qubits of a noisy device: little to simulate, and a large noise model."""
    rng = np.random.default_rng(number)
    circuits = []
    for index in range(count):
        sequence = QuantumCircuit(2)
        for _ in range(1 + longest * index // count):
            sequence.compose(random_clifford(2, rng).to_circuit(), inplace=True)
            sequence.barrier()
        sequence.compose(Clifford(sequence).adjoint().to_circuit(), inplace=True)
        circuit = QuantumCircuit(qubits, 2, name=f"rb{index}")
        circuit.compose(sequence, [0, 1], inplace=True)
        circuit.measure([0, 1], [0, 1])
        circuits.append(circuit)
    noise = _new_noise(qubits, number)
    return Circuits(_NATIVE.run(circuits, num_processes=1), options={"shots": 1000, "noise_model": noise})


def small(qubits: int, count: int, number: int) -> Circuits:
    """Small circuits on a few qubits of a noisy device: nearly all of the cost is its noise model."""
    rng = np.random.default_rng(number)
    circuits = []
    for index in range(count):
        width = int(rng.integers(1, 4))
        circuit = QuantumCircuit(qubits, width, name=f"small{index}")
        for _ in range(10):
            qubit = int(rng.integers(width))
            circuit.sx(qubit)
            circuit.rz(float(rng.uniform(0, 3)), qubit)
            if width > 1:
                qubit = int(rng.integers(width - 1))
                circuit.cx(qubit, qubit + 1)
        circuit.measure(range(width), range(width))
        circuits.append(circuit)
    return Circuits(circuits, options={"shots": 100, "noise_model": _new_noise(qubits, number)})


def scheduled(qubits: int, count: int, number: int) -> Circuits:
    """Circuits on three qubits of a noisy device, with a delay on each of its qubits as a scheduler leaves them."""
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(qubits, 3, name=f"scheduled{index}")
        for qubit in range(3):
            circuit.sx(qubit)
            circuit.rz(0.1 * (index + 1), qubit)
        circuit.cx(0, 1)
        circuit.cx(1, 2)
        for qubit in range(qubits):
            circuit.delay(1000 + 10 * index + number, qubit, "ns")
        circuit.barrier()
        circuit.measure(range(3), range(3))
        circuits.append(circuit)
    return Circuits(circuits, options={"shots": 1000, "noise_model": _new_noise(qubits, number)})


# Not transpile(): what it loads for its other stages takes longer than a quick measurement.
_NATIVE = PassManager(
    [BasisTranslator(SessionEquivalenceLibrary, DEVICE_GATES), Optimize1qGatesDecomposition(DEVICE_GATES)]
)


def _new_noise(qubits: int, number: int) -> NoiseModel:
    """That of a device, with a number that no cache has met."""
    noise = copy.deepcopy(_device_noise(qubits))
    right = 0.98 - 1e-4 * number
    noise.add_readout_error([[right, 1 - right], [0.03, 0.97]], [0], warnings=False)
    return noise


@cache
def _device_noise(qubits: int) -> NoiseModel:
    return NoiseModel.from_backend(GenericBackendV2(qubits, coupling_map=CouplingMap.from_ring(qubits), seed=1))


def cutting(count: int, number: int) -> Circuits:
    """Subexperiments of circuit cutting: a measurement and a reset in the middle, so simulated shot by shot."""
    rng = np.random.default_rng(number)
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
    return Circuits(circuits, options={"shots": 1000})


def sweep(points: int, qubits: int, number: int) -> Circuits:
    """A QAOA sweep: one template and a matrix of parameters."""
    rng = np.random.default_rng(number)
    angles = ParameterVector("t", 4)
    circuit = QuantumCircuit(qubits, name="qaoa")
    circuit.h(range(qubits))
    around = rng.permutation(qubits)
    for layer in range(2):
        for one, other in zip(around, np.roll(around, 1), strict=True):
            circuit.rzz(angles[2 * layer], int(one), int(other))
        circuit.rx(angles[2 * layer + 1], range(qubits))
    circuit.measure_all()
    return Circuits([circuit], rng.random((points, 4)), {"shots": 1000})


def memory(shots: int, number: int) -> Circuits:
    """A repetition code under noise, three rounds: one circuit, and very many shots."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.01 + 1e-5 * number, 2), ["cx"])
    data, checks = range(3), range(3, 5)
    circuit = QuantumCircuit(5, 9, name="code")
    for turn in range(3):
        for place, check in enumerate(checks):
            circuit.cx(place, check)
            circuit.cx(place + 1, check)
            circuit.measure(check, 2 * turn + place)
            circuit.reset(check)
    circuit.measure(data, range(6, 9))
    return Circuits([circuit], options={"shots": shots, "noise_model": noise, "method": "stabilizer"})


def states(qubits: int, count: int, number: int) -> States:
    """Few gates, and a state that is returned: nearly all of the cost is its bytes."""
    rng = np.random.default_rng(number)
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(qubits, name=f"state{index}")
        for qubit in range(qubits):
            circuit.ry(rng.random(), qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
        circuit.save_statevector()
        circuits.append(circuit)
    return States(circuits, options={"shots": 1})


def kernel(points: int, qubits: int, number: int) -> Pubs:
    """A quantum kernel: one PUB for each pair of points, all of one circuit."""
    feature_map = _zz_feature_map(qubits)
    overlap = _new(feature_map.compose(feature_map.inverse()), number)
    overlap.measure_all()
    pairs = points * (points - 1) // 2
    return Pubs(overlap, np.random.default_rng(number).uniform(0, 1, (pairs, 1, overlap.num_parameters)))


def _zz_feature_map(qubits: int) -> QuantumCircuit:
    """That of Qiskit's library, in gates."""
    x = ParameterVector("x", qubits)
    circuit = QuantumCircuit(qubits, name="kernel")
    circuit.h(range(qubits))
    for qubit in range(qubits):
        circuit.p(2 * x[qubit], qubit)
    for one in range(qubits):
        for other in range(one + 1, qubits):
            circuit.cx(one, other)
            circuit.p(2 * (np.pi - x[one]) * (np.pi - x[other]), other)
            circuit.cx(one, other)
    return circuit


def pubs(count: int, sets: int, sampled: int | None, number: int) -> Pubs:
    """Many PUBs of one circuit, each with an array of parameter sets; Aer runs ``sampled`` of them."""
    circuit = _new(efficient_su2(4, reps=1), number)
    circuit.measure_all()
    values = np.random.default_rng(number).uniform(-np.pi, np.pi, (count, sets, circuit.num_parameters))
    return Pubs(circuit, values, shots=100, sampled=sampled)


def gradient(points: int, number: int) -> Pubs:
    """The energy of lithium hydride and its gradient by differences, near Hartree-Fock: 93 points are all of it."""
    circuit = _new(molecule.ansatz(), number)
    size = circuit.num_parameters
    centre = np.random.default_rng(number).normal(0, 0.01, size)
    values = np.concatenate([[centre], centre + 1e-6 * np.eye(size)])[:points]
    return Pubs(circuit, values[np.newaxis], molecule.energy())


def _new(circuit: QuantumCircuit, number: int) -> QuantumCircuit:
    """The circuit with a gate at its begin that has no effect, so that no cache has met it."""
    first = QuantumCircuit(circuit.num_qubits, name=circuit.name)
    first.rz(float(number + 1), 0)
    return first.compose(circuit)


FULL: Sequence[Workload] = [
    Workload("1,000 tiny circuits", partial(tiny, 1000), sampled=200),
    Workload("quantum volume 10, 100 circuits", partial(volume, 10, 100)),
    Workload("quantum volume 16, 20 circuits", partial(volume, 16, 20)),
    Workload("noise of a 27-qubit device, 100 small circuits", partial(small, 27, 100), sampled=4, again=True),
    Workload("noise of a 127-qubit device, 100 small circuits", partial(small, 127, 100), sampled=2, again=True),
    Workload("scheduled, 127-qubit device, 3 circuits", partial(scheduled, 127, 3), again=True),
    Workload("noisy RB, 27-qubit device, 100 circuits", partial(benchmarking, 27, 100, 40), sampled=4, again=True),
    Workload("noisy RB, 127-qubit device, 100 circuits", partial(benchmarking, 127, 100, 40), sampled=2, again=True),
    Workload("quantum kernel, 435 PUBs", partial(kernel, 30, 8), sampled=100),
    Workload("circuit cutting, 108 subexperiments", partial(cutting, 108)),
    Workload("QAOA sweep, 400 points", partial(sweep, 400, 14), sampled=50),
    Workload("LiH UCCSD, energy and gradient", partial(gradient, 93), sampled=4, again=True),
    Workload("one noisy circuit, 100,000 shots", partial(memory, 100_000)),
    Workload("a saved state of 21 qubits", partial(states, 21, 1)),
    Workload("a saved state of 23 qubits", partial(states, 23, 1)),
    Workload("saved states of 21 qubits, 4 circuits", partial(states, 21, 4)),
    Workload("2,000 PUBs × 100 sets", partial(pubs, 2000, 100, 300), sampled=400, once=True),
]
QUICK: Sequence[Workload] = [
    Workload("100 tiny circuits", partial(tiny, 100), sampled=20),
    Workload("quantum volume 10, 20 circuits", partial(volume, 10, 20), sampled=10),
    Workload("quantum volume 16, 4 circuits", partial(volume, 16, 4)),
    Workload("scheduled, 7-qubit device, 3 circuits", partial(scheduled, 7, 3), again=True),
    Workload("noisy RB, 7-qubit device, 20 circuits", partial(benchmarking, 7, 20, 10), sampled=2, again=True),
    Workload("quantum kernel, 45 PUBs", partial(kernel, 10, 6), sampled=10),
    Workload("circuit cutting, 8 subexperiments", partial(cutting, 8), sampled=4),
    Workload("QAOA sweep, 50 points", partial(sweep, 50, 10), sampled=10),
    Workload("one noisy circuit, 4,000 shots", partial(memory, 4000)),
    Workload("saved states of 16 qubits, 4 circuits", partial(states, 16, 4)),
    Workload("20 PUBs × 20 sets", partial(pubs, 20, 20, None), sampled=10),
]
