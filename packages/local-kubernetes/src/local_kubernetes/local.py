"""``LocalKubernetes``: a cluster in a thread of its own, and what a test does to it."""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import shlex
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from . import dask
from .cluster import Cluster
from .resources import QUOTAS, Object
from .rights import TESTER

T = TypeVar("T")


class LocalKubernetes:
    """A cluster that exists for as long as the context lasts. Its methods may be called from any thread.

    Args:
        nodes: What each node has, for example ``{"cpu": "8", "memory": "32Gi"}``, and other resources too.
        images: The names of the images that can be pulled.
        operator: Whether to run the Dask operator, and to wait until it is ready.
        crds: Whether to install the Dask operator's CustomResourceDefinitions.

    Raises:
        ModuleNotFoundError: The operator or its definitions are asked for, and dask-kubernetes is not installed.

    Attributes:
        kubeconfig: The file to which ``KUBECONFIG`` should point.
        url: The address of the API server.
        token: The bearer token in :attr:`kubeconfig`.
    """

    def __init__(
        self,
        *,
        nodes: Sequence[Mapping[str, str]] = ({"cpu": "8", "memory": "32Gi"},),
        images: Iterable[str] = ("worker:test",),
        operator: bool = True,
        crds: bool = True,
    ) -> None:
        if (operator or crds) and importlib.util.find_spec("dask_kubernetes") is None:
            raise ModuleNotFoundError(
                "dask_kubernetes, which brings the Dask operator, is not installed: run "
                "pip install 'local-kubernetes[dask]', or pass operator=False and crds=False",
                name="dask_kubernetes",
            )
        self._nodes = nodes
        self._images = set(images)
        self._with_operator = operator
        self._with_crds = crds
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self.token = ""
        self._thread = threading.Thread(target=self._main, name="local-kubernetes", daemon=True)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="local-kubernetes-"))
        self.kubeconfig = self._folder / "kubeconfig"
        self._cluster = Cluster(self._folder, self._nodes, self._images, crds=self._with_crds)
        self._thread.start()
        self._started.wait()
        if self._failure:
            self.__exit__()
        if self._with_operator:
            try:
                self.start_operator()
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)  # a process that was killed may still write
        if self._failure:
            raise self._failure

    def objects(self, plural: str, namespace: str | None = None) -> list[Object]:
        """Copies of the objects of a kind, in one namespace or in all."""

        def find() -> list[Object]:
            kinds = [each for each in self._cluster.store.resources.values() if each.plural == plural]
            return [
                item for kind in kinds for item in copy.deepcopy(self._cluster.store.select(kind, namespace or ""))
            ]

        return self._call(find)

    def processes(self, namespace: str | None = None) -> dict[str, int]:
        """The number of each running pod's process by the pod's name.

        Args:
            namespace: The namespace of the pods; default: all except the operator's.
        """

        def find() -> dict[str, int]:
            return {
                name: container.process.pid
                for (where, name), container in self._cluster.kubelet.running().items()
                if container.process and where == (namespace or where) and (namespace or where != dask.NAMESPACE)
            }

        return self._call(find)

    def kill_pod_process(self, name: str, number: int = signal.SIGKILL, reason: str = "Error") -> None:
        """Send a signal to a pod's process. A container that dies is started again.

        Args:
            name: The name of the pod.
            number: The signal.
            reason: What the status of the container says afterwards, ``OOMKilled`` for instance.
        """

        def kill() -> None:
            running = {pod: container for (_, pod), container in self._cluster.kubelet.running().items()}
            if name not in running:
                raise ValueError(f"no process of a pod {name} runs; these do: {', '.join(running) or 'none'}")
            running[name].killed_as = reason
            process = running[name].process
            assert process is not None
            process.send_signal(number)

        self._call(kill)

    def crash(self, image: str, lines: Sequence[str] = ("ImportError: no such module",), code: int = 1) -> None:
        """From their next start on, let containers of this image print these lines and exit."""
        script = f"printf '%s\\n' {shlex.join(lines)}; exit {code}"
        self._call(lambda: self._cluster.kubelet.crashes.update({image: ["/bin/sh", "-c", script]}))

    def collect_logs(self, *previous: bool) -> None:
        """Remove the logs of each pod's previous (True) or present (False) container, as a collection does.

        Kubernetes answers with a text that says so, and with status 200. Without arguments, all logs are there again.
        """

        def collect() -> None:
            self._cluster.kubelet.collects.clear()
            self._cluster.kubelet.collects.update(previous)

        self._call(collect)

    def mend(self, image: str) -> None:
        """Let containers of this image run their own commands again."""
        self._call(lambda: self._cluster.kubelet.crashes.pop(image, None))

    def cut_connections(self) -> None:
        """Reset all connections with the API server, port forwards among them."""
        self._call(self._cluster.api.cut)

    def stop_api(self) -> None:
        """Stop the API server. Pods run on."""
        self._wait_for(self._cluster.api.stop)

    def start_api(self) -> None:
        """Start the API server again, on the same port."""
        self._wait_for(self._cluster.api.start)

    def start_operator(self) -> None:
        """Start the operator, and wait until it is ready."""
        self._scale_operator(1)

    def stop_operator(self) -> None:
        """End the operator, and wait until it is gone."""
        self._scale_operator(0)

    def forbid(self, verb: str, resource: str, namespace: str | None = None) -> None:
        """Take a right from the user of :attr:`kubeconfig`, such as ``("get", "pods/portforward")``."""
        self._call(lambda: self._cluster.rights.forbidden.add((verb, resource, namespace)))

    def grant_all(self) -> None:
        """Give all rights back."""
        self._call(self._cluster.rights.forbidden.clear)

    def account(self, name: str, namespace: str, rules: Sequence[Mapping[str, Any]]) -> Path:
        """Create a user who may do in a namespace what the rules of a Role say, and nothing else.

        Returns:
            The user's kubeconfig.
        """
        kubeconfig = self._folder / f"kubeconfig-{name}"

        def make() -> None:
            user = f"system:serviceaccount:{namespace}:{name}"
            self._cluster.rights.roles[user] = (namespace, tuple(rules))
            self._cluster.login(user, kubeconfig, namespace)

        self._call(make)
        return kubeconfig

    def quota(self, namespace: str = "default", pods: int = 1) -> None:
        """Allow no more than this many pods in a namespace."""
        quota = {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": str(pods)}}}

        def set_quota() -> None:
            if self._cluster.store.find(QUOTAS, namespace, "pods"):
                self._cluster.store.delete(QUOTAS, namespace, "pods")
            self._cluster.store.create(QUOTAS, quota, namespace)

        self._call(set_quota)

    def rotate_token(self, *, login: bool = False) -> str:
        """Make a new :attr:`token`, and return it. The old one is refused from now on.

        Args:
            login: Whether to write the new token into :attr:`kubeconfig`.
        """

        def rotate() -> str:
            del self._cluster.rights.tokens[self.token]
            self.token = self._cluster.login(TESTER, self.kubeconfig if login else None)
            return self.token

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
        async with self._cluster.running():
            self.url = self._cluster.api.url
            self.token = self._cluster.login(TESTER, self.kubeconfig)
            self._started.set()
            await self._over.wait()

    def _scale_operator(self, replicas: int) -> None:
        self._wait_for(lambda: self._cluster.scale_operator(replicas))

    def _call(self, function: Callable[[], T]) -> T:
        """Call a function in the cluster's thread."""

        async def call() -> T:
            return function()

        return self._wait_for(call)

    def _wait_for(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._failure:
            raise RuntimeError("the local cluster has failed") from self._failure
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(timeout=60)
