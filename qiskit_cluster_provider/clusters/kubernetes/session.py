"""One use of a cluster in Kubernetes: created or found, connected to, and left as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from distributed import Client

from ...errors import ClusterApiError, ClusterConfigError, ClusterConnectionError
from .api import connected, translated
from .clients import connect, end_clients
from .cluster import RunningKubeCluster
from .config import KubernetesConfig
from .quantities import parse_quantity
from .scaling import scale, set_workers
from .showing import Show, showing
from .spec import GPU, new_name
from .start import Place, await_scheduler, await_worker


@dataclass(frozen=True)
class Session:
    """A cluster that is in use.

    Attributes:
        place: where it is.
        cluster: dask-kubernetes' object of it.
        client: connected.
        config: the settings.
    """

    place: Place
    cluster: RunningKubeCluster
    client: Client
    config: KubernetesConfig


@contextmanager
def opened(config: KubernetesConfig) -> Iterator[Session]:
    """See :meth:`.kind.KubernetesKind.connect`."""
    with connected() as api:
        place = Place(api, config.namespace or api.namespace, config.name or new_name())
        with showing(config.quiet) as show:
            found = place.find() if config.name is not None else None
            created = found is None and _create(place, config)
            owned = created and not config.keep
            if found is not None:
                _check_wanted(found, config)
            try:
                cluster = _cluster(place, config, show, owned)
            except BaseException:  # Ctrl-C too
                if created:
                    place.remove()
                raise
        try:
            with showing(config.quiet) as show:
                client = connect(cluster)
                if (found is not None and "workers" in config.model_fields_set) or isinstance(config.workers, tuple):
                    set_workers(cluster, config.workers)
                if found is None:
                    await_worker(place, config, show, lambda: len(client.nthreads()))
            yield Session(place, cluster, client, config)
        finally:
            end_clients(cluster)
            cluster.shutdown_on_close = False  # done by ourselves, since nobody waits for an hour
            cluster.close()
            if owned:
                place.remove()


def _create(place: Place, config: KubernetesConfig) -> bool:
    if not config.create:
        there = [one["metadata"]["name"] for one in place.api.items(place.path("daskclusters"))]
        raise ClusterConnectionError(
            f"there is no DaskCluster {place.name!r} in the namespace {place.namespace!r}; there: "
            f"{', '.join(sorted(there)) or 'none'}. See qiskit-cluster clusters"
        )
    try:
        place.create(config)
    except ClusterApiError as error:
        if error.status == 409:  # since we looked
            raise ClusterConnectionError(_taken(place.name)) from error
        raise
    return True


def _taken(name: str) -> str:
    return (
        f"there is a DaskCluster {name!r} already. Use it with keep=True, and it is left running; or leave name= out "
        "for a cluster of your own."
    )


def _check_wanted(found: dict[str, Any], config: KubernetesConfig) -> None:
    """Refuse a cluster that is somebody's, or that is not what was asked for."""
    name = found["metadata"]["name"]
    if not config.keep:
        raise ClusterConnectionError(_taken(name))
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
            f"DaskCluster {name!r} runs, and is not what was asked for: {', '.join(other)}. Leave these settings out "
            "to use it as it is, or take another name."
        )


def _same(key: str, wanted: Any, has: Any) -> bool:
    if key == "image" or has is None:
        return bool(wanted == has or (not wanted and has is None))
    return parse_quantity(wanted) == parse_quantity(has)


def _cluster(place: Place, config: KubernetesConfig, show: Show, owned: bool) -> RunningKubeCluster:
    await_scheduler(place, config, show)
    show(f"{place.name} in {place.namespace}: connecting to its scheduler")
    try:
        return RunningKubeCluster(place.name, place.namespace, forward=config.port_forward, owned=owned)
    except ClusterConnectionError:
        raise
    except Exception as error:
        raise translated(error, place.api.server) from error


def scaled(client: Client, workers: int, timeout: float) -> None:
    """See :meth:`.kind.KubernetesKind.scale`."""
    cluster: RunningKubeCluster = client.cluster
    with connected() as api:
        scale(Place(api, cluster.namespace, cluster.name), cluster, client, workers, timeout)
