"""Slice results to the numbers of each item, placed by index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..plan import Batch, Bits, ExpectationValues, Item, Plan, Slice, SliceResult


@dataclass
class Numbers:
    """What came back for one item.

    Attributes:
        values: of :class:`~..plan.Bits`, uint8 of shape ``(experiments, shots, bytes)``; else flat, as
            :mod:`..plan.outputs` has them. Zeros where something is missing.
        missing: bool of shape ``(experiments,)``.
    """

    values: npt.NDArray[Any]
    missing: npt.NDArray[np.bool_]


@dataclass
class Collected:
    """All that came back.

    Attributes:
        items: by the item's index in the work.
        refused: global experiment -> Aer's words, for those that Aer could not run.
    """

    items: list[Numbers]
    refused: dict[int, str] = field(default_factory=dict)


def collect(plan: Plan, results: Mapping[int, SliceResult]) -> Collected:
    """The numbers of every item of ``plan``, as far as they are there.

    Args:
        plan: of a job whose items have outputs.
        results: slice index -> result, of those that came back.
    """
    work = plan.work
    found = Collected([_empty(item, batch) for batch in work.batches for item in batch.items])
    paths: dict[int, set[tuple[str, bool]]] = {}
    for piece in plan.slices:
        result = results.get(piece.index)
        start, stop = piece.experiments
        if result is None:
            for index, first, last in work.pieces(start, stop):
                found.items[index].missing[first:last] = True
            continue
        _place(plan, piece, result, found)
        found.refused.update((start + offset, status) for offset, status in result.refused.items())
        if piece.shots is not None and work.seed_mode == "aer":
            paths.setdefault(start, set()).update(result.paths)
    for experiment, taken in paths.items():
        if len(taken) > 1 or any(sampled for _, sampled in taken):
            methods = ", ".join(sorted({method for method, _ in taken}))
            found.refused.setdefault(
                experiment,
                f"ERROR: simulated with {methods} from one random stream, so that its ranges of shots do not add "
                "up to one run; leave max_shot_size out.",
            )
    for experiment in found.refused:
        index = work.item_of(experiment)
        found.items[index].missing[experiment - work.items[index].first] = True
    return found


def _empty(item: Item, batch: Batch) -> Numbers:
    count = item.experiments
    output = item.output
    missing = np.zeros(count, dtype=np.bool_)
    if isinstance(output, Bits):
        size = -(-item.circuit.num_clbits // 8)
        return Numbers(np.zeros((count, batch.shots, size), dtype=np.uint8), missing)
    assert output is not None
    dtype = np.float64 if isinstance(output, ExpectationValues) else np.int64
    return Numbers(np.zeros(output.position(count), dtype=dtype), missing)


def _place(plan: Plan, piece: Slice, result: SliceResult, found: Collected) -> None:
    work = plan.work
    arrays = iter(result.arrays)
    for run in piece.runs:
        batch = work.batches[run.batch]
        first_shot, last_shot = piece.shots or (0, batch.shots)
        for group in work.rows(run.start, run.stop):
            whole, used = next(arrays), 0
            for index, start, stop in group:
                output, values = work.items[index].output, found.items[index].values
                assert output is not None
                if isinstance(output, Bits):
                    values[start:stop, first_shot:last_shot] = whole[used : used + stop - start]
                    used += stop - start
                    continue
                place = slice(output.position(start), output.position(stop))
                array = whole[used : used + place.stop - place.start]
                used += len(array)
                if piece.shots is None:
                    values[place] = array
                elif isinstance(output, ExpectationValues):
                    values[place] += array * ((last_shot - first_shot) / batch.shots)
                else:
                    values[place] += array
