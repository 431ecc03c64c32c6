"""The installed kinds: entry points of the group ``qiskit_cluster_provider.clusters``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points

from ..progress.log import logger
from .base import ClusterKind

GROUP = "qiskit_cluster_provider.clusters"


@dataclass(frozen=True)
class BrokenKind:
    """A kind that cannot be loaded.

    Attributes:
        name: The name of its entry point.
        reason: Why it cannot be loaded.
    """

    name: str
    reason: str


def find_kinds() -> tuple[dict[str, ClusterKind], list[BrokenKind]]:
    """All kinds by name, and those that cannot be loaded. A broken kind does not disturb the others."""
    kinds: dict[str, ClusterKind] = {}
    broken = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            kind = point.load()()
            if not isinstance(kind, ClusterKind):
                raise TypeError(f"{point.value} is not a subclass of ClusterKind")
        except Exception as error:
            found = BrokenKind(point.name, f"{point.value}: {type(error).__name__}: {error}")
            logger.warning("cluster kind %s cannot be loaded: %s", found.name, found.reason)
            broken.append(found)
        else:
            kinds[point.name] = kind
    return kinds, broken
