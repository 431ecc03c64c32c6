"""Seeds of a run that do not depend on the engine.

``seed_mode="independent"`` leaves the engine's rule, because Aer's own seeds of neighbours overlap above 2113 shots.
Each (experiment, first shot) takes its seed from ``SeedSequence(s, spawn_key=(i, first shot))``, and a seed whose
shots would overlap those of an earlier one is drawn again.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left, insort

import numpy as np


def draw_base_seed() -> int:
    """A base seed of 32 bits; drawn once a run and recorded in its result."""
    return secrets.randbits(32)


def signed(seed: int) -> int:
    """``seed`` as the signed 64-bit number that C++ arithmetic would have."""
    return (seed + 2**63) % 2**64 - 2**63


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
            seed = signed(int(words[0]))
            if seed + shots < 2**63 and self._free(seed, seed + shots):
                insort(self._taken, (seed, seed + shots))
                return seed
            attempt += 1

    def _free(self, start: int, stop: int) -> bool:
        place = bisect_left(self._taken, (start, stop))
        before = self._taken[place - 1][1] <= start if place else True
        after = stop <= self._taken[place][0] if place < len(self._taken) else True
        return before and after
