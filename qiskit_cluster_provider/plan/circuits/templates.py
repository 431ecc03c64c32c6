"""What circuits have in common, in one run and with those of earlier runs.

Bound circuits that differ only in the numbers of their gates become rows of one *template*: the same circuit with
parameters in the place of the numbers. A parametrised circuit that comes again is not checked and written again. Both
are told by reading whole circuits, so that nothing that the user has changed since the last call goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from qiskit.circuit import QuantumCircuit

from ..cache import ByteCache
from .columns import Columns, Floats
from .patterns import Pattern, Structure, read
from .reading import Reader, Writers
from .snapshots import Snapshot, snapshot_of

LIMIT = 64 * 2**20
"""Bytes of circuits of earlier runs that are remembered; an estimate."""


class PatternMemory:
    """Patterns of earlier runs; the least recently used go first.

    Args:
        limit: bytes, about.

    Attributes:
        kept: the patterns, by structure.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.kept = ByteCache(limit)

    def find(self, structure: Structure) -> Pattern | None:
        """That of ``structure``."""
        found: Pattern | None = self.kept.find("patterns", structure)
        return found

    def keep(self, structure: Structure, pattern: Pattern) -> None:
        """Remember ``pattern``. Of two threads that do so for one structure, the pattern of one may be lost."""
        self.kept.put(structure, pattern, structure.bytes + pattern.bytes)

    def clear(self) -> None:
        """Forget all patterns."""
        self.kept.clear()


class Templates:
    """Snapshots of the circuits of a run, one for all that have one pattern.

    Args:
        circuits: of the run; each object is read once.
        memory: of earlier runs.
        writers: of operations of the engine.
    """

    def __init__(self, circuits: Iterable[QuantumCircuit], memory: PatternMemory, writers: Writers) -> None:
        reader = Reader(writers)
        given = {id(circuit): circuit for circuit in circuits}
        self._columns = {key: reader.read(circuit) for key, circuit in given.items()}
        self._snapshots: dict[int, Snapshot] = {}
        found: dict[Pattern, list[tuple[int, Columns, Floats]]] = {}
        new: dict[Structure, Pattern] = {}
        for key, circuit in self._columns.items():
            reading = read(circuit)
            if reading is None or not np.isfinite(reading[1]).all():
                continue
            structure, numbers = reading
            pattern = new.get(structure) or memory.find(structure)
            if pattern is None:
                pattern = new[structure] = Pattern(circuit, numbers)
            found.setdefault(pattern, []).append((key, circuit, numbers))
        first_met = set(map(id, new.values()))
        for pattern, members in found.items():
            alone = len(members) == 1
            if alone and id(pattern) in first_met:
                continue  # perhaps the first of many, in later runs
            for key, circuit, numbers in members:
                self._snapshots[key] = pattern.snapshot(circuit, numbers, alone)
        for structure, pattern in new.items():
            memory.keep(structure, pattern)

    def of(self, circuit: QuantumCircuit) -> Snapshot:
        """What stands for ``circuit``, one of the run's."""
        key = id(circuit)
        if key not in self._snapshots:
            self._snapshots[key] = snapshot_of(self._columns[key])
        return self._snapshots[key]

    def columns(self, circuit: QuantumCircuit) -> Columns:
        """Those of ``circuit``, one of the run's."""
        return self._columns[id(circuit)]
