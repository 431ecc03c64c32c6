"""The user's simulator, rebuilt on the worker: templates to Aer's raw experiments."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.backends.backendconfiguration import AerBackendConfiguration

from ..plan import Simulator
from ..plan.seeds import aer_seed

Experiment = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Template:
    """A circuit and the rows of its parameters; ``None`` if it has none."""

    circuit: QuantumCircuit
    values: Any

    @property
    def rows(self) -> int:
        """Number of experiments."""
        return 1 if self.values is None else len(self.values)

    def row(self, index: int) -> Template:
        """One experiment of it."""
        return self if self.values is None else Template(self.circuit, self.values[index : index + 1])

    @property
    def binds(self) -> dict[Any, list[float]]:
        """In the form of ``parameter_binds``."""
        if self.values is None:
            return {}
        return {p: self.values[:, i].tolist() for i, p in enumerate(self.circuit.parameters)}


class Aer:
    """The user's simulator, rebuilt."""

    def __init__(self, options: Mapping[str, Any], simulator: Simulator, noise: Any) -> None:
        self._options = {"max_parallel_threads": 1, **options}
        if noise is not None:
            self._options["noise_model"] = noise
        if simulator.configuration is None:
            self._aer = AerSimulator()
            return
        # A simulator that was made from a device assembles the device's gates only.
        configuration = AerBackendConfiguration.from_dict(dict(simulator.configuration))
        self._aer = AerSimulator(configuration=configuration, target=Target())
        self._aer.set_options(method=simulator.method, basis_gates=list(simulator.basis_gates))

    def run(
        self, templates: Sequence[Template], seed: int, shots: int, widths: tuple[int, int]
    ) -> tuple[list[Experiment], Mapping[str, Any]]:
        """Raw experiment dictionaries, one for each row, and the metadata of the whole.

        A circuit that makes Aer refuse the batch fails alone: the batch is run again one by one, with
        the seeds that each would have had.

        Args:
            templates: what to run; their rows are numbered through.
            seed: of the first row.
            shots: for each row.
            widths: the most qubits and classical bits of a circuit of the user's whole batch.
        """
        count = sum(template.rows for template in templates)
        try:
            result = self._call(templates, seed, shots, widths)
        except Exception as error:
            if count == 1:
                return [_failure(error, seed)], {}
        else:
            if len(result["results"]) == count:
                return list(result["results"]), result["metadata"]
            if count == 1:
                return [_failure(result["status"], seed)], {}
        singles = [template.row(i) for template in templates for i in range(template.rows)]
        experiments: list[Experiment] = []
        metadata: Mapping[str, Any] = {}
        for offset, single in enumerate(singles):
            found, metadata = self.run([single], aer_seed(seed, offset), shots, widths)
            experiments += found
        return experiments, metadata

    def _call(self, templates: Sequence[Template], seed: int, shots: int, widths: tuple[int, int]) -> dict[str, Any]:
        binds = [template.binds for template in templates]
        circuits = [template.circuit for template in templates]
        companion = self._companion(circuits, *widths)
        if companion is not None:
            circuits.insert(0, companion)
            binds.insert(0, {})
            seed = aer_seed(seed, -1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # raised on the client, where the user is
            job = self._aer.run(
                circuits,
                parameter_binds=binds if any(binds) else None,
                seed_simulator=seed,
                shots=shots,
                **self._options,
            )
            result: dict[str, Any] = job.result().to_dict()
        if companion is not None:
            result["results"] = result["results"][1:]
        return result

    def _companion(self, circuits: Sequence[QuantumCircuit], qubits: int, clbits: int) -> QuantumCircuit | None:
        """A circuit to run before the others and to drop, so that they do not notice that the batch was cut.

        Aer lets the widest circuit of a batch decide for all: with classical bits anywhere, each circuit has
        counts; without truncation, each has the most qubits. The companion is as wide as the user's batch.

        With noise that is not unitary (a device's relaxation) and method ``automatic``, Aer 0.18.2 forgets the
        gates of a circuit that it simulates as a density matrix after it has simulated another one by
        trajectories: ``[12 qubits, 1 qubit]`` gives other counts than ``[1 qubit, 12 qubits]``. A density matrix at
        the head of the batch brings each circuit the counts that it has when it runs alone.
        """
        truncates = self._options.get("enable_truncation", True)
        narrow = max(circuit.num_clbits for circuit in circuits) < clbits
        if not truncates and max(circuit.num_qubits for circuit in circuits) < qubits:
            narrow = True
        mixed = truncates and self._mixes_methods(circuits)
        if not (narrow or mixed):
            return None
        companion = QuantumCircuit(1 if truncates else qubits, clbits, name="companion")
        if mixed:
            companion.save_density_matrix()
        return companion

    def _mixes_methods(self, circuits: Sequence[QuantumCircuit]) -> bool:
        """Whether Aer may choose another method for each circuit, and noise is at work."""
        if self._options.get("noise_model") is None or len({id(c) for c in circuits}) == 1:
            return False
        return bool(self._options.get("method", "automatic") == "automatic")


def _failure(error: Exception | str, seed: int) -> dict[str, Any]:
    """The shape of Aer's own failed experiment."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {_message(error)}"
    text = text.removeprefix("ERROR: ")
    return {"success": False, "status": f"ERROR: {text}", "shots": 0, "seed_simulator": seed, "data": {}}


def _message(error: Exception) -> str:
    return str(getattr(error, "message", error))
