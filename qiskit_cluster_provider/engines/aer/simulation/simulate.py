"""A task's message to a result's message, with qiskit-aer. Runs in a child process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, TypeVar

from qiskit_aer.noise import NoiseModel

from .... import wire
from ....plan import Output, Simulator, SliceResult
from ....plan.cache import ByteCache
from ....plan.circuits.columns import Columns
from ..noise_sent import checked
from ..seeds import aer_seed
from .expectations import from_states, takes_states
from .jobs import Job, share_state, templates_of
from .noise import Noise
from .outputs import collect, plain
from .rotations import from_rotations, takes_rotations
from .simulator import BYTES_OF_CHILD, Aer, Experiment
from .template import weight_of

Fetch = Callable[[list[str]], list[bytes]]
T = TypeVar("T")
Way = Callable[[Aer, wire.TaskRun, Job, int], tuple[list[Experiment], Mapping[str, Any]]]


class Simulation:
    """Runs slices, and remembers what it decoded and assembled for earlier ones."""

    def __init__(self) -> None:
        self.cache = ByteCache(BYTES_OF_CHILD)

    def run(self, message: bytes, fetch: Fetch, memory: int = 0) -> bytes | bytearray:
        """Simulate the slice in ``message``.

        Args:
            message: of :meth:`wire.Encoder.encode`.
            fetch: gets the messages of blobs that are not remembered, by name.
            memory: MB that Aer may use unless the user set ``max_memory_mb``; 0 leaves it to Aer, which takes
                the machine's and knows no cgroup.
        """
        start = time.perf_counter()
        task = wire.decode_task(message)
        reader = _Reader(self.cache, fetch, task.blobs)
        (options, simulator), _ = reader.decoded("options", task.context, wire.decode_context)
        parts = Parts(
            bundles=[reader.decoded("circuits", part, wire.decode_circuits, _weight) for part in task.bundles],
            options={"max_memory_mb": memory, **options} if memory else options,
            simulator=simulator,
            noises=[reader.decoded("noise models", part, _decode_noise, _noise_weight)[0] for part in task.noises],
            outputs=[reader.decoded("outputs", part, wire.decode_output) for part in task.outputs],
        )
        return wire.encode_result(simulate(task.index, task.runs, parts, self.cache, start), task.mailbox)


@dataclass(frozen=True, eq=False)
class Parts:
    """What the runs of a slice refer to by number, decoded; and what holds for all of them.

    Circuits and outputs come with a name that says all that they follow from.
    """

    bundles: Sequence[tuple[Sequence[Columns], Hashable]]
    options: Mapping[str, Any]
    simulator: Simulator
    noises: Sequence[Noise]
    outputs: Sequence[tuple[Output, Hashable]]


def simulate(index: int, runs: Iterable[wire.TaskRun], parts: Parts, cache: ByteCache, start: float) -> SliceResult:
    """The result of slice ``index``, which began at ``start`` on the clock of ``time.perf_counter``."""
    found = _Found()
    simulators: dict[int | None, Aer] = {}
    for run in runs:
        if run.noise not in simulators:
            noise = None if run.noise is None else parts.noises[run.noise]
            simulators[run.noise] = Aer(parts.options, parts.simulator, noise, cache)
        jobs = []
        for piece in run.pieces:
            circuits, name = parts.bundles[piece.bundle]
            output, output_name = (None, None) if piece.output is None else parts.outputs[piece.output]
            jobs.append(Job(piece, circuits[piece.position], output, (name, piece.position), output_name))
        _run(simulators[run.noise], run, jobs, found)
    return found.result(index, time.perf_counter() - start, cache.uses())


class _Reader:
    """The parts of a task, decoded unless they are remembered.

    Args:
        cache: remembers.
        fetch: gets the messages of blobs.
        blobs: that the task needs.
    """

    def __init__(self, cache: ByteCache, fetch: Fetch, blobs: Sequence[str]) -> None:
        self._cache = cache
        self._fetch = fetch
        missing = [name for name in dict.fromkeys(blobs) if name not in cache]
        self._messages = dict(zip(missing, fetch(missing), strict=True)) if missing else {}

    def decoded(
        self, kind: str, part: bytes | str, decode: Callable[[bytes], T], weigh: Callable[[T], int] | None = None
    ) -> tuple[T, str]:
        """A part, and its name: of one that lies in the task, the name that it would have as a blob.

        Args:
            kind: of the part.
            part: its message, or its name.
            decode: makes the value of the message.
            weigh: the bytes of the value; default: those of the message.
        """
        name = part if isinstance(part, str) else hashlib.sha256(part).hexdigest()

        def message() -> bytes:
            if isinstance(part, bytes):
                return part
            if name not in self._messages:  # it was let go for another part of this task
                (self._messages[name],) = self._fetch([name])
            return self._messages[name]

        value = self._cache.get(kind, name, lambda: decode(message()), weigh or (lambda _: len(message())))
        return value, name


@dataclass
class _Found:
    """What a task's runs have given so far."""

    experiments: list[Experiment] = field(default_factory=list)
    arrays: list[Any] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    paths: set[tuple[str, bool]] = field(default_factory=set)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    count: int = 0

    def add(self, job: Job, shots: int, experiments: Sequence[Experiment]) -> None:
        """The experiments of one piece, of ``shots`` each."""
        for offset, one in enumerate(experiments, self.count):
            if not one["success"]:
                self.refused[offset] = str(one["status"])
        self.count += len(experiments)
        if job.output is None:
            self.experiments += [plain(one) for one in experiments]
            return
        self.arrays.append(collect(job.output, job.circuit, job.piece.start, shots, experiments))
        for metadata in (one["metadata"] for one in experiments if one["success"]):
            self.paths.add((str(metadata.get("method")), bool(metadata.get("measure_sampling"))))

    def result(self, index: int, seconds: float, caches: Mapping[str, tuple[int, int]]) -> SliceResult:
        return SliceResult(
            index,
            wire.PackedExperiments.of(self.experiments),
            self.metadata,
            seconds,
            tuple(self.arrays),
            self.refused,
            frozenset(self.paths),
            caches,
        )


def _run(aer: Aer, run: wire.TaskRun, jobs: Sequence[Job], found: _Found) -> None:
    """One call of Aer as the user sees it; neighbours of which no states are wanted are one call indeed."""
    offset = 0
    for way, group in groupby(jobs, lambda job: _by_state(aer, job)):
        members = list(group)
        if way is not None:
            for job in members:
                experiments, found.metadata = way(aer, run, job, offset)
                found.add(job, run.shots, experiments)
                offset += len(experiments)
            continue
        templates = templates_of(aer, members)
        experiments, found.metadata = aer.run(templates, aer_seed(run.seed, offset), run.shots, run.widths)
        offset += len(experiments)
        left = iter(experiments)
        for job in members:
            found.add(job, run.shots, list(islice(left, job.experiments)))


def _by_state(aer: Aer, job: Job) -> Way | None:
    """How the state of each row is simulated once for all that is asked of it; ``None`` if it is not."""
    if job.shares_state:
        return share_state
    if takes_rotations(aer, job):
        return from_rotations
    return from_states if takes_states(aer, job) else None


def _weight(circuits: Sequence[Columns]) -> int:
    return sum(map(weight_of, circuits))


def _decode_noise(message: bytes) -> Noise:
    sent = wire.decode_noise(message)
    if sent.data is not None:
        return Noise(checked(sent.data))
    return with_channels(*sent.unpickled())


def _noise_weight(noise: Noise) -> int:
    return noise.weight


def with_channels(noise_model: NoiseModel | None, channel_errors: Iterable[Any]) -> Noise:
    """``noise_model``, to which the errors of channel instructions are added."""
    if noise_model is None:
        noise_model = NoiseModel()
    # As Aer does for the channel instructions of a batch, so that circuits in other slices see them too.
    for error in channel_errors:
        noise_model.add_all_qubit_quantum_error(error, error.id)
    return Noise(noise_model)
