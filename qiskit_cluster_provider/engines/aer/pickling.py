"""What of a run would have to be pickled, by name: all else travels as data, of which a worker executes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import PickleRefusedError
from ...plan.circuits.columns import Columns, Kind
from ...plan.engine import PickledPart
from ...plan.model import Work
from .noise_data import why_not


def pickled_parts(work: Work) -> Iterator[PickledPart]:
    """The parts of ``work`` that only a pickle carries."""
    known: set[int] = set()
    for item in work.items:
        if id(item.circuit) in known:  # the work holds it
            continue
        known.add(id(item.circuit))
        reason = item.memoised("pickled", _of_circuit)
        if reason is not None:
            yield PickledPart(item.where, reason, item.name, item.source)
    for batch in work.batches:
        if batch.channel_errors or work.interned_noise is None:
            reason = why_not(work.noise_model, batch.channel_errors)
        else:
            reason = work.interned_noise.memoised("pickled", why_not)
        if reason is not None:
            yield PickledPart("the noise model", reason)
            return


def refuse_pickles(work: Work) -> None:
    """Refuse ``work`` if anything in it would have to be pickled.

    Raises:
        PickleRefusedError: for the first part.
    """
    for part in pickled_parts(work):
        raise PickleRefusedError(
            f"{part.where} would have to be pickled, which allow_pickle=False forbids: {part.reason}",
            hint="set allow_pickle=True, or leave that part out.",
            circuit=part.circuit,
            index=part.index,
        )


def _of_circuit(circuit: Columns) -> str | None:
    for part in circuit.everywhere():
        if any(word.kind == Kind.PICKLE for word in part.words):
            step = next(step for step in part.steps() if step.word.kind == Kind.PICKLE)
            return f"its operation {step.word.name!r} is a {step.operand.about}, which is not data"
    return None
