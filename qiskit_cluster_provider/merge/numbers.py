"""Slice results to the numbers of each item, placed by index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from ..plan import BatchManifest, Form, ItemManifest, Planned, Slice, SliceResult


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
        items: by the item's index in the manifest.
        refused: global experiment -> Aer's words, for those that Aer could not run.
    """

    items: list[Numbers]
    refused: dict[int, str] = field(default_factory=dict)


def collect(plan: Planned, results: Mapping[int, SliceResult]) -> Collected:
    """The numbers of every item of ``plan``, as far as they are there.

    Args:
        plan: of a job whose items have outputs.
        results: slice index -> result, of those that came back.
    """
    manifest = plan.manifest
    items = iter(manifest.items)
    found = Collected([_empty(item, batch) for batch in manifest.batches for item in islice(items, batch.items)])
    paths: dict[int, set[tuple[str, bool]]] = {}
    for piece in plan.slices:
        result = results.get(piece.index)
        start, stop = piece.experiments
        if result is None:
            for index, first, last in manifest.pieces(start, stop):
                found.items[index].missing[first:last] = True
            continue
        _place(plan, piece, result, found)
        found.refused.update((start + offset, status) for offset, status in result.refused.items())
        if piece.shots is not None and manifest.seed_mode == "aer":
            paths.setdefault(start, set()).update(result.paths)
    for experiment, taken in paths.items():
        if len(taken) > 1 or any(sampled for _, sampled in taken):
            methods = ", ".join(sorted({method for method, _ in taken}))
            found.refused.setdefault(
                experiment,
                f"ERROR: simulated with {methods} from one random stream, so that its ranges of shots do not add "
                "up to one run; set max_shot_size=shots.",
            )
    for experiment in found.refused:
        index = manifest.item_of(experiment)
        found.items[index].missing[experiment - manifest.items[index].first] = True
    return found


def _empty(item: ItemManifest, batch: BatchManifest) -> Numbers:
    count = item.experiments
    missing = np.zeros(count, dtype=np.bool_)
    if item.form is Form.BITS:
        size = -(-item.clbits // 8)
        return Numbers(np.zeros((count, batch.shots, size), dtype=np.uint8), missing)
    assert item.form is not Form.RESULT
    dtype = np.float64 if item.form is Form.MEANS else np.int64
    return Numbers(np.zeros(item.position(count), dtype=dtype), missing)


def _place(plan: Planned, piece: Slice, result: SliceResult, found: Collected) -> None:
    manifest = plan.manifest
    arrays = iter(result.arrays)
    for run in piece.runs:
        batch = manifest.batches[run.batch]
        first_shot, last_shot = piece.shots or (0, batch.shots)
        for group in manifest.rows(run.start, run.stop):
            whole, used = next(arrays), 0
            for index, start, stop in group:
                item, values = manifest.items[index], found.items[index].values
                if item.form is Form.BITS:
                    values[start:stop, first_shot:last_shot] = whole[used : used + stop - start]
                    used += stop - start
                    continue
                place = slice(item.position(start), item.position(stop))
                array = whole[used : used + place.stop - place.start]
                used += len(array)
                if piece.shots is None:
                    values[place] = array
                elif item.form is Form.MEANS:
                    values[place] += array * ((last_shot - first_shot) / batch.shots)
                else:
                    values[place] += array
