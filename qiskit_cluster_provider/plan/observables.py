"""Observables as Pauli terms, and which of them each parameter set needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np
import numpy.typing as npt
from qiskit.primitives.containers.estimator_pub import EstimatorPub

from ..errors import InvalidPubError

MOST_TERMS = 2**16
"""Pauli terms of one observable; each projector doubles them."""
Terms = tuple[tuple[str, ...], tuple[float, ...]]
Indices = npt.NDArray[np.intp]

_PROJECTORS = {
    "0": (("I", 0.5), ("Z", 0.5)),
    "1": (("I", 0.5), ("Z", -0.5)),
    "+": (("I", 0.5), ("X", 0.5)),
    "-": (("I", 0.5), ("X", -0.5)),
    "r": (("I", 0.5), ("Y", 0.5)),
    "l": (("I", 0.5), ("Y", -0.5)),
}


def pauli_terms(
    observable: Mapping[str, float], where: str, circuit: str | None = None, index: int | None = None
) -> Terms:
    """The labels and coefficients of ``observable``, in its own order, with projectors written as Paulis.

    Args:
        observable: label -> real coefficient; labels over ``IXYZ`` and the projectors ``01+-rl``.
        where: for the error, whose it is.
        circuit: for the error, the name of its circuit.
        index: for the error, that of its PUB.

    Raises:
        InvalidPubError: its projectors are too many to be written out.
    """
    terms: dict[str, float] = {}
    for label, coefficient in observable.items():
        projectors = sum(letter in _PROJECTORS for letter in label)
        if not projectors:
            terms[label] = terms.get(label, 0.0) + float(coefficient)
            continue
        if 2**projectors > MOST_TERMS:
            raise InvalidPubError(
                f"{where}: the term {label!r} has {projectors} projectors, which are 2**{projectors} Paulis",
                circuit=circuit,
                index=index,
                hint="measure the circuit with SamplerV2 and take the mean of what it projects on.",
            )
        for choice in product(*(_PROJECTORS.get(letter, ((letter, 1.0),)) for letter in label)):
            pauli = "".join(letter for letter, _ in choice)
            factor = float(np.prod([weight for _, weight in choice]))
            terms[pauli] = terms.get(pauli, 0.0) + factor * float(coefficient)
    return tuple(terms), tuple(terms.values())


@dataclass(frozen=True, eq=False)
class Cells:
    """The expectation values of a PUB: the flat positions in its shape, and what belongs to each.

    Attributes:
        rows: intp of shape ``(size,)``, the flat index into its parameter sets.
        columns: intp of shape ``(size,)``, the index into ``observables``.
        observables: the distinct ones.
        shape: of the PUB.
    """

    rows: Indices
    columns: Indices
    observables: tuple[Terms, ...]
    shape: tuple[int, ...]

    def needs(self) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """``(first row, last row + 1, observables)``: neighbouring rows that need the same observables."""
        pairs = np.unique(np.column_stack([self.rows, self.columns]), axis=0)
        starts = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
        per_row = [tuple(part.tolist()) for part in np.split(pairs[:, 1], starts[1:])]
        row = 0
        for needed, group in groupby(per_row):
            count = len(list(group))
            yield row, row + count, needed
            row += count


def cells_of(pub: EstimatorPub, where: str, index: int) -> Cells:
    """Broadcast the parameter sets of ``pub`` against its observables, as numpy does.

    Args:
        pub: a coerced PUB.
        where: for errors, which it is.
        index: for errors, its place in the list that was given to ``run``.

    Raises:
        InvalidPubError: an observable cannot be written as Paulis.
    """
    sets = np.arange(pub.parameter_values.size, dtype=np.intp).reshape(pub.parameter_values.shape)
    distinct: dict[Terms, int] = {}
    which = np.zeros(pub.observables.shape, dtype=np.intp)
    for place in np.ndindex(which.shape):
        terms = pauli_terms(pub.observables[place], where, pub.circuit.name, index)
        which[place] = distinct.setdefault(terms, len(distinct))
    rows, columns = np.broadcast_arrays(sets, which)
    return Cells(rows.ravel(), columns.ravel(), tuple(distinct), tuple(rows.shape))


Sum = tuple[Indices, tuple[float, ...]]
"""A weighted sum over the numbers of a row: their columns and weights."""


@dataclass(frozen=True, eq=False)
class Share:
    """What one item contributes to the expectation values of its PUB.

    Attributes:
        item: its index in the work.
        rows: first parameter set, last + 1.
        sums: index of an observable -> how its value follows from the numbers of a row.
    """

    item: int
    rows: tuple[int, int]
    sums: Mapping[int, Sum]


@dataclass(frozen=True, eq=False)
class Estimate:
    """How the expectation values of one PUB are put together.

    Attributes:
        cells: what each of them is.
        shares: the items that run for it.
        batch: index of its batch, ``None`` if nothing runs for it.
        shots: per readout, or ``None`` for exact values.
    """

    cells: Cells
    shares: tuple[Share, ...]
    batch: int | None
    shots: int | None = None
