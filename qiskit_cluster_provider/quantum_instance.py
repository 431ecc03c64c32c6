"""``QuantumInstance``: the class of Qiskit 0.x (``qiskit.utils``, gone since Qiskit 1.0), for code of that age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.result import Result

from .backend.cluster_backend import ClusterBackend
from .primitives.resolve import backend_of


class QuantumInstance:
    """A backend together with how to transpile for it and how to run on it.

    Args:
        backend: a backend of :class:`ClusterProvider`, or the name of one.
        shots: of each circuit; default: the backend's.
        seed_simulator: base seed of each :meth:`execute`; default: one is drawn for each.
        seed_transpiler: makes transpiling repeatable.
        optimization_level: 0 to 3; default: Qiskit's.
        run_options: further options of ``backend.run``, for example ``noise_model`` or ``max_job_size``.

    Raises:
        UnknownOptionError: an option that ``backend.run`` does not have.
        TypeError: ``backend`` or an option has the wrong type.
    """

    def __init__(
        self,
        backend: ClusterBackend | str,
        shots: int | None = None,
        seed_simulator: int | None = None,
        seed_transpiler: int | None = None,
        optimization_level: int | None = None,
        **run_options: Any,
    ) -> None:
        self.backend = backend_of(backend)
        self.seed_transpiler = seed_transpiler
        self.optimization_level = optimization_level
        given = {"shots": shots, "seed_simulator": seed_simulator, **run_options}
        self.run_options = {name: value for name, value in given.items() if value is not None}
        self.backend.execution.settings(self.run_options, "QuantumInstance", stacklevel=4)

    def transpile(self, circuits: QuantumCircuit | Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
        """The circuits in the gates of the backend; always a list, as it was."""
        batch = [circuits] if isinstance(circuits, QuantumCircuit) else list(circuits)
        return list(
            transpile(
                batch,
                self.backend,
                seed_transpiler=self.seed_transpiler,
                optimization_level=self.optimization_level,
            )
        )

    def execute(self, circuits: QuantumCircuit | Sequence[QuantumCircuit], had_transpiled: bool = False) -> Result:
        """Transpile, run and wait.

        Args:
            circuits: one or several.
            had_transpiled: they are transpiled already.

        Raises:
            InvalidCircuitError: a circuit cannot be run.
            ClusterJobError: the run did not end well.
        """
        ready = circuits if had_transpiled else self.transpile(circuits)
        return self.backend.run(ready, **self.run_options).result()

    def __repr__(self) -> str:
        options = {"seed_transpiler": self.seed_transpiler, "optimization_level": self.optimization_level}
        said = "".join(f", {k}={v!r:.40}" for k, v in {**self.run_options, **options}.items() if v is not None)
        return f"QuantumInstance({self.backend.name!r}{said})"
