"""The controller of ResourceQuotas: how much of them is used. They limit the number of pods, and nothing else."""

from __future__ import annotations

from functools import partial

from .objects import Store
from .resources import PODS, QUOTAS


class Quotas:
    """Keeps their status."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reconcile(self) -> None:
        """Count the pods of each namespace that has a quota."""
        for quota in self._store.select(QUOTAS):
            meta, hard = quota["metadata"], quota["spec"]["hard"]
            used = {"pods": str(len(self._store.select(PODS, meta["namespace"])))} if "pods" in hard else {}
            status = {"hard": hard, "used": used}
            if quota.get("status") != status:
                change = partial(dict.update, status=status)
                self._store.edit(QUOTAS, meta["namespace"], meta["name"], change, "status")
