"""The one seed rule.

Aer gives experiment ``i`` of a run the seed ``s + 2113 i`` (``src/controllers/controller_execute.hpp``
of qiskit-aer) and, where it simulates shot by shot, shot ``t`` of it the seed ``s + 2113 i + t``. A slice
that starts at global experiment ``k`` and shot ``t`` and runs with ``s + 2113 k + t`` therefore draws
the very numbers of one undivided run.

``seed_mode="independent"`` leaves that rule, because Aer's own seeds of neighbours overlap above 2113
shots. Each (experiment, first shot) takes its seed from ``SeedSequence(s, spawn_key=(i, first shot))``, and
a seed whose shots would overlap those of an earlier one is drawn again.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left, insort

import numpy as np

STRIDE = 2113


def draw_base_seed() -> int:
    """A base seed of 32 bits, as many as Aer draws; drawn once a run and recorded in its result."""
    return secrets.randbits(32)


def wrapped(seed: int) -> int:
    """``seed`` as the signed 64-bit number that Aer's C++ arithmetic would have."""
    return (seed + 2**63) % 2**64 - 2**63


def aer_seed(base: int, experiment: int, first_shot: int = 0) -> int:
    """Aer's seed of global ``experiment``, from its ``first_shot`` on."""
    return wrapped(base + STRIDE * experiment + first_shot)


class IndependentSeeds:
    """Seeds whose shot ranges ``[seed, seed + shots)`` are disjoint by construction."""

    def __init__(self, base: int) -> None:
        self._entropy = base % 2**64
        self._taken: list[tuple[int, int]] = []

    def seed(self, experiment: int, first_shot: int, shots: int) -> int:
        """The seed of ``shots`` shots of ``experiment`` that begin at ``first_shot``."""
        attempt = 0
        while True:
            key = (experiment, first_shot, attempt)
            words = np.random.SeedSequence(self._entropy, spawn_key=key).generate_state(1, np.uint64)
            seed = wrapped(int(words[0]))
            if seed + shots < 2**63 and self._free(seed, seed + shots):
                insort(self._taken, (seed, seed + shots))
                return seed
            attempt += 1

    def _free(self, start: int, stop: int) -> bool:
        place = bisect_left(self._taken, (start, stop))
        before = self._taken[place - 1][1] <= start if place else True
        after = stop <= self._taken[place][0] if place < len(self._taken) else True
        return before and after
