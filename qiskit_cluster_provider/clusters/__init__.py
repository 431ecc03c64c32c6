"""Kinds of cluster: one file each, found by entry points."""

from .base import Cluster, ClusterConfig, ClusterKind
from .clients import check_client
from .registry import BrokenKind, find_kinds

__all__ = ["BrokenKind", "Cluster", "ClusterConfig", "ClusterKind", "check_client", "find_kinds"]
