"""The clients of a Dask cluster object: a new one in place of one that has given up, all ended with the cluster."""

from __future__ import annotations

from typing import Any, Protocol

from distributed import Client

from ...errors import ClusterConnectionError
from ..clients import end_client, new_client

_CONNECT_WITHIN = 30.0  # seconds


class Connectable(Protocol):
    """A ``distributed.deploy.Cluster`` in Kubernetes.

    Attributes:
        name: of the cluster.
        clients: that are connected through it.
        pods_shown_by: the command that shows its pods.
    """

    name: Any
    clients: list[Client]
    pods_shown_by: str


def connect(cluster: Connectable) -> Client:
    """A client of ``cluster``.

    Raises:
        ClusterConnectionError: the scheduler does not answer.
    """
    try:
        client = new_client(cluster, timeout=_CONNECT_WITHIN)
    except Exception as error:
        raise ClusterConnectionError(
            f"the scheduler of {cluster.name!r} does not answer ({type(error).__name__}: {error}). "
            f"{cluster.pods_shown_by}"
        ) from error
    cluster.clients.append(client)
    return client


def renewed(client: Client) -> Client:
    """A new client of the cluster of ``client``, which has given up. Its address stays, whichever pod is behind it.

    Raises:
        ClusterConnectionError: the scheduler does not answer; it can be tried again.
    """
    cluster: Connectable = client.cluster
    if client in cluster.clients:
        cluster.clients.remove(client)
        end_client(client)
    return connect(cluster)


def end_clients(cluster: Connectable) -> None:
    """Close all of them."""
    while cluster.clients:
        end_client(cluster.clients.pop())
