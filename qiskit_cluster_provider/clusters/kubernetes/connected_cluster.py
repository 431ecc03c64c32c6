"""What every Dask cluster object in Kubernetes has: clients that end with it, and reasons that its pods tell."""

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
        name: The name of the cluster.
        clients: The clients that are connected through it.
        pods_shown_by: The command that shows its pods.
    """

    name: Any
    clients: list[Client]
    pods_shown_by: str

    @abstractmethod
    def deployed(self) -> AbstractContextManager[Deployed]:
        """The cluster's pods, with a login that ends with the context.

        Raises:
            ClusterApiError: Kubernetes does not answer, or refuses.
        """

    @property
    @abstractmethod
    def asked_by(self) -> str:
        """How to ask for workers: the end of a sentence about a cluster without workers."""

    def connect(self) -> Client:
        """Connect a new client.

        Raises:
            ClusterConnectionError: The scheduler does not answer.
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
        """Connect a new client in place of one that has given up.

        The address on this machine stays the same, though another pod may be behind it.

        Raises:
            ClusterConnectionError: The scheduler does not answer. The call can be repeated.
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
        """Why there are no workers, as far as Kubernetes tells: the end of a sentence."""
        try:
            with self.deployed() as deployed:
                return deployed.no_workers(self.asked_by)
        except ClusterApiError as error:
            return f"why, cannot be asked: {error.reason.clause}"

    def deaths(self) -> str:
        """Why workers ended, as far as Kubernetes tells: a sentence without its full stop, or empty."""
        try:
            with self.deployed() as deployed:
                return deployed.deaths()
        except ClusterApiError as error:
            return f"why, cannot be asked of Kubernetes: {error.reason.clause}"
