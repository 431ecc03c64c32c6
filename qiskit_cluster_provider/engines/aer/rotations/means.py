"""Means of operators in the states of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from .paulis import pauli_of
from .program import Floats, Program, signs
from .running import Values, states

Operator = tuple[tuple[str, ...], tuple[float, ...]]


@dataclass(frozen=True, eq=False)
class Form:
    """An operator as sums over pairs of amplitudes.

    Attributes:
        even: matrix of which ``u @ even @ u`` is the mean for real amplitudes ``u``, and a part of it for others.
        odd: matrix of which ``u @ odd @ v`` is the other part, for real parts ``u`` and imaginary parts ``v``.
    """

    even: Any
    odd: Any

    @property
    def bytes(self) -> int:
        """What it holds."""
        return sum(12 * one.nnz + 4 * one.shape[0] for one in (self.even, self.odd))


def form_of(program: Program, operator: Operator) -> Form:
    """``operator`` behind the gates of ``program``, for its amplitudes: the Clifford circuit is in it."""
    basis = program.basis
    places = np.full(2**program.qubits, -1, dtype=np.intp)
    places[basis] = np.arange(len(basis))
    found: dict[tuple[int, bool], Floats] = {}
    for letters, coefficient in zip(*operator, strict=True):
        image = program.frame.image(pauli_of(letters[::-1]), range(program.qubits))
        odd = bool((image.x & image.z).bit_count() & 1)
        column = found.setdefault((image.x, odd), np.zeros(len(basis)))
        column += coefficient * image.sign * signs(basis, image.x, image.z)
    parts: dict[bool, list[tuple[Any, Any, Any]]] = {False: [], True: []}
    for (x, odd), column in found.items():
        partners = places[basis ^ x]
        pairs = np.flatnonzero(
            (partners >= 0) & (column != 0) & ((partners > np.arange(len(basis))) | odd | (x == 0))
        )
        # i * sign flips the first of a pair to the second, so its part of the mean is -2 sign times the imaginary
        # part of conj(second) * first; the matrix has each pair twice, with signs that are opposite.
        weights = column[pairs] * (2.0 if x and not odd else 1.0)
        parts[odd].append((pairs, partners[pairs], weights))
    return Form(*(_matrix(parts[odd], len(basis)) for odd in (False, True)))


def _matrix(parts: Sequence[tuple[Any, Any, Any]], size: int) -> Any:
    if not parts:
        return csr_array((size, size))
    rows, columns, weights = (np.concatenate(one) for one in zip(*parts, strict=True))
    return csr_array((weights, (rows, columns)), shape=(size, size))


def means(program: Program, forms: Sequence[Form], values: Values, rows: int) -> Floats:
    """The mean of each operator for each row, of shape ``(rows, operators)``.

    Args:
        program: the circuit.
        forms: the operators.
        values: of the expressions of the circuit.
        rows: how many.
    """
    found: list[npt.NDArray[np.float64]] = []
    for state, mine in states(program, values, rows):
        each = np.stack([_mean(form, state) for form in forms], axis=1)
        found.append(each[mine])
    return np.concatenate(found)


def _mean(form: Form, state: Floats) -> Floats:
    """Of each state; added up row by row, since in a matrix the order of the sum depends on its shape."""
    size, parts, count = state.shape
    products = (form.even @ state.reshape(size, -1)).reshape(state.shape) * state
    total = products.sum(axis=1) if parts == 2 else products[:, 0]
    if parts == 2 and form.odd.nnz:
        total = total + 2.0 * state[:, 0] * (form.odd @ np.ascontiguousarray(state[:, 1]))
    return np.array([column.sum() for column in np.ascontiguousarray(total.T)]).reshape(count)
