"""``run_slice``: the task that a Dask worker or an executor runs for each slice.

Importing this package needs the standard library alone, so that a Dask scheduler, which reads the tasks
that pass through it, needs neither qiskit nor qiskit-aer.
"""

from .entry import Answer, end_job, end_worker, keep, run_slice

__all__ = ["Answer", "end_job", "end_worker", "keep", "run_slice"]
