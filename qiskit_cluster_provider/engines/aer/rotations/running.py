"""Rows of values through a program, all at once. Rows share a state as long as they have had the same values.

Each number is made of additions and multiplications of float64 that do not depend on which rows are beside it, nor on
the order of the rows, so that a row has the same bits in every slice. For the same reason sines and cosines are taken
one by one, and there is no product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .program import Floats, Program, Step

_NUMBERS = 2**18  # of the states that are simulated at a time: 2 MB, which stay in the cache of a core

Values = Sequence[Floats]
"""Of each expression, its values: one for each row."""


def states(program: Program, values: Values, rows: int) -> Iterator[tuple[Floats, npt.NDArray[np.intp]]]:
    """The states of consecutive rows.

    Args:
        program: the circuit.
        values: of its expressions.
        rows: how many.

    Yields:
        States of shape ``(basis, 1 or 2, states)``: real parts, and imaginary parts unless all are zero; and for each
        row the number of its state.
    """
    parts = 1 if program.real else 2
    size = max(1, _NUMBERS // (parts * len(program.basis)))
    for start in range(0, rows, size):
        some = [column[start : start + size] + 0.0 for column in values]  # no -0.0, which is another 0.0
        yield _run(program, some, min(rows, start + size) - start, parts)


def _run(program: Program, values: Values, rows: int, parts: int) -> tuple[Floats, npt.NDArray[np.intp]]:
    state = np.zeros((len(program.basis), parts, 1))
    state[0, 0] = 1.0
    mine = np.zeros(rows, dtype=np.intp)  # of each row its state
    firsts = mine[:1]  # of each state a row that has it
    met: set[int] = set()
    scratch = _Scratch()
    for step in program.steps:
        for source in step.sources:
            if source not in met and state.shape[2] < rows:
                met.add(source)
                apart, codes = np.unique(values[source], return_inverse=True)
                if len(apart) > 1:
                    pairs, firsts, mine = np.unique(mine * len(apart) + codes, return_index=True, return_inverse=True)
                    if len(pairs) > state.shape[2]:
                        state = state.take(pairs // len(apart), axis=2)
        _apply(state, step, [values[source][firsts] for source in step.sources], scratch)
    return state, mine


class _Scratch:
    """Arrays that are used again in each step: new ones of this size would be new memory each time."""

    def __init__(self) -> None:
        self._arrays: list[Floats] = []

    def taken(self, number: int, array: Floats, places: npt.NDArray[np.intp]) -> Floats:
        """``array[places]``."""
        found = self.like(number, (len(places), *array.shape[1:]))
        return array.take(places, axis=0, out=found, mode="clip")  # which, with an array for it, is not checked twice

    def like(self, number: int, shape: tuple[int, ...]) -> Floats:
        """Array ``number``, in ``shape``."""
        size = math.prod(shape)
        while len(self._arrays) <= number:
            self._arrays.append(np.empty(0))
        if len(self._arrays[number]) < size:
            self._arrays[number] = np.empty(size)
        return self._arrays[number][:size].reshape(shape)


def _apply(state: Floats, step: Step, values: Sequence[Floats], scratch: _Scratch) -> None:
    angles = np.repeat(step.constants[:, np.newaxis], state.shape[2] if values else 1, axis=1)
    for column, factors in zip(values, step.factors.T, strict=True):
        angles += factors[:, np.newaxis] * column
    cosines, sines = _each(math.cos, angles), _each(math.sin, angles)
    if step.which is not None:
        cosines, sines = scratch.taken(4, cosines, step.which), scratch.taken(5, sines, step.which)
    cosines, sines = cosines[:, np.newaxis], sines[:, np.newaxis]
    first = scratch.taken(0, state, step.first)
    if step.first is step.second:
        turned = _times_minus_i(first, scratch.like(1, first.shape))
        turned *= sines
        first *= cosines
        first += turned
        state[step.first] = first
        return
    second = scratch.taken(1, state, step.second)
    if step.odd:
        to_first = np.multiply(second, sines, out=scratch.like(2, first.shape))
        to_second = np.multiply(first, sines, out=scratch.like(3, first.shape))
        first *= cosines
        first -= to_first
    else:
        to_first = _times_minus_i(second, scratch.like(2, first.shape))
        to_second = _times_minus_i(first, scratch.like(3, first.shape))
        to_first *= sines
        to_second *= sines
        first *= cosines
        first += to_first
    second *= cosines
    second += to_second
    state[step.first] = first
    state[step.second] = second


def _each(function: Callable[[float], float], angles: Floats) -> Floats:
    return np.array([function(angle) for angle in angles.ravel().tolist()]).reshape(angles.shape)


def _times_minus_i(numbers: Floats, out: Floats) -> Floats:
    """``-i`` times complex numbers: the imaginary part is the real one, and the real part the imaginary negative."""
    out[:, 0] = numbers[:, 1]
    np.negative(numbers[:, 0], out=out[:, 1])
    return out
