"""The parts of a cluster, in one event loop."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from . import dask, dns
from .admission import Admission
from .api import ApiServer
from .controllers import Deployments, GarbageCollector, Quotas
from .kubelet import Kubelet
from .network import Network
from .nodes import Scheduler, node
from .objects import Store
from .resources import DEFINITIONS, DEPLOYMENTS, NAMESPACES, NODES, PODS
from .rights import OPERATOR, Rights
from .services import Services, is_ready


class Cluster:
    """A cluster that exists while :meth:`running` is entered.

    Args:
        folder: For all files of the cluster.
        nodes: What each node has.
        images: The names of the images that can be pulled.
        crds: Whether to install the Dask operator's CustomResourceDefinitions.

    Attributes:
        store: The objects.
        rights: Who may do what.
        kubelet: The pods.
        api: The API server.
    """

    store: Store
    rights: Rights
    kubelet: Kubelet
    api: ApiServer

    def __init__(self, folder: Path, nodes: Sequence[Mapping[str, str]], images: set[str], *, crds: bool) -> None:
        self._folder = folder
        self._nodes = nodes
        self._images = images
        self._with_crds = crds

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the API server and the controllers. Leaving the context ends them, and all pods."""
        path = self._folder / "python"  # on the PYTHONPATH of all pods
        path.mkdir()
        shutil.copy(dns.__file__, path / "sitecustomize.py")
        network = Network(path / "names")
        async with asyncio.TaskGroup() as tasks:
            self.store = Store()
            self.rights = Rights()
            self.kubelet = Kubelet(self.store, network, self._images, self._folder, tasks)
            self.api = ApiServer(network.node, self.store, self.rights, self.kubelet)
            services = Services(self.store, network, tasks)
            Admission(self.store, network)
            self._fill(network.node)
            await self.api.start()
            self.login(OPERATOR, self._folder / "operator")
            controllers = (
                GarbageCollector(self.store),
                Deployments(self.store),
                Quotas(self.store),
                Scheduler(self.store),
                self.kubelet,
                services,
            )
            control = tasks.create_task(self._control(controllers))
            try:
                yield
            finally:
                control.cancel()
                await self.api.stop()
                services.stop()
                self.kubelet.stop()
        network.close()

    def login(self, user: str, kubeconfig: Path | None = None, namespace: str = "default") -> str:
        """Make a token for a user, and write it into a kubeconfig."""
        token = secrets.token_urlsafe(16)
        self.rights.tokens[token] = user
        if kubeconfig:
            context = {"cluster": "local", "user": user, "namespace": namespace}
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "local", "cluster": {"server": self.api.url}}],
                "users": [{"name": user, "user": {"token": token}}],
                "contexts": [{"name": "local", "context": context}],
                "current-context": "local",
            }
            kubeconfig.write_text(yaml.safe_dump(config))
        return token

    async def scale_operator(self, replicas: int) -> None:
        """Let the Deployment of the Dask operator have so many pods, and wait for them."""
        where = (DEPLOYMENTS, dask.NAMESPACE, dask.NAME)
        if self.store.find(*where) is None:
            deployment = dask.operator_deployment(str(self._folder / "operator"))
            self.store.create(DEPLOYMENTS, deployment, dask.NAMESPACE)
        self.store.edit(*where, lambda item: item["spec"].update(replicas=replicas))
        while True:
            news = self.store.news()
            pods = self.store.select(PODS, dask.NAMESPACE)
            if len(pods) == replicas and all(map(is_ready, pods)):
                return
            await news.wait()

    async def _control(self, controllers: Iterable[Any]) -> None:
        while True:
            news = self.store.news()
            for controller in controllers:
                await controller.reconcile()
            await news.wait()

    def _fill(self, address: str) -> None:
        for name in ("default", "kube-system", dask.NAMESPACE):
            self.store.create(NAMESPACES, {"metadata": {"name": name}})
        for number, capacity in enumerate(self._nodes):
            self.store.create(NODES, node(f"node-{number}", address, capacity))
        for definition in dask.definitions() if self._with_crds else ():
            established = {"conditions": [{"type": "Established", "status": "True"}]}
            self.store.create(DEFINITIONS, {**definition, "status": established})
