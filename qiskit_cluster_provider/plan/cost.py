"""How big a slice should be."""

from __future__ import annotations

SLICES_PER_SLOT = 4
"""Slices for each worker thread: enough to balance uneven circuits and to show progress; the overhead
of a slice (a few milliseconds) stays small."""


def automatic_job_size(experiments: int, slots: int) -> int:
    """Experiments per slice if the user gives no ``max_job_size``.

    Args:
        experiments: of the whole run.
        slots: worker threads that can run slices at the same time.
    """
    return max(1, -(-experiments // (SLICES_PER_SLOT * max(1, slots))))
