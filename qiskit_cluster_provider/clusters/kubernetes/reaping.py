"""The clusters in Kubernetes that this package created: whose they are, whether anybody uses them, and their end."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import ClusterApiError, ClusterError
from ...progress.log import logger
from .api import ANSWER_WITHIN, CLUSTERS, Api
from .forward import Forward
from .spec import CREATED, HOST, KEEP, MACHINE, MANAGED_BY, MANAGER, OWNER, PROCESS, machine, session_of
from .start import Place

IN_USE, STARTING, KEPT, ORPHAN, UNKNOWN = "in use", "starting", "kept", "orphan", "unknown"
_STARTS_WITHIN = 600.0  # seconds; a start that takes longer has given up
_AT_ONCE = 8


@dataclass(frozen=True)
class Found:
    """A ``DaskCluster`` that this package created.

    Attributes:
        name: The name of the ``DaskCluster``.
        namespace: Its namespace.
        owner: The user who created it.
        host: The machine of the process that created it.
        process: The number of that process.
        session: What tells it from a later cluster of the same name.
        created: When it was created, in seconds since 1970.
        workers: The number of workers that it is to have.
        state: ``in use``, ``starting``, ``kept`` (its user asked for that), ``orphan`` (nobody is connected) or
            ``unknown``.
    """

    name: str
    namespace: str
    owner: str
    host: str
    process: int
    session: str
    created: float
    workers: int
    state: str

    @property
    def age(self) -> float:
        """The seconds since it was created."""
        return max(0.0, time.time() - self.created)


def clusters(api: Api, namespace: str | None) -> list[Found]:
    """The clusters in ``namespace``, or in all namespaces that the user may see, the oldest first.

    Raises:
        ClusterApiError: Kubernetes does not answer, or refuses.
    """
    label = f"{MANAGED_BY}={MANAGER}"
    where = f"{CLUSTERS}/namespaces/{namespace or api.namespace}/daskclusters"
    if namespace is None:
        try:
            items = api.items(f"{CLUSTERS}/daskclusters", labelSelector=label)
        except ClusterApiError as error:
            if error.status != 403:  # most users may see their own namespace only
                raise
            items = api.items(where, labelSelector=label)
    else:
        items = api.items(where, labelSelector=label)
    there = [one for one in items if "deletionTimestamp" not in one["metadata"]]
    with ThreadPoolExecutor(_AT_ONCE) as threads:  # a port-forward each
        return sorted(threads.map(lambda one: _found(api, one), there), key=lambda one: one.created)


def reap(api: Api, orphans: Iterable[Found]) -> list[Found]:
    """Delete clusters that still nobody uses, and return those that are gone. Warns about the others.

    Raises:
        ClusterApiError: Kubernetes does not answer, or refuses to show the clusters.
    """
    gone = []
    for one in orphans:
        place = Place(api, one.namespace, one.name)
        now = place.find()  # who was asked has had the time to use it
        if now is not None and session_of(now) == one.session and _found(api, now).state != ORPHAN:
            logger.warning("%s/%s is used again, and is left alone", one.namespace, one.name)
        elif place.remove(one.session):
            gone.append(one)
    return gone


def _found(api: Api, cluster: Mapping[str, Any]) -> Found:
    meta, spec = cluster["metadata"], cluster["spec"]
    labels, notes = meta.get("labels", {}), meta.get("annotations", {})
    found = Found(
        name=meta["name"],
        namespace=meta["namespace"],
        owner=labels.get(OWNER, ""),
        host=notes.get(HOST, ""),
        process=int(_number(notes.get(PROCESS))),
        session=session_of(cluster),
        created=_number(notes.get(CREATED)),
        workers=int(spec["worker"].get("replicas", 0)),
        state=UNKNOWN,
    )
    here = machine() != "" and machine() == notes.get(MACHINE)
    state = KEPT if KEEP in labels else _state(api, found, here)
    return replace(found, state=state)


def _number(note: str | None) -> float:
    try:
        return float(note or 0)
    except ValueError:  # every user may write there
        return 0.0


def _state(api: Api, found: Found, here: bool) -> str:
    """The state of a cluster: by its process, if that would live ``here``; else by its scheduler's clients."""
    if here and _lives(found.process, found.created):
        return IN_USE
    try:
        if not Place(api, found.namespace, found.name).look().scheduler_ready:
            return STARTING if found.age < _STARTS_WITHIN and not here else ORPHAN
        return IN_USE if _clients(found) else ORPHAN
    except (ClusterError, OSError, ValueError):  # it cannot be asked: not ours to judge
        return UNKNOWN


def _lives(process: int, created: float) -> bool:
    """Whether a process with this number runs, and ran already when the cluster was created."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError):
        return False
    started = time.time() - up + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return started < created + 2.0  # rounded twice


def _clients(found: Found) -> int:
    """The number of clients of a scheduler, which counts one of its own."""
    with closing(Forward(found.namespace, f"{found.name}-scheduler", 8787)) as forward:
        address = f"http://localhost:{forward.port}/json/counts.json"
        with urllib.request.urlopen(address, timeout=ANSWER_WITHIN) as answer:
            return int(json.load(answer)["clients"]) - 1
