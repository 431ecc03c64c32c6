"""Lets go of our copies of circuits whose results are there."""

from __future__ import annotations

from collections import Counter

from ..plan import Slice, Work


class HeldCircuits:
    """Counts the experiments that still need each circuit, and empties it after the last.

    A run of 100,000 circuits must not hold all of them twice until its end. Names and registers stay: merging
    needs them. Circuits that outlive the run stay too.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._left: Counter[int] = Counter()
        for item in work.items:
            if item.interned is None:
                self._left[id(item.circuit)] += item.experiments

    def done(self, piece: Slice) -> None:
        """The result of ``piece`` is there. Ranges of shots are left to :meth:`close`."""
        if piece.shots is not None:
            return
        for index, first, last in self._work.manifest.pieces(*piece.experiments):
            item = self._work.items[index]
            if item.interned is not None:
                continue
            self._left[id(item.circuit)] -= last - first
            if not self._left[id(item.circuit)]:
                item.circuit.clear()

    def close(self) -> None:
        """The job has ended; nothing will be sent any more."""
        for item in self._work.items:
            if self._left.pop(id(item.circuit), 0):
                item.circuit.clear()
