"""Exact expectation values of circuits that are simulated as rotations, without Aer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .... import wire
from ....plan import ExpectationValues
from ....plan.circuits.columns import Kind
from ..gates import CLIFFORD
from ..rotations.choice import QUBITS, are_known, most_numbers
from ..rotations.means import Form, form_of, means
from ..rotations.program import Program, program_of
from ..rotations.reading import Sources
from ..seeds import aer_seed
from .jobs import Job, templates_of
from .outputs import label
from .simulator import Aer, Experiment

_KINDS = frozenset({Kind.GATE, Kind.UNITARY, Kind.BARRIER})
_METADATA = {"method": "statevector", "measure_sampling": False}


class _Circuit(NamedTuple):
    """A circuit of rotations."""

    sources: Sources
    program: Program


def takes_rotations(aer: Aer, job: Job) -> bool:
    """Whether the numbers of ``job`` are computed here: by circuit and operators, however the work is cut."""
    output, circuit = job.output, job.circuit
    if not isinstance(output, ExpectationValues) or not output.as_rotations or not aer.has_one_state:
        return False
    if circuit.num_qubits > QUBITS or any(np.iscomplex(coefficients).any() for _, coefficients in output.operators):
        return False
    if not _KINDS.issuperset(word.kind for word in circuit.words):
        return False
    names = set(circuit.counts)
    if names - {"barrier"} <= CLIFFORD:
        return False  # a stabilizer state, whose numbers have no rounding
    return are_known(names) and aer.has_gates(names) and _circuit(aer, job) is not None


def from_rotations(aer: Aer, run: wire.TaskRun, job: Job, offset: int) -> tuple[list[Experiment], Mapping[str, Any]]:
    """The experiments of a piece, and metadata of the whole if Aer had to run a part.

    Args:
        aer: remembers, and runs rows for which an expression of the circuit has no value: they fail in Aer's words.
        run: of the piece.
        job: the piece.
        offset: of its first experiment in the run.
    """
    piece, found = job.piece, _circuit(aer, job)
    assert found is not None
    given = None if piece.values is None else piece.values[piece.start : piece.stop]
    values = found.sources.values(given)
    rows = means(found.program, _forms(aer, job, found.program), values, job.experiments)
    names = [label(index) for index in range(rows.shape[1])]
    experiments: list[Experiment] = [
        {"success": True, "data": dict(zip(names, row, strict=True)), "metadata": _METADATA} for row in rows.tolist()
    ]
    metadata: Mapping[str, Any] = {}
    for row in np.flatnonzero(np.isnan(values).any(axis=0)).tolist() if values else ():
        alone = replace(
            job, piece=replace(piece, values=None if given is None else given[row : row + 1], start=0, stop=1)
        )
        seed = aer_seed(run.seed, offset + row)
        (experiments[row],), metadata = aer.run(templates_of(aer, [alone]), seed, run.shots, run.widths)
    return experiments, metadata


def _circuit(aer: Aer, job: Job) -> _Circuit | None:
    """``None`` if it is no circuit of rotations, or one that Aer simulates faster."""

    def make() -> _Circuit | None:
        circuit = job.circuit
        sources, most = Sources(circuit), most_numbers(len(circuit), circuit.num_qubits)
        program = program_of(circuit.num_qubits, sources.gates(circuit), most)
        return None if program is None else _Circuit(sources, program)

    return aer.remembered("", (*job.name, "rotations"), make, lambda one: 0 if one is None else one.program.bytes)


def _forms(aer: Aer, job: Job, program: Program) -> list[Form]:
    output = job.output
    assert isinstance(output, ExpectationValues)

    def make() -> list[Form]:
        return [form_of(program, operator) for operator in output.operators]

    name = (*job.name, job.output_name, "forms")
    return aer.remembered("operators", name, make, lambda forms: sum(form.bytes for form in forms))
