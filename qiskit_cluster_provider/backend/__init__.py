"""``ClusterBackend``: an ``AerSimulator`` whose work is done by a cluster."""

from .cluster_backend import ClusterBackend

__all__ = ["ClusterBackend"]
