"""A task's message to a result's message, with qiskit-aer. Runs in a child process."""

from __future__ import annotations

import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Clifford, StabilizerState
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.backends.backendconfiguration import AerBackendConfiguration
from qiskit_aer.noise import NoiseModel

from .. import wire
from ..plan import Simulator
from ..plan.seeds import aer_seed

Fetch = Callable[[list[str]], list[bytes]]
_CACHED_BYTES = 64 * 2**20  # messages whose decoded form is kept, by their size on the wire


class Simulation:
    """Runs slices, and remembers what it decoded for earlier ones."""

    def __init__(self) -> None:
        self._cache: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._size = 0

    def run(self, message: bytes, fetch: Fetch) -> bytes:
        """Simulate the slice in ``message``.

        Args:
            message: of :meth:`wire.Encoder.encode`.
            fetch: gets the messages of blobs that are not remembered, by name.
        """
        start = time.perf_counter()
        task = wire.decode_task(message)
        missing = [name for name in dict.fromkeys(task.blobs) if name not in self._cache]
        fetched = dict(zip(missing, fetch(missing), strict=True)) if missing else {}

        bundles = [self._decoded(part, fetched, wire.decode_circuits) for part in task.bundles]
        options, simulator, widths = self._decoded(task.context, fetched, wire.decode_context)
        noise: Any = None
        if task.noise is not None:
            noise = self._decoded(task.noise, fetched, _decode_noise)
        aer = Aer(options, simulator, noise, widths)

        experiments: list[dict[str, Any]] = []
        metadata: Mapping[str, Any] = {}
        for run in task.runs:
            pieces = [_bound(bundles[p.bundle][p.position], p.values, p.bind) for p in run.pieces]
            found, metadata = aer.run([one for piece in pieces for one in piece], run.seed, run.shots)
            experiments += found
        return wire.encode_result(task.index, experiments, metadata, time.perf_counter() - start)

    def _decoded(self, part: bytes | str, fetched: Mapping[str, bytes], decode: Callable[[bytes], Any]) -> Any:
        if isinstance(part, bytes):
            return decode(part)
        if part in self._cache:
            self._cache.move_to_end(part)
            return self._cache[part][1]
        value = decode(fetched[part])
        self._cache[part] = len(fetched[part]), value
        self._size += len(fetched[part])
        while self._size > _CACHED_BYTES and len(self._cache) > 1:
            _, (size, _) = self._cache.popitem(last=False)
            self._size -= size
        return value


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


def _bound(circuit: QuantumCircuit, values: Any, bind: bool) -> list[Template]:
    if not bind:
        return [Template(circuit, values)]
    bound = [circuit.assign_parameters(row) for row in values]
    for one in bound:
        one.name = circuit.name
    return [Template(one, None) for one in bound]


def _decode_noise(message: bytes) -> NoiseModel:
    noise_model, channel_errors = wire.decode_noise(message)
    if noise_model is None:
        noise_model = NoiseModel()
    # As Aer does for the channel instructions of a batch, so that circuits in other slices see them too.
    for error in channel_errors:
        noise_model.add_all_qubit_quantum_error(error, error.id)
    return noise_model


class Aer:
    """The user's simulator, rebuilt."""

    def __init__(self, options: Mapping[str, Any], simulator: Simulator, noise: Any, widths: tuple[int, int]) -> None:
        self._widths = widths
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
        self, templates: Sequence[Template], seed: int, shots: int
    ) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
        """Raw experiment dictionaries, one for each row, and the metadata of the whole.

        A circuit that makes Aer refuse the batch fails alone: the batch is run again one by one, with
        the seeds that each would have had.
        """
        count = sum(template.rows for template in templates)
        try:
            result = self._call(templates, seed, shots)
        except Exception as error:
            if count == 1:
                return [_failure(error, seed)], {}
        else:
            if len(result["results"]) == count:
                return [_raw(experiment) for experiment in result["results"]], result["metadata"]
            if count == 1:
                return [_failure(result["status"], seed)], {}
        singles = [template.row(i) for template in templates for i in range(template.rows)]
        experiments: list[dict[str, Any]] = []
        metadata: Mapping[str, Any] = {}
        for offset, single in enumerate(singles):
            found, metadata = self.run([single], aer_seed(seed, offset), shots)
            experiments += found
        return experiments, metadata

    def _call(self, templates: Sequence[Template], seed: int, shots: int) -> dict[str, Any]:
        binds = [template.binds for template in templates]
        circuits = [template.circuit for template in templates]
        companion = self._companion(circuits)
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

    def _companion(self, circuits: Sequence[QuantumCircuit]) -> QuantumCircuit | None:
        """A circuit to run before the others and to drop, so that they do not notice that the batch was cut.

        Aer lets the widest circuit of a batch decide for all: with classical bits anywhere, each circuit has
        counts; without truncation, each has the most qubits. The companion is as wide as the user's batch.

        With noise that is not unitary (a device's relaxation) and method ``automatic``, Aer 0.18.2 forgets the
        gates of a circuit that it simulates as a density matrix after it has simulated another one by
        trajectories: ``[12 qubits, 1 qubit]`` gives other counts than ``[1 qubit, 12 qubits]``. A density matrix at
        the head of the batch brings each circuit the counts that it has when it runs alone.
        """
        qubits, clbits = self._widths
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


def _raw(experiment: dict[str, Any]) -> dict[str, Any]:
    """Saved quantities as plain arrays and dictionaries; the client's Aer dresses them again."""
    header = experiment.get("header")
    if header is not None:
        header = header if isinstance(header, dict) else header.to_dict()
        experiment["header"] = {k: v for k, v in header.items() if k != "metadata"}
    types = experiment.get("metadata", {}).get("result_types", {})
    experiment["data"] = {
        key: _undress(value) if key in types else value for key, value in experiment["data"].items()
    }
    return experiment


def _undress(value: Any) -> Any:
    if isinstance(value, StabilizerState):
        return value.clifford.to_dict()
    if isinstance(value, Clifford):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _undress(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_undress(one) for one in value]
    data = getattr(value, "data", None)
    if isinstance(data, np.ndarray) and not isinstance(value, np.ndarray):
        return data  # Statevector, DensityMatrix, Operator, SuperOp
    return value
