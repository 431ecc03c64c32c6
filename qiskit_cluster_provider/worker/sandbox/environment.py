"""The environment variables of a child."""

from __future__ import annotations

import os

from . import processes

# Dask's nannies set it so that workers give memory back early (distributed.nanny.pre-spawn-environ). A child frees a
# state after each circuit and needs one for the next: with 16 qubits, asking the kernel for it anew took 7 %.
_TRIM = ("MALLOC_TRIM_THRESHOLD_", "65536")


def child_environment(threads: int) -> dict[str, str]:
    """That of this process, with what a child of ``threads`` threads needs."""
    count = str(threads)
    return {
        **processes.environment(dict(entry for entry in os.environ.items() if entry != _TRIM)),
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": "1",  # Aer's own threads are OpenMP's; BLAS inside them would oversubscribe
        # The kernel that OpenBLAS picks by CPU decides the last bits of matrix_product_state; all workers
        # must agree. Haswell is the oldest that today's cloud machines have.
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "Haswell"),
        "QISKIT_PARALLEL": "FALSE",
    }
