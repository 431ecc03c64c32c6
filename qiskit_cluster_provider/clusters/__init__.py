"""Kinds of cluster: one file each, found by entry points."""

from .base import Cluster, ClusterConfig, ClusterKind
from .registry import BrokenKind, find_kinds

__all__ = ["BrokenKind", "Cluster", "ClusterConfig", "ClusterKind", "find_kinds"]
