"""Estimates a slice's run time, for slicing and for default timeouts, and its peak memory."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ...outcomes import Reason
from ...plan.calibration import Calibration
from ...plan.engine import Cost, ResourceEstimate
from ...plan.model import Item, Run, Slice, Work
from ...plan.slice_time import LITTLE_MEMORY
from .memory import DENSE, too_big
from .seconds import MOST_DENSE, cost_of, noise_seconds
from .shapes import Shape, shape_of

LEAST_TIMEOUT = 600.0
"""Seconds that every slice may take."""
UNPREDICTABLE = 86_400.0
"""Seconds for methods whose time nobody knows before."""
_MANY_BITS = 2**20
_GENEROUS = 50.0  # times the estimate, which is good to a factor of 2 on the machine where it was fitted

_Key = tuple[int, int, int, bool, bool]


class _Group(NamedTuple):
    """Items of a slice that need the same.

    Attributes:
        item: one of them.
        shots: of each experiment.
        items: how many there are.
        experiments: of all of them together.
    """

    item: Item
    shots: int
    items: int
    experiments: int


class AerEstimate(ResourceEstimate):
    """What the experiments and slices of ``work`` need; it looks at each circuit once.

    Args:
        work: of a run.
        calibration: of the place where it is to run; default: none, the estimates as they are.
    """

    def __init__(self, work: Work, calibration: Calibration | None = None) -> None:
        self.work = work
        self.per_call = noise_seconds(work.noise_model)
        self._calibration = calibration or Calibration()
        self._shapes: dict[int, Shape] = {}
        self._distinct: dict[
            Shape, Shape
        ] = {}  # of many circuits there are few, so that little is remembered of each
        self._groups: dict[tuple[Run, ...], tuple[_Group, ...]] = {}
        self._estimates: dict[_Key, Cost] = {}
        self._costs: dict[_Key, Cost] = {}  # the same by what is known of the place
        self._learned: dict[str, int] = {}  # slices that this goes by, of each kind

    def at(self, calibration: Calibration) -> AerEstimate:
        """The same at another place."""
        other = copy.copy(self)
        other._calibration, other._costs, other._learned = calibration, {}, {}
        return other

    def shape(self, item: Item) -> Shape:
        """What of its circuit counts."""
        key = id(item.circuit)  # the work holds it
        found = self._shapes.get(key)
        if found is None:
            found = item.memoised("shape", shape_of)
            found = self._shapes[key] = self._distinct.setdefault(found, found)
        return found

    def cost(self, item: Item, shots: int) -> Cost:
        """Seconds of ``item``, by all that is known of the place."""
        key = self._key(item, shots)
        found = self._costs.get(key)
        if found is None:
            raw = self._estimate(item, shots)
            factor = self._calibration.factor(raw.kind)
            self._learned[raw.kind] = self._calibration.slices(raw.kind)
            found = self._costs[key] = raw._replace(once=factor * raw.once, each=factor * raw.each)
        return found

    def total(self) -> tuple[float, bool]:
        """Seconds of all experiments on one thread, and whether that is more than a guess."""
        total, known = 0.0, True
        for batch in self.work.batches:
            for item in batch.items:
                cost = self.cost(item, batch.shots)
                total += cost.once + item.experiments * cost.each
                known &= cost.known and not self.shape(item).repeats
        return total, known

    def with_cost(self, piece: Slice) -> Slice:
        """``piece`` with the seconds that it probably takes, and their kind if it is one."""
        total, kinds = self.per_call * len(piece.runs), set()
        for item, shots, items, count in self._parts(piece):
            cost = self.cost(item, shots)
            total += items * cost.once + count * cost.each
            kinds.add(cost.kind)
        return replace(piece, cost=total, kind=kinds.pop() if len(kinds) == 1 else "")

    def observe(self, piece: Slice, seconds: float) -> None:
        """``piece`` took so many ``seconds``, which tells something if all of them are of one kind."""
        if piece.kind:
            total = 0.0
            for item, shots, items, count in self._parts(piece):
                raw = self._estimate(item, shots)
                total += items * raw.once + count * raw.each
            self._calibration.record(piece.kind, total, seconds - self.per_call * len(piece.runs))

    def learned_from(self) -> int:
        """How many slices that ran the costs that were asked for go by."""
        return sum(self._learned.values())

    def timeout(self, piece: Slice) -> float:
        """Seconds that ``piece`` may take if the user gives no ``slice_timeout``: generous, never infinite."""
        total = 0.0
        for item, shots, items, count in self._parts(piece):
            if not self.cost(item, shots).known:
                return UNPREDICTABLE
            # What seemed fast elsewhere must not end it sooner.
            total += max(
                items * one.once + count * one.each for one in (self.cost(item, shots), self._estimate(item, shots))
            )
        return min(LEAST_TIMEOUT + _GENEROUS * total, 10 * UNPREDICTABLE)

    def memory(self, piece: Slice) -> int:
        """MB that ``piece`` probably needs at its height; 0 if it is so little that it does not count."""
        state, kept = 0.0, 0.0
        for item, _, _, count in self._parts(piece):
            state = max(state, self.state(item))
            kept += count * self.kept(item)
        needed = state + kept
        return 0 if needed < LITTLE_MEMORY else int(needed // 2**20) + 1

    def has_arrays(self, piece: Slice) -> bool:
        """Whether large arrays may come back of ``piece``: saved quantities, or bits of very many shots."""
        return any(
            self.shape(item).saves or shots * count * item.circuit.num_clbits >= _MANY_BITS
            for item, shots, _, count in self._parts(piece)
        )

    def too_big(self, limit: int = 0) -> dict[int, Reason]:
        """Items that fit on no worker, of which the largest has ``limit`` MB; as of :func:`.memory.too_big`."""
        return too_big(self.work, limit, self.shape)

    def state(self, item: Item) -> float:
        """Bytes of what Aer holds while it simulates an experiment of ``item``."""
        shape, noisy = self.shape(item), self.work.noise_model is not None
        dense = _state_bytes(shape, self.work.options, noisy)
        return dense * (_threads(self.work) if shape.by_shot or noisy else 1)

    def kept(self, item: Item) -> float:
        """Bytes that stay of each experiment of ``item`` until its slice is done."""
        shape = self.shape(item)
        dense = _state_bytes(shape, self.work.options, self.work.noise_model is not None) if shape.states else 0.0
        # Aer's own copy, Python's, and the message. 600 bytes a gate and 18 kB a result were measured.
        return 3 * dense * shape.states + 600.0 * shape.gates + 18_000

    def _parts(self, piece: Slice) -> tuple[_Group, ...]:
        """The items of ``piece``; those that need the same are grouped."""
        found = self._groups.get(piece.runs)
        if found is None:
            groups: dict[tuple[_Key, int], _Group] = {}
            for run in piece.runs:
                for index, first, last in self.work.manifest.pieces(run.start, run.stop):
                    item = self.work.items[index]
                    key = self._key(item, run.shots), item.circuit.num_clbits
                    head, shots, items, count = groups.get(key) or (item, run.shots, 0, 0)
                    groups[key] = _Group(head, shots, items + 1, count + last - first)
            found = self._groups[piece.runs] = tuple(groups.values())
        return found

    def _estimate(self, item: Item, shots: int) -> Cost:
        key = self._key(item, shots)
        if key not in self._estimates:
            self._estimates[key] = cost_of(self.shape(item), item, shots, self.work)
        return self._estimates[key]

    def _key(self, item: Item, shots: int) -> _Key:
        """What makes items cost the same."""
        return id(self.shape(item)), id(item.output), shots, item.values is None, item.bind


def _threads(work: Work) -> int:
    return int(work.options.get("max_parallel_threads", 1)) or 1


def _state_bytes(shape: Shape, options: Mapping[str, Any], noisy: bool) -> float:
    """Bytes of the state of one experiment; 0 for methods that store none in full."""
    method = str(options.get("method", "automatic"))
    qubits = shape.qubits
    if method == "automatic":
        method = "statevector" if noisy and shape.automatic == "stabilizer" else shape.automatic
    power = DENSE.get(method, 0)
    if not power or power * qubits > MOST_DENSE:
        return 0.0
    number = 8 if str(options.get("precision", "double")) == "single" else 16
    return number * 2.0 ** (power * qubits)
