"""What is measured: one call of ``run``, of a backend or of a primitive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import qiskit_aer.primitives as aer
from qiskit import QuantumCircuit
from qiskit.primitives import PrimitiveResult
from qiskit.quantum_info import Pauli, SparsePauliOp

from qiskit_cluster_provider import ClusterBackend, EstimatorV2, SamplerV2
from qiskit_cluster_provider.testing import differences, pub_differences

SEED = 7
Task = tuple[QuantumCircuit, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Circuits:
    """A batch for ``backend.run``.

    Attributes:
        circuits: what to run; only one if there are ``values``.
        values: its parameters, a row for each experiment; or ``None``.
        options: of ``run``.
        ours: options that Aer does not have, for our backend alone.
    """

    circuits: list[QuantumCircuit]
    values: npt.NDArray[np.float64] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    ours: Mapping[str, Any] = field(default_factory=dict)

    @property
    def experiments(self) -> int:
        """How many results it has."""
        return len(self.circuits) if self.values is None else len(self.values)

    def run(self, backend: Any) -> Any:
        """Run it and wait. ``backend`` is an ``AerSimulator`` or stands in for one."""
        options = {**self.options, **self.ours} if isinstance(backend, ClusterBackend) else self.options
        binds = None
        if self.values is not None:
            parameters = self.circuits[0].parameters
            binds = [{parameter: self.values[:, i].tolist() for i, parameter in enumerate(parameters)}]
        return backend.run(self.circuits, binds, seed_simulator=SEED, **options).result()

    def task(self, index: int) -> Task:
        """One experiment for those who send one circuit a task: without parameters, and with its options."""
        if self.values is None:
            return self.circuits[index], self.options
        return self.circuits[0].assign_parameters(self.values[index]), self.options

    def with_aer_pubs(self, count: int) -> Circuits:
        """The same: it has no PUBs."""
        return self

    def for_aer(self) -> tuple[Circuits, float]:
        """What Aer runs of it, and how much of the whole that is."""
        return self, 1.0

    def differences(self, found: Any, expected: Any) -> list[str]:
        """Between two results of it; empty if they are identical."""
        return differences(found, expected)


@dataclass(frozen=True, eq=False)
class States(Circuits):
    """A batch that saves states, which are read too: a result may have them ready before."""

    def run(self, backend: Any) -> Any:
        """As of :class:`Circuits`."""
        result = super().run(backend)
        for index in range(self.experiments):
            result.get_statevector(index)
        return result


@dataclass(frozen=True, eq=False)
class Pubs:
    """PUBs for a primitive: the estimator if there is an observable, else the sampler.

    Attributes:
        circuit: of all PUBs.
        values: the parameters of each PUB, of shape ``(PUBs, sets, parameters)``.
        observable: of all PUBs, or ``None``.
        shots: of the sampler; the estimator is exact.
        sampled: PUBs that Aer's primitives run, the time extrapolated to all; ``None`` runs all.
    """

    circuit: QuantumCircuit
    values: npt.NDArray[np.float64]
    observable: SparsePauliOp | None = None
    shots: int = 1000
    sampled: int | None = None

    @property
    def experiments(self) -> int:
        """How many parameter sets it has."""
        return int(np.prod(self.values.shape[:2]))

    def run(self, backend: Any) -> Any:
        """Run it and wait: with Aer's own primitives on an ``AerSimulator``, else with ours."""
        here = not isinstance(backend, ClusterBackend)
        if self.observable is not None:
            settings: dict[str, Any] = {"options": {"run_options": {"seed_simulator": SEED}}}
            estimator = (
                aer.EstimatorV2.from_backend(backend, **settings) if here else EstimatorV2(backend, **settings)
            )
            return estimator.run([(self.circuit, self.observable, rows) for rows in self.values]).result()
        settings = {"seed": SEED, "default_shots": self.shots}
        sampler = aer.SamplerV2.from_backend(backend, **settings) if here else SamplerV2(backend, **settings)
        return sampler.run([(self.circuit, rows) for rows in self.values]).result()

    def task(self, index: int) -> Task:
        """One experiment for those who send one circuit a task: bound, and with a save for each Pauli."""
        rows = self.values.reshape(-1, self.values.shape[-1])
        circuit = self.circuit.assign_parameters(rows[index])
        if self.observable is None:
            return circuit, {"shots": self.shots}
        for label in self.observable.paulis.to_labels():
            circuit.save_expectation_value(Pauli(label), range(circuit.num_qubits), label=label)
        return circuit, {}

    def with_aer_pubs(self, count: int) -> Pubs:
        """The same, with up to ``count`` PUBs for Aer's primitives."""
        return replace(self, sampled=count)

    def for_aer(self) -> tuple[Pubs, float]:
        """What Aer's primitives run of it, and how much of the whole that is."""
        count = len(self.values) if self.sampled is None else min(self.sampled, len(self.values))
        return replace(self, values=self.values[:count]), count / len(self.values)

    def differences(self, found: Any, expected: Any) -> list[str]:
        """Between ours and Aer's, which may have run the first PUBs only; expectation values to rounding."""
        return pub_differences(PrimitiveResult(list(found)[: len(expected)]), expected)


Call = Circuits | Pubs
