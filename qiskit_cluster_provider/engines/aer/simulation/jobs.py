"""Pieces of a task to templates for Aer: what is saved and measured is added here."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from .... import wire
from ....plan import ExpectationValues, Output, Parities
from ....plan.circuits.columns import Columns
from ..seeds import aer_seed
from .outputs import STATE, chunks, measured, saving, with_saved_state, with_state
from .simulator import Aer, Experiment
from .template import Template


@dataclass(frozen=True, eq=False)
class Job:
    """A piece, with its circuit and what is asked of it.

    Attributes:
        piece: some experiments.
        circuit: theirs.
        output: what is asked, or ``None`` for Aer's whole result.
        name: says all that ``circuit`` follows from.
        output_name: the same of ``output``.
    """

    piece: wire.Piece
    circuit: Columns
    output: Output | None
    name: tuple[Hashable, int]
    output_name: Hashable

    @property
    def experiments(self) -> int:
        """How many they are."""
        return self.piece.stop - self.piece.start

    @property
    def shares_state(self) -> bool:
        """Whether the state of a row is simulated once for all its readouts."""
        return isinstance(self.output, Parities) and self.output.share_state


def templates_of(aer: Aer, jobs: Sequence[Job]) -> list[Template]:
    """What Aer runs for ``jobs``, none of which shares states."""
    found = [template for job in jobs for template in _templates(aer, job)]
    return found if aer.binds_at_run_time else _joined(found)  # Aer tells how many rows it has bound


def _templates(aer: Aer, job: Job) -> list[Template]:
    piece, output = job.piece, job.output
    if isinstance(output, Parities):
        return [_measured(aer, job, output, index) for index in range(piece.start, piece.stop)]
    if isinstance(output, ExpectationValues):
        name = (*job.name, job.output_name)
        circuit = aer.circuit(name, lambda: saving(job.circuit, output))
        return [Template(circuit, piece.values, piece.bind, name)]
    return [Template(job.circuit, piece.values, piece.bind, job.name)]


def _measured(aer: Aer, job: Job, output: Parities, index: int) -> Template:
    """The circuit of one row and one of its readouts."""
    row, readout = divmod(index, output.variants)
    name = (*job.name, job.output_name, readout)
    circuit = aer.circuit(name, lambda: measured(job.circuit, output.readouts[readout]))
    values = None if job.piece.values is None else job.piece.values[row : row + 1]
    return Template(circuit, values, job.piece.bind, name)


def share_state(aer: Aer, run: wire.TaskRun, job: Job, offset: int) -> tuple[list[Experiment], Mapping[str, Any]]:
    """The experiments of a piece, and Aer's metadata, the state of each row simulated once for all its readouts.

    Args:
        aer: simulates.
        run: of the piece.
        job: the piece.
        offset: of its first experiment in the run.
    """
    piece, output = job.piece, job.output
    assert isinstance(output, Parities)
    name = (*job.name, "state")
    circuit = aer.circuit(name, lambda: with_saved_state(job.circuit))
    experiments: list[Experiment] = []
    metadata: Mapping[str, Any] = {}
    for first, last in chunks(job.circuit, -(-piece.stop // output.variants)):
        values = None if piece.values is None else piece.values[first:last]
        states, _ = aer.run([Template(circuit, values, piece.bind, name)], run.seed, 1, run.widths)
        templates = []
        for index in range(max(piece.start, first * output.variants), min(piece.stop, last * output.variants)):
            row, readout = divmod(index, output.variants)
            state = states[row - first]
            if state["success"]:
                prepared = with_state(job.circuit, np.asarray(state["data"][STATE]))
                templates.append(Template(measured(prepared, output.readouts[readout]), None))
            else:  # it will fail by itself, in words that fit
                templates.append(_measured(aer, job, output, index))
        seed = aer_seed(run.seed, offset + len(experiments))
        found, metadata = aer.run(templates, seed, run.shots, run.widths)
        experiments += found
    return experiments, metadata


def _joined(templates: Sequence[Template]) -> list[Template]:
    """Neighbours of one circuit become rows of one template."""
    joined: list[Template] = []
    for _, group in groupby(templates, lambda template: id(template.circuit)):
        members = list(group)
        if len(members) == 1 or members[0].values is None:
            joined += members
        else:
            joined.append(replace(members[0], values=np.concatenate([one.values for one in members])))
    return joined
