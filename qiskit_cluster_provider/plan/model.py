"""The words of the design, as frozen data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .circuits.columns import Columns
from .circuits.snapshots import InternedCircuit
from .engine import Engine
from .manifest import Manifest, manifest_of
from .outputs import Output, Parities

T = TypeVar("T")


def pub_name(index: int, name: str) -> str:
    """How errors call a PUB."""
    return f"PUB {index} (circuit {name!r})"


@dataclass(frozen=True, eq=False)
class Item:
    """One circuit of a run and its parameter sets: a template and a matrix, never bound copies.

    Attributes:
        circuit: the columns of the user's circuit, without its metadata, which stays at home; or a template of
            several, see :mod:`.circuits.templates`.
        name: of the user's circuit.
        metadata: the user's own metadata object, put into the result's header as Aer does.
        values: float64 of shape ``(sets, parameters)``, columns in the order of
            ``circuit.parameters``; ``None`` for a circuit that has none.
        first: global number of its first experiment.
        bind: Aer's public call would not bind the rows as Qiskit does, see :mod:`.circuits.snapshots`.
        source: index of the circuit or PUB that it comes from.
        first_row: where its parameter sets begin among those of its source.
        output: what is asked of each experiment; ``None`` is Aer's whole result.
        interned: ``circuit``, if it outlives the run.
    """

    circuit: Columns
    name: str
    metadata: Any
    values: npt.NDArray[np.float64] | None
    first: int
    bind: bool = False
    source: int = 0
    first_row: int = 0
    output: Output | None = None
    interned: InternedCircuit | None = None

    @property
    def variants(self) -> int:
        """Experiments for each parameter set."""
        return 1 if self.output is None else self.output.variants

    @property
    def experiments(self) -> int:
        """How many experiments this item is: its parameter sets, or one, times its variants."""
        return (1 if self.values is None else len(self.values)) * self.variants

    @property
    def where(self) -> str:
        """How errors call it: the circuit, or the PUB, from which it comes."""
        if self.output is None:
            return f"circuit {self.name!r} (index {self.source})"
        return pub_name(self.source, self.name)

    def memoised(self, name: str, make: Callable[[Columns], T]) -> T:
        """What follows from ``circuit`` alone, remembered as long as that."""
        return make(self.circuit) if self.interned is None else self.interned.memoised(name, make)


@dataclass(frozen=True, eq=False)
class Batch:
    """What a single machine would run in one call of Aer.

    Its experiments are numbered, and so seeded, from 0, and Aer lets its circuits influence each other.

    Attributes:
        items: at least one.
        shots: per experiment.
        base_seed: given by the user or drawn once; see :mod:`.seeds`.
        channel_errors: the errors of quantum channel instructions anywhere in it. Aer adds them to the
            noise model that all its circuits share, so that each slice must have them.
    """

    items: tuple[Item, ...]
    shots: int
    base_seed: int
    channel_errors: tuple[Any, ...] = ()

    @property
    def first(self) -> int:
        """Global number of its first experiment."""
        return self.items[0].first

    @property
    def stop(self) -> int:
        """Global number after its last experiment."""
        return self.items[-1].first + self.items[-1].experiments

    @cached_property
    def widths(self) -> tuple[int, int]:
        """The most qubits and the most classical bits of a circuit; Aer lets them decide for all."""
        return (
            max(item.circuit.num_qubits for item in self.items),
            max(_clbits(item) for item in self.items),
        )


def _clbits(item: Item) -> int:
    clbits: int = item.circuit.num_clbits
    if isinstance(item.output, Parities):
        clbits += max(readout.circuit.num_clbits for readout in item.output.readouts)
    return clbits


@dataclass(frozen=True)
class Simulator:
    """The part of the client's AerSimulator that a worker must rebuild.

    ``configuration`` is set for a simulator made by ``from_backend``: it then accepts the device's
    gates only (``basis_gates``).
    """

    method: str = "automatic"
    configuration: Mapping[str, Any] | None = None
    basis_gates: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Work:
    """All that determines the answer of a run; not yet cut.

    Attributes:
        batches: in order; one for ``backend.run``, several for the primitives.
        options: the engine's effective options that are not ``None`` (without shots, seed and noise model).
        engine: who runs it.
        noise_model: the effective noise model, or ``None``.
        interned_noise: ``noise_model``, if it outlives the run; see :class:`~..engines.aer.noise.InternedNoise`.
        simulator: what the workers rebuild.
        seed_mode, max_job_size, max_shot_size: as in :class:`~qiskit_cluster_provider.options.SliceOptions`.
    """

    batches: tuple[Batch, ...]
    options: Mapping[str, Any]
    engine: Engine
    noise_model: Any = None
    simulator: Simulator = Simulator()
    seed_mode: str = "aer"
    max_job_size: int | None = None
    max_shot_size: int | None = None
    interned_noise: Any = None

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Of all batches, in order."""
        return tuple(item for batch in self.batches for item in batch.items)

    @cached_property
    def manifest(self) -> Manifest:
        """All of it that a result needs."""
        return manifest_of(self.batches, self.seed_mode, bool(self.options.get("runtime_parameter_bind_enable")))

    @property
    def experiments(self) -> int:
        """Number of experiments of the whole run."""
        return self.manifest.experiments

    def divided(self, batch: Batch) -> bool:
        """Whether the experiments of ``batch`` are cut into ranges of shots."""
        return self.max_shot_size is not None and self.max_shot_size < batch.shots

    def part(self, group: Sequence[tuple[int, int, int]]) -> tuple[npt.NDArray[np.float64] | None, int, int]:
        """The parameter sets of a group of :meth:`.Manifest.rows`, and where its experiments are among theirs.

        Column by column, since columns are often alike, which compresses well.
        """
        parts = []
        for index, first, last in group:
            item = self.items[index]
            row, end = first // item.variants, -(-last // item.variants)
            parts.append(np.empty((end - row, 0)) if item.values is None else item.values[row:end])
        head = self.items[group[0][0]]
        start = group[0][1] % head.variants
        stop = start + sum(last - first for _, first, last in group)
        if len(group) == 1 and head.values is None:
            return None, start, stop
        return np.asfortranarray(parts[0] if len(parts) == 1 else np.concatenate(parts)), start, stop


@dataclass(frozen=True)
class Run:
    """One call of Aer inside a slice: experiments ``start`` to ``stop`` of ``batch``, from ``seed`` on."""

    start: int
    stop: int
    seed: int
    shots: int
    batch: int = 0


@dataclass(frozen=True)
class Slice:
    """A contiguous range of experiments, or a range of shots of one experiment: what one task runs.

    Attributes:
        index: its place in the plan.
        item: index of the item in which it begins.
        experiments: ``(start, stop)``, global numbers.
        shots: ``(start, stop)`` if it is a part of one experiment, else ``None``.
        runs: one call of Aer for each batch, or one for each experiment if seeds are independent.
        cost: seconds that it is expected to take.
        kind: of the cost of all its experiments, see :class:`.engine.Cost`; empty if there are several.
    """

    index: int
    item: int
    experiments: tuple[int, int]
    shots: tuple[int, int] | None
    runs: tuple[Run, ...]
    cost: float = 0.0
    kind: str = ""

    @property
    def seed(self) -> int:
        """Seed of its first run."""
        return self.runs[0].seed

    @property
    def size(self) -> int:
        """Number of experiments that it touches."""
        return self.experiments[1] - self.experiments[0]


@dataclass(frozen=True, eq=False)
class Plan:
    """The work and its slices: complete before the first task is submitted.

    Attributes:
        work: what is cut.
        slices: in order; together they are the work.
        why: the slices have the size that they have.
    """

    work: Work
    slices: tuple[Slice, ...]
    why: str = ""

    @property
    def manifest(self) -> Manifest:
        """Of the work."""
        return self.work.manifest

    def __str__(self) -> str:
        work = self.work
        if not self.slices:
            return "nothing to run"
        sizes = [piece.size for piece in self.slices]
        shots = sorted({batch.shots for batch in work.batches})
        seeds = list(dict.fromkeys(batch.base_seed for batch in work.batches))
        return (
            f"{work.experiments} experiments of {len(work.items)} circuits, "
            f"{' or '.join(map(str, shots)) if len(shots) < 4 else f'{shots[0]} to {shots[-1]}'} shots, "
            f"in {len(self.slices)} slices of {min(sizes)} to {max(sizes)} experiments, "
            f"base seed {seeds[0] if len(seeds) == 1 else f'of each of {len(work.batches)} batches'}"
        )
