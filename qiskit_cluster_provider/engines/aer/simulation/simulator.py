"""The user's simulator, rebuilt on the worker: templates to Aer's raw experiments."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from qiskit_aer import AerError

from ...._compat import aer as private
from ....plan import Simulator
from ....plan.cache import ByteCache
from ....plan.circuits.columns import Columns, Word
from ....plan.circuits.joining import with_operation
from ..seeds import aer_seed
from .assembly import Assembled, Entry, assemble, available, tables
from .noise import Noise
from .rebuilding import cast, rebuilt
from .relaxation import relax, united
from .template import Template, for_run, portions, weight_of

Experiment = dict[str, Any]
T = TypeVar("T")
BYTES_OF_CHILD = 128 * 2**20
"""What a child keeps between slices: what it decoded and assembled. An estimate, as all sizes of these are."""
_ROWS = 256
"""Experiments of one call of Aer's C++: more become slower, by a fifth for 2,000."""


class Aer:
    """The user's simulator, rebuilt.

    Args:
        options: Aer's.
        simulator: what to rebuild.
        noise: the model, or ``None``.
        cache: for assembled circuits.
    """

    def __init__(
        self, options: Mapping[str, Any], simulator: Simulator, noise: Noise | None, cache: ByteCache | None = None
    ) -> None:
        self._options = {"max_parallel_threads": 1, **options}
        self._cache = ByteCache(BYTES_OF_CHILD) if cache is None else cache
        self._basis_gates: tuple[str, ...] | None = None
        self._noise = noise
        self._aer = rebuilt(simulator, self._cache)
        usual = self._aer.options.__dict__
        # Aer looks at each option that it is given, which for a tiny circuit takes as long as to simulate it.
        self._unusual = {k: cast(k, v) for k, v in self._options.items() if k not in usual or usual[k] is not v}
        if simulator.configuration is not None:
            self._basis_gates = tuple(self._aer.configuration().basis_gates)

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
        if count > _ROWS and self._noise is None:  # which each call would convert again
            return self._in_portions(templates, seed, shots, widths)
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
        singles = [template.part(i, i + 1) for template in templates for i in range(template.rows)]
        experiments: list[Experiment] = []
        metadata: Mapping[str, Any] = {}
        for offset, single in enumerate(singles):
            found, metadata = self.run([single], aer_seed(seed, offset), shots, widths)
            experiments += found
        return experiments, metadata

    def _in_portions(
        self, templates: Sequence[Template], seed: int, shots: int, widths: tuple[int, int]
    ) -> tuple[list[Experiment], Mapping[str, Any]]:
        experiments: list[Experiment] = []
        metadata: Mapping[str, Any] = {}
        for portion in portions(templates, _ROWS):
            found, metadata = self.run(portion, aer_seed(seed, len(experiments)), shots, widths)
            experiments += found
        return experiments, metadata

    def circuit(self, name: Hashable, make: Callable[[], Columns]) -> Columns:
        """The circuit that ``name`` says all of, made if it is not remembered."""
        return self._cache.get("circuits", name, make, weight_of)

    def remembered(self, kind: str, name: Hashable, make: Callable[[], T], weigh: Callable[[T], int]) -> T:
        """As of :meth:`.plan.cache.ByteCache.get`."""
        return self._cache.get(kind, name, make, weigh)

    def has_gates(self, names: Iterable[str]) -> bool:
        """Whether a simulated device, if it is one, has all gates of ``names``."""
        return self._basis_gates is None or set(self._basis_gates).issuperset(names)

    @property
    def has_one_state(self) -> bool:
        """Whether a circuit of gates alone is simulated as one state vector, on the CPU, in double precision."""
        options = self._options
        usual = {"device": "CPU", "precision": "double", "runtime_parameter_bind_enable": False}
        return (
            self._noise is None
            and options.get("method", "automatic") in ("automatic", "statevector")
            and all(options.get(name, value) == value for name, value in usual.items())
        )

    def _call(self, templates: Sequence[Template], seed: int, shots: int, widths: tuple[int, int]) -> dict[str, Any]:
        companion = self._companion([template.circuit for template in templates], *widths)
        if companion is not None:
            templates = [Template(companion, None), *templates]
            seed = aer_seed(seed, -1)
        chosen = {"seed_simulator": seed, "shots": shots}
        entries = self._entries(templates)
        if entries is None:
            noisy = {} if self._noise is None else {"noise_model": self._noise.model}
            result = self._public(templates, {**self._options, **noisy, **chosen})
        else:
            result = self._direct(templates, entries, {**self._unusual, **chosen})
        if companion is not None:
            result["results"] = result["results"][1:]
        return result

    def _public(self, templates: Sequence[Template], options: Mapping[str, Any]) -> dict[str, Any]:
        """What Aer's own ``run`` answers."""
        pairs = [pair for template in templates for pair in for_run(template)]
        binds = [bind for _, bind in pairs]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # raised on the client, where the user is
            job = self._aer.run(
                [circuit for circuit, _ in pairs], parameter_binds=binds if any(binds) else None, **options
            )
            found: dict[str, Any] = job.result().to_dict()
        return found

    @property
    def binds_at_run_time(self) -> bool:
        """Whether Aer gets the rows of a circuit as they are, and binds them while it simulates."""
        return bool(self._options.get("runtime_parameter_bind_enable"))

    def _entries(self, templates: Sequence[Template]) -> list[Entry] | None:
        """``templates`` in the form of Aer's C++; ``None`` if one must take the public way, as all then do."""
        if not available() or self.binds_at_run_time:
            return None
        entries = []
        for template in templates:
            one = self._assembled(template)
            if one is not None and one.delays and self._noise is not None and self._noise.has_passes:
                one = self._relaxed(template, self._noise) if self._noise.relaxes else None
            if one is None:
                return None
            entries.append(Entry(one, template.values))
        return entries

    def _assembled(self, template: Template) -> Assembled | None:
        def make() -> Assembled | None:
            return assemble(template.circuit, self._basis_gates)

        if template.name is None:
            return make()
        name = ("assembled", template.name, self._basis_gates)
        return self._cache.get("assembled", name, make, lambda one: 0 if one is None else one.bytes)

    def _relaxed(self, template: Template, noise: Noise) -> Assembled | None:
        """The same with the noise of its delays."""
        truncates = bool(self._options.get("enable_truncation", True))

        def make() -> Assembled | None:
            return assemble(
                template.circuit,
                self._basis_gates,
                lambda circuit, types: relax(self._aer, noise.model, circuit, types, truncates),
            )

        if template.name is None:
            return make()
        name = ("relaxed", template.name, self._basis_gates, noise, truncates)
        return self._cache.get("assembled", name, make, lambda one: 0 if one is None else one.bytes)

    def _direct(
        self, templates: Sequence[Template], entries: Sequence[Entry], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the C++ answers: Aer's ``run`` without making circuits, and without dressing results."""
        circuits = [template.circuit for template in templates]
        natives = [entry.assembled.native for entry in entries]
        generate = private.GENERATE_CONFIG.found
        config = generate(circuits, self._aer.options, **options, parameterizations=tables(entries))
        noise, errors = self._noise, united(entry.assembled.errors for entry in entries)
        if noise is not None and errors:
            noise = noise.with_errors(errors)
        found = private.EXECUTE_CIRCUITS.found(self._aer, natives, noise, config)
        if not isinstance(found, dict):
            raise AerError(f"the simulation returned {found!r:.200}")
        for one in found["results"]:
            one.pop("circ_id", None)  # which Aer uses up too
        _tell_phases(found["results"], entries)
        return found

    def _companion(self, circuits: Sequence[Columns], qubits: int, clbits: int) -> Columns | None:
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
        companion = Columns("companion", 1 if truncates else qubits, clbits)
        if not mixed:
            return companion
        save = Word("aer.SaveDensityMatrix", "save_density_matrix", "density_matrix", 1, 0, 0)
        return with_operation(companion, save, ([], "average"))

    def _mixes_methods(self, circuits: Sequence[Columns]) -> bool:
        """Whether Aer may choose another method for each circuit, and noise is at work."""
        if self._noise is None or len({id(c) for c in circuits}) == 1:
            return False
        return bool(self._options.get("method", "automatic") == "automatic")


def _tell_phases(results: Sequence[Experiment], entries: Sequence[Entry]) -> None:
    """Put the global phase of each row into its header, where it depends on the row."""
    start = 0
    for entry in entries:
        for phase, one in zip(entry.phases or (), results[start : start + entry.rows], strict=False):
            if "header" in one:  # else it failed
                one["header"]["global_phase"] = phase
        start += entry.rows


def _failure(error: Exception | str, seed: int) -> dict[str, Any]:
    """The shape of Aer's own failed experiment."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {_message(error)}"
    text = text.removeprefix("ERROR: ")
    return {"success": False, "status": f"ERROR: {text}", "shots": 0, "seed_simulator": seed, "data": {}}


def _message(error: Exception) -> str:
    return str(getattr(error, "message", error))
