"""The words of the design, as frozen data."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit


@dataclass(frozen=True, eq=False)
class Item:
    """One circuit of a run and its parameter sets: a template and a matrix, never bound copies.

    Attributes:
        circuit: a snapshot of the user's circuit, without metadata and layout (they stay at home).
        metadata: the user's own metadata object, put into the result's header as Aer does.
        values: float64 of shape ``(sets, parameters)``, columns in the order of
            ``circuit.parameters``; ``None`` for a circuit that has none.
        first: global number of its first experiment.
        bind: bind each row on the worker, because Aer's own binding would get the global phase wrong.
    """

    circuit: QuantumCircuit
    metadata: Any
    values: npt.NDArray[np.float64] | None
    first: int
    bind: bool = False

    @property
    def experiments(self) -> int:
        """How many experiments this item is: its parameter sets, or one."""
        return 1 if self.values is None else len(self.values)

    @property
    def name(self) -> str:
        """The circuit's name."""
        return str(self.circuit.name)


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
        items: in the order of the run.
        shots: per experiment.
        base_seed: given by the user or drawn once; see :mod:`.seeds`.
        options: Aer's effective options that are not ``None`` (without shots, seed and noise model).
        noise_model: the effective noise model, or ``None``.
        channel_errors: the errors of quantum channel instructions anywhere in the batch. Aer adds them
            to the noise model that all circuits of a batch share, so that each slice must have them.
        divisible: cut each experiment into slices of ``max_shot_size`` shots.
    """

    items: tuple[Item, ...]
    shots: int
    base_seed: int
    options: Mapping[str, Any]
    noise_model: Any = None
    channel_errors: tuple[Any, ...] = ()
    simulator: Simulator = Simulator()
    seed_mode: str = "aer"
    max_job_size: int | None = None
    max_shot_size: int | None = None

    @cached_property
    def experiments(self) -> int:
        """Number of experiments of the whole run."""
        return sum(item.experiments for item in self.items)

    @cached_property
    def widths(self) -> tuple[int, int]:
        """The most qubits and the most classical bits of a circuit; Aer lets them decide for all of a batch."""
        circuits = [item.circuit for item in self.items]
        return max(c.num_qubits for c in circuits), max(c.num_clbits for c in circuits)

    @cached_property
    def _firsts(self) -> list[int]:
        return [item.first for item in self.items]

    def item_of(self, experiment: int) -> int:
        """Index of the item that global ``experiment`` belongs to."""
        return bisect_right(self._firsts, experiment) - 1

    def pieces(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """The experiments ``start`` to ``stop`` as ``(item index, first row, last row + 1)``."""
        found = []
        index = self.item_of(start)
        while start < stop:
            item = self.items[index]
            end = min(stop, item.first + item.experiments)
            found.append((index, start - item.first, end - item.first))
            start, index = end, index + 1
        return found


@dataclass(frozen=True)
class Run:
    """One call of Aer inside a slice: experiments ``start`` to ``stop`` from ``seed`` on."""

    start: int
    stop: int
    seed: int
    shots: int


@dataclass(frozen=True)
class Slice:
    """A contiguous range of experiments, or a range of shots of one experiment: what one task runs.

    Attributes:
        index: its place in the plan.
        item: index of the item in which it begins.
        experiments: ``(start, stop)``, global numbers.
        shots: ``(start, stop)`` if it is a part of one experiment, else ``None``.
        runs: one call of Aer, or one for each experiment if seeds are independent.
        cost: relative cost, in experiments.
    """

    index: int
    item: int
    experiments: tuple[int, int]
    shots: tuple[int, int] | None
    runs: tuple[Run, ...]
    cost: float

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
    """The work and its slices: complete before the first task is submitted."""

    work: Work
    slices: tuple[Slice, ...]

    def __str__(self) -> str:
        sizes = [piece.size for piece in self.slices]
        return (
            f"{self.work.experiments} experiments of {len(self.work.items)} circuits, {self.work.shots} shots, "
            f"in {len(self.slices)} slices of {min(sizes)} to {max(sizes)} experiments, "
            f"base seed {self.work.base_seed}"
        )


@dataclass(frozen=True)
class SliceResult:
    """What came back for a slice: Aer's raw experiment dictionaries, in order.

    Attributes:
        index: of the slice.
        experiments: one dictionary for each, as Aer's C++ returns them: ``shots``, ``success``,
            ``data``, ``metadata``, ``seed_simulator``, ``status``, ``header`` ...
        metadata: of Aer's result as a whole.
        seconds: wall time on the worker.
    """

    index: int
    experiments: tuple[dict[str, Any], ...]
    metadata: Mapping[str, Any]
    seconds: float

    @property
    def failed(self) -> int:
        """How many of its experiments Aer could not run."""
        return sum(not experiment["success"] for experiment in self.experiments)
