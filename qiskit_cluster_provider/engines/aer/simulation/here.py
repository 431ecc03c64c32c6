"""A slice in the process of the user, for work that is done before it would have been sent.

The code that simulates is that of the children. It is given the plan's own objects, so that nothing is written to
bytes and read again. This is the one module that a client imports for simulating, when it first does.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Hashable
from functools import cache
from typing import Any

from .... import wire
from ....plan import Batch, Output, Slice, SliceResult, Work
from ....plan.circuits.columns import Columns
from ....plan.reuse import Reuse
from .noise import Noise
from .simulate import Parts, simulate, with_channels

THREADS = "dispatch-"
"""How the names of the threads begin that simulate here."""


def simulate_here(work: Work, piece: Slice, reuse: Reuse) -> SliceResult:
    """The result of ``piece``.

    Args:
        work: of the run.
        piece: a part of it.
        reuse: has what was assembled for earlier slices.
    """
    _say_nothing_twice()
    start = time.perf_counter()
    runs, parts = _task(work, piece)
    with reuse.simulating:
        return simulate(piece.index, runs, parts, reuse.assembled, start)


def _task(work: Work, piece: Slice) -> tuple[list[wire.TaskRun], Parts]:
    """What a worker would have read from the message of ``piece``."""
    circuits: dict[int, tuple[int, Columns, Hashable]] = {}
    outputs: dict[int, tuple[int, Output]] = {}
    noises: list[Any] = []
    runs = []
    for run in piece.runs:
        batch = work.batches[run.batch]
        pieces = []
        for group in work.manifest.rows(run.start, run.stop):
            item = work.items[group[0][0]]
            values, first, last = work.part(group)
            which = None
            if item.output is not None:
                which = outputs.setdefault(id(item.output), (len(outputs), item.output))[0]
            # A circuit that does not outlive the run is remembered under a name that never comes again.
            named = (len(circuits), item.circuit, item.interned or object())
            place = circuits.setdefault(id(item.circuit), named)[0]
            pieces.append(wire.Piece(place, 0, values, item.bind, which, first, last))
        noise = None
        if work.noise_model is not None or batch.channel_errors:
            noise = len(noises)
            noises.append(_noise(work, batch))
        runs.append(wire.TaskRun(run.seed, run.shots, batch.widths, noise, tuple(pieces)))
    parts = Parts(
        bundles=[([circuit], name) for _, circuit, name in circuits.values()],
        options=work.options,
        simulator=work.simulator,
        noises=noises,
        outputs=[(output, output) for _, output in outputs.values()],
    )
    return runs, parts


def _noise(work: Work, batch: Batch) -> Noise:
    """Of a model that lasts the same each time, with what was converted and assembled for it."""
    if batch.channel_errors:
        return with_channels(copy.deepcopy(work.noise_model), batch.channel_errors)
    if work.interned_noise is None:
        return with_channels(work.noise_model, ())
    found: Noise = work.interned_noise.memoised("here", lambda model: with_channels(model, ()))
    return found


def _not_ours(record: logging.LogRecord) -> bool:
    return not str(record.threadName).startswith(THREADS)


@cache
def _say_nothing_twice() -> None:
    """Failures are in the result, and told by the job: Aer need not log them too."""
    logging.getLogger("qiskit_aer.backends.aerbackend").addFilter(_not_ours)
