"""``run_slice``: the task that a Dask worker or an executor runs for each slice.

Importing this package needs the standard library alone, so that a Dask scheduler, which reads the tasks
that pass through it, needs neither qiskit nor qiskit-aer.
"""

from .entry import (
    Answer,
    begin_to_warm,
    end_job,
    end_worker,
    keep,
    process_name,
    run_slice,
    warm,
    warm_process,
)

__all__ = [
    "Answer",
    "begin_to_warm",
    "end_job",
    "end_worker",
    "keep",
    "process_name",
    "run_slice",
    "warm",
    "warm_process",
]
