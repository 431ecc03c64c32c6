"""What every Dask cluster object in Kubernetes has: clients that end with it, and the reasons that its pods tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from distributed import Client

from ...errors import ClusterApiError, ClusterConnectionError
from ..clients import end_client, new_client
from .deployed import Deployed

_CONNECT_WITHIN = 30.0  # seconds


class ConnectedCluster(ABC):
    """Base, beside Dask's own, of a Dask cluster object whose pods are in Kubernetes.

    Attributes:
        name: of the cluster.
        clients: that are connected through it.
        pods_shown_by: the command that shows its pods.
    """

    name: Any
    clients: list[Client]
    pods_shown_by: str

    @abstractmethod
    def deployed(self) -> AbstractContextManager[Deployed]:
        """Its pods, by a login that ends with the context.

        Raises:
            ClusterApiError: Kubernetes does not answer, or refuses.
        """

    @property
    @abstractmethod
    def asked_by(self) -> str:
        """How workers are asked for: how a sentence about a cluster without workers goes on."""

    def connect(self) -> Client:
        """A new client.

        Raises:
            ClusterConnectionError: the scheduler does not answer.
        """
        try:
            client = new_client(self, timeout=_CONNECT_WITHIN)
        except Exception as error:
            raise ClusterConnectionError(
                f"the scheduler of {self.name!r} does not answer ({type(error).__name__}: {error}).",
                hint=self.pods_shown_by,
            ) from error
        self.clients.append(client)
        return client

    def renew(self, client: Client) -> Client:
        """A new client in place of one that has given up. The address stays, whichever pod is behind it.

        Raises:
            ClusterConnectionError: the scheduler does not answer; the call can be repeated.
        """
        if client in self.clients:
            self.clients.remove(client)
            end_client(client)
        return self.connect()

    def end_clients(self) -> None:
        """Close all clients."""
        while self.clients:
            end_client(self.clients.pop())

    def no_workers(self) -> str:
        """Why there are no workers, as far as Kubernetes tells: how a sentence goes on."""
        try:
            with self.deployed() as deployed:
                return deployed.no_workers(self.asked_by)
        except ClusterApiError as error:
            return f"why, cannot be asked: {error.reason.clause}"

    def deaths(self) -> str:
        """What Kubernetes tells of workers that ended, as a sentence without its full stop; empty if nothing."""
        try:
            with self.deployed() as deployed:
                return deployed.deaths()
        except ClusterApiError as error:
            return f"why, cannot be asked of Kubernetes: {error.reason.clause}"
