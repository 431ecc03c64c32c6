"""Run many quantum-circuit simulations on a cluster, from the Qiskit code that you have.

::

    from qiskit_cluster_provider import ClusterProvider
    backend = ClusterProvider().get_backend("aer-local")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backend import ClusterBackend
    from .jobs import ClusterJob, ClusterPrimitiveJob
    from .primitives import EstimatorV2, SamplerV2
    from .provider import ClusterProvider
    from .quantum_instance import QuantumInstance

__version__ = "0.1.0"
__all__ = [
    "ClusterBackend",
    "ClusterJob",
    "ClusterPrimitiveJob",
    "ClusterProvider",
    "EstimatorV2",
    "QuantumInstance",
    "SamplerV2",
    "__version__",
]

# Loaded when asked for: a Dask scheduler imports this package to pass our tasks on, and has no qiskit.
_HOMES = {
    "ClusterBackend": ".backend",
    "ClusterJob": ".jobs",
    "ClusterPrimitiveJob": ".jobs",
    "ClusterProvider": ".provider",
    "EstimatorV2": ".primitives",
    "QuantumInstance": ".quantum_instance",
    "SamplerV2": ".primitives",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
