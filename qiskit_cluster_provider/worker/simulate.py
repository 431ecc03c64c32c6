"""A task's message to a result's message, with qiskit-aer. Runs in a child process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit_aer.noise import NoiseModel

from .. import wire
from ..plan import ExpectationValues, Output, Parities, SliceResult
from ..plan.outputs import measured
from ..plan.seeds import aer_seed
from .aer import Aer, Experiment, Template
from .outputs import bound, chunks, collect, plain, saving, with_state

Fetch = Callable[[list[str]], list[bytes]]
_CACHED_BYTES = 64 * 2**20  # messages whose decoded form is kept, by their size on the wire


class Simulation:
    """Runs slices, and remembers what it decoded for earlier ones."""

    def __init__(self) -> None:
        self._cache: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._size = 0

    def run(self, message: bytes, fetch: Fetch, memory: int = 0) -> bytes:
        """Simulate the slice in ``message``.

        Args:
            message: of :meth:`wire.Encoder.encode`.
            fetch: gets the messages of blobs that are not remembered, by name.
            memory: MB that Aer may use unless the user set ``max_memory_mb``; 0 leaves it to Aer, which takes
                the machine's and knows no cgroup.
        """
        start = time.perf_counter()
        task = wire.decode_task(message)
        missing = [name for name in dict.fromkeys(task.blobs) if name not in self._cache]
        fetched = dict(zip(missing, fetch(missing), strict=True)) if missing else {}

        bundles = [self._decoded(part, fetched, wire.decode_circuits) for part in task.bundles]
        options, simulator = self._decoded(task.context, fetched, wire.decode_context)
        if memory:
            options = {"max_memory_mb": memory, **options}
        noises = [self._decoded(part, fetched, _decode_noise) for part in task.noises]
        outputs = [self._decoded(part, fetched, wire.decode_output) for part in task.outputs]

        found = _Found()
        for run in task.runs:
            aer = Aer(options, simulator, None if run.noise is None else noises[run.noise])
            jobs = [
                _Job(p, bundles[p.bundle][p.position], None if p.output is None else outputs[p.output])
                for p in run.pieces
            ]
            _run(aer, run, jobs, found)
        return wire.encode_result(found.result(task.index, time.perf_counter() - start))

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
class _Job:
    """A piece, with its circuit and what is asked of it."""

    piece: wire.Piece
    circuit: QuantumCircuit
    output: Output | None

    @property
    def shares_state(self) -> bool:
        return isinstance(self.output, Parities) and self.output.share_state


@dataclass
class _Found:
    """What a task's runs have given so far."""

    experiments: list[Experiment] = field(default_factory=list)
    arrays: list[Any] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    paths: set[tuple[str, bool]] = field(default_factory=set)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    count: int = 0

    def add(self, job: _Job, shots: int, experiments: Sequence[Experiment]) -> None:
        """The experiments of one piece, of ``shots`` each."""
        if job.output is None:
            self.experiments += [plain(one) for one in experiments]
            return
        self.arrays.append(collect(job.output, job.circuit, job.piece.start, shots, experiments))
        for offset, one in enumerate(experiments, self.count):
            if not one["success"]:
                self.refused[offset] = one["status"]
            else:
                metadata = one["metadata"]
                self.paths.add((str(metadata.get("method")), bool(metadata.get("measure_sampling"))))
        self.count += len(experiments)

    def result(self, index: int, seconds: float) -> SliceResult:
        return SliceResult(
            index,
            tuple(self.experiments),
            self.metadata,
            seconds,
            tuple(self.arrays),
            self.refused,
            frozenset(self.paths),
        )


def _run(aer: Aer, run: wire.TaskRun, jobs: Sequence[_Job], found: _Found) -> None:
    """One call of Aer as the user sees it; neighbours that share no state are one call indeed."""
    offset = 0
    saving_circuits: dict[tuple[int, int], QuantumCircuit] = {}
    for shares, group in groupby(jobs, lambda job: job.shares_state):
        members = list(group)
        if shares:
            for job in members:
                experiments, found.metadata = _share_state(aer, run, job, offset)
                found.add(job, run.shots, experiments)
                offset += len(experiments)
            continue
        templates = []
        for job in members:
            templates += _templates(job, saving_circuits)
        experiments, found.metadata = aer.run(_joined(templates), aer_seed(run.seed, offset), run.shots, run.widths)
        offset += len(experiments)
        left = iter(experiments)
        for job in members:
            found.add(job, run.shots, list(islice(left, job.piece.stop - job.piece.start)))


def _templates(job: _Job, saving_circuits: dict[tuple[int, int], QuantumCircuit]) -> list[Template]:
    piece, output = job.piece, job.output
    if isinstance(output, Parities):
        return [_measured(job, output, index) for index in range(piece.start, piece.stop)]
    circuit = job.circuit
    if isinstance(output, ExpectationValues):
        key = id(circuit), id(output)
        if key not in saving_circuits:
            saving_circuits[key] = saving(circuit, output)
        circuit = saving_circuits[key]
    return bound(circuit, piece.values, piece.bind)


def _measured(job: _Job, output: Parities, index: int) -> Template:
    """The circuit of one row and one of its readouts."""
    row, readout = divmod(index, output.variants)
    values = None if job.piece.values is None else job.piece.values[row : row + 1]
    (one,) = bound(job.circuit, values, job.piece.bind)
    return Template(measured(one.circuit, output.readouts[readout]), one.values)


def _share_state(aer: Aer, run: wire.TaskRun, job: _Job, offset: int) -> tuple[list[Experiment], Mapping[str, Any]]:
    """The experiments of a piece, and Aer's metadata, the state of each row simulated once for all its readouts."""
    piece, output = job.piece, job.output
    assert isinstance(output, Parities)
    state_circuit = job.circuit.copy()
    state_circuit.save_statevector(label="_qcp_state")
    experiments: list[Experiment] = []
    metadata: Mapping[str, Any] = {}
    for first, last in chunks(job.circuit, -(-piece.stop // output.variants)):
        values = None if piece.values is None else piece.values[first:last]
        states, _ = aer.run(bound(state_circuit, values, piece.bind), run.seed, 1, run.widths)
        templates = []
        for index in range(max(piece.start, first * output.variants), min(piece.stop, last * output.variants)):
            row, readout = divmod(index, output.variants)
            state = states[row - first]
            if state["success"]:
                prepared = with_state(job.circuit, np.asarray(state["data"]["_qcp_state"]))
                templates.append(Template(measured(prepared, output.readouts[readout]), None))
            else:  # it will fail by itself, in words that fit
                templates.append(_measured(job, output, index))
        seed = aer_seed(run.seed, offset + len(experiments))
        found, metadata = aer.run(templates, seed, run.shots, run.widths)
        experiments += found
    return experiments, metadata


def _joined(templates: Sequence[Template]) -> list[Template]:
    """Neighbours of one circuit become rows of one template: Aer assembles it once."""
    joined: list[Template] = []
    for _, group in groupby(templates, lambda template: id(template.circuit)):
        members = list(group)
        if len(members) == 1 or members[0].values is None:
            joined += members
        else:
            joined.append(Template(members[0].circuit, np.concatenate([one.values for one in members])))
    return joined


def _decode_noise(message: bytes) -> NoiseModel:
    noise_model, channel_errors = wire.decode_noise(message)
    if noise_model is None:
        noise_model = NoiseModel()
    # As Aer does for the channel instructions of a batch, so that circuits in other slices see them too.
    for error in channel_errors:
        noise_model.add_all_qubit_quantum_error(error, error.id)
    return noise_model
