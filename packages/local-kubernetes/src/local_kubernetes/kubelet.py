"""The kubelet: the pods of all nodes, and what they have written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from . import dask
from .network import Network
from .objects import ApiError, Store
from .pods import Container, Pod
from .resources import NODES, PODS, Object


class Kubelet:
    """Starts what was bound to a node, and ends what was deleted.

    Attributes:
        images: names of the images that can be pulled.
        crashes: commands that containers of an image run instead of their own.
        collects: of which containers the runtime has removed the logs: of the one before (True), of this (False).
    """

    def __init__(
        self, store: Store, network: Network, images: set[str], folder: Path, tasks: asyncio.TaskGroup
    ) -> None:
        self.store = store
        self.network = network
        self.images = images | {dask.IMAGE}
        self.folder = folder
        self.tasks = tasks
        self.crashes: dict[str, list[str]] = {}
        self.collects: set[bool] = set()
        self._pods: dict[str, Pod] = {}

    async def reconcile(self) -> None:
        """Look at all pods."""
        bound = {pod["metadata"]["uid"]: pod for pod in self.store.select(PODS) if pod["spec"].get("nodeName")}
        for uid, pod in bound.items():
            if uid not in self._pods:
                self._pods[uid] = Pod(self, pod)
            if "deletionTimestamp" in pod["metadata"]:
                self._pods[uid].end(pod["metadata"]["deletionGracePeriodSeconds"])
        for uid in self._pods.keys() - bound.keys():
            self._pods.pop(uid).end(0)

    def node(self, pod: Object) -> Object:
        """The node of a pod."""
        return self.store.get(NODES, "", pod["spec"]["nodeName"])

    def running(self) -> dict[tuple[str, str], Container]:
        """The first container of each pod that runs, by namespace and name."""
        metas = {pod: pod.object["metadata"] for pod in self._pods.values() if pod.containers[0].process}
        return {(meta["namespace"], meta["name"]): pod.containers[0] for pod, meta in metas.items()}

    def log(self, item: Object, query: Mapping[str, str]) -> str:
        """What a container has written."""
        pod = self._pods.get(item["metadata"]["uid"])
        containers = {each.spec["name"]: each for each in pod.containers} if pod else {}
        name = query.get("container", item["spec"]["containers"][0]["name"])
        where = f'container "{name}" in pod "{item["metadata"]["name"]}"'
        if name not in containers or not containers[name].logs:
            states = [each["state"] for each in item["status"].get("containerStatuses", ())]
            reason = next((state["waiting"]["reason"] for state in states if "waiting" in state), "ContainerCreating")
            raise ApiError(400, "BadRequest", f"{where} is waiting to start: {reason}")
        logs = containers[name].logs
        previous = query.get("previous") == "true"
        if previous and len(logs) < 2:
            raise ApiError(400, "BadRequest", f"previous terminated {where} not found")
        if previous in self.collects:  # the real one says so with status 200
            return f"unable to retrieve container logs for containerd://{item['metadata']['uid']}"
        lines = logs[-2 if previous else -1].read_text(errors="replace").splitlines(keepends=True)
        return "".join(lines[-int(query["tailLines"]) :] if "tailLines" in query else lines)

    def stop(self) -> None:
        """Begin to end all pods, without grace."""
        for pod in self._pods.values():
            pod.end(0)
