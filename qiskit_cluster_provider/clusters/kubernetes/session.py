"""One use of a cluster in Kubernetes: it is created or found, connected to, and left as it should be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from distributed import Client

from ...errors import ClusterApiError, ClusterConfigError, ClusterConnectionError, ClusterError
from .api import connected, translated
from .cluster import RunningKubeCluster
from .config import KubernetesConfig, parse_quantity
from .scaling import scale, set_workers
from .spec import GPU, manifest, new_name, session_of
from .start import GOING, Place, await_scheduler
from .waiting import await_first_worker, showing


@dataclass(frozen=True)
class Session:
    """A cluster that is in use.

    Attributes:
        place: The ``DaskCluster``.
        cluster: dask-kubernetes' object for it.
        client: The client, which is connected.
        config: The settings.
    """

    place: Place
    cluster: RunningKubeCluster
    client: Client
    config: KubernetesConfig


@contextmanager
def opened(config: KubernetesConfig) -> Iterator[Session]:
    """Does the work of :meth:`.kind.KubernetesKind.connect`."""
    with connected() as api:
        place = Place(api, config.namespace or api.namespace, config.name or new_name())
        found = place.find() if config.name is not None else None
        if found is not None:
            _check_wanted(found, config)
            with _running(place, config, new=False) as session:
                yield session
            return
        with _created(place, config) as started, _running(place, config, new=True) as session:
            started.set()
            yield session


@contextmanager
def _created(place: Place, config: KubernetesConfig) -> Iterator[threading.Event]:
    """Create a ``DaskCluster``, and delete it afterwards.

    One that is to be kept is deleted only if its start fails.
    """
    if not config.create:
        there = [one["metadata"]["name"] for one in place.api.items(place.path("daskclusters"))]
        raise ClusterConnectionError(
            f"there is no DaskCluster {place.name!r} in the namespace {place.namespace!r}; there: "
            f"{', '.join(sorted(there)) or 'none'}.",
            hint="See qiskit-cluster clusters",
        )
    cluster, started = manifest(config, place.name, place.namespace), threading.Event()
    try:
        _create(place, cluster, config)
        yield started
    finally:  # after a Ctrl-C, or a cut, while the request was on its way too
        if not (started.is_set() and config.keep):
            place.remove(session_of(cluster))


def _create(place: Place, cluster: dict[str, Any], config: KubernetesConfig) -> None:
    try:
        place.create(cluster)
    except ClusterApiError as error:
        if error.status != 409:
            raise
        if not config.keep:
            raise _taken(place.name) from error
        raise ClusterConnectionError(
            f"a DaskCluster {place.name!r} was created by another process just now.",
            hint="Try again, and it is used.",
        ) from error


@contextmanager
def _running(place: Place, config: KubernetesConfig, *, new: bool) -> Iterator[Session]:
    """Connect to a cluster that exists. If it is not new, it keeps its workers, unless the settings name a number."""
    with showing(config.quiet) as show:
        await_scheduler(place, config, show)
        show(f"{place.name} in {place.namespace}: connecting to its scheduler")
        cluster = _cluster(place, config, owned=new and not config.keep)
    try:
        with showing(config.quiet) as show:
            client = cluster.connect()
            if isinstance(config.workers, tuple) if new else "workers" in config.model_fields_set:
                with _in_words(place.api.server):
                    set_workers(cluster, config.workers)
            if new:
                workers, timeout = config.smallest, config.start_timeout
                await_first_worker(place, show, client, workers=workers, timeout=timeout)
        yield Session(place, cluster, client, config)
    finally:
        cluster.end_clients()
        cluster.shutdown_on_close = False  # this module deletes it; dask-kubernetes might wait for an hour
        cluster.close()


def _taken(name: str) -> ClusterConnectionError:
    return ClusterConnectionError(
        f"there is a DaskCluster {name!r} already.",
        hint="Use it with keep=True, and it is left running; or leave name= out for a cluster of your own.",
    )


def _check_wanted(found: dict[str, Any], config: KubernetesConfig) -> None:
    """Refuse a cluster of another user, or one that is not as the settings want it."""
    name = found["metadata"]["name"]
    if "deletionTimestamp" in found["metadata"]:
        raise ClusterConnectionError(f"DaskCluster {name!r} is being deleted.", hint=GOING)
    if not config.keep:
        raise _taken(name)
    worker = found["spec"]["worker"]["spec"]["containers"][0]
    limits = worker.get("resources", {}).get("limits", {})
    has = {
        "image": worker.get("image"),
        **{key: limits.get(key) for key in ("cpu", "memory")},
        "gpu": limits.get(GPU),
    }
    wanted = {key: getattr(config, key) for key in has if key in config.model_fields_set}
    other = [
        f"{key}={value!r} (it has {has[key]!r})" for key, value in wanted.items() if not _same(key, value, has[key])
    ]
    if other:
        raise ClusterConfigError(
            f"DaskCluster {name!r} runs, and is not what was asked for: {', '.join(other)}.",
            hint="Leave these settings out to use it as it is, or take another name.",
        )


def _same(key: str, wanted: Any, has: Any) -> bool:
    if key == "image" or has is None:
        return bool(wanted == has or (not wanted and has is None))
    return parse_quantity(wanted) == parse_quantity(has)


def _cluster(place: Place, config: KubernetesConfig, *, owned: bool) -> RunningKubeCluster:
    with _in_words(place.api.server):
        return RunningKubeCluster(place.name, place.namespace, forward=config.port_forward, owned=owned)


def scaled(client: Client, workers: int, timeout: float) -> None:
    """Does the work of :meth:`.kind.KubernetesKind.scale`."""
    cluster: RunningKubeCluster = client.cluster
    with cluster.deployed() as place, _in_words(place.api.server):
        scale(place, cluster, client, workers, timeout)


def adapted(client: Client, minimum: int, maximum: int) -> None:
    """Does the work of :meth:`.kind.KubernetesKind.adapt`."""
    with _in_words(""):
        set_workers(client.cluster, (minimum, maximum))


@contextmanager
def _in_words(server: str) -> Iterator[None]:
    """Translate what dask-kubernetes raises into errors of this package."""
    try:
        yield
    except ClusterError:
        raise
    except Exception as error:
        raise translated(error, server) from error
