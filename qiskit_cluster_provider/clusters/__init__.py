"""Kinds of cluster, which are found by entry points, and connections to clusters."""

from .base import ClusterConfig, ClusterKind
from .clients import check_client
from .connection import Connection
from .doctor.findings import Finding, refuse
from .portable import connection_of, portable
from .registry import BrokenKind, find_kinds

__all__ = [
    "BrokenKind",
    "ClusterConfig",
    "ClusterKind",
    "Connection",
    "Finding",
    "check_client",
    "connection_of",
    "find_kinds",
    "portable",
    "refuse",
]
