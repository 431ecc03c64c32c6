"""What circuits have in common, in one run and with those of earlier runs.

Bound circuits that differ only in the numbers of their gates become rows of one *template*: the same circuit with
parameters in the place of the numbers. A parametrised circuit that comes again is not copied, checked and written
again. Both are told by reading whole circuits, at about a microsecond an instruction, so that nothing that the user
has changed since the last call goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from qiskit.circuit import QuantumCircuit

from ..cache import ByteCache
from .patterns import Numbers, Pattern, Structure, outline_of, read
from .snapshots import Snapshot, snapshot_of

LIMIT = 64 * 2**20
"""Bytes of circuits of earlier runs that are remembered; an estimate."""
_BYTES_OF_GATE = 600  # of an interned circuit and of what others are compared with
_BYTES_OF_OUTLINE = 512
_BYTES_OF_OUTLINES = 4096 * _BYTES_OF_OUTLINE
_TRIES = 4  # patterns of one structure that a circuit is compared with
_FEW = 16  # circuits of a run: so few are read when they are first met
_STRANGERS = 1000  # circuits of one outline one after the other that are like no other; then no more are read


class PatternMemory:
    """Patterns of earlier runs; the least recently used go first.

    Args:
        limit: bytes, about.

    Attributes:
        kept: the patterns, by structure.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.kept = ByteCache(limit)
        self._outlines = ByteCache(_BYTES_OF_OUTLINES)

    def patterns(self, structure: Structure) -> Sequence[Pattern]:
        """Those of ``structure``, the latest first."""
        found: Sequence[Pattern] = self.kept.find("patterns", structure) or ()
        return found

    def met(self, outline: Hashable) -> bool:
        """Whether a circuit of ``outline`` was met in an earlier run; from now on it was."""
        known = bool(self._outlines.find("outlines", outline))
        if not known:
            self._outlines.put(outline, True, _BYTES_OF_OUTLINE)
        return known

    def keep(self, structure: Structure, pattern: Pattern) -> None:
        """Remember ``pattern``. Of two threads that do so for one structure, the pattern of one may be lost."""
        mine = (pattern, *self.patterns(structure)[: _TRIES - 1])
        self.kept.put(structure, mine, sum(map(_weight, mine)))

    def clear(self) -> None:
        """Forget all patterns and outlines."""
        self.kept.clear()
        self._outlines.clear()


class Templates:
    """Snapshots of the circuits of a run, one for all that have one pattern.

    Args:
        circuits: of the run; each object is looked at once.
        memory: of earlier runs.
    """

    def __init__(self, circuits: Iterable[QuantumCircuit], memory: PatternMemory) -> None:
        self._memory = memory
        self._circuits = {id(circuit): circuit for circuit in circuits}
        self._snapshots: dict[int, Snapshot] = {}
        by_outline: dict[Hashable, list[QuantumCircuit]] = {}
        for circuit in self._circuits.values():
            if (outline := outline_of(circuit)) is not None:
                by_outline.setdefault(outline, []).append(circuit)
        for outline, members in by_outline.items():
            met = self._memory.met(outline)
            if met or len(members) > 1 or len(self._circuits) <= _FEW:
                self._group(outline, members, met)

    def of(self, circuit: QuantumCircuit) -> Snapshot:
        """What stands for ``circuit``, one of the run's."""
        if id(circuit) not in self._snapshots:
            self._snapshots[id(circuit)] = snapshot_of(circuit)
        return self._snapshots[id(circuit)]

    def _group(self, outline: Hashable, circuits: list[QuantumCircuit], met: bool) -> None:
        """Compare ``circuits``, which have one outline, with each other and with those of earlier runs.

        Args:
            outline: theirs.
            circuits: different objects.
            met: whether there was one of this outline in an earlier run.
        """
        known: dict[Structure, Sequence[Pattern]] = {}
        found: dict[Pattern, list[tuple[QuantumCircuit, Numbers]]] = {}
        new: dict[Pattern, Structure] = {}
        strangers = 0
        for circuit in circuits:
            reading = read(circuit)
            if reading is None:
                continue
            structure, numbers = reading
            if structure not in known:
                known[structure] = self._memory.patterns(structure)
            rows = ((pattern, pattern.row(numbers)) for pattern in known[structure])
            pattern, row = next(((one, row) for one, row in rows if row is not None), (None, None))
            if pattern is None or row is None:
                strangers += 1
                if strangers > _STRANGERS:
                    break
                pattern = Pattern(circuit, numbers)
                row = pattern.row(numbers)
                if row is None:
                    continue
                new[pattern] = structure
                known[structure] = [pattern, *known[structure][: _TRIES - 1]]
            else:
                strangers = 0
            found.setdefault(pattern, []).append((circuit, row))
        for pattern, structure in new.items():
            self._memory.keep(structure, pattern)
        for pattern, members in found.items():
            if len(members) == 1 and pattern in new and (pattern.free or not met):
                continue  # perhaps the first of many, in later runs
            for circuit, row in members:
                self._snapshots[id(circuit)] = pattern.snapshot(circuit, row, alone=len(members) == 1)


def _weight(pattern: Pattern) -> int:
    return _BYTES_OF_GATE * (pattern.size + 10)
