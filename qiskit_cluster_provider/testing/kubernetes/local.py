"""The whole cluster: its parts in one thread, and what a test does to them."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

from . import dns
from .api import ApiServer
from .containers import OPERATOR_IMAGE
from .deployments import Deployments
from .network import Network
from .nodes import Scheduler
from .objects import Store
from .pods import Kubelet
from .resources import DEFINITIONS, DEPLOYMENTS, NAMESPACES, NODES, PODS, QUOTAS, Object, dask_definitions
from .rights import OPERATOR, TESTER, Rights
from .services import Services, is_ready

_OPERATOR_NAME = "dask-kubernetes-operator"
_OPERATOR_NAMESPACE = "dask-operator"
T = TypeVar("T")


class LocalKubernetes:
    """A cluster for as long as the context lasts. Its methods may be called from any thread.

    Args:
        nodes: what each node has, such as ``{"cpu": "8", "memory": "32Gi"}``; other resources too.
        images: names of the images that can be pulled.
        operator: run the Dask operator, and wait until it is ready.
        crds: install the Dask operator's CustomResourceDefinitions.

    Attributes:
        kubeconfig: the file to which ``KUBECONFIG`` should point.
        url: where the API server is.
    """

    def __init__(
        self,
        *,
        nodes: Sequence[Mapping[str, str]] = ({"cpu": "8", "memory": "32Gi"},),
        images: Iterable[str] = ("worker:test",),
        operator: bool = True,
        crds: bool = True,
    ) -> None:
        self._nodes = nodes
        self._images = set(images)
        self._with_operator = operator
        self._with_crds = crds
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="local-kubernetes", daemon=True)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="local-kubernetes-"))
        self.kubeconfig = self._folder / "kubeconfig"
        self._thread.start()
        self._started.wait()
        if self._failure:
            raise self._failure
        if self._with_operator:
            self.start_operator()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        shutil.rmtree(self._folder)
        if self._failure:
            raise self._failure

    def objects(self, plural: str, namespace: str | None = None) -> list[Object]:
        """The objects of a kind, of one namespace or of all."""
        return self._call(
            lambda: next(
                self._store.list(resource, namespace or "")
                for resource in self._store.resources.values()
                if resource.plural == plural
            )
        )

    def processes(self, namespace: str | None = None) -> dict[str, int]:
        """The process id of each running pod, of one namespace or of all but the operator's."""
        return self._call(
            lambda: {
                name: container.process.pid
                for (where, name), container in self._kubelet.running().items()
                if container.process and (where == namespace or (namespace is None and where != _OPERATOR_NAMESPACE))
            }
        )

    def kill_pod_process(self, name: str, number: int = signal.SIGKILL, reason: str = "Error") -> None:
        """Kill a pod's process; the container is started again. ``reason`` can be ``OOMKilled``."""

        def kill() -> None:
            container = next(each for (_, pod), each in self._kubelet.running().items() if pod == name)
            assert container.process is not None
            container.killed_as = reason
            container.process.send_signal(number)

        self._call(kill)

    def crash(self, image: str, lines: Sequence[str] = ("ImportError: no module",), code: int = 1) -> None:
        """Containers of this image print these lines and exit, from their next start on."""
        script = f"printf '%s\\n' {shlex.join(lines)}; exit {code}"
        self._call(lambda: self._kubelet.crashes.update({image: ["/bin/sh", "-c", script]}))

    def cut_connections(self) -> None:
        """Reset all connections with the API server, port forwards among them."""
        self._call(self._api.cut)

    def stop_api(self) -> None:
        """Nothing answers any more; pods run on."""
        self._wait_for(self._api.stop)

    def start_api(self) -> None:
        """Answer again, on the same port."""
        self._wait_for(self._api.start)

    def start_operator(self) -> None:
        """Start the operator, and wait until it is ready."""
        self._scale_operator(1)

    def stop_operator(self) -> None:
        """End the operator, and wait until it is gone."""
        self._scale_operator(0)

    def forbid(self, verb: str, resource: str, namespace: str | None = None) -> None:
        """Take a right from the user of :attr:`kubeconfig`, such as ``("get", "pods/portforward")``."""
        self._call(lambda: self._rights.forbidden.add((verb, resource, namespace)))

    def grant_all(self) -> None:
        """Give all rights back."""
        self._call(self._rights.forbidden.clear)

    def quota(self, namespace: str = "default", pods: int = 1) -> None:
        """Allow this many pods in a namespace."""
        quota = {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": str(pods)}}}
        self._call(lambda: self._store.create(QUOTAS, quota, namespace))

    @property
    def token(self) -> str:
        """The bearer token that the API server takes."""
        return next(token for token, user in self._rights.tokens.items() if user == TESTER)

    def rotate_token(self, *, login: bool = False) -> str:
        """Make a new token; the old one is not taken any more. With ``login``, write it into :attr:`kubeconfig`."""

        def rotate() -> str:
            del self._rights.tokens[self.token]
            return self._login(TESTER, self.kubeconfig if login else None)

        return self._call(rotate)

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            self._failure = error
        finally:
            self._started.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        names = self._folder / "python"  # on the PYTHONPATH of all pods
        names.mkdir()
        shutil.copy(dns.__file__, names / "sitecustomize.py")
        network = Network(names / "names")
        self._store = Store()
        self._rights = Rights()
        self._kubelet = Kubelet(self._store, network, self._images, self._folder)
        self._api = ApiServer(self._store, self._rights, self._kubelet)
        services = Services(self._store, network)
        controllers = (Deployments(self._store), Scheduler(self._store), self._kubelet, services)
        self._fill(network.node)
        await self._api.start()
        self.url = f"http://127.0.0.1:{self._api.port}"
        self._login(TESTER, self.kubeconfig)
        self._login(OPERATOR, self._folder / "operator")
        control = asyncio.create_task(self._control(controllers))
        over = asyncio.create_task(self._over.wait())
        self._started.set()
        try:
            await asyncio.wait((control, over), return_when=asyncio.FIRST_COMPLETED)
            if control.done():
                control.result()
        finally:
            control.cancel()
            await self._api.stop()
            await self._kubelet.stop()
            await services.stop()
            network.close()

    async def _control(self, controllers: Iterable[Any]) -> None:
        while True:
            news = self._store.news()
            self._store.collect_garbage()
            for controller in controllers:
                await controller.reconcile()
            await news.wait()

    def _fill(self, address: str) -> None:
        for name in ("default", "kube-system"):
            self._store.create(NAMESPACES, {"metadata": {"name": name}})
        for number, capacity in enumerate(self._nodes):
            name = f"node-{number}"
            amounts = {"pods": "110", **capacity}
            self._store.create(
                NODES, {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "spec": {}}
            )
            status = {
                "capacity": amounts,
                "allocatable": amounts,
                "conditions": [{"type": "Ready", "status": "True"}],
            }
            status["addresses"] = [{"type": "InternalIP", "address": address}]
            self._store.edit(NODES, "", name, lambda node, status=status: node.update(status=status), "status")
        for definition in dask_definitions() if self._with_crds else ():
            established = {"conditions": [{"type": "Established", "status": "True"}]}
            self._store.create(DEFINITIONS, {**definition, "status": established})

    def _login(self, user: str, kubeconfig: Path | None) -> str:
        token = secrets.token_urlsafe(16)
        self._rights.tokens[token] = user
        if kubeconfig:
            context = {"cluster": "local", "user": user, "namespace": "default"}
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "local", "cluster": {"server": self.url}}],
                "users": [{"name": user, "user": {"token": token}}],
                "contexts": [{"name": "local", "context": context}],
                "current-context": "local",
            }
            kubeconfig.write_text(yaml.safe_dump(config))
        return token

    def _scale_operator(self, replicas: int) -> None:
        """Make the operator's Deployment have so many pods, and wait for them."""

        def scale() -> None:
            if self._store.find(NAMESPACES, "", _OPERATOR_NAMESPACE) is None:
                self._store.create(NAMESPACES, {"metadata": {"name": _OPERATOR_NAMESPACE}})
                deployment = _operator(str(self._folder / "operator"))
                self._store.create(DEPLOYMENTS, deployment, _OPERATOR_NAMESPACE)
            change = {"replicas": replicas}
            self._store.edit(
                DEPLOYMENTS, _OPERATOR_NAMESPACE, _OPERATOR_NAME, lambda item: item["spec"].update(change)
            )

        async def settled() -> None:
            while True:
                news = self._store.news()
                pods = self._store.list(PODS, _OPERATOR_NAMESPACE)
                if len(pods) == replicas and all(map(is_ready, pods)):
                    return
                await news.wait()

        self._call(scale)
        self._wait_for(settled)

    def _call(self, function: Callable[[], T]) -> T:
        """Call a function in the cluster's thread."""

        async def call() -> T:
            return function()

        return self._wait_for(call)

    def _wait_for(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(timeout=60)


def _operator(kubeconfig: str) -> Object:
    """The operator's Deployment, as its chart has it."""
    labels = {"app.kubernetes.io/name": _OPERATOR_NAME, "app.kubernetes.io/instance": _OPERATOR_NAME}
    container = {
        "name": _OPERATOR_NAME,
        "image": OPERATOR_IMAGE,
        "args": ["--liveness=http://0.0.0.0:8080/healthz"],
        "env": [{"name": "KUBECONFIG", "value": kubeconfig}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": _OPERATOR_NAME, "labels": labels}, "spec": spec}
