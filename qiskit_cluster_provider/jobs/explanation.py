"""How a run is cut, what of it travels, and where it is simulated: for people, before or after it runs."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heapify, heapreplace
from itertools import islice

from ..dispatch import Capacity
from ..plan import Placement, Plan, ResourceEstimate, longest_first
from ..wire import Encoder, example_address

_SHOWN = 3  # parts that are pickled


@dataclass(frozen=True)
class Explanation:
    """The plan of a run. ``print`` it; a notebook shows it as a table.

    Times are estimates. They are right within a factor of about two, and better once slices of the same method have
    run.

    Attributes:
        where: The name of the backend.
        here: Whether the run is simulated in this process, and not on the cluster.
        why_there: Why it is simulated where it is.
        experiments: The number of experiments.
        circuits: The number of circuits, as given, or of PUBs.
        templates: The number of different circuits among them. Each of these travels once to each worker.
        rows: The number of experiments that are rows of parameter values for a circuit with parameters.
        shots: The numbers of shots, in order.
        methods: For each simulation method that is expected, the number of experiments.
        slices: The number of slices.
        slice_sizes: The fewest and the most experiments in a slice.
        slice_seconds: The seconds of the shortest and of the longest slice.
        why_size: Why the slices have this size.
        capacity: The workers for which the run is cut.
        tasks_bytes: The bytes of all messages that go to one worker each.
        blobs: For each message that goes to every worker once, its name and its bytes.
        pickled: For each part of the run that only a pickle carries, which a worker executes: where it is, and what
            in it is more than data. All else travels as data.
        seconds: The seconds of simulation on one thread.
        overhead: The seconds that are needed in addition.
        wall: The seconds from the first slice to the last, on all workers.
        memory: The MB that the largest slice needs, or 0 if this is too little to count.
        learned_from: The number of slices of the same methods whose time is known from earlier runs.
    """

    where: str
    here: bool
    why_there: str
    experiments: int
    circuits: int
    templates: int
    rows: int
    shots: tuple[int, ...]
    methods: Mapping[str, int]
    slices: int
    slice_sizes: tuple[int, int]
    slice_seconds: tuple[float, float]
    why_size: str
    capacity: Capacity
    tasks_bytes: int
    blobs: Mapping[str, int]
    pickled: Mapping[str, str]
    seconds: float
    overhead: float
    wall: float
    memory: int
    learned_from: int

    @property
    def bytes(self) -> int:
        """The bytes that are sent. Each blob counts once for each worker, or for each slice if no worker keeps it."""
        return self.tasks_bytes + (self.capacity.workers or self.slices) * sum(self.blobs.values())

    def __str__(self) -> str:
        rows = list(self._rows())
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}}  {text}" for name, text in rows)

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self._rows()
        )
        return f"<table><caption><b>Explanation</b></caption>{body}</table>"

    def _rows(self) -> Iterator[tuple[str, str]]:
        shots = " or ".join(map(str, self.shots)) if len(self.shots) < 4 else f"{self.shots[0]} to {self.shots[-1]}"
        yield "run", f"{_many(self.experiments, 'experiment')}, {shots} shots"
        yield "where", f"{'in this process' if self.here else self.where}: {self.why_there}"
        if not self.here:
            yield "workers", f"{self.capacity.slots} slices at the same time: {self.capacity.why}"
        yield "slices", f"{_many(self.slices, 'slice')} of {self._size()}: {self.why_size}"
        yield "method", ", ".join(f"{name} ({count})" for name, count in self.methods.items())
        yield "circuits", self._shared()
        if not self.here:
            yield "bytes", self._sent()
            yield "pickled", self._pickled()
        yield "seconds", self._time()
        yield "memory", f"{self.memory:,} MB for the largest slice" if self.memory else "too little to count"

    def _size(self) -> str:
        (low, high), (short, long) = self.slice_sizes, self.slice_seconds
        size = _many(high, "experiment") if low == high else f"{low:,} to {high:,} experiments"
        if long > 1.2 * short:
            return f"{size}, {_seconds(short)} to {_seconds(long)}"
        return f"{size}, {_seconds(long)}{' each' if self.slices > 1 else ''}"

    def _shared(self) -> str:
        text = f"{self.templates} different of {self.circuits}"
        return f"{text}; {_many(self.rows, 'experiment')} as rows of parameter values" if self.rows else text

    def _sent(self) -> str:
        text = f"{_bytes(self.bytes)}: {_bytes(self.tasks_bytes)} in tasks"
        if not self.blobs:
            return text
        workers = self.capacity.workers
        who = f"{_many(workers, 'worker')} once" if workers else f"{_many(self.slices, 'slice')}"
        return f"{text}, and {_bytes(sum(self.blobs.values()))} to each of {who}"

    def _pickled(self) -> str:
        if not self.pickled:
            return "nothing"
        first = [f"{where}: {reason}" for where, reason in islice(self.pickled.items(), _SHOWN)]
        more = len(self.pickled) - len(first)
        return "; ".join([*first, *([f"and {more:,} more"] if more else [])])

    def _time(self) -> str:
        basis = f"from {_many(self.learned_from, 'slice')} that ran" if self.learned_from else "by formulas alone"
        if self.here:
            return f"about {_seconds(self.seconds)} ({basis})"
        return (
            f"about {_seconds(self.wall)}; {_seconds(self.seconds)} on one thread, and {_seconds(self.overhead)} of "
            f"overhead ({basis})"
        )


def explain(
    plan: Plan,
    estimate: ResourceEstimate,
    placement: Placement,
    where: str,
    capacity: Capacity,
    tasks_bytes: int,
    blobs: Mapping[str, int],
) -> Explanation:
    """Explain ``plan``.

    Args:
        plan: of the run.
        estimate: of the same work.
        placement: where it is simulated.
        where: name of the backend.
        capacity: what the plan was cut for.
        tasks_bytes: of all its messages.
        blobs: what several of these need: name -> bytes.
    """
    work = plan.work
    methods: Counter[str] = Counter()
    for batch in work.batches:
        for item in batch.items:
            methods[estimate.cost(item, batch.shots).method] += item.experiments
    sizes = [piece.size for piece in plan.slices] or [0]
    costs = [piece.cost for piece in plan.slices] or [0.0]
    extra = 0.0 if placement.here else capacity.overhead
    return Explanation(
        where=where,
        here=placement.here,
        why_there=placement.why,
        experiments=work.experiments,
        circuits=len({item.source for item in work.items}),
        templates=len({id(item.circuit) for item in work.items}),
        rows=sum(item.experiments for item in work.items if item.values is not None and not item.bind),
        shots=tuple(sorted({batch.shots for batch in work.batches})),
        methods=dict(methods.most_common()),
        slices=len(plan.slices),
        slice_sizes=(min(sizes), max(sizes)),
        slice_seconds=(min(costs), max(costs)),
        why_size=plan.why,
        capacity=capacity,
        tasks_bytes=tasks_bytes,
        blobs=dict(blobs),
        pickled={part.where: part.reason for part in work.engine.pickled_parts(work)},
        seconds=sum(costs),
        overhead=extra * len(plan.slices),
        wall=_wall(plan, capacity.slots, extra),
        memory=max(map(estimate.memory, plan.slices), default=0),
        learned_from=estimate.learned_from(),
    )


def sizes_of(plan: Plan, estimate: ResourceEstimate) -> tuple[int, dict[str, int]]:
    """Bytes of all tasks of ``plan`` together, and of each blob: it is written as it would be for sending."""
    encoder, address = Encoder(plan), example_address()
    total = sum(len(encoder.encode(one, address if estimate.has_arrays(one) else None)[1]) for one in plan.slices)
    return total, {name: len(blob) for name, blob in encoder.blobs.items()}


def _wall(plan: Plan, slots: int, extra: float) -> float:
    """Seconds until the last slice is done, if each goes to the slot that is free first."""
    free = [0.0] * max(1, min(slots, len(plan.slices)))
    heapify(free)
    for piece in longest_first(plan.slices):
        heapreplace(free, free[0] + piece.cost + extra)
    return max(free)


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _seconds(value: float) -> str:
    number, unit = (1000 * value, "ms") if value < 1 else (value, "s")
    return f"{number:.2g} {unit}" if number < 10 else f"{number:,.0f} {unit}"


def _bytes(number: int) -> str:
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:,.1f} kB" if number < 10**6 else f"{number / 10**6:,.1f} MB"
