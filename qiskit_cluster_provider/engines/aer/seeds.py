"""Aer's seed rule.

Aer gives experiment ``i`` of a run the seed ``s + 2113 i`` (``src/controllers/controller_execute.hpp``
of qiskit-aer) and, where it simulates shot by shot, shot ``t`` of it the seed ``s + 2113 i + t``. A slice
that starts at experiment ``k`` of its batch and shot ``t`` and runs with ``s + 2113 k + t`` therefore draws
the very numbers of one undivided run.
"""

from __future__ import annotations

from ...plan.seeds import signed

STRIDE = 2113


def aer_seed(base: int, experiment: int, first_shot: int = 0) -> int:
    """Aer's seed of ``experiment`` of a batch, from its ``first_shot`` on."""
    return signed(base + STRIDE * experiment + first_shot)
