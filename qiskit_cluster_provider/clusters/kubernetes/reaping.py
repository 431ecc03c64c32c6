"""The clusters in Kubernetes that carry our labels: whose they are, whether anybody uses them, and their end."""

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
        name: of the ``DaskCluster``.
        namespace: where it is.
        owner: the user who created it.
        host: of the process that did.
        process: its number there.
        session: what tells it from a later one of its name.
        created: in seconds since 1970.
        workers: that were asked for.
        state: ``in use``, ``starting``, ``kept`` (it was to be), ``orphan`` (nobody is connected) or ``unknown``.
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
        """Seconds since it was created."""
        return max(0.0, time.time() - self.created)


def clusters(api: Api, namespace: str | None) -> list[Found]:
    """Those in ``namespace``, or in all that one may see, the oldest first.

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
    """Delete clusters if still nobody uses them. Returns those that are gone; warns of others.

    Raises:
        ClusterApiError: Kubernetes does not answer, or refuses to show them.
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
    except ValueError:  # anybody may write there
        return 0.0


def _state(api: Api, found: Found, here: bool) -> str:
    """By its process, if that would be ``here`` and lives; else by who is connected to its scheduler."""
    if here and _lives(found.process, found.created):
        return IN_USE
    try:
        if not Place(api, found.namespace, found.name).look().scheduler_ready:
            return STARTING if found.age < _STARTS_WITHIN and not here else ORPHAN
        return IN_USE if _clients(found) else ORPHAN
    except (ClusterError, OSError, ValueError):  # it cannot be asked: not ours to judge
        return UNKNOWN


def _lives(process: int, created: float) -> bool:
    """Whether a process with this number runs, and did when the cluster was created."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError):
        return False
    started = time.time() - up + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return started < created + 2.0  # rounded twice


def _clients(found: Found) -> int:
    """How many clients are connected to its scheduler, which counts one of its own."""
    with closing(Forward(found.namespace, f"{found.name}-scheduler", 8787)) as forward:
        address = f"http://localhost:{forward.port}/json/counts.json"
        with urllib.request.urlopen(address, timeout=ANSWER_WITHIN) as answer:
            return int(json.load(answer)["clients"]) - 1
