"""What the slices that ran have taught about the machines where they ran."""

from __future__ import annotations

from statistics import median

_LAST = 15  # slices that count, of each kind
_BOUNDS = (0.02, 50.0)  # times: beyond that, something else than the machine was measured
_LEAST = 5e-3  # seconds: less says more of caches and of what else runs than of the work
_LITTLE, _MUCH = 1e-3, 5e-2  # seconds: what was expected to take so little counts if it took so much


class Calibration:
    """Measured seconds over estimated ones, by kind of work: how much slower one place is than the estimate.

    It changes the size of slices and what is told of them, and no answer. Any thread may use it: what is known of a
    kind is one object that is replaced, never changed. Of two slices that are recorded at once one may not count.
    """

    def __init__(self) -> None:
        self._ratios: dict[str, tuple[float, ...]] = {}

    def record(self, kind: str, estimated: float, measured: float) -> None:
        """A slice of ``kind`` ran, and took ``measured`` seconds."""
        if estimated <= 0 or measured < (_MUCH if estimated < _LITTLE else _LEAST):
            return
        low, high = _BOUNDS
        ratio = min(high, max(low, measured / estimated))
        self._ratios[kind] = (*self._ratios.get(kind, ())[1 - _LAST :], ratio)

    def factor(self, kind: str) -> float:
        """By how much to multiply an estimate; 1 as long as no slice of ``kind`` ran.

        The median: the first slice of a new process, which also imports and allocates, is to count for one.
        """
        ratios = self._ratios.get(kind)
        return median(ratios) if ratios else 1.0

    def slices(self, kind: str) -> int:
        """How many slices of ``kind`` it goes by."""
        return len(self._ratios.get(kind, ()))
