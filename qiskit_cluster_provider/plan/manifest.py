"""What a result needs to know of a plan, without its circuits: names, numbers, shapes and outputs.

A result is made from slice results and a manifest alone. So a job that is done holds no circuits, and a job that was
stored can be read by who has no circuits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .outputs import Bits, ExpectationValues, Output

if TYPE_CHECKING:
    from .model import Batch, Slice


class Form(StrEnum):
    """What comes back for an experiment of an item."""

    RESULT = "result"
    """Aer's whole result."""
    BITS = "bits"
    """The packed bits of each shot: uint8 of shape ``(shots, bytes)``."""
    MEANS = "means"
    """Exact means, float64."""
    PARITIES = "parities"
    """Numbers of shots with an odd parity, int64."""


class ItemManifest(NamedTuple):
    """One circuit of a run, without the circuit.

    Attributes:
        name: of the user's circuit.
        ran: name of what the engine was given, which may have been a template.
        metadata: the user's own metadata object.
        first: global number of its first experiment.
        experiments: how many it is.
        source: index of the circuit or PUB that it comes from.
        first_row: where its parameter sets begin among those of its source.
        clbits: of the circuit.
        form: of what comes back.
        starts: where the numbers of each variant begin within those of a parameter set; the last entry is how many
            there are. For means and parities.
        template: neighbours that have the same are rows of one template, of which the same is asked.
    """

    name: str
    ran: str
    metadata: Any
    first: int
    experiments: int
    source: int
    first_row: int
    clbits: int
    form: Form
    starts: tuple[int, ...]
    template: int

    @property
    def variants(self) -> int:
        """Experiments for each parameter set."""
        return max(1, len(self.starts) - 1)

    def position(self, experiment: int) -> int:
        """Where the numbers of the item's ``experiment`` begin; for means and parities."""
        row, variant = divmod(experiment, self.variants)
        return row * self.starts[-1] + self.starts[variant]


class BatchManifest(NamedTuple):
    """One call of the engine, had a single machine run all of it.

    Attributes:
        first: global number of its first experiment.
        items: how many it has.
        shots: of each experiment.
        base_seed: given by the user or drawn once.
    """

    first: int
    items: int
    shots: int
    base_seed: int


class Planned(Protocol):
    """What a result is read from beside slice results: a plan, or what was stored of one."""

    @property
    def manifest(self) -> Manifest:
        """Of the work."""

    @property
    def slices(self) -> Sequence[Slice]:
        """In the order of their indices; together they are the work."""


@dataclass(frozen=True, eq=False)
class Manifest:
    """All of a work but its circuits, options and noise.

    Attributes:
        items: in the order of their experiments.
        batches: in order.
        seed_mode: as in :class:`~qiskit_cluster_provider.options.SliceOptions`.
        binds_at_run_time: the option ``runtime_parameter_bind_enable``, with which each row is told which one it is.
    """

    items: tuple[ItemManifest, ...]
    batches: tuple[BatchManifest, ...]
    seed_mode: str
    binds_at_run_time: bool

    @cached_property
    def experiments(self) -> int:
        """Number of experiments of the whole run."""
        return sum(item.experiments for item in self.items)

    @cached_property
    def _firsts(self) -> list[int]:
        return [item.first for item in self.items]

    @cached_property
    def _batch_firsts(self) -> list[int]:
        return [batch.first for batch in self.batches]

    def batch_of(self, experiment: int) -> int:
        """Index of the batch that global ``experiment`` belongs to."""
        return bisect_right(self._batch_firsts, experiment) - 1

    def item_of(self, experiment: int) -> int:
        """Index of the item that global ``experiment`` belongs to."""
        return bisect_right(self._firsts, experiment) - 1

    def weight(self, piece: Slice) -> float:
        """How many experiments ``piece`` is; a range of shots is a part of one."""
        if piece.shots is None:
            return float(piece.size)
        return (piece.shots[1] - piece.shots[0]) / self.batches[piece.runs[0].batch].shots

    def pieces(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """The experiments ``start`` to ``stop`` as ``(item index, first, last + 1)``, counted within the item."""
        found = []
        index = self.item_of(start)
        while start < stop:
            item = self.items[index]
            end = min(stop, item.first + item.experiments)
            found.append((index, start - item.first, end - item.first))
            start, index = end, index + 1
        return found

    def rows(self, start: int, stop: int) -> list[list[tuple[int, int, int]]]:
        """:meth:`pieces`, grouped: neighbours of one circuit of which the same is asked are rows of one template.

        Not with ``runtime_parameter_bind_enable``, where Aer tells of each row which one of its circuit's it is.
        """
        if self.binds_at_run_time:
            return [[piece] for piece in self.pieces(start, stop)]
        groups: list[list[tuple[int, int, int]]] = []
        last: int | None = None
        for piece in self.pieces(start, stop):
            template = self.items[piece[0]].template
            if template == last:
                groups[-1].append(piece)
            else:
                groups.append([piece])
            last = template
        return groups


def manifest_of(batches: Sequence[Batch], seed_mode: str, binds_at_run_time: bool) -> Manifest:
    """The manifest of a work with ``batches``; the other arguments are as in :class:`Manifest`."""
    items: list[ItemManifest] = []
    last: tuple[Any, Any] = (None, None)
    for batch in batches:
        for item in batch.items:
            circuit, output = item.circuit, item.output
            if not items or circuit is not last[0] or output is not last[1]:
                template = len(items)
            last = circuit, output
            items.append(
                ItemManifest(
                    name=item.name,
                    ran=circuit.name,
                    metadata=item.metadata,
                    first=item.first,
                    experiments=item.experiments,
                    source=item.source,
                    first_row=item.first_row,
                    clbits=circuit.num_clbits,
                    form=_form_of(output),
                    starts=_starts_of(output),
                    template=template,
                )
            )
    heads = tuple(BatchManifest(batch.first, len(batch.items), batch.shots, batch.base_seed) for batch in batches)
    return Manifest(tuple(items), heads, seed_mode, binds_at_run_time)


def _form_of(output: Output | None) -> Form:
    if output is None:
        return Form.RESULT
    if isinstance(output, Bits):
        return Form.BITS
    return Form.MEANS if isinstance(output, ExpectationValues) else Form.PARITIES


def _starts_of(output: Output | None) -> tuple[int, ...]:
    if output is None or isinstance(output, Bits):
        return ()
    if isinstance(output, ExpectationValues):
        return 0, len(output.operators)
    return tuple(output.starts)
