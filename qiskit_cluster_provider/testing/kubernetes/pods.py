"""The kubelet: each container of a pod is a local process, and the pod's status says how it fares."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from . import start
from .containers import OPERATOR_IMAGE, StartError, command, environment, process_environment
from .network import Network
from .objects import ApiError, Store, now
from .resources import NODES, PODS, Object
from .services import named_port

_FIRST_BACK_OFF = 0.2  # seconds; a real kubelet begins with 10
_LONGEST_BACK_OFF = 5.0
_PULL_AGAIN = 0.5
_PROBE_EVERY = 0.1  # until a container is ready, then as often as its probe says, at most once a second


@dataclass
class Container:
    """What is known of one container of a pod."""

    spec: Object
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Object = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    process: asyncio.subprocess.Process | None = None
    killed_as: str = "Error"
    logs: list[Path] = field(default_factory=list)

    def status(self) -> Object:
        """Its entry in ``containerStatuses``."""
        head = {"name": self.spec["name"], "image": self.spec["image"], "restartCount": self.restarts}
        return {
            **head,
            "ready": self.ready,
            "started": "running" in self.state,
            "state": self.state,
            "lastState": self.last_state,
        }


class Pod:
    """One pod on this node, from its start to its end."""

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        self._kubelet = kubelet
        self._store = kubelet.store
        self.object = pod
        self.address = kubelet.network.pod()
        self.folder = kubelet.folder / pod["metadata"]["uid"]
        self.folder.mkdir()
        self.containers = [Container(spec) for spec in pod["spec"]["containers"]]
        self._began = now()
        self._ending = asyncio.Event()
        self._grace = 0.0
        self.task = asyncio.create_task(self._run())

    def end(self, grace: float) -> None:
        """Begin to end it: SIGTERM, and SIGKILL when the time of grace is over."""
        if not self._ending.is_set() or grace == 0:
            self._grace = grace
            self._ending.set()

    async def _run(self) -> None:
        try:
            self._publish()
            await asyncio.gather(*map(self._live, self.containers))
            self._store.remove(PODS, self.object) if self._ending.is_set() else self._publish(over=True)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True) if self._ending.is_set() else None

    async def _live(self, container: Container) -> None:
        """Run a container again and again, as its restart policy says."""
        policy = self.object["spec"]["restartPolicy"]
        back_off = _FIRST_BACK_OFF
        await self._pull(container)
        while not self._ending.is_set():
            code = await self._run_once(container)
            if self._ending.is_set() or policy == "Never" or (policy == "OnFailure" and code == 0):
                return
            if container.restarts:
                container.last_state = container.state
                name, pod = container.spec["name"], self.object["metadata"]
                message = f"restarting failed container={name} pod={pod['name']}_{pod['namespace']}({pod['uid']})"
                waiting = {"reason": "CrashLoopBackOff", "message": f"back-off {back_off:.1f}s {message}"}
                container.state = {"waiting": waiting}
                self._record("Warning", "BackOff", f"Back-off {message}")
                self._publish()
                await self._pause(back_off)
                back_off = min(2 * back_off, _LONGEST_BACK_OFF)
            container.restarts += 1

    async def _pull(self, container: Container) -> None:
        """Wait until there is such an image."""
        image = container.spec["image"]
        full = f"docker.io/library/{image}" if "/" not in image else image
        words = f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": {full}: not found'
        waiting = {"reason": "ErrImagePull", "message": words}
        while image not in self._kubelet.images and not self._ending.is_set():
            container.state = {"waiting": waiting}
            self._record("Warning", "Failed", f'Failed to pull image "{image}": {words}')
            self._publish()
            await self._pause(_PULL_AGAIN)
            waiting = {
                "reason": "ImagePullBackOff",
                "message": f'Back-off pulling image "{image}": ErrImagePull: {words}',
            }

    async def _run_once(self, container: Container) -> int:
        """Start the process of a container, wait for its end and clear up what it leaves."""
        log = self.folder / f"{container.spec['name']}.{container.restarts}.log"
        container.logs.append(log)
        container.killed_as = "Error"
        began = now()
        try:
            container.process = process = await self._start(container, log)
        except StartError as error:
            ended = {"exitCode": 128, "reason": "StartError", "message": str(error)}
            container.state = {"terminated": {**ended, "startedAt": began, "finishedAt": now()}}
            self._publish()
            return 128
        container.state = {"running": {"startedAt": began}}
        probe = container.spec.get("readinessProbe")
        container.ready = probe is None
        self._publish()
        probing = asyncio.create_task(self._probe(container, probe)) if probe else None
        try:
            await self._wait(process)
        finally:
            container.process = None
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if probing:
                probing.cancel()
        code = process.returncode or 0
        code = 128 - code if code < 0 else code
        container.ready = False
        container.last_state = container.state if False else container.last_state
        reason = container.killed_as if code else "Completed"
        container.state = {
            "terminated": {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": now()}
        }
        self._publish()
        return code

    async def _start(self, container: Container, log: Path) -> asyncio.subprocess.Process:
        kubelet = self._kubelet
        own = environment(container.spec, self.object, kubelet.node(self.object))
        words = kubelet.crashes.get(container.spec["image"]) or command(container.spec, own, self.address)
        variables = process_environment(own, self.object, self.folder, kubelet.network.names)
        launcher = [sys.executable, "-I", "-S", start.__file__, str(os.getpid())]
        with log.open("wb") as output:
            return await asyncio.create_subprocess_exec(
                *launcher,
                *words,
                env=variables,
                cwd="/",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        exited = asyncio.create_task(process.wait())
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait((exited, ending), return_when=asyncio.FIRST_COMPLETED)
            if not exited.done() and self._grace:
                with suppress(ProcessLookupError):
                    process.terminate()
                await asyncio.wait((exited,), timeout=self._grace)
            if not exited.done():
                with suppress(ProcessLookupError):
                    process.kill()
            await exited
        finally:
            ending.cancel()

    async def _probe(self, container: Container, probe: Object) -> None:
        """Ask whether a container is ready, for as long as it runs."""
        await asyncio.sleep(min(probe.get("initialDelaySeconds", 0), _PROBE_EVERY))
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=probe.get("timeoutSeconds", 1))
        ) as session:
            while True:
                ready = await self._is_ready(session, probe)
                if ready != container.ready:
                    container.ready = ready
                    self._publish()
                await asyncio.sleep(min(probe.get("periodSeconds", 10), 1) if ready else _PROBE_EVERY)

    async def _is_ready(self, session: aiohttp.ClientSession, probe: Object) -> bool:
        try:
            if "httpGet" in probe:
                port, path = named_port(self.object, probe["httpGet"]["port"]), probe["httpGet"].get("path", "/")
                async with session.get(f"http://{self.address}:{port}{path}") as answer:
                    return 200 <= answer.status < 400
            if "tcpSocket" in probe:
                _, writer = await asyncio.open_connection(
                    self.address, named_port(self.object, probe["tcpSocket"]["port"])
                )
                writer.close()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
        return True

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    def _record(self, kind: str, reason: str, message: str) -> None:
        self._store.record(self.object, kind, reason, message)

    def _publish(self, *, over: bool = False) -> None:
        """Write the pod's status."""
        statuses = [container.status() for container in self.containers]
        waiting = all("waiting" in each["state"] and not each["restartCount"] for each in statuses)
        failed = any(each["state"].get("terminated", {}).get("exitCode") for each in statuses)
        phase = "Pending" if waiting else "Running"
        if over:
            phase = "Failed" if failed else "Succeeded"
        ready = "True" if all(each["ready"] for each in statuses) else "False"
        conditions = {"Initialized": "True", "Ready": ready, "ContainersReady": ready, "PodScheduled": "True"}

        def change(pod: Object) -> None:
            before = {each["type"]: each for each in pod["status"].get("conditions", ())}
            pod["status"] |= {
                "phase": phase,
                "podIP": self.address,
                "podIPs": [{"ip": self.address}],
                "hostIP": self._kubelet.network.node,
                "startTime": self._began,
                "containerStatuses": statuses,
                "conditions": [
                    before[kind]
                    if before.get(kind, {}).get("status") == status
                    else {"type": kind, "status": status, "lastTransitionTime": now()}
                    for kind, status in conditions.items()
                ],
            }

        with suppress(ApiError):  # it was deleted by force
            meta = self.object["metadata"]
            self.object = self._store.edit(PODS, meta["namespace"], meta["name"], change, "status")


class Kubelet:
    """Runs the pods of all nodes."""

    def __init__(self, store: Store, network: Network, images: set[str], folder: Path) -> None:
        self.store = store
        self.network = network
        self.images = images | {OPERATOR_IMAGE}
        self.folder = folder
        self.crashes: dict[str, list[str]] = {}
        self._pods: dict[str, Pod] = {}

    async def reconcile(self) -> None:
        """Start what was bound to a node, end what was deleted."""
        there = {pod["metadata"]["uid"]: pod for pod in self.store.list(PODS) if pod["spec"].get("nodeName")}
        for uid, pod in there.items():
            if "deletionTimestamp" in pod["metadata"]:
                if uid in self._pods:
                    self._pods[uid].end(pod["metadata"]["deletionGracePeriodSeconds"])
                else:
                    self.store.remove(PODS, pod)
            elif uid not in self._pods:
                self._pods[uid] = Pod(self, pod)
        for uid in self._pods.keys() - there.keys():
            self._pods.pop(uid).end(0)

    def node(self, pod: Object) -> Object:
        """The node of a pod."""
        return self.store.get(NODES, "", pod["spec"]["nodeName"])

    def running(self) -> dict[tuple[str, str], Container]:
        """The first container of each pod that runs, by namespace and name."""
        found = {}
        for pod in self._pods.values():
            meta = pod.object["metadata"]
            if pod.containers[0].process is not None:
                found[meta["namespace"], meta["name"]] = pod.containers[0]
        return found

    def log(self, item: Object, query: Mapping[str, str]) -> str:
        """What a container has written."""
        pod = self._pods.get(item["metadata"]["uid"])
        names = [spec["name"] for spec in item["spec"]["containers"]]
        name = query.get("container", names[0])
        where = f'container "{name}" in pod "{item["metadata"]["name"]}"'
        container = next((each for each in pod.containers if each.spec["name"] == name), None) if pod else None
        if container is None or not container.logs:
            raise ApiError(400, "BadRequest", f"{where} is waiting to start: {_waiting(item)}")
        previous = query.get("previous") == "true"
        if previous and len(container.logs) < 2:
            raise ApiError(400, "BadRequest", f"previous terminated {where} not found")
        lines = container.logs[-2 if previous else -1].read_text(errors="replace").splitlines(keepends=True)
        return "".join(lines[-int(query["tailLines"]) :] if int(query.get("tailLines", 0)) else lines)

    async def stop(self) -> None:
        """End all pods at once."""
        for pod in self._pods.values():
            pod.end(0)
        await asyncio.gather(*(pod.task for pod in self._pods.values()))


def _waiting(item: Object) -> str:
    states = [each["state"] for each in item["status"].get("containerStatuses", ())]
    return next((state["waiting"]["reason"] for state in states if "waiting" in state), "ContainerCreating")
